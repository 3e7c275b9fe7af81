import { native } from '../native'
import { translated } from '../native-errors'
import { datasetFromOwned, type ImageDataset, type RawImageData, rawData } from './dataset'

/**
 * Deals the samples of a data set out at random, so many to each part.
 *
 * @internal
 * @param lengths - Sizes of the parts; their sum is the number of samples.
 */
export function randomSplit(dataset: ImageDataset, lengths: readonly number[], seed: number): ImageDataset[] {
  const raw = rawData(dataset)
  const order = translated(() => native().splitOrder({ seed, count: raw.labels.length }))
  let first = 0
  return lengths.map((length) => {
    const chosen = order.subarray(first, first + length)
    first += length
    return gather(raw, chosen)
  })
}

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
