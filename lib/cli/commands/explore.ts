import type { Command } from 'commander'
import type { NativeAugmentation } from '../../addon/binding'
import { type AugmentedPass, augmentedImages } from '../../data/augmented-images'
import { numberAndName } from '../../data/class-names'
import { eachImage, type ImageDataset } from '../../data/dataset'
import type { Mnist } from '../../data/mnist'
import { randomOrder } from '../../data/philox'
import { classCounts, type PixelStatistics, pixelStatistics } from '../../data/statistics'
import { TorchRnnError } from '../../errors'
import { checkWritable } from '../../files/durable-file'
import { drawGrid, type GreyPicture, gridSize } from '../../images/grey-picture'
import { drawPreview } from '../../images/half-blocks'
import { MAX_PIXELS, writePng } from '../../images/png-file'
import { pickOptions } from '../../options/checks'
import { flagOf } from '../../options/flag-words'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { drawColumns } from '../../text/table'
import { type ResolvedAugmentation, toAugmentation, USUAL_AUGMENTATION } from '../../training/augmentation'
import { checkAugmentable } from '../../training/training-data'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { doneSince, type StartEvent, startOf } from '../events'
import { loadData } from '../load-data'
import type { Reporter } from '../reporter'
import { columnsOf } from '../terminal'
import { waitForLibtorch } from '../wait-for-libtorch'

/** What the data holds, and a picture of a random batch of it. */
export interface ExploreEvent {
  type: 'explore'
  /** The picture of the batch: a PNG file. */
  file: string
  /** Size of the picture in pixels. */
  width: number
  height: number
  /** Images in a row of the picture. */
  columns: number
  /** The samples in the picture, from left to right and from top to bottom, by their positions in the training set. */
  samples: number[]
  /** The class of each of them. */
  labels: number[]
  /**
   * The largest random changes: pixels, degrees, a share, degrees; and the probability of a flip. The picture then shows the samples as the first epoch of a training on the
   * whole training set with the same seed sees them. Absent where they are shown as they are.
   */
  augmentation?: NativeAugmentation
  /** Rows and columns of pixels of every image. */
  imageShape: [number, number]
  /** How many samples each class has, by label. */
  classes: { label: number; name?: string; trainSamples: number; testSamples: number }[]
  /** The pixels of training and test set, scaled from 0 to 1 as the network sees them. */
  pixels: { train: PixelStatistics; test: PixelStatistics }
}

/** What `--augment` alone shows: what `train --recipe accurate` trains on. */
const USUAL_CHANGES = toAugmentation(USUAL_AUGMENTATION) as NativeAugmentation

type GreyPictures = [GreyPicture, ...GreyPicture[]]

/** As many images as a training batch has by default. They are not one of its batches: the picture has random numbers of its own. */
const EXPLORE_OPTIONS = {
  batchSize: { ...OPTIONS.training.batchSize, summary: 'images in the picture' },
  columns: { kind: 'integer', min: 1, max: 65536, default: 15, summary: 'images in a row of the picture' },
  output: { kind: 'path', of: 'file', default: 'explore.png', summary: 'the picture' },
  preview: { kind: 'boolean', default: true, summary: 'show some of the images in the terminal' },
  augment: {
    kind: 'boolean',
    default: false,
    summary: `images as train --recipe accurate sees them: ${describeChanges(USUAL_CHANGES)}; the flags below replace these values`,
  },
  ...OPTIONS.augmentation,
  ...SHARED_OPTIONS,
} as const

const WHITE = 255

/** How many colours a terminal must show, so that shades of grey can be printed. */
const SHADE_COLOURS = 2 ** 24

const EXAMPLES = `
Examples:
  rnn-mnist-train explore                             the tutorial's first look: 128 training images, 15 in a row
  rnn-mnist-train explore --seed 7 --batch-size 40 --columns 10 --output digits.png
  rnn-mnist-train explore --augment                   the same images as train --recipe accurate sees them in its first epoch
  rnn-mnist-train explore --augment --augment-shear 5     that, and slanted by up to 5 degrees
  rnn-mnist-train explore --augment-rotation 30 --augment-shift 3    turned and moved, and nothing else
  rnn-mnist-train explore --data pictures             a folder of pictures for each class, as a network sees them
  rnn-mnist-train explore --data fashion/ --augment-flip 0.5    half of them mirrored
  rnn-mnist-train explore --data fashion/ --json

No device is needed, and libtorch only to augment: --device, --engine, --threads and --precision change nothing.`

/** `explore`: says what the data holds, and draws a batch of it. */
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

type ExploreFlags = Resolved<typeof EXPLORE_OPTIONS>

async function explore(flags: ExploreFlags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>): Promise<void> {
  const started = performance.now()
  await checkWritable(flags.output)
  const data = await loadData(flags, reporter, stop)
  const { batchSize, columns, seed } = flags
  const samples = randomOrder(seed, 'picture', 0, data.train.length).subarray(0, batchSize)
  checkSize(samples.length, data.train, columns)
  const changes = chosenChanges(flags, given)
  checkAugmentable(data.train, changes, (name) => (given.has(name) ? flagOf(name) : `${flagOf(name)} (of --augment)`))
  const augmentation = toAugmentation(changes)
  if (augmentation !== null) await waitForLibtorch(flags, stop)
  const images = augmentation === null ? imagesOf(data.train, samples) : changedImages(data.train, samples, { seed, augmentation })
  const [trainSamples, testSamples] = [data.train.length, data.test.length]
  reporter.step(startOf('explore', { trainSamples, testSamples, options: { batchSize, columns, seed, ...changes } }), describeStart)
  const picture = drawGrid(images, columns)
  await writePng(flags.output, picture)
  const { width, height } = picture
  const allLabels = data.train.labels
  const shown = { samples: Array.from(samples), labels: Array.from(samples, (sample) => allLabels[sample] as number) }
  const picked = augmentation === null ? shown : { ...shown, augmentation }
  reporter.result({ type: 'explore', file: flags.output, width, height, columns, ...picked, ...measure(data) }, describeExploration)
  if (flags.preview && !flags.json && !flags.quiet && process.stdout.isTTY) showPreview(images)
  reporter.step(doneSince(started))
}

/** The changes that the flags ask for. With `--augment`, those that no flag names are the usual ones. */
function chosenChanges(flags: ExploreFlags, given: ReadonlySet<string>): ResolvedAugmentation {
  const chosen = pickOptions(OPTIONS.augmentation, flags)
  if (!flags.augment) return chosen
  return { ...USUAL_AUGMENTATION, ...Object.fromEntries(Object.entries(chosen).filter(([name]) => given.has(name))) }
}

/** Some images. Floats are shown from black, the least of them all, to white. */
function imagesOf(dataset: ImageDataset, samples: Uint32Array): GreyPictures {
  const images = Array.from(samples, (sample) => dataset.images(sample, sample + 1).data)
  const toBytes = greyScale(images)
  const pixelsOf = (sample: number) => toBytes(images[samples.indexOf(sample)] as Uint8Array)
  return Array.from(samples, (sample) => pictureOf(dataset, pixelsOf(sample))) as GreyPictures
}

function greyScale(images: readonly (Uint8Array | Float32Array)[]): (image: Uint8Array | Float32Array) => Uint8Array {
  if (images.every((image) => image.BYTES_PER_ELEMENT === 1)) return (image) => image as Uint8Array
  const { minimum: least, maximum: most } = pixelStatistics(images)
  return (image) => Uint8Array.from(image, (value) => (most > least ? Math.round((WHITE * (value - least)) / (most - least)) : 0))
}

/** Some images as the first epoch of a training sees them. */
function changedImages(dataset: ImageDataset, samples: Uint32Array, pass: Pick<AugmentedPass, 'seed' | 'augmentation'>): GreyPictures {
  const { data } = augmentedImages(dataset, samples, { ...pass, epoch: 0 })
  const size = dataset.rows * dataset.columns
  const pixelsOf = (index: number) => Uint8Array.from(data.subarray(index * size, (index + 1) * size), (value) => Math.round(255 * value))
  return Array.from(samples, (_, index) => pictureOf(dataset, pixelsOf(index))) as GreyPictures
}

function pictureOf({ columns, rows }: ImageDataset, pixels: Uint8Array): GreyPicture {
  return { width: columns, height: rows, pixels }
}

function checkSize(count: number, image: ImageDataset, columns: number): void {
  const { width, height } = gridSize(count, { width: image.columns, height: image.rows }, columns)
  if (width * height <= MAX_PIXELS) return
  const [expected, actual] = [`at most ${MAX_PIXELS} pixels`, `${width} x ${height}`]
  const message = `Expected ${expected} for the picture but received ${actual}. Choose a smaller --batch-size, or other --columns.`
  throw new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual })
}

function measure({ train, test }: Mnist): Pick<ExploreEvent, 'imageShape' | 'classes' | 'pixels'> {
  const [trainCounts, testCounts] = [train, test].map((part) => classCounts(part.labels, part.numClasses)) as [number[], number[]]
  return {
    imageShape: [train.rows, train.columns],
    classes: trainCounts.map((trainSamples, label) => ({
      ...{ label, ...nameAt(train.classNames, label) },
      ...{ trainSamples, testSamples: testCounts[label] as number },
    })),
    pixels: {
      train: pixelStatistics(eachImage(train)),
      test: pixelStatistics(eachImage(test)),
    },
  }
}

function nameAt(classNames: readonly string[] | undefined, label: number): { name?: string } {
  const name = classNames?.[label]
  return name === undefined ? {} : { name }
}

function showPreview(images: GreyPictures): void {
  // The last column stays free, because some terminals begin a new line after they have filled it.
  const lines = drawPreview(images, Math.max(1, columnsOf(process.stdout) - 1), process.stdout.hasColors(SHADE_COLOURS))
  process.stdout.write(`\n${lines.join('\n')}\n`)
}

function describeStart({ trainSamples, testSamples }: StartEvent): string {
  return `Data: ${trainSamples} training and ${testSamples} test images\n`
}

function describeChanges({ shift, rotation, scale, shear, flip }: NativeAugmentation): string {
  return `shift ${shift}, rotation ${rotation}, scale ${scale}, shear ${shear}, flip ${flip}`
}

/** Two tables, narrower than 60 columns, and where the picture is. */
function describeExploration({ classes, pixels, file, samples, imageShape, augmentation }: ExploreEvent): string {
  const { train, test } = pixels
  const isScaled = [train, test].every(({ minimum, maximum }) => minimum >= 0 && maximum <= 1)
  const total = (part: 'trainSamples' | 'testSamples') => String(classes.reduce((sum, entry) => sum + entry[part], 0))
  const rows = [
    ['Class', 'Training', 'Test'],
    ...classes.map(({ label, name, trainSamples, testSamples }) => [numberAndName(label, name), String(trainSamples), String(testSamples)]),
    ['All', total('trainSamples'), total('testSamples')],
    ['', '', ''],
    [isScaled ? 'Pixels, from 0 to 1' : 'Values', 'Training', 'Test'],
    ['Mean', train.mean.toFixed(4), test.mean.toFixed(4)],
    ['Standard deviation', train.standardDeviation.toFixed(4), test.standardDeviation.toFixed(4)],
    ['Minimum', train.minimum.toFixed(4), test.minimum.toFixed(4)],
    ['Maximum', train.maximum.toFixed(4), test.maximum.toFixed(4)],
  ]
  const tables = drawColumns(rows, { words: 1, minWidths: [20, 12, 12], gap: '' })
  const images = samples.length === 1 ? 'One image' : `${samples.length} images`
  const changed = augmentation === undefined ? '' : `Changed at random: ${describeChanges(augmentation)}\n`
  return `${tables.join('\n')}\n\n${images} of ${imageShape.join(' x ')} pixels: ${file}\n${changed}`
}
