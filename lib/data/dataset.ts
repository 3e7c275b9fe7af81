import { unexpected } from '../errors'
import { checkOption, resolveOptions } from '../options/checks'
import { checkClassNames } from '../options/class-names'
import type { Normalization } from '../options/normalization'
import { MODEL_OPTIONS } from '../options/options'
import { featureNormalization } from './feature-statistics'
import type { ImageBatch } from './image-batch'
import {
  CLASSES,
  checkImages,
  checkLabels,
  checkShape,
  checkStorage,
  copyImages,
  copyLabels,
  copyLengths,
  countClasses,
  type ImageStorage,
} from './image-storage'
import { partSizes } from './part-sizes'
import { randomOrder } from './philox'

/** What an {@link ImageDataset} is made from. */
export interface ImageDatasetInit {
  /** All images after each other, row-major: bytes 0 to 255, or finite floats. Copied. */
  readonly images: Uint8Array | Uint8ClampedArray | Float32Array
  /** `[N, T, F]`, each at least 1; their product is the length of `images`. */
  readonly shape: readonly [number, number, number]
  /** The class of each sample, N integers from 0 to `numClasses` - 1. Copied. */
  readonly labels: Uint8Array | Uint8ClampedArray | ArrayLike<number>
  /** How many classes there are (C), 1 to 256. Default: the largest label + 1. */
  readonly numClasses?: number | undefined
  /** What the classes are called, by label: C different texts. Copied. Default: they have no names. */
  readonly classNames?: readonly string[] | undefined
  /**
   * For sequences of different length: how many rows of each sample are real, N integers from 1 to T. What follows them is padding, which has no
   * effect: the last real row is where the network gives its answer, as with PyTorch's `pack_padded_sequence`. Copied. Default: all rows.
   */
  readonly lengths?: ArrayLike<number> | undefined
}

/** Which samples of a storage a data set shows, and in which order. */
export type Samples = { readonly first: number; readonly count: number } | Uint32Array

/** The content of a data set: some samples of a storage, which other data sets may share. For this package only, never handed to users. */
export interface DatasetView {
  readonly storage: ImageStorage
  readonly samples: Samples
}

/** Kept outside the class, so that users cannot reach arrays that the addon is reading. */
const views = new WeakMap<ImageDataset, DatasetView>()

/**
 * Labelled images of one size, checked once and unchangeable afterwards.
 *
 * Letters in shapes: N samples, T rows (time steps), F columns (features), C classes.
 *
 * @example
 * const squares = new ImageDataset({ images: new Uint8Array(2 * 3 * 3), shape: [2, 3, 3], labels: [0, 1] })
 * // Two sequences of at most 50 steps of 4 measurements, padded to 50 steps.
 * const sequences = new ImageDataset({ images: new Float32Array(2 * 50 * 4), shape: [2, 50, 4], labels: [0, 1], lengths: [50, 31] })
 */
export class ImageDataset {
  /**
   * Copies and checks images and labels. Floats are checked one by one on the calling thread: about 1 ms per million.
   *
   * @throws TorchRnnError `ERR_INVALID_SHAPE` when lengths and shape disagree; `ERR_INVALID_DATA` for floats that are not finite,
   *   labels and lengths out of range and detached arrays; `ERR_INVALID_ARGUMENT` for values of a wrong type; `ERR_INVALID_OPTION` for
   *   unknown keys and a wrong `numClasses`.
   */
  constructor(init: ImageDatasetInit) {
    resolveOptions({}, init, 'ImageDataset', ['images', 'shape', 'labels', 'numClasses', 'classNames', 'lengths'])
    const { images, shape, labels, numClasses, classNames, lengths } = init ?? {}
    const checkedShape = checkShape(shape)
    // Copied before they are checked: nobody can change a copy in between, not even through a SharedArrayBuffer.
    const ownImages = copyImages(images)
    checkImages(ownImages, checkedShape)
    const ownLabels = copyLabels(labels, checkedShape[0])
    const names = classNames === undefined ? undefined : checkClassNames(classNames)
    const classes = numClasses === undefined ? (names?.length ?? countClasses(ownLabels)) : checkOption('numClasses', CLASSES, numClasses)
    if (names !== undefined) checkClassNames(names, classes)
    checkLabels(ownLabels, classes)
    const ownLengths = copyLengths(lengths, checkedShape[0], checkedShape[1])
    const owned = { images: ownImages, shape: checkedShape, labels: ownLabels, lengths: ownLengths }
    const storage = { ...owned, numClasses: classes, classNames: names }
    views.set(this, { storage, samples: { first: 0, count: checkedShape[0] } })
  }

  /** Number of samples, N. */
  get length(): number {
    return countOf(viewOf(this).samples)
  }

  /** `[N, T, F]`, a fresh array. */
  get shape(): [number, number, number] {
    return [this.length, this.rows, this.columns]
  }

  /** Rows of an image, T: the time steps of the network. */
  get rows(): number {
    return viewOf(this).storage.shape[1]
  }

  /** Columns of an image, F: the features of a time step. */
  get columns(): number {
    return viewOf(this).storage.shape[2]
  }

  /** Number of classes, C: every label is below it. */
  get numClasses(): number {
    return viewOf(this).storage.numClasses
  }

  /** What the classes are called, by label, `[C]`; undefined where they have no names. */
  get classNames(): readonly string[] | undefined {
    return viewOf(this).storage.classNames
  }

  /** Of sequences of different length, how many rows of each sample are real, `[N]`: a fresh copy. Undefined where all rows are. */
  get lengths(): Int32Array | undefined {
    return lengthsOf(viewOf(this), 0, this.length)
  }

  /** All labels, `[N]`: a fresh copy each time, so read it once before a loop. */
  get labels(): Uint8Array {
    return this.labelsOf()
  }

  /**
   * Copies the images of samples `start` (included) to `end` (excluded).
   *
   * @param start - First sample, 0 to N - 1. Default 0.
   * @param end - Sample after the last, `start` + 1 to N. Default N. Unlike `Array.slice`, nothing is clamped.
   * @returns Images `[end - start, T, F]` with the element type of the dataset, and their lengths if they have some. The caller owns the copy.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other bounds.
   */
  images(start = 0, end = this.length): ImageBatch {
    checkRange(start, end, this.length)
    const view = viewOf(this)
    const [, rows, columns] = view.storage.shape
    const lengths = lengthsOf(view, start, end)
    return { data: pixelsOf(view, start, end), shape: [end - start, rows, columns], ...(lengths !== undefined && { lengths }) }
  }

  /**
   * Copies the labels of samples `start` (included) to `end` (excluded).
   *
   * @param start - First sample, 0 to N - 1. Default 0.
   * @param end - Sample after the last, `start` + 1 to N. Default N.
   * @returns Labels `[end - start]`. The caller owns the copy.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other bounds.
   */
  labelsOf(start = 0, end = this.length): Uint8Array {
    checkRange(start, end, this.length)
    const { storage, samples } = viewOf(this)
    if (samples instanceof Uint32Array) return Uint8Array.from(samples.subarray(start, end), (sample) => storage.labels[sample] as number)
    return storage.labels.slice(samples.first + start, samples.first + end)
  }

  /**
   * The mean and the deviation of each feature over all samples and their real rows, for {@link ModelOptions.normalization} of a new model. Bytes
   * count as a model reads them, divided by 255. A feature that never changes has the deviation 1.
   *
   * @example
   * const model = new ImageRNN({ inputSize: train.columns, normalization: await train.normalization() })
   */
  async normalization(): Promise<Normalization> {
    return await featureNormalization(viewOf(this))
  }

  /**
   * The samples `start` (included) to `end` (excluded) as a data set of their own, which shares the memory of this one.
   *
   * @param start - First sample, 0 to N - 1. Default 0.
   * @param end - Sample after the last, `start` + 1 to N. Default N.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other bounds.
   */
  slice(start = 0, end = this.length): ImageDataset {
    checkRange(start, end, this.length)
    const { storage, samples } = viewOf(this)
    const isListed = samples instanceof Uint32Array
    return datasetOf({ storage, samples: isListed ? samples.subarray(start, end) : { first: samples.first + start, count: end - start } })
  }

  /**
   * Deals the samples out at random into data sets of their own, as PyTorch's `random_split`. They share the memory of this one.
   *
   * @param lengths - Sizes of the parts: integers from 1 whose sum is N, or shares between 0 and 1 whose sum is 1. Shares are rounded down,
   *   and the samples that are left over go one each to the first parts.
   * @param options.seed - Which samples go where follows from it. Default 1.
   * @returns One data set for each length.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other lengths, `ERR_INVALID_OPTION`.
   *
   * @example
   * const [rest, validation] = train.randomSplit([55000, 5000], { seed: 7 })
   */
  randomSplit(lengths: readonly number[], options: { seed?: number | undefined } = {}): ImageDataset[] {
    const { seed } = resolveOptions({ seed: MODEL_OPTIONS.seed }, options, 'randomSplit')
    const sizes = partSizes(lengths, this.length)
    const { storage, samples } = viewOf(this)
    const order = randomOrder(seed, 'split', 0, this.length)
    const positions = order.map((index) => (samples instanceof Uint32Array ? (samples[index] as number) : samples.first + index))
    let end = 0
    return sizes.map((size) => {
      end += size
      return datasetOf({ storage, samples: positions.subarray(end - size, end) })
    })
  }
}

function pixelsOf({ storage: { images, shape }, samples }: DatasetView, start: number, end: number): Uint8Array | Float32Array {
  const pixels = shape[1] * shape[2]
  if (!(samples instanceof Uint32Array)) return images.slice((samples.first + start) * pixels, (samples.first + end) * pixels)
  const count = end - start
  const data = images.BYTES_PER_ELEMENT === 1 ? new Uint8Array(count * pixels) : new Float32Array(count * pixels)
  samples.subarray(start, end).forEach((sample, index) => {
    data.set(images.subarray(sample * pixels, (sample + 1) * pixels), index * pixels)
  })
  return data
}

function lengthsOf({ storage: { lengths }, samples }: DatasetView, start: number, end: number): Int32Array | undefined {
  if (lengths === undefined) return undefined
  if (samples instanceof Uint32Array) return Int32Array.from(samples.subarray(start, end), (sample) => lengths[sample] as number)
  return lengths.slice(samples.first + start, samples.first + end)
}

function datasetOf(view: DatasetView): ImageDataset {
  const dataset = Object.create(ImageDataset.prototype) as ImageDataset
  views.set(dataset, view)
  return dataset
}

/**
 * Makes a dataset of arrays that are given away: they are not copied and must not be changed afterwards.
 *
 * @internal
 * @throws TorchRnnError As the constructor of {@link ImageDataset}.
 */
export function datasetFromOwned(storage: ImageStorage): ImageDataset {
  const checked = checkStorage(storage)
  return datasetOf({ storage: checked, samples: { first: 0, count: checked.shape[0] } })
}

/**
 * Some samples of a data set, which share its memory.
 *
 * @internal
 * @param positions - Of the samples in the data set, in the order wanted; at least one. Given away.
 */
export function samplesOf(dataset: ImageDataset, positions: Uint32Array): ImageDataset {
  const { storage, samples } = viewOf(dataset)
  const own = positions.map((index) => (samples instanceof Uint32Array ? (samples[index] as number) : samples.first + index))
  return datasetOf({ storage, samples: own })
}

/**
 * The same images with other labels, which share the memory of the images.
 *
 * @internal
 * @param places - The new label of each old one.
 * @param classNames - By the new labels.
 */
export function relabelled(dataset: ImageDataset, places: readonly number[], classNames: readonly string[]): ImageDataset {
  const { storage, samples } = viewOf(dataset)
  const labels = storage.labels.map((label) => places[label] as number)
  return datasetOf({ storage: checkStorage({ ...storage, labels, numClasses: classNames.length, classNames }), samples })
}

/**
 * What a dataset shows, not copied: for reading only.
 *
 * @internal
 * @param name - What the value is for, as errors name it.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for anything that is not an {@link ImageDataset} of this package.
 */
export function viewOf(dataset: ImageDataset, name = 'the dataset'): DatasetView {
  const view = views.get(dataset)
  if (view === undefined) throw unexpected('ERR_INVALID_ARGUMENT', name, 'an ImageDataset', dataset)
  return view
}

/**
 * The image of each sample, in the data set's order, not copied: for reading only. Of a sequence, its real rows.
 *
 * @internal
 */
export function* eachImage(dataset: ImageDataset): Generator<Uint8Array | Float32Array> {
  const { storage, samples } = viewOf(dataset)
  const pixels = storage.shape[1] * storage.shape[2]
  for (let index = 0; index < dataset.length; index += 1) {
    const sample = samples instanceof Uint32Array ? (samples[index] as number) : samples.first + index
    const real = storage.lengths === undefined ? pixels : (storage.lengths[sample] as number) * storage.shape[2]
    yield storage.images.subarray(sample * pixels, sample * pixels + real)
  }
}

function countOf(samples: Samples): number {
  return samples instanceof Uint32Array ? samples.length : samples.count
}

function checkRange(start: unknown, end: unknown, count: number): asserts start is number {
  if (!Number.isInteger(start) || (start as number) < 0 || (start as number) >= count) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'start', `an integer from 0 to ${count - 1}`, start)
  }
  if (!Number.isInteger(end) || (end as number) <= (start as number) || (end as number) > count) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'end', `an integer from ${(start as number) + 1} to ${count}`, end)
  }
}
