/**
 * Random orders that need no stored state: each sample draws a key of its own from Philox4x32-10, a counter-based generator (Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", 2011), and the samples are sorted by their keys. native/core/runtime/random.cc makes the
 * same orders with at::Philox4_32.
 */

/**
 * What random numbers are for. No two purposes share them. The values are part of every reproducible result. `augment` is drawn by the addon
 * alone (native/core/data/augmentation.h).
 */
const PURPOSES = { shuffle: 1, split: 2, picture: 3, augment: 4, search: 5 } as const
export type RandomPurpose = keyof typeof PURPOSES

type Counter = readonly [number, number, number, number]
type Key = readonly [number, number]

const ROUNDS = 10
const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const
/** Added to the key in each round. */
const KEY_STEPS = [0x9e3779b9, 0xbb67ae85] as const
const TWO_32 = 2 ** 32

/**
 * A permutation of the samples 0 to `count` - 1 that depends on nothing but its arguments.
 *
 * @param seed - An integer, 0 to 2^53 - 1.
 * @param epoch - An integer, 0 to 2^48 - 1; 0 for what does not change from epoch to epoch.
 */
export function randomOrder(seed: number, purpose: RandomPurpose, epoch: number, count: number): Uint32Array {
  const key = [lowWord(seed), highWord(seed)] as const
  const stream = [lowWord(epoch), ((PURPOSES[purpose] << 16) | highWord(epoch)) >>> 0] as const
  const upper = new Uint32Array(count)
  const lower = new Uint32Array(count)
  for (let sample = 0; sample < count; sample += 1) {
    const words = philox4x32([sample, 0, ...stream], key)
    upper[sample] = words[0]
    lower[sample] = words[1]
  }
  const difference = (words: Uint32Array, a: number, b: number) => (words[a] as number) - (words[b] as number)
  const samples = Uint32Array.from({ length: count }, (_, sample) => sample)
  // Equal keys fall back to the number of the sample.
  return samples.sort((a, b) => difference(upper, a, b) || difference(lower, a, b) || a - b)
}

/**
 * A number from 0 to below 1, in steps of 2^-53, that depends on nothing but its arguments.
 *
 * @param seed - An integer, 0 to 2^53 - 1.
 * @param place - Three integers, 0 to 2^32 - 1, that tell one number of the purpose from the others.
 */
export function randomUniform(seed: number, purpose: RandomPurpose, place: readonly [number, number, number]): number {
  const [high, low] = philox4x32([...place, (PURPOSES[purpose] << 16) >>> 0], [lowWord(seed), highWord(seed)])
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53
}

/** Four random words for a counter and a key. All words have 32 bits; the lowest word comes first. */
export function philox4x32(counter: Counter, key: Key): Counter {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < ROUNDS; round += 1) {
    const [high0, low0] = [highProduct(MULTIPLIERS[0], c0), Math.imul(MULTIPLIERS[0], c0)]
    const [high1, low1] = [highProduct(MULTIPLIERS[1], c2), Math.imul(MULTIPLIERS[1], c2)]
    c0 = high1 ^ c1 ^ k0
    c1 = low1
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = (k0 + KEY_STEPS[0]) | 0
    k1 = (k1 + KEY_STEPS[1]) | 0
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0]
}

/** The upper 32 bits of the product of two unsigned 32-bit numbers. Halves of 16 bits keep every partial product exact. */
function highProduct(a: number, b: number): number {
  const [aLow, aHigh, bLow, bHigh] = [a & 0xffff, a >>> 16, b & 0xffff, b >>> 16]
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const carry = aLow * bHigh + (middle & 0xffff)
  return aHigh * bHigh + (middle >>> 16) + (carry >>> 16)
}

function lowWord(value: number): number {
  return value >>> 0
}

function highWord(value: number): number {
  return Math.floor(value / TWO_32)
}
