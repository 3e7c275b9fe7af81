/** Another native library that computes in this process with its own thread pool: onnxruntime-node, which the stress tests install. */
import { createRequire } from 'node:module'
import { join } from 'node:path'

const PACKAGES = join(import.meta.dirname, '..', '..', 'tests', 'stress', 'neighbours', 'node_modules')
/** Rows and columns of the matrix: a product takes some milliseconds and uses all of the library's threads. */
const SIZE = 512

/** An ONNX model of one MatMul node, y = x x, encoded as a protocol buffer: fields are [number, value]. */
function squareModel() {
  const field = (number, value) => {
    if (typeof value === 'number') return [number << 3, value]
    const bytes = typeof value === 'string' ? [...Buffer.from(value)] : value.flat()
    return [(number << 3) | 2, bytes.length, ...bytes]
  }
  const FLOAT = 1
  const value = (name) => [field(1, name), field(2, [field(1, [field(1, FLOAT)])])]
  const node = [field(1, 'x'), field(1, 'x'), field(2, 'y'), field(4, 'MatMul')]
  const graph = [field(1, node), field(2, 'square'), field(11, value('x')), field(12, value('y'))]
  return Uint8Array.from([field(1, 8), field(7, graph), field(8, [field(2, 13)])].flat())
}

/** Computes again and again. Returns, after the first result, a function that ends it. */
export async function startInference() {
  const ort = createRequire(import.meta.url)(join(PACKAGES, 'onnxruntime-node'))
  const session = await ort.InferenceSession.create(squareModel())
  const x = new ort.Tensor('float32', new Float32Array(SIZE * SIZE).fill(1 / SIZE), [SIZE, SIZE])
  await session.run({ x })
  let stopped = false
  const loop = (async () => {
    while (!stopped) await session.run({ x })
  })()
  return async () => {
    stopped = true
    await loop
    await session.release()
  }
}
