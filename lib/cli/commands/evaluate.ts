import type { Command } from 'commander'
import type { Evaluation } from '../../model/evaluation'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { evaluateParts } from '../evaluate-parts'
import { modelOption, withModel } from '../open-model'
import type { Reporter } from '../reporter'

/** Samples in a batch of --verbose, as in the tutorial. */
const VERBOSE_BATCH = OPTIONS.training.batchSize.default

const EVALUATE_OPTIONS = {
  ...modelOption(),
  verbose: { kind: 'boolean', default: false, summary: `also show the accuracy of each batch of ${VERBOSE_BATCH} (--quiet is stronger)` },
  ...SHARED_OPTIONS,
} as const

const EXAMPLES = `
Examples:
  rnn-mnist-train evaluate                            the model of the newest run, on the bundled test set
  rnn-mnist-train evaluate --model digits.safetensors
  rnn-mnist-train evaluate --verbose                  the tutorial's lines: the accuracy of each batch of ${VERBOSE_BATCH}, then the mean
  rnn-mnist-train evaluate --quiet                    only the line with loss and accuracy
  rnn-mnist-train evaluate --json | tail -n 1         the result for another program

After loss and accuracy come the confusion matrix (which digits are taken for which) and, for each class:
  precision  of the images that were given this answer, the share for which it is right
  recall     of the images of this class, the share that was given this answer
  F1         the harmonic mean of both
  support    how many images of this class there are
Every mean is over images: the last batch, which is smaller, counts for less.`

/** `evaluate`: measures a trained model on the test set. */
export function evaluateCommand(): Command {
  return defineCommand({
    name: 'evaluate',
    summary: 'measure a trained model on the test set',
    description: 'Measures loss and accuracy of a trained model on the test set, and shows what it confuses.',
    options: EVALUATE_OPTIONS,
    details: EXAMPLES,
    work: evaluate,
  })
}

async function evaluate(flags: Resolved<typeof EVALUATE_OPTIONS>, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  await withModel(flags, { command: 'evaluate', withoutModel: 'refuse' }, reporter, async ({ model, test }) => {
    const showBatch = ({ samples, accuracy, loss }: Evaluation, index: number, batches: number) =>
      reporter.report({ type: 'evaluationBatch', dataset: 'test', batch: index + 1, batches, samples, accuracy, loss })
    const byBatch = flags.verbose ? { size: VERBOSE_BATCH, onPart: showBatch } : {}
    const evaluation = await evaluateParts(model, test, { stop, ...byBatch })
    reporter.report({ type: 'evaluation', dataset: 'test', ...evaluation })
    const seconds = (performance.now() - started) / 1000
    reporter.report({ type: 'done', testAccuracy: evaluation.accuracy, testLoss: evaluation.loss, seconds })
  })
}
