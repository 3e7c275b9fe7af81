/** What a data set holds, in numbers. */

/** The largest value of a byte: what a model divides grey values by. */
const WHITE = 255

/** The pixels of a data set, scaled from 0 to 1 as a model sees them. */
export interface PixelStatistics {
  mean: number
  /** Of all pixels (the population), not an estimate from a sample. */
  standardDeviation: number
  minimum: number
  maximum: number
}

/**
 * Mean and spread of grey values from 0 to 255, scaled to 0 to 1, or of floats as they are; at least one value. The sums of grey values are
 * exact: the order of the pixels does not matter.
 */
export function pixelStatistics(images: Iterable<Uint8Array | Float32Array>): PixelStatistics {
  const counts = new Float64Array(WHITE + 1)
  const floats = new RunningStatistics()
  for (const image of images) {
    if (image.BYTES_PER_ELEMENT > 1) floats.add(image)
    else for (let index = 0; index < image.length; index += 1) (counts[image[index] as number] as number) += 1
  }
  return floats.count > 0 ? floats.result() : greyStatistics(counts)
}

/** @param counts - Of each grey value. */
function greyStatistics(counts: Float64Array): PixelStatistics {
  const pixels = counts.reduce((sum, count) => sum + count, 0)
  const mean = counts.reduce((sum, count, grey) => sum + count * grey, 0) / pixels
  const squares = counts.reduce((sum, count, grey) => sum + count * (grey - mean) ** 2, 0)
  return {
    mean: mean / WHITE,
    standardDeviation: Math.sqrt(squares / pixels) / WHITE,
    minimum: counts.findIndex((count) => count > 0) / WHITE,
    maximum: counts.findLastIndex((count) => count > 0) / WHITE,
  }
}

/** Welford's method: one pass, and no difference of large sums. */
class RunningStatistics {
  count = 0
  #mean = 0
  #squares = 0
  #minimum = Number.POSITIVE_INFINITY
  #maximum = Number.NEGATIVE_INFINITY

  add(values: ArrayLike<number>): void {
    for (let index = 0; index < values.length; index += 1) {
      const value = values[index] as number
      const distance = value - this.#mean
      this.count += 1
      this.#mean += distance / this.count
      this.#squares += distance * (value - this.#mean)
      this.#minimum = Math.min(this.#minimum, value)
      this.#maximum = Math.max(this.#maximum, value)
    }
  }

  result(): PixelStatistics {
    const standardDeviation = Math.sqrt(this.#squares / this.count)
    return { mean: this.#mean, standardDeviation, minimum: this.#minimum, maximum: this.#maximum }
  }
}

/** How many samples each class has: `[C]`, by label. */
export function classCounts(labels: Uint8Array, numClasses: number): number[] {
  const counts = new Array<number>(numClasses).fill(0)
  for (const label of labels) (counts[label] as number) += 1
  return counts
}
