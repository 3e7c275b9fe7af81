/**
 * Inference of this package, for inference.mjs: answers `{ work: "evaluate", batchSize }` or `{ work: "one", calls }` on stdin with a line of
 * milliseconds; ends with stdin. The argument is JSON: `{ engine, threads, file }`, the file of a model.
 */
import { createInterface } from 'node:readline'
import { ImageRNN, loadMnist } from '../../../dist/index.mjs'
import { timesOfCalls } from './calls.mjs'

const { engine, threads, file } = JSON.parse(process.argv[2])
const { test } = await loadMnist()
const model = await ImageRNN.load(file, { device: 'cpu', engine, threads })
const image = test.images(0, 1)

const WORKS = {
  async evaluate({ batchSize }) {
    const started = performance.now()
    const { accuracy } = await model.evaluate(test, { batchSize })
    return { milliseconds: performance.now() - started, hits: Math.round(accuracy * test.length) }
  },
  async one({ calls }) {
    const { classes } = await model.predict(image)
    return { milliseconds: await timesOfCalls(calls, () => model.predict(image)), class: classes[0] }
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { work, ...setting } = JSON.parse(line)
  console.log(JSON.stringify({ ...(await WORKS[work](setting)), threads: await model.threadCount() }))
}
model.dispose()
