/** Mean and deviation of the features of a data set: what a model is normalised by. */
import { setImmediate } from 'node:timers/promises'
import type { Normalization } from '../options/normalization'
import type { ImageStorage } from './image-storage'

const WHITE = 255
/** Values that are summed at once: some milliseconds, so that the event loop is free in between. */
const SLICE_VALUES = 2_000_000

/** Some samples of a storage. */
interface Samples {
  readonly storage: ImageStorage
  readonly samples: Uint32Array | { readonly first: number; readonly count: number }
}

/**
 * The normalization by the mean and the deviation of each feature over all samples and their rows, of sequences over the real ones: what scikit-learn's
 * `StandardScaler` computes. Bytes count as a model reads them, divided by 255. A feature that never changes has the deviation 1.
 */
export async function featureNormalization({ storage, samples }: Samples): Promise<Normalization> {
  const { images, shape, lengths } = storage
  const [, rows, columns] = shape
  const scale = images.BYTES_PER_ELEMENT === 1 ? WHITE : 1
  const position = (index: number) => (samples instanceof Uint32Array ? (samples[index] as number) : samples.first + index)
  // Differences to the first row, whose squares lose no digits where the mean is far from 0.
  const origin = Float64Array.from(images.subarray(position(0) * rows * columns).subarray(0, columns))
  const [sums, squares] = [new Float64Array(columns), new Float64Array(columns)]
  let [count, sinceBreak] = [0, 0]
  const length = samples instanceof Uint32Array ? samples.length : samples.count
  for (let index = 0; index < length; index += 1) {
    const sample = position(index)
    const real = lengths?.[sample] ?? rows
    const start = sample * rows * columns
    addDifferences(images.subarray(start, start + real * columns), origin, sums, squares)
    count += real
    sinceBreak += real * columns
    if (sinceBreak < SLICE_VALUES) continue
    sinceBreak = 0
    await setImmediate()
  }
  const mean = Array.from(origin, (first, feature) => (first + (sums[feature] as number) / count) / scale)
  const std = Array.from(squares, (sum, feature) => {
    const variance = sum / count - ((sums[feature] as number) / count) ** 2
    return variance > 0 ? Math.sqrt(variance) / scale : 1
  })
  return { mean, std }
}

function addDifferences(values: Uint8Array | Float32Array, origin: Float64Array, sums: Float64Array, squares: Float64Array): void {
  const columns = origin.length
  for (let start = 0; start < values.length; start += columns) {
    for (let feature = 0; feature < columns; feature += 1) {
      const difference = (values[start + feature] as number) - (origin[feature] as number)
      ;(sums[feature] as number) += difference
      ;(squares[feature] as number) += difference * difference
    }
  }
}
