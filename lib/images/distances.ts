/** Distances to a shape, exact, after Felzenszwalb and Huttenlocher: Distance Transforms of Sampled Functions (2012). */

/** Farther away than any pixel, squared. */
const FAR = 1e12

/**
 * For every pixel, the squared distance to the nearest pixel of a shape.
 *
 * @param shape - `[height, width]`, row by row: 1 inside, 0 outside.
 */
export function squaredDistances(shape: Uint8Array, width: number, height: number): Float64Array {
  const distances = Float64Array.from(shape, (inside) => (inside === 1 ? 0 : FAR))
  for (let x = 0; x < width; x += 1) transformLine(distances, x, width, height)
  for (let y = 0; y < height; y += 1) transformLine(distances, y * width, 1, width)
  return distances
}

/** Along one line, replaces f(q) by the least (q - p)^2 + f(p): the lower envelope of parabolas. */
function transformLine(values: Float64Array, first: number, step: number, length: number): void {
  const f = Float64Array.from({ length }, (_, q) => values[first + q * step] as number)
  const at = (q: number) => f[q] as number
  /** The parabolas of the envelope by their middles, and where each begins to be the lowest. */
  const middles = [0]
  const begins = [Number.NEGATIVE_INFINITY]
  for (let q = 1; q < length; q += 1) {
    for (;;) {
      const p = middles.at(-1) as number
      const crossing = (at(q) + q * q - at(p) - p * p) / (2 * (q - p))
      if (crossing > (begins.at(-1) as number)) {
        middles.push(q)
        begins.push(crossing)
        break
      }
      middles.pop()
      begins.pop()
    }
  }
  let index = 0
  for (let q = 0; q < length; q += 1) {
    while ((begins[index + 1] ?? Number.POSITIVE_INFINITY) < q) index += 1
    const p = middles[index] as number
    values[first + q * step] = (q - p) ** 2 + at(p)
  }
}
