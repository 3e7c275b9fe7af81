import { types } from 'node:util'
import { native } from '../addon/native'
import { translated } from '../addon/native-errors'
import { describe, describeShape, TorchRnnError, unexpected } from '../errors'
import { checkOption, resolveOptions } from '../options/checks'
import { MODEL_OPTIONS } from '../options/options'

/** How far the sum of shares may be from 1: what adding decimal fractions loses, far less than a sample. */
const SHARE_TOLERANCE = 1e-9

/** The most classes that a label, one byte, can tell apart; the bound of a model's `numClasses`. */
const CLASSES = MODEL_OPTIONS.numClasses

/** A flat, row-major array of images and its shape. N counts samples, T rows (time steps), F columns (features). */
export interface ImageBatch {
  /** A `Uint8Array` holds grey values 0 (background) to 255 (ink), which a model divides by 255; a `Float32Array` is used as it is. */
  data: Uint8Array | Float32Array
  /** `[N, T, F]`; their product is the length of `data`. */
  shape: [number, number, number]
}

/** What a model reads: an {@link ImageBatch}, or one image of shape `[T, F]`. */
export interface ImageInput {
  /** As of {@link ImageBatch}. */
  data: Uint8Array | Float32Array
  /** `[N, T, F]` or `[T, F]`; their product is the length of `data`. */
  shape: readonly [number, number, number] | readonly [number, number]
}

/** What an {@link ImageDataset} is made from. */
export interface ImageDatasetInit {
  /** All images after each other, row-major: bytes 0 to 255, or finite floats. Copied. */
  readonly images: Uint8Array | Float32Array
  /** `[N, T, F]`, each at least 1; their product is the length of `images`. */
  readonly shape: readonly [number, number, number]
  /** The class of each sample, N integers from 0 to `numClasses` - 1. Copied. */
  readonly labels: Uint8Array | ArrayLike<number>
  /** How many classes there are (C), 1 to 256. Default: the largest label + 1. */
  readonly numClasses?: number
}

/** The arrays behind a dataset: for this package only, never handed to users. */
export interface RawImageData {
  /** `[N, T, F]`, row-major. */
  readonly images: Uint8Array | Float32Array
  readonly shape: readonly [number, number, number]
  /** `[N]`, each below `numClasses`. */
  readonly labels: Uint8Array
  readonly numClasses: number
}

/** Outside the class, so that users cannot reach arrays that a native training run is reading. */
const rawDataOf = new WeakMap<ImageDataset, RawImageData>()

/**
 * Labelled images of one size, checked once and unchangeable afterwards.
 *
 * Letters in shapes: N samples, T rows (time steps), F columns (features), C classes.
 *
 * @example
 * const squares = new ImageDataset({ images: new Uint8Array(2 * 3 * 3), shape: [2, 3, 3], labels: [0, 1] })
 */
export class ImageDataset {
  /**
   * Copies and checks images and labels. Floats are checked one by one on the calling thread: about 1 ms per million.
   *
   * @throws TorchRnnError `ERR_INVALID_SHAPE` when lengths and shape disagree; `ERR_INVALID_DATA` for floats that are not finite,
   *   labels out of range and detached arrays; `ERR_INVALID_ARGUMENT` for values of a wrong type; `ERR_INVALID_OPTION` for
   *   unknown keys and a wrong `numClasses`.
   */
  constructor(init: ImageDatasetInit) {
    resolveOptions({}, init, 'ImageDataset', ['images', 'shape', 'labels', 'numClasses'])
    const { images, shape, labels, numClasses } = init ?? {}
    const checkedShape = checkShape(shape)
    // Copied before they are checked: nobody can change a copy in between, not even through a SharedArrayBuffer.
    const ownImages = copyImages(images)
    checkImages(ownImages, checkedShape)
    const ownLabels = copyLabels(labels, checkedShape[0])
    const classes = numClasses === undefined ? countClasses(ownLabels) : checkOption('numClasses', CLASSES, numClasses)
    checkLabels(ownLabels, classes)
    rawDataOf.set(this, { images: ownImages, shape: checkedShape, labels: ownLabels, numClasses: classes })
  }

  /** Number of samples, N. */
  get length(): number {
    return rawData(this).shape[0]
  }

  /** `[N, T, F]`, a fresh array. */
  get shape(): [number, number, number] {
    return [...rawData(this).shape]
  }

  /** Rows of an image, T: the time steps of the network. */
  get rows(): number {
    return rawData(this).shape[1]
  }

  /** Columns of an image, F: the features of a time step. */
  get columns(): number {
    return rawData(this).shape[2]
  }

  /** Number of classes, C: every label is below it. */
  get numClasses(): number {
    return rawData(this).numClasses
  }

  /** All labels, `[N]`: a fresh copy each time, so read it once before a loop. */
  get labels(): Uint8Array {
    return rawData(this).labels.slice()
  }

  /**
   * Copies the images of samples `start` (included) to `end` (excluded).
   *
   * @param start - First sample, 0 to N - 1. Default 0.
   * @param end - Sample after the last, `start` + 1 to N. Default N. Unlike `Array.slice`, nothing is clamped.
   * @returns Images `[end - start, T, F]` with the element type of the dataset. The caller owns the copy.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other bounds.
   */
  images(start = 0, end = this.length): ImageBatch {
    const { images, shape } = rawData(this)
    checkRange(start, end, shape[0])
    const pixels = shape[1] * shape[2]
    return { data: images.slice(start * pixels, end * pixels), shape: [end - start, shape[1], shape[2]] }
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
    const { labels, shape } = rawData(this)
    checkRange(start, end, shape[0])
    return labels.slice(start, end)
  }

  /**
   * The samples `start` (included) to `end` (excluded) as a data set of their own, which shares the memory of this one.
   *
   * @param start - First sample, 0 to N - 1. Default 0.
   * @param end - Sample after the last, `start` + 1 to N. Default N.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other bounds.
   */
  slice(start = 0, end = this.length): ImageDataset {
    const { images, shape, labels, numClasses } = rawData(this)
    checkRange(start, end, shape[0])
    const pixels = shape[1] * shape[2]
    return datasetFromOwned({
      images: images.subarray(start * pixels, end * pixels),
      shape: [end - start, shape[1], shape[2]],
      labels: labels.subarray(start, end),
      numClasses,
    })
  }

  /**
   * Deals the samples out at random into data sets of their own, as PyTorch's `random_split`. Loads libtorch, whose generator deals.
   *
   * @param lengths - Sizes of the parts: integers from 1 whose sum is N, or shares between 0 and 1 whose sum is 1. Shares are rounded down,
   *   and the samples that are left over go one each to the first parts.
   * @param options.seed - Which samples go where follows from it. Default 1.
   * @returns One data set for each length, which copies its samples.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for other lengths, `ERR_INVALID_OPTION`, `ERR_LIBRARY_LOAD`.
   *
   * @example
   * const [rest, validation] = train.randomSplit([55000, 5000], { seed: 7 })
   */
  randomSplit(lengths: readonly number[], options: { seed?: number } = {}): ImageDataset[] {
    const { seed } = resolveOptions({ seed: MODEL_OPTIONS.seed }, options, 'randomSplit')
    const sizes = partSizes(lengths, this.length)
    const order = translated(() => native().splitOrder({ seed, count: this.length }))
    let end = 0
    return sizes.map((size) => {
      end += size
      return gather(rawData(this), order.subarray(end - size, end))
    })
  }
}

/** Copies some samples. */
function gather({ images, shape, labels, numClasses }: RawImageData, samples: Uint32Array): ImageDataset {
  const pixels = shape[1] * shape[2]
  const count = samples.length * pixels
  const chosenImages = images.BYTES_PER_ELEMENT === 1 ? new Uint8Array(count) : new Float32Array(count)
  const chosenLabels = new Uint8Array(samples.length)
  samples.forEach((sample, index) => {
    chosenImages.set(images.subarray(sample * pixels, (sample + 1) * pixels), index * pixels)
    chosenLabels[index] = labels[sample] as number
  })
  return datasetFromOwned({ images: chosenImages, shape: [samples.length, shape[1], shape[2]], labels: chosenLabels, numClasses })
}

/** @throws TorchRnnError `ERR_INVALID_ARGUMENT` */
function partSizes(lengths: readonly number[], count: number): readonly number[] {
  const expected = `integers from 1 whose sum is ${count}, or shares between 0 and 1 whose sum is 1,`
  const values: unknown[] = Array.isArray(lengths) ? lengths : []
  const sizes = values.length > 0 && values.every(isShare) ? shareOut(values, count) : values
  const isValid = sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && (size as number) >= 1)
  if (isValid && sum(sizes as number[]) === count) return sizes as number[]
  const actual = Array.isArray(lengths) ? describeShape(values) : describe(lengths)
  throw new TorchRnnError('ERR_INVALID_ARGUMENT', `Expected ${expected} for lengths but received ${actual}.`, { expected, actual })
}

function isShare(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value < 1
}

/** As `random_split`: rounded down, and what is left goes to the parts in turn. Empty when the shares do not make a whole. */
function shareOut(shares: readonly number[], count: number): number[] {
  if (Math.abs(sum(shares) - 1) > SHARE_TOLERANCE) return []
  const sizes = shares.map((share) => Math.floor(share * count))
  const left = count - sum(sizes)
  return sizes.map((size, part) => size + (part < left ? 1 : 0))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/**
 * Makes a dataset of arrays that are given away: they are not copied and must not be changed afterwards.
 *
 * @internal
 * @throws TorchRnnError As the constructor of {@link ImageDataset}.
 */
export function datasetFromOwned(raw: RawImageData): ImageDataset {
  const shape = checkShape(raw.shape)
  checkImages(raw.images, shape)
  if (raw.labels.length !== shape[0]) throw wrongLabelCount(shape[0], raw.labels.length)
  checkLabels(raw.labels, raw.numClasses)
  const dataset = Object.create(ImageDataset.prototype) as ImageDataset
  rawDataOf.set(dataset, { ...raw, shape })
  return dataset
}

/**
 * The arrays of a dataset, not copied: for reading only.
 *
 * @internal
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for anything that is not an {@link ImageDataset} of this package.
 */
export function rawData(dataset: ImageDataset): RawImageData {
  const raw = rawDataOf.get(dataset)
  if (raw === undefined) throw unexpected('ERR_INVALID_ARGUMENT', 'the dataset', 'an ImageDataset', dataset)
  return raw
}

function checkShape(shape: unknown): [number, number, number] {
  const values: unknown[] = Array.isArray(shape) ? Array.from(shape) : []
  if (values.length === 3 && values.every((value) => Number.isSafeInteger(value) && (value as number) >= 1)) {
    return values as [number, number, number]
  }
  const expected = 'three integers [samples, rows, columns], each at least 1,'
  if (!Array.isArray(shape)) throw unexpected('ERR_INVALID_SHAPE', 'shape', expected, shape)
  const actual = describeShape(values)
  throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for shape but received ${actual}.`, { expected, actual })
}

function copyImages(images: unknown): Uint8Array | Float32Array {
  // No instanceof: arrays of another realm (a vm context, a test runner) are as good.
  if (types.isUint8Array(images)) {
    refuseDetached('images', images)
    return new Uint8Array(images)
  }
  if (types.isFloat32Array(images)) {
    refuseDetached('images', images)
    return new Float32Array(images)
  }
  throw unexpected('ERR_INVALID_ARGUMENT', 'images', 'a flat Uint8Array (0 to 255) or Float32Array', images)
}

function checkImages(images: Uint8Array | Float32Array, shape: readonly [number, number, number]): void {
  const expected = shape[0] * shape[1] * shape[2]
  if (images.length !== expected) {
    const message = `Expected ${expected} values in images for shape [${shape.join(', ')}] but received ${images.length}.`
    throw new TorchRnnError('ERR_INVALID_SHAPE', message, { expected: `${expected} values`, actual: `${images.length} values` })
  }
  if (!types.isFloat32Array(images)) return
  const index = images.findIndex((value) => !Number.isFinite(value))
  if (index >= 0) throw unexpected('ERR_INVALID_DATA', `images[${index}]`, 'a finite number', images[index])
}

function copyLabels(labels: unknown, count: number): Uint8Array {
  if (types.isTypedArray(labels)) refuseDetached('labels', labels)
  const length: unknown = isObject(labels) && 'length' in labels ? labels.length : undefined
  if (!isObject(labels) || !Number.isSafeInteger(length) || types.isDataView(labels)) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'labels', 'a Uint8Array or an array of integers', labels)
  }
  if (length !== count) throw wrongLabelCount(count, length as number)
  if (types.isUint8Array(labels)) return new Uint8Array(labels)
  return copyLabelValues(labels as ArrayLike<unknown>, count)
}

function copyLabelValues(labels: ArrayLike<unknown>, count: number): Uint8Array {
  const copy = new Uint8Array(count)
  for (let index = 0; index < count; index++) {
    const label = labels[index]
    if (!Number.isInteger(label) || (label as number) < 0 || (label as number) >= CLASSES.max) {
      throw unexpected('ERR_INVALID_DATA', `labels[${index}]`, `an integer from 0 to ${CLASSES.max - 1}`, label)
    }
    copy[index] = label as number
  }
  return copy
}

function checkLabels(labels: Uint8Array, numClasses: number): void {
  const index = labels.findIndex((label) => label >= numClasses)
  if (index < 0) return
  throw unexpected(
    'ERR_INVALID_DATA',
    `labels[${index}]`,
    `an integer from 0 to ${numClasses - 1}`,
    labels[index],
    `There are ${numClasses} classes.`,
  )
}

/** The number of classes that these labels need: the largest + 1. */
export function countClasses(labels: Uint8Array): number {
  return labels.reduce((largest, label) => Math.max(largest, label), 0) + 1
}

function wrongLabelCount(expected: number, actual: number): TorchRnnError {
  const message = `Expected ${expected} labels, one for each sample, but received ${actual}.`
  return new TorchRnnError('ERR_INVALID_SHAPE', message, { expected: `${expected} labels`, actual: `${actual} labels` })
}

function checkRange(start: unknown, end: unknown, count: number): asserts start is number {
  if (!Number.isInteger(start) || (start as number) < 0 || (start as number) >= count) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'start', `an integer from 0 to ${count - 1}`, start)
  }
  if (!Number.isInteger(end) || (end as number) <= (start as number) || (end as number) > count) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'end', `an integer from ${(start as number) + 1} to ${count}`, end)
  }
}

/** An array without memory looks empty; saying so beats a riddle about its length. */
function refuseDetached(name: string, array: NodeJS.TypedArray): void {
  if (array.length > 0) return
  try {
    array.slice() // Throws where there is nothing to read from.
  } catch (cause) {
    const message = `Expected data in ${name} but its buffer was transferred away (detached) or became too short.`
    throw new TorchRnnError('ERR_INVALID_DATA', message, { expected: 'data', actual: 'a detached buffer', cause })
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
