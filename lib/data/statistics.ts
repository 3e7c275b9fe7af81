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

/** Mean and spread of grey values from 0 to 255, scaled to 0 to 1; at least one. Exact sums: the order of the pixels does not matter. */
export function pixelStatistics(images: Iterable<Uint8Array>): PixelStatistics {
  const counts = new Float64Array(WHITE + 1)
  for (const image of images) {
    for (const grey of image) (counts[grey] as number) += 1
  }
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

/** How many samples each class has: `[C]`, by label. */
export function classCounts(labels: Uint8Array, numClasses: number): number[] {
  const counts = new Array<number>(numClasses).fill(0)
  for (const label of labels) (counts[label] as number) += 1
  return counts
}
