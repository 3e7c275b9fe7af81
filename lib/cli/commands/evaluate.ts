import { Command } from 'commander'
import type { Evaluation } from '../../model/evaluation'
import { TRAIN_OPTIONS } from '../../options/options'
import { evaluateParts } from '../evaluate-parts'
import { type ModelFlags, modelFlag, withModel } from '../open-model'
import { addSharedFlags } from '../option-flags'
import type { Reporter } from '../reporter'
import { runCommand } from '../run-command'

interface EvaluateFlags extends ModelFlags {
  verbose: boolean
}

/** Samples of a batch of --verbose: the tutorial's. */
const VERBOSE_BATCH = TRAIN_OPTIONS.batchSize.default

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
  const command = new Command('evaluate').summary('measure a trained model on the test set')
  command.description('Measures loss and accuracy of a trained model on the test set, and shows what it confuses.')
  command.addOption(modelFlag())
  command.option('--verbose', `also show the accuracy of each batch of ${VERBOSE_BATCH} (--quiet is stronger)`, false)
  return addSharedFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: EvaluateFlags) => runCommand(flags, evaluate))
}

async function evaluate(flags: EvaluateFlags, reporter: Reporter, stop: AbortSignal): Promise<void> {
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
