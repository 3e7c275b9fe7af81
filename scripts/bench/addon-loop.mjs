/**
 * Trains a model for each line `{ "steps": N }` on stdin, and answers with a line; ends with stdin. Runs as a process or a worker thread.
 * The argument is JSON: `{ samples, batchSize, threads, engine }`.
 */
import { createInterface } from 'node:readline'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { trainSteps } from './train-steps.mjs'

const { samples, batchSize, threads: asked, engine } = JSON.parse(process.argv[2])
const { train } = await loadMnist()
const dataset = train.slice(0, samples)
const model = new ImageRNN({ device: 'cpu', seed: 1, threads: asked, engine })
const threads = await model.threadCount()

for await (const line of createInterface({ input: process.stdin })) {
  const { steps } = JSON.parse(line)
  console.log(JSON.stringify({ ...(await trainSteps(model, dataset, steps, batchSize)), threads }))
}
model.dispose()
