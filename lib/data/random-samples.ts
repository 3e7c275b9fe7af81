import { createHash } from 'node:crypto'

/** Bytes of a hash that make one random number: 48 bits, so many more than a data set has samples that every sample is equally likely. */
const DRAW_BYTES = 6

/**
 * Chooses samples at random, none twice, without libtorch. The rule: a shuffle (Fisher and Yates) that stops after `count` samples, and
 * whose draw number d is the first 48 bits of the SHA-256 of the text `<seed> <d>`, modulo the samples that are left.
 *
 * @param population - How many samples there are.
 * @param count - How many to choose, 1 to `population`.
 * @returns The positions of the chosen samples, in the order in which they were drawn.
 */
export function chooseSamples(seed: number, population: number, count: number): number[] {
  const samples = Uint32Array.from({ length: population }, (_, sample) => sample)
  for (let draw = 0; draw < count; draw += 1) {
    const random = createHash('sha256').update(`${seed} ${draw}`).digest().readUIntBE(0, DRAW_BYTES)
    const other = draw + (random % (population - draw))
    const chosen = samples[other] as number
    samples[other] = samples[draw] as number
    samples[draw] = chosen
  }
  return Array.from(samples.subarray(0, count))
}
