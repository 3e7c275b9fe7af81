/** The arrays that data sets share, and the checks of what goes into them. */
import { types } from 'node:util'
import { describeShape, TorchRnnError, unexpected } from '../errors'
import { checkClassNames } from '../options/class-names'
import { MODEL_OPTIONS } from '../options/options'

/** How many classes a label can tell apart, which is one byte: the bound of a model's `numClasses`. */
export const CLASSES = MODEL_OPTIONS.numClasses

/** Images with labels, checked and unchangeable. For this package only, never handed to users. */
export interface ImageStorage {
  /** `[N, T, F]`, row-major: bytes 0 to 255, or finite floats. */
  readonly images: Uint8Array | Float32Array
  readonly shape: readonly [number, number, number]
  /** `[N]`, each below `numClasses`. */
  readonly labels: Uint8Array
  readonly numClasses: number
  /** One for each class; undefined where they have none. */
  readonly classNames?: readonly string[] | undefined
  /** `[N]`, each from 1 to T: how many rows of each sample are real; the others are padding. Undefined: all are. */
  readonly lengths?: Int32Array | undefined
}

/**
 * Makes a storage of arrays that are given away: they are not copied and must not be changed afterwards.
 *
 * @throws TorchRnnError `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA`.
 */
export function checkStorage({ images, shape, labels, numClasses, classNames, lengths }: ImageStorage): ImageStorage {
  const checkedShape = checkShape(shape)
  checkImages(images, checkedShape)
  if (labels.length !== checkedShape[0]) throw wrongLabelCount(checkedShape[0], labels.length)
  checkLabels(labels, numClasses)
  const names = classNames === undefined ? {} : { classNames: checkClassNames(classNames, numClasses) }
  // These are few and small, so that a copy, which also checks them, costs nothing.
  const ownLengths = copyLengths(lengths, checkedShape[0], checkedShape[1])
  return { images, shape: checkedShape, labels, numClasses, ...names, lengths: ownLengths }
}

export function checkShape(shape: unknown): [number, number, number] {
  const values: unknown[] = Array.isArray(shape) ? Array.from(shape) : []
  if (values.length === 3 && values.every((value) => Number.isSafeInteger(value) && (value as number) >= 1)) {
    return values as [number, number, number]
  }
  const expected = 'three integers [samples, rows, columns], each at least 1,'
  if (!Array.isArray(shape)) throw unexpected('ERR_INVALID_SHAPE', 'shape', expected, shape)
  const actual = describeShape(values)
  throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for shape but received ${actual}.`, { expected, actual })
}

export function copyImages(images: unknown): Uint8Array | Float32Array {
  // No instanceof: arrays of another realm (a vm context, a test runner) are as good.
  if (types.isUint8Array(images) || types.isUint8ClampedArray(images)) {
    refuseDetached('images', images)
    return new Uint8Array(images)
  }
  if (types.isFloat32Array(images)) {
    refuseDetached('images', images)
    return new Float32Array(images)
  }
  throw unexpected('ERR_INVALID_ARGUMENT', 'images', 'a flat Uint8Array or Uint8ClampedArray (0 to 255), or a Float32Array,', images)
}

export function checkImages(images: Uint8Array | Float32Array, shape: readonly [number, number, number]): void {
  const expected = shape[0] * shape[1] * shape[2]
  if (images.length !== expected) {
    const message = `Expected ${expected} values in images for shape [${shape.join(', ')}] but received ${images.length}.`
    throw new TorchRnnError('ERR_INVALID_SHAPE', message, { expected: `${expected} values`, actual: `${images.length} values` })
  }
  if (!types.isFloat32Array(images)) return
  const index = images.findIndex((value) => !Number.isFinite(value))
  if (index >= 0) throw unexpected('ERR_INVALID_DATA', `images[${index}]`, 'a finite number', images[index])
}

export function copyLabels(labels: unknown, count: number): Uint8Array {
  if (types.isTypedArray(labels)) refuseDetached('labels', labels)
  const length: unknown = isObject(labels) && 'length' in labels ? labels.length : undefined
  if (!isObject(labels) || !Number.isSafeInteger(length) || types.isDataView(labels)) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'labels', 'a Uint8Array or an array of integers', labels)
  }
  if (length !== count) throw wrongLabelCount(count, length as number)
  if (types.isUint8Array(labels) || types.isUint8ClampedArray(labels)) return new Uint8Array(labels)
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

/**
 * The lengths of sequences, copied and checked; undefined where there are none.
 *
 * @param steps - T: the most that a length can be.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA`.
 */
export function copyLengths(lengths: unknown, count: number, steps: number): Int32Array | undefined {
  if (lengths === undefined) return undefined
  if (types.isTypedArray(lengths)) refuseDetached('lengths', lengths)
  const length: unknown = isObject(lengths) && 'length' in lengths ? lengths.length : undefined
  if (!isObject(lengths) || !Number.isSafeInteger(length) || types.isDataView(lengths)) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'lengths', 'an array of integers', lengths)
  }
  if (length !== count) {
    const message = `Expected ${count} lengths, one for each sample, but received ${String(length)}.`
    throw new TorchRnnError('ERR_INVALID_SHAPE', message, { expected: `${count} lengths`, actual: `${String(length)} lengths` })
  }
  const copy = new Int32Array(count)
  for (let index = 0; index < count; index += 1) {
    const value = (lengths as ArrayLike<unknown>)[index]
    if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > steps) {
      throw unexpected('ERR_INVALID_DATA', `lengths[${index}]`, `an integer from 1 to ${steps}`, value)
    }
    copy[index] = value as number
  }
  return copy
}

export function checkLabels(labels: Uint8Array, numClasses: number): void {
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

/** An array whose buffer is gone has the length 0. The error should tell the cause, not that length. */
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
