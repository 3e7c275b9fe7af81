import { philox4x32, randomOrder } from '../../lib/data/philox'

const ONES = 0xffffffff

/** Counter, key and result: philox4x32 with 10 rounds in kat_vectors of Random123, the library of Philox's authors. */
test.each([
  [
    [0, 0, 0, 0],
    [0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [ONES, ONES, ONES, ONES],
    [ONES, ONES],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xa4093822, 0x299f31d0],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const)('Philox gives the published answer for the counter %j and the key %j', (counter, key, result) => {
  expect(philox4x32(counter, key)).toEqual(result)
})

const MAX_SEED = Number.MAX_SAFE_INTEGER

/** Literal answers: every seeded split depends on them, so a change of the definition must be noticed. */
test.each([
  [0, [1, 3, 6, 8, 2, 0, 5, 7, 4, 9]],
  [1, [6, 8, 2, 3, 1, 0, 4, 7, 5, 9]],
  [2 ** 32 - 1, [9, 4, 0, 6, 8, 5, 7, 3, 1, 2]],
  [2 ** 32, [9, 8, 1, 3, 5, 4, 0, 6, 7, 2]],
  [2 ** 40 + 12345, [4, 0, 9, 7, 6, 2, 5, 3, 8, 1]],
  [MAX_SEED, [9, 1, 4, 5, 0, 3, 7, 8, 2, 6]],
])('the order of a split is fixed with seed %d', (seed, order) => {
  expect(Array.from(randomOrder(seed, 'split', 0, order.length))).toEqual(order)
})

test('the order of an epoch is the one in tests/native/random_test.cc', () => {
  expect(Array.from(randomOrder(1, 'shuffle', 0, 10))).toEqual([8, 4, 6, 2, 9, 0, 3, 5, 7, 1])
  expect(Array.from(randomOrder(1, 'shuffle', 1, 10))).toEqual([2, 3, 7, 0, 6, 8, 1, 4, 5, 9])
  expect(Array.from(randomOrder(2, 'shuffle', 0, 10))).toEqual([3, 5, 4, 2, 7, 6, 1, 0, 9, 8])
})

test('every order is a permutation', () => {
  for (const count of [0, 1, 2, 127, 60_000]) {
    expect(randomOrder(1, 'picture', 0, count).sort()).toEqual(Uint32Array.from({ length: count }, (_, sample) => sample))
  }
})

test('orders differ by seed, purpose and epoch, in all bits of seed and epoch', () => {
  const orders = new Set<string>()
  for (const seed of [0, 1, 2 ** 32, MAX_SEED]) {
    for (const purpose of ['shuffle', 'split', 'picture', 'augment'] as const) {
      for (const epoch of [0, 1, 2 ** 32, 2 ** 48 - 1]) orders.add(randomOrder(seed, purpose, epoch, 100).join())
    }
  }
  expect(orders.size).toBe(4 * 4 * 4)
})
