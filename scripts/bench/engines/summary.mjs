/** What follows from the measurements of `npm run bench -- engines`. */
import { ratios, spread } from '../measure.mjs'

/**
 * The peak that a contestant is measured against: that of its own instruction set, or else the highest of its number of threads.
 *
 * @returns {number[] | undefined} Round by round.
 */
function peakFor({ threads, instructionSet }, peaks) {
  const sameThreads = peaks.filter((peak) => peak.threads === threads)
  if (instructionSet !== undefined) return sameThreads.find((peak) => peak.instructionSet === instructionSet)?.values
  if (sameThreads.length === 0) return undefined
  return sameThreads[0].values.map((_, round) => Math.max(...sameThreads.map(({ values }) => values[round])))
}

/** @param {number[]} gflops - GFLOP/s of the contestant, round by round. */
function efficiency(contestant, gflops, peaks) {
  const peak = peakFor(contestant, peaks)
  return {
    gflops: spread(gflops),
    ...(peak && {
      ofPeak: ratios(
        gflops.map((rate) => 100 * rate),
        peak,
      ),
    }),
  }
}

/**
 * @param {{ name: string, kind: string, threads: number, instructionSet?: string, blankPrefix?: boolean, values: number[] }[]} measured - Values
 *   round by round: milliseconds a step; of peaks and loops, GFLOP/s.
 * @param {number} operations - Of a step.
 */
export function summarize(measured, operations) {
  const peaks = measured.filter(({ kind }) => kind === 'peak')
  return measured.map((contestant) => {
    const { name, kind, threads, values } = contestant
    if (kind === 'peak') return { name, kind, threads, gflops: spread(values) }
    if (kind === 'loop') return { name, kind, threads, ...efficiency(contestant, values, peaks) }
    const timesAsFast = (other) => {
      const reference = measured.find((one) => one.kind === other && one.threads === threads)
      return reference === undefined || reference === contestant ? undefined : ratios(reference.values, values)
    }
    const compared = { toPyTorch: timesAsFast('pytorch'), toTorch: timesAsFast('torch') }
    const result = { name, kind, threads, ms: spread(values), ...compared }
    if (contestant.blankPrefix === true) return result // A part of the operations is not done.
    const gflops = values.map((ms) => operations / ms / 1e6)
    return { ...result, ...efficiency(contestant, gflops, peaks) }
  })
}
