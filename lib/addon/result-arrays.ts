/** The arrays of the addon's results. */
import { describeShape, TorchRnnError } from '../errors'
import type { NativeArray, NativeDoubles } from './binding'

/**
 * Makes an array that the addon fills. Because it is made here, its memory is JavaScript's own and can be transferred to a worker, and the array
 * belongs to the realm of this module. Inside a vm context, such as one of jest's, the addon itself could only make arrays of another realm.
 *
 * @throws TorchRnnError `ERR_OUT_OF_MEMORY`
 */
export function allocateResult(dtype: 'float32' | 'float64', shape: readonly number[]): NativeArray | NativeDoubles {
  const ownShape = Array.from(shape)
  const length = ownShape.reduce((product, size) => product * size, 1)
  try {
    if (dtype === 'float64') return { data: new Float64Array(new ArrayBuffer(8 * length)), shape: ownShape }
    // Over an ArrayBuffer that is made by its global name: jest gives its contexts another one than that which the array would make itself.
    return { data: new Float32Array(new ArrayBuffer(4 * length)), shape: ownShape }
  } catch (cause) {
    // A RangeError: every length that the addon asks for is a valid one.
    throw new TorchRnnError('ERR_OUT_OF_MEMORY', `Not enough memory for a result of shape ${describeShape(ownShape)}.`, { cause })
  }
}
