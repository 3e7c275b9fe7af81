import type { Command } from 'commander'
import { eachImage, type ImageDataset } from '../../data/dataset'
import { loadMnist, type Mnist } from '../../data/mnist'
import { randomOrder } from '../../data/philox'
import { classCounts, pixelStatistics } from '../../data/statistics'
import { TorchRnnError } from '../../errors'
import { checkWritable } from '../../files/durable-file'
import { drawGrid, type GreyPicture, gridSize } from '../../images/grey-picture'
import { drawPreview } from '../../images/half-blocks'
import { MAX_PIXELS, writePng } from '../../images/png-file'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import type { ExploreEvent } from '../../training/events'
import { PACKAGE_VERSION } from '../../version'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import type { Reporter } from '../reporter'
import { DEFAULT_COLUMNS } from '../table'

/** As many images as a training batch has by default. They are not one of its batches: the picture has random numbers of its own. */
const EXPLORE_OPTIONS = {
  batchSize: { ...OPTIONS.training.batchSize, summary: 'images in the picture' },
  columns: { kind: 'integer', min: 1, max: 65536, default: 15, summary: 'images in a row of the picture' },
  output: { kind: 'path', of: 'file', default: 'explore.png', summary: 'the picture' },
  preview: { kind: 'boolean', default: true, summary: 'show some of the images in the terminal' },
  ...SHARED_OPTIONS,
} as const

/** What a terminal must show for shades of grey. */
const SHADE_COLOURS = 2 ** 24

const EXAMPLES = `
Examples:
  rnn-mnist-train explore                             the tutorial's first look: 128 training images, 15 in a row
  rnn-mnist-train explore --seed 7 --batch-size 40 --columns 10 --output digits.png
  rnn-mnist-train explore --data fashion/ --json

Neither libtorch nor a device is needed: --device, --engine and --threads change nothing.`

/** `explore`: tells what the data holds, and draws a batch of it. */
export function exploreCommand(): Command {
  return defineCommand({
    name: 'explore',
    summary: 'look at the data: numbers, and a picture of a random batch',
    description: 'Counts the classes, measures the pixels, and draws a random batch of the training set as a PNG picture.',
    options: EXPLORE_OPTIONS,
    details: EXAMPLES,
    work: explore,
  })
}

async function explore(flags: Resolved<typeof EXPLORE_OPTIONS>, reporter: Reporter, stop: AbortSignal): Promise<void> {
  await checkWritable(flags.output)
  const data = await loadMnist(flags.data === undefined ? undefined : { dir: flags.data })
  stop.throwIfAborted()
  const { batchSize, columns, seed } = flags
  const samples = Array.from(randomOrder(seed, 'picture', 0, data.train.length).subarray(0, batchSize))
  const images = samples.map((sample) => imageOf(data.train, sample)) as [GreyPicture, ...GreyPicture[]]
  checkSize(images, columns)
  const picture = drawGrid(images, columns)
  await writePng(flags.output, picture)
  reporter.report({
    type: 'start',
    command: 'explore',
    version: PACKAGE_VERSION,
    trainSamples: data.train.length,
    testSamples: data.test.length,
    options: { batchSize, columns, seed },
  })
  const { width, height } = picture
  const allLabels = data.train.labels
  const labels = samples.map((sample) => allLabels[sample] as number)
  reporter.report({ type: 'explore', file: flags.output, width, height, columns, samples, labels, ...measure(data) })
  if (flags.preview && !flags.json && !flags.quiet && process.stdout.isTTY) showPreview(images)
}

/** One image. Data sets that come from files, as all do here, hold bytes. */
function imageOf(dataset: ImageDataset, sample: number): GreyPicture {
  return { width: dataset.columns, height: dataset.rows, pixels: dataset.images(sample, sample + 1).data as Uint8Array }
}

function checkSize(images: readonly [GreyPicture, ...GreyPicture[]], columns: number): void {
  const { width, height } = gridSize(images.length, images[0], columns)
  if (width * height <= MAX_PIXELS) return
  const [expected, actual] = [`at most ${MAX_PIXELS} pixels`, `${width} x ${height}`]
  const message = `Expected ${expected} for the picture but received ${actual}. Choose a smaller --batch-size, or other --columns.`
  throw new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual })
}

function measure({ train, test }: Mnist): Pick<ExploreEvent, 'imageShape' | 'classes' | 'pixels'> {
  const [trainCounts, testCounts] = [train, test].map((part) => classCounts(part.labels, part.numClasses)) as [number[], number[]]
  return {
    imageShape: [train.rows, train.columns],
    classes: trainCounts.map((trainSamples, label) => ({ label, trainSamples, testSamples: testCounts[label] as number })),
    pixels: {
      train: pixelStatistics(eachImage(train) as Iterable<Uint8Array>),
      test: pixelStatistics(eachImage(test) as Iterable<Uint8Array>),
    },
  }
}

function showPreview(images: readonly [GreyPicture, ...GreyPicture[]]): void {
  // Some terminals say 0. The last column stays free: there, some go on to the next line.
  const columns = Math.max(1, (process.stdout.columns || DEFAULT_COLUMNS) - 1)
  const lines = drawPreview(images, columns, process.stdout.hasColors(SHADE_COLOURS))
  process.stdout.write(`\n${lines.join('\n')}\n`)
}
