/** Data sets on their way to the addon. */
import type { NativeDataset, NativeStorage } from '../addon/binding'
import { native } from '../addon/native'
import { translated } from '../addon/native-errors'
import { type ImageDataset, viewOf } from './dataset'
import type { ImageStorage } from './image-storage'

/** What the addon knows of each storage and data set. It is made at first use and freed with them. */
const nativeStorages = new WeakMap<ImageStorage, NativeStorage>()
const nativeDatasets = new WeakMap<ImageDataset, NativeDataset>()

/**
 * A data set for the addon, which reads the images where they are.
 *
 * @param name - What the value is for, as errors name it.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_LIBRARY_LOAD`.
 */
export function toNativeDataset(dataset: ImageDataset, name?: string): NativeDataset {
  const { storage, samples } = viewOf(dataset, name)
  let result = nativeDatasets.get(dataset)
  if (result === undefined) {
    result = translated(() => new (native().Dataset)(toNativeStorage(storage), samples))
    nativeDatasets.set(dataset, result)
  }
  return result
}

function toNativeStorage(storage: ImageStorage): NativeStorage {
  let result = nativeStorages.get(storage)
  if (result === undefined) {
    const { images, shape, labels, lengths } = storage
    result = new (native().ImageStorage)({ data: images, shape, lengths }, { data: labels, shape: [labels.length] })
    nativeStorages.set(storage, result)
  }
  return result
}
