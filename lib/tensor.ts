/** Float32 numbers with a shape, row-major: the last dimension is contiguous. */
export interface Tensor {
  /** The values; as many as the product of the shape. */
  data: Float32Array
  /** The size of each dimension. */
  shape: number[]
}
