/**
 * How the benchmarks measure. Machines are noisy, so contestants take turns within one run, A B A B, and the median of the rounds' ratios
 * counts.
 */
import { Progress } from './report.mjs'

/** The middle of the values, or the mean of the two in the middle. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

/** The smallest value that at least so many percent of the values do not exceed. */
export function percentile(values, percent) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]
}

/** Median, smallest and largest value. */
export function spread(values) {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values) }
}

/** The ratios of the values to the others' values, round by round, and their {@link spread}. */
export function ratios(values, others) {
  const rounds = values.map((value, round) => value / others[round])
  return { rounds, ...spread(rounds) }
}

/**
 * Measures in turns: in each round, every contestant once.
 *
 * @template Result
 * @param {number} rounds
 * @param {{ name: string, warmUp?: () => Promise<unknown>, measure: (detail: (text: string) => void, round: number) => Promise<Result> }[]}
 *   contestants - `warmUp` runs once, before the first round. `detail` shows the progress of a measurement on stderr. Rounds count from 1.
 * @param {(round: number, results: Result[]) => void} [onRound] - Called after each round, from 1, with one result for each contestant.
 * @returns {Promise<Result[][]>} One list for each contestant, with its result of each round.
 */
export async function inTurns(rounds, contestants, onRound = () => {}) {
  /** @type {Result[][]} */
  const results = contestants.map(() => [])
  const progress = new Progress()
  try {
    for (const { name, warmUp } of contestants) {
      if (warmUp === undefined) continue
      progress.show(`warming up: ${name}`)
      await warmUp()
    }
    for (let round = 1; round <= rounds; round += 1) {
      for (const [index, { name, measure }] of contestants.entries()) {
        const text = `round ${round} of ${rounds}: ${name}`
        progress.show(text)
        results[index].push(await measure((detail) => progress.show(`${text}, ${detail}`), round))
      }
      progress.clear()
      onRound(
        round,
        results.map((list) => list[round - 1]),
      )
    }
  } finally {
    progress.end()
  }
  return results
}
