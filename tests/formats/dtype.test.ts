import { type Dtype, toFloat32, toFloat32InSlices } from '../../lib/formats/dtype'
import { areEqual, valuesOf } from '../support/damaged-safetensors'

/** Every bit pattern of 16 bits, so often that they fill one slice, and a part of a second one. */
const PATTERNS = new Uint16Array(17 * 2 ** 16 + 3).map((_, index) => index)
const allocate = (bytes: number) => new Uint8Array(bytes)

/** Counts turns of the event loop, from now on. */
function countTurns(): () => number {
  let turns = 0
  let next = setImmediate(function count() {
    turns += 1
    next = setImmediate(count)
  })
  return () => {
    clearImmediate(next)
    return turns
  }
}

test.each<[Dtype, ArrayBuffer]>([
  ['F16', PATTERNS.buffer],
  ['BF16', PATTERNS.buffer],
  ['F64', new Float64Array(PATTERNS.length).map((_, index) => index / 3).buffer],
])('%s is converted in slices, between which the event loop turns, to the same values as at once', async (dtype, buffer) => {
  const turns = countTurns()
  const values = await toFloat32InSlices(buffer, dtype, allocate)
  expect(turns()).toBeGreaterThan(0)
  expect(areEqual(values, valuesOf(dtype, Buffer.from(buffer)))).toBe(true)
  expect(Buffer.from(toFloat32(buffer, dtype).buffer).equals(Buffer.from(values.buffer))).toBe(true)
})

test('F32 stays where it is', async () => {
  const buffer = Float32Array.of(1, -2, 0.5).buffer
  expect((await toFloat32InSlices(buffer, 'F32', allocate)).buffer).toBe(buffer)
  expect(toFloat32(buffer, 'F32').buffer).toBe(buffer)
})

test('a tensor without values takes no turn', async () => {
  expect(await toFloat32InSlices(new ArrayBuffer(0), 'F16', allocate)).toEqual(new Float32Array(0))
})
