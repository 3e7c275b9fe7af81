/** Looks for NaN and infinities in parameters. */
import { setImmediate } from 'node:timers/promises'

/** Values that are looked at in one go: some milliseconds' work, after which other events have their turn. */
const SLICE_VALUES = 2 ** 20

/** What is wrong with some parameters. */
export interface NotFinite {
  /** How many values are NaN or infinite. */
  readonly count: number
  /** How many values there are. */
  readonly of: number
  /** The first parameter that has one. */
  readonly name: string
}

/** Looks at all values. Undefined when each of them is finite. */
export async function findNotFinite(state: ReadonlyMap<string, { readonly data: Float32Array }>): Promise<NotFinite | undefined> {
  let [count, of, sinceBreak] = [0, 0, 0]
  let first: string | undefined
  for (const [name, { data }] of state) {
    for (let start = 0; start < data.length; start += SLICE_VALUES) {
      const slice = data.subarray(start, start + SLICE_VALUES)
      const found = countNotFinite(slice)
      if (found > 0) first ??= name
      count += found
      sinceBreak += slice.length
      if (sinceBreak < SLICE_VALUES) continue
      sinceBreak = 0
      await setImmediate()
    }
    of += data.length
  }
  return first === undefined ? undefined : { count, of, name: first }
}

/** "3 of 119110 parameters are not finite (NaN or infinite), the first in FC.bias". */
export function describeNotFinite({ count, of, name }: NotFinite): string {
  return `${count} of ${of} parameters ${count === 1 ? 'is' : 'are'} not finite (NaN or infinite), the first in ${name}`
}

/** A billion values deserve the fastest loop: by index, and with a difference that is 0 for finite numbers only. */
function countNotFinite(values: Float32Array): number {
  let count = 0
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number
    if (value - value !== 0) count += 1
  }
  return count
}
