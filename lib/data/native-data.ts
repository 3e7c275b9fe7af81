/** Images and data sets on their way to the addon. */

import { type NativeDataset, type NativeInput, native } from '../addon/native'
import { translated } from '../addon/native-errors'
import { describeShape, TorchRnnError, unexpected } from '../errors'
import { type ImageDataset, type ImageInput, rawData } from './dataset'

/** Native copies of data sets, made at first use and freed with the data set. */
const nativeDatasets = new WeakMap<ImageDataset, NativeDataset>()

/** The addon's copy of a data set. @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_OUT_OF_MEMORY`, `ERR_LIBRARY_LOAD`. */
export function toNativeDataset(dataset: ImageDataset): NativeDataset {
  const raw = rawData(dataset)
  let result = nativeDatasets.get(dataset)
  if (result === undefined) {
    result = translated(
      () => new (native().Dataset)({ data: raw.images, shape: raw.shape }, { data: raw.labels, shape: [raw.labels.length] }),
    )
    nativeDatasets.set(dataset, result)
  }
  return result
}

/**
 * Images as a batch `[N, T, F]` for a model that reads rows of `inputSize` pixels. The addon copies them and checks the number of values.
 *
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`.
 */
export function toBatch(images: Readonly<ImageInput>, inputSize: number): NativeInput {
  const { data, shape }: { data?: unknown; shape?: unknown } = images ?? {}
  if (data === undefined || !Array.isArray(shape)) {
    const expected = 'an object { data: Uint8Array or Float32Array, shape: [N, T, F] or [T, F] }'
    throw unexpected('ERR_INVALID_ARGUMENT', 'images', expected, images)
  }
  if (!isPixels(data)) throw unexpected('ERR_INVALID_ARGUMENT', 'the data of images', 'a typed array, Uint8Array or Float32Array,', data)
  const batch: unknown[] = shape.length === 2 ? [1, ...shape] : shape
  if (batch.length !== 3 || batch[2] !== inputSize || !batch.every((size) => Number.isSafeInteger(size) && (size as number) >= 1)) {
    const expected = `whole numbers [N, T, ${inputSize}] or [T, ${inputSize}], each at least 1,`
    const actual = describeShape(shape)
    throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for the shape of images but received ${actual}.`, {
      expected,
      actual,
    })
  }
  return { data, shape: batch as number[] }
}

function isPixels(data: unknown): data is Uint8Array | Float32Array {
  // By name, not instanceof: arrays of another realm (a vm context, a test runner) are as good.
  const type = Object.prototype.toString.call(data)
  return type === '[object Uint8Array]' || type === '[object Float32Array]'
}
