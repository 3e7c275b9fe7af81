import { loadNative, native } from '../addon/native'
import { toPublicError } from '../addon/native-errors'
import { allocateResult } from '../addon/result-arrays'
import type { Tensor } from '../tensor'

/** A complex number. */
export interface Complex {
  readonly re: number
  readonly im: number
}

/**
 * The eigenvalues of a square matrix `[N, N]` that need not be symmetric, computed in float64 on another thread, in no certain
 * order. Loads libtorch as `loadLibtorch` does.
 *
 * @throws TorchRnnError `ERR_NOT_FINITE` for a matrix with NaN or an infinity; `ERR_LIBRARY_LOAD`, `ERR_OUT_OF_MEMORY`.
 */
export async function eigenvaluesOf(matrix: Readonly<Tensor>): Promise<Complex[]> {
  await loadNative()
  try {
    const { data } = await native().eigenvalues(matrix, allocateResult)
    return Array.from({ length: data.length / 2 }, (_, index) => ({ re: data[2 * index] as number, im: data[2 * index + 1] as number }))
  } catch (error) {
    throw toPublicError(error)
  }
}
