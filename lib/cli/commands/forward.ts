import type { Command } from 'commander'
import { numberAndName } from '../../data/class-names'
import { describeShape } from '../../errors'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import type { Tensor } from '../../tensor'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { doneSince } from '../events'
import { modelOption, withModel } from '../open-model'
import type { Reporter } from '../reporter'

/** The first rows of the logits of a batch of test images. */
export interface LogitsEvent {
  type: 'logits'
  /** False for a network fresh from its seed. */
  trained: boolean
  /** `[N, C]`: the shape of all logits, not only of the rows here. */
  shape: number[]
  /** The first rows, in the order of the test set: a score for each class. */
  rows: number[][]
  /** The class of the image of each of these rows. */
  labels: number[]
  /** The class with the highest score of each of these rows. */
  answers: number[]
  /** What the classes are called, by label; absent where they have no names. */
  classNames?: readonly string[]
}

/** How many logits stand side by side. With ten classes, that makes two lines for each image. */
const LOGITS_PER_LINE = 5
const INDENT = '  '

/** The tutorial looks at two rows. */
const FORWARD_OPTIONS = {
  ...modelOption('a fresh network'),
  batchSize: { ...OPTIONS.training.batchSize, summary: 'images of the batch' },
  rows: { kind: 'integer', min: 1, max: OPTIONS.training.batchSize.max, default: 2, summary: 'images whose logits are shown' },
  ...SHARED_OPTIONS,
} as const

const EXAMPLES = `
Examples:
  rnn-mnist-train forward                             the tutorial: 128 images through the network, the first 2 rows of logits
  rnn-mnist-train forward --model digits.safetensors
  rnn-mnist-train forward --batch-size 16 --rows 16   all logits of a small batch
  rnn-mnist-train forward --json | tail -n 2 | head -n 1    the logits for another program

The logits are the network's scores for each class before the softmax; the highest one is its answer. The batch is the first images of
the test set, or all of them where there are fewer. Before the first run there is no trained model. Then a fresh network from --seed
answers, as in the tutorial, and the output says so.`

/** `forward`: shows the logits of one batch. */
export function forwardCommand(): Command {
  return defineCommand({
    name: 'forward',
    summary: 'show what the network says to a batch of images',
    description: 'Sends one batch of the test set through a model and shows the first logits.',
    options: FORWARD_OPTIONS,
    details: EXAMPLES,
    work: forward,
  })
}

async function forward(flags: Resolved<typeof FORWARD_OPTIONS>, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  await withModel(flags, { command: 'forward', withoutModel: 'fresh' }, reporter, stop, async ({ model, test, trained }) => {
    const logits = await model.forward(test.images(0, Math.min(flags.batchSize, test.length)), { signal: stop })
    const classNames = model.options.classNames ?? test.classNames
    const names = classNames === undefined ? {} : { classNames }
    reporter.result({ type: 'logits', trained, ...firstRows(logits, flags.rows, test.labelsOf()), ...names }, describeLogits)
    reporter.step(doneSince(started))
  })
}

function firstRows({ data, shape }: Tensor, count: number, labels: Uint8Array): Omit<LogitsEvent, 'type' | 'trained'> {
  const [images = 0, classes = 0] = shape
  const rows = Array.from({ length: Math.min(count, images) }, (_, row) => Array.from(data.subarray(row * classes, (row + 1) * classes)))
  const answers = rows.map(highest)
  return { shape, rows, labels: Array.from(labels.subarray(0, rows.length)), answers }
}

/** The class with the highest score; the first of several that are equal, as in predict. */
function highest(row: readonly number[]): number {
  return row.reduce((best, score, answer) => (score > (row[best] ?? 0) ? answer : best), 0)
}

function describeLogits({ trained, shape, rows, labels, answers, classNames }: LogitsEvent): string {
  const show = (label = 0) => numberAndName(label, classNames?.[label])
  const network = trained ? 'Logits' : 'Logits of a network never trained'
  const shown = rows.length === 1 ? 'the first row' : `the first ${rows.length} rows`
  const cells = rows.map((row) => row.map((logit) => logit.toFixed(4)))
  const width = Math.max(...cells.flat().map((cell) => cell.length))
  const lines = cells.flatMap((row, image) => [
    `Image ${image}, label ${show(labels[image])}, answer ${show(answers[image])}:`,
    ...inLines(row.map((cell) => cell.padStart(width))),
  ])
  return `${[`${network}: shape ${describeShape(shape)}, ${shown}`, ...lines].join('\n')}\n`
}

function inLines(cells: readonly string[]): string[] {
  const count = Math.ceil(cells.length / LOGITS_PER_LINE)
  return Array.from({ length: count }, (_, line) => INDENT + cells.slice(line * LOGITS_PER_LINE, (line + 1) * LOGITS_PER_LINE).join(INDENT))
}
