/** Half of the comparison in steps.mjs: trains once over the first samples of MNIST for every line on stdin. */
import { createInterface } from 'node:readline'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'

const [samples, batchSize] = process.argv.slice(2).map(Number)
const { train } = await loadMnist()
const dataset = train.slice(0, samples)
const model = new ImageRNN({ device: 'cpu', seed: 1 })
const threads = await model.threadCount()

for await (const _ of createInterface({ input: process.stdin })) {
  const started = performance.now()
  const { epochs } = await model.train(dataset, { epochs: 1, batchSize })
  const seconds = (performance.now() - started) / 1000
  console.log(JSON.stringify({ seconds, threads, loss: epochs[0].trainLoss }))
}
