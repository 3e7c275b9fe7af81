/** Images without labels: the output of a data set and the input of a model. */
import { types } from 'node:util'
import type { NativeSequences } from '../addon/binding'
import { describeShape, TorchRnnError, unexpected } from '../errors'
import { copyLengths } from './image-storage'

/** A flat, row-major array of images and its shape. N counts samples, T rows (time steps), F columns (features). */
export interface ImageBatch {
  /** A `Uint8Array` holds grey values 0 (background) to 255 (ink), which a model divides by 255; a `Float32Array` is used as it is. */
  data: Uint8Array | Float32Array
  /** `[N, T, F]`; their product is the length of `data`. */
  shape: [number, number, number]
  /** `[N]`, of sequences of different length: how many rows of each are real, 1 to T; padding follows. Absent where all rows are. */
  lengths?: Int32Array
}

/** What a model reads: an {@link ImageBatch}, or one image of shape `[T, F]`. */
export interface ImageInput {
  /** As of {@link ImageBatch}. A `Uint8ClampedArray`, as a canvas gives it, counts as a `Uint8Array`. */
  data: Uint8Array | Uint8ClampedArray | Float32Array
  /** `[N, T, F]` or `[T, F]`; their product is the length of `data`. */
  shape: readonly [number, number, number] | readonly [number, number]
  /** As of {@link ImageBatch}: N integers from 1 to T. Default: all rows are real. */
  lengths?: ArrayLike<number> | undefined
}

/**
 * Images as a batch `[N, T, F]` for a model that reads rows of `inputSize` pixels. The addon copies them and checks the number of values.
 *
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA` for lengths.
 */
export function toBatch(images: Readonly<ImageInput>, inputSize: number): NativeSequences {
  const { data, shape, lengths }: { data?: unknown; shape?: unknown; lengths?: unknown } = images ?? {}
  if (data === undefined || !Array.isArray(shape)) {
    const expected = 'an object { data: Uint8Array or Float32Array, shape: [N, T, F] or [T, F] }'
    throw unexpected('ERR_INVALID_ARGUMENT', 'images', expected, images)
  }
  const pixels = toPixels(data)
  const batch: unknown[] = shape.length === 2 ? [1, ...shape] : shape
  if (batch.length !== 3 || batch[2] !== inputSize || !batch.every((size) => Number.isSafeInteger(size) && (size as number) >= 1)) {
    const expected = `whole numbers [N, T, ${inputSize}] or [T, ${inputSize}], each at least 1,`
    const actual = describeShape(shape)
    throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for the shape of images but received ${actual}.`, {
      expected,
      actual,
    })
  }
  const [count, rows] = batch as [number, number, number]
  return { data: pixels, shape: batch as number[], lengths: copyLengths(lengths, count, rows) }
}

/** The pixels, not copied. Arrays of another realm (a vm context, a test runner) are as good. */
function toPixels(data: unknown): Uint8Array | Float32Array {
  if (types.isUint8Array(data) || types.isFloat32Array(data)) return data
  if (types.isUint8ClampedArray(data)) {
    // No view can be made of a buffer that was transferred away.
    return data.length === 0 ? new Uint8Array(0) : new Uint8Array(data.buffer, data.byteOffset, data.length)
  }
  throw unexpected('ERR_INVALID_ARGUMENT', 'the data of images', 'a typed array, Uint8Array, Uint8ClampedArray or Float32Array,', data)
}
