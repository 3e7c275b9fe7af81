/** How many samples go into each part of a random split. */
import { describe, describeShape, TorchRnnError } from '../errors'

/** How far the sum of shares may be from 1: what adding decimal fractions loses, far less than a sample. */
const SHARE_TOLERANCE = 1e-9

/**
 * The sizes of the parts: integers whose sum is `count`, or shares whose sum is 1.
 *
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`
 */
export function partSizes(lengths: readonly number[], count: number): readonly number[] {
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
