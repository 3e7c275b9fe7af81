/** Statistics of results that differ by seed. */

/** @param {number[]} values - At least one. */
export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** The standard deviation, with n - 1; undefined for a single value. */
export function deviation(values) {
  if (values.length < 2) return undefined
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}

/**
 * The share of Student's t distribution within -t to t. For whole degrees of freedom this is a finite sum: Abramowitz and Stegun, Handbook of
 * Mathematical Functions, 26.7.3 and 26.7.4.
 *
 * @param {number} t - From 0.
 * @param {number} degrees - Of freedom; an integer from 1.
 */
export function studentShare(t, degrees) {
  const angle = Math.atan(t / Math.sqrt(degrees))
  const cosine = Math.cos(angle)
  const isOdd = degrees % 2 === 1
  // The terms cos^k of the sum, k = 1, 3, ... degrees - 2 or 0, 2, ... degrees - 2; each factor is (k - 1) / k.
  let sum = 0
  let term = isOdd ? cosine : 1
  for (let power = isOdd ? 1 : 0; power <= degrees - 2; power += 2) {
    sum += term
    term *= (cosine ** 2 * (power + 1)) / (power + 2)
  }
  const rest = Math.sin(angle) * sum
  return isOdd ? (2 / Math.PI) * (angle + rest) : rest
}

/**
 * The t of which {@link studentShare} is this share: 2.776 for 0.95 and 4 degrees of freedom.
 *
 * @param {number} share - Above 0 and below 1.
 */
export function studentQuantile(share, degrees) {
  let [low, high] = [0, 1]
  while (studentShare(high, degrees) < share) [low, high] = [high, 2 * high]
  for (;;) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) return middle // No number is between them.
    if (studentShare(middle, degrees) < share) low = middle
    else high = middle
  }
}

/**
 * The mean of the differences in pairs, and how well it is known.
 *
 * @param {number[]} values
 * @param {number[]} others - Each is the partner of the value at the same place, and is subtracted from it.
 * @returns {{ differences: number[], mean: number, standardError?: number, low?: number, high?: number }} `low` and `high` are the ends of
 *   Student's interval of this confidence. A single pair has none, nor a standard error.
 */
export function pairedDifference(values, others, confidence = 0.95) {
  const differences = values.map((value, index) => value - others[index])
  const middle = mean(differences)
  const spread = deviation(differences)
  if (spread === undefined) return { differences, mean: middle }
  const standardError = spread / Math.sqrt(differences.length)
  const reach = studentQuantile(confidence, differences.length - 1) * standardError
  return { differences, mean: middle, standardError, low: middle - reach, high: middle + reach }
}
