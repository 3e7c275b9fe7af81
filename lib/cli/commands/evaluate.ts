import type { Command } from 'commander'
import { numberAndName } from '../../data/class-names'
import type { ImageDataset } from '../../data/dataset'
import { combineEvaluations, type Evaluation } from '../../model/evaluation'
import type { ImageRNN } from '../../model/image-rnn'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { drawColumns, TABLE_COLUMNS } from '../../text/table'
import { drawClasses } from '../class-table'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { type DoneEvent, describeEvaluation, doneSince, type EvaluationEvent } from '../events'
import { formatDuration, toPercent } from '../numbers'
import { modelOption, withModel } from '../open-model'
import type { Reporter } from '../reporter'

/** A batch of the test set was measured, with `--verbose`. */
export interface EvaluationBatchEvent {
  type: 'evaluationBatch'
  dataset: 'test'
  /** Batches measured so far, this one included. */
  batch: number
  /** Batches of the whole data set; the last one may be smaller. */
  batches: number
  /** Samples of this batch. */
  samples: number
  /** Share of them that was classified correctly. */
  accuracy: number
  /** Mean loss over them. */
  loss: number
}

/** Samples in a batch of --verbose, as in the tutorial. */
const VERBOSE_BATCH = OPTIONS.training.batchSize.default

const EVALUATE_OPTIONS = {
  ...modelOption(),
  verbose: { kind: 'boolean', default: false, summary: `also show the accuracy of each batch of ${VERBOSE_BATCH} (not with --quiet)` },
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
  await withModel(flags, { command: 'evaluate', withoutModel: 'refuse' }, reporter, stop, async ({ model, test }) => {
    const evaluation = await (flags.verbose
      ? evaluateByBatch(model, test, stop, (event) => reporter.step(event, describeBatch))
      : model.evaluate(test, { signal: stop }))
    const describe = (event: EvaluationEvent) => describeInDetail(event, flags.verbose)
    reporter.result({ type: 'evaluation', dataset: 'test', ...evaluation }, flags.quiet ? describeEvaluation : describe)
    const { accuracy: testAccuracy, loss: testLoss } = evaluation
    reporter.step(doneSince(started, { testAccuracy, testLoss }), describeDone)
  })
}

/** Measures one batch after the other. The result is that of all of them. */
async function evaluateByBatch(
  model: ImageRNN,
  dataset: ImageDataset,
  signal: AbortSignal,
  report: (event: EvaluationBatchEvent) => void,
): Promise<Evaluation> {
  const batches = Math.ceil(dataset.length / VERBOSE_BATCH)
  const parts: Evaluation[] = []
  while (parts.length < batches) {
    const first = parts.length * VERBOSE_BATCH
    const part = await model.evaluate(dataset.slice(first, Math.min(first + VERBOSE_BATCH, dataset.length)), { signal })
    const { samples, accuracy, loss } = part
    parts.push(part)
    report({ type: 'evaluationBatch', dataset: 'test', batch: parts.length, batches, samples, accuracy, loss })
  }
  return combineEvaluations(parts)
}

/** The tutorial's line: it counts batches from 0. */
function describeBatch({ batch, accuracy }: EvaluationBatchEvent): string {
  return `Batch:${String(batch - 1).padStart(2, '0')}, Accuracy : ${toPercent(accuracy)}%\n`
}

/** The result, which classes are taken for which, and how well each is recognised. After the lines of batches it begins with their mean. */
function describeInDetail(event: EvaluationEvent, isByBatch: boolean): string {
  const mean = isByBatch ? `Mean over ${event.samples} images : ${toPercent(event.accuracy)}%\n` : ''
  const confusions = ['Confusion matrix (row: label, column: answer, . : none)', ...drawMatrix(event)]
  return `${mean}${describeEvaluation(event)}\n${[...confusions, '', ...drawClasses(event.perClass)].join('\n')}\n\n`
}

/** With more classes than fit side by side, the columns are divided into blocks, one below the other. */
function drawMatrix({ confusionMatrix: matrix, perClass }: EvaluationEvent): string[] {
  const titles = perClass.map(({ label, name }) => numberAndName(label, name))
  const labelWidth = Math.max(...titles.map((title) => title.length))
  const cellWidth = Math.max(...matrix.flat().map((count) => String(count).length), String(matrix.length - 1).length) + 1
  const columns = Math.max(1, Math.floor((TABLE_COLUMNS - labelWidth) / cellWidth))
  const lines: string[] = []
  for (let first = 0; first < matrix.length; first += columns) {
    const answers = matrix.map((_, answer) => answer).slice(first, first + columns)
    const rows = matrix.map((row, label) => [titles[label] ?? '', ...answers.map((answer) => showCount(row[answer] ?? 0))])
    const minWidths = [labelWidth, ...answers.map(() => cellWidth)]
    lines.push(...(first === 0 ? [] : ['']), ...drawColumns([['', ...answers.map(String)], ...rows], { minWidths, gap: '' }))
  }
  return lines
}

/** A dot for what never happened, so that mistakes stand out. */
function showCount(count: number): string {
  return count === 0 ? '.' : String(count)
}

function describeDone({ seconds }: DoneEvent): string {
  return `Done in ${formatDuration(seconds)}.\n`
}
