import { setImmediate } from 'node:timers/promises'

/** Bytes of one element of each type that can be read. */
export const DTYPE_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const

/** An element type of a safetensors file. */
export type Dtype = keyof typeof DTYPE_BYTES

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value)
}

/** Values that are converted in one go: a few milliseconds. */
const SLICE_VALUES = 2 ** 20

/**
 * Turns elements of a type into float32 values. F64 is rounded; the smaller types fit exactly. Files are little-endian, and so is the
 * machine: loadAddon refuses any other.
 *
 * @param buffer - The elements. F32 stay in it.
 */
export function toFloat32(buffer: ArrayBuffer, dtype: Dtype): Float32Array {
  if (dtype === 'F32') return new Float32Array(buffer)
  const values = new Float32Array(buffer.byteLength / DTYPE_BYTES[dtype])
  convert(buffer, dtype, values, 0, values.length)
  return values
}

/**
 * Does the same in slices, with a turn of the event loop after each: a tensor may have hundreds of millions of values.
 *
 * @param allocate - Takes the memory for a number of bytes. Not called for F32.
 */
export async function toFloat32InSlices(
  buffer: ArrayBuffer,
  dtype: Dtype,
  allocate: (bytes: number) => Uint8Array<ArrayBuffer>,
): Promise<Float32Array> {
  if (dtype === 'F32') return new Float32Array(buffer)
  const count = buffer.byteLength / DTYPE_BYTES[dtype]
  const values = new Float32Array(allocate(count * DTYPE_BYTES.F32).buffer)
  for (let first = 0; first < count; first += SLICE_VALUES) {
    convert(buffer, dtype, values, first, Math.min(first + SLICE_VALUES, count))
    await setImmediate()
  }
  return values
}

/** Converts the elements from `first` up to, and without, `end` into `values`, which has a place for each of the buffer's elements. */
function convert(buffer: ArrayBuffer, dtype: Exclude<Dtype, 'F32'>, values: Float32Array, first: number, end: number): void {
  switch (dtype) {
    case 'F64':
      values.set(new Float64Array(buffer).subarray(first, end), first)
      return
    case 'BF16': {
      // bfloat16 is the upper half of a float32.
      const [elements, bits] = [new Uint16Array(buffer), new Uint32Array(values.buffer)]
      for (let index = first; index < end; index += 1) bits[index] = (elements[index] as number) << 16
      return
    }
    case 'F16': {
      halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfToNumber(bits))
      const [elements, table] = [new Uint16Array(buffer), halves]
      for (let index = first; index < end; index += 1) values[index] = table[elements[index] as number] as number
    }
  }
}

/** All values of F16 by their bits: looked up, millions are converted in the time that the event loop can spare. */
let halves: Float32Array | undefined

export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
