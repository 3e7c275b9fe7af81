/** As addon-loop.mjs, but ONNX Runtime computes. It is asked for one image only. The argument is JSON: `{ file, threads }`. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { loadMnist } from '../../../dist/index.mjs'
import { timesOfCalls } from './calls.mjs'

const PACKAGES = join(import.meta.dirname, '..', '..', '..', 'tests', 'stress', 'neighbours', 'node_modules')
const { InferenceSession, Tensor } = createRequire(import.meta.url)(join(PACKAGES, 'onnxruntime-node'))

const { file, threads } = JSON.parse(process.argv[2])
const session = await InferenceSession.create(file, threads === 0 ? {} : { intraOpNumThreads: threads })
const { test } = await loadMnist()
const { data, shape } = test.images(0, 1)

/** What predict() does: pixels to floats, logits, and the class with the highest one. */
async function predict() {
  const images = new Tensor(
    'float32',
    Float32Array.from(data, (byte) => byte / 255),
    shape,
  )
  const { logits } = await session.run({ images })
  return logits.data.indexOf(Math.max(...logits.data))
}

for await (const line of createInterface({ input: process.stdin })) {
  const { calls } = JSON.parse(line)
  const found = await predict()
  console.log(JSON.stringify({ milliseconds: await timesOfCalls(calls, predict), class: found }))
}
await session.release()
