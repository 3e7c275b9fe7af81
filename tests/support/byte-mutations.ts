/** Random damage to files of any kind, for property-based tests. */
import fc from 'fast-check'

/** Makes another file of one. It never changes the bytes that it is given. */
export type Mutation = (bytes: Buffer) => Buffer

/** A position in a file of any length, as a share of it. Often near the beginning, where the header is. */
const place = fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 0.25, noNaN: true }))
const at = (share: number, bytes: Buffer) => Math.min(Math.floor(share * bytes.length), Math.max(bytes.length - 1, 0))
const some = fc.uint8Array({ minLength: 1, maxLength: 20 })

/** Changes, removes, inserts or repeats bytes somewhere. */
export const byteMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([where, mask]) => (bytes: Buffer) => {
    const copy = Buffer.from(bytes)
    const index = at(where, copy)
    copy[index] = (copy[index] ?? 0) ^ mask
    return copy
  }),
  place.map((where) => (bytes: Buffer) => bytes.subarray(0, at(where, bytes))),
  fc.tuple(place, some).map(([where, extra]) => (bytes: Buffer) => {
    const index = at(where, bytes)
    return Buffer.concat([bytes.subarray(0, index), extra, bytes.subarray(index)])
  }),
  fc.tuple(place, place).map(([first, second]) => (bytes: Buffer) => {
    const [start, end] = [at(Math.min(first, second), bytes), at(Math.max(first, second), bytes)]
    return Buffer.concat([bytes.subarray(0, start), bytes.subarray(end)])
  }),
  some.map((extra) => (bytes: Buffer) => Buffer.concat([bytes, extra])),
  fc.constant<Mutation>((bytes) => Buffer.concat([bytes, bytes])),
)

/** One to three mutations, one after the other. */
export function severalOf(mutation: fc.Arbitrary<Mutation>): fc.Arbitrary<Mutation> {
  return fc.array(mutation, { minLength: 1, maxLength: 3 }).map(
    (all): Mutation =>
      (bytes) =>
        all.reduce((b, mutate) => mutate(b), bytes),
  )
}

/**
 * How a test asserts its property over so many mutants: over all of them, from this seed, where MUTATIONS_SEED is set, as `npm run test:mutations`
 * does; otherwise over a tenth, others in each run.
 */
export function mutants(all: number): { numRuns: number; seed?: number } {
  const seed = process.env['MUTATIONS_SEED']
  return seed === undefined ? { numRuns: Math.ceil(all / 10) } : { numRuns: all, seed: Number(seed) }
}
