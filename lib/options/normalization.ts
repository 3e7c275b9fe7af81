/** What a model does with its input before it reads it. */
import { types } from 'node:util'
import { describe, describeShape, TorchRnnError, unexpected } from '../errors'

/**
 * A normalization of the input: each feature becomes `(x - mean) / std`, as with torchvision's `Normalize`. It belongs to the model, which applies it
 * in training, evaluation and everything else, and a saved model has it. Bytes are divided by 255 before.
 */
export interface Normalization {
  /** `[F]`, finite. */
  readonly mean: readonly number[]
  /** `[F]`, finite, each above 0. */
  readonly std: readonly number[]
}

/** The numbers that a float32 can hold; of a deviation, those whose inverse it can hold as well. */
const LARGEST = 3.4e38
const LEAST_STD = 1e-30

/**
 * A copy of a normalization for a model that reads rows of `inputSize` features; undefined for none.
 *
 * @throws TorchRnnError `ERR_INVALID_OPTION`
 */
export function checkNormalization(value: unknown, inputSize: number): Normalization | undefined {
  if (value === undefined) return undefined
  const other = typeof value === 'object' && value !== null && Object.keys(value).find((key) => key !== 'mean' && key !== 'std')
  if (typeof value !== 'object' || value === null || other !== undefined) {
    throw unexpected('ERR_INVALID_OPTION', 'normalization', 'an object { mean, std } of numbers', value)
  }
  const { mean, std } = value as { mean?: unknown; std?: unknown }
  return { mean: checkFeatures('mean', mean, inputSize, -LARGEST), std: checkFeatures('std', std, inputSize, LEAST_STD) }
}

function checkFeatures(name: 'mean' | 'std', values: unknown, count: number, min: number): readonly number[] {
  const expected = `${count} numbers from ${min} to ${LARGEST}, one for each feature,`
  if (!Array.isArray(values) && !types.isFloat32Array(values) && !types.isFloat64Array(values)) {
    throw unexpected('ERR_INVALID_OPTION', `normalization.${name}`, expected, values)
  }
  const copy: unknown[] = Array.from(values as ArrayLike<unknown>)
  const wrong = copy.find((each) => typeof each !== 'number' || !(each >= min && each <= LARGEST))
  if (copy.length === count && wrong === undefined) return Object.freeze(copy as number[])
  const actual = copy.length === count ? `also ${describe(wrong)}` : `${copy.length}, ${describeShape(copy)}`
  throw new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} for normalization.${name} but received ${actual}.`, {
    expected,
    actual,
  })
}
