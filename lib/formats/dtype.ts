/** Bytes of one element of each type that can be read. */
export const DTYPE_BYTES = { F64: 8, F32: 4, F16: 2, BF16: 2 } as const

/** An element type of a safetensors file. */
export type Dtype = keyof typeof DTYPE_BYTES

export function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BYTES, value)
}

/**
 * Turns elements of a type into float32 values. F64 is rounded; the smaller types fit exactly. Files are little-endian, and so is the
 * machine: loadAddon refuses any other.
 *
 * @param buffer - The elements. F32 stay in it.
 */
export function toFloat32(buffer: ArrayBuffer, dtype: Dtype): Float32Array {
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer)
    case 'F64':
      return new Float32Array(new Float64Array(buffer))
    case 'BF16':
      // bfloat16 is the upper half of a float32.
      return new Float32Array(new Uint32Array(new Uint16Array(buffer)).map((upper) => upper << 16).buffer)
    case 'F16': {
      halves ??= new Float32Array(2 ** 16).map((_, bits) => halfToNumber(bits))
      const values = halves
      return new Float32Array(new Uint16Array(buffer)).map((bits) => values[bits] as number)
    }
  }
}

/** All values of F16 by their bits: looked up, millions are converted in the time that the event loop can spare. */
let halves: Float32Array | undefined

function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}
