/**
 * Trains a model for each line `{ "steps": N }` on stdin, and answers with a line; ends with stdin. Runs as a process or a worker thread.
 * The argument is JSON: `{ samples, rows, batchSize, threads, engine, hiddenSize, numLayers }`; what is left out is as in the tutorial. A line
 * may name other values: each network has a model of its own, which lives until the end.
 */
import { createInterface } from 'node:readline'
import { ImageRNN, loadMnist } from '../../dist/index.mjs'
import { withRows } from './image-rows.mjs'
import { trainSteps } from './train-steps.mjs'

const usual = JSON.parse(process.argv[2])
const { train } = await loadMnist()
const models = new Map()
const datasets = new Map()

/** What `make` made for these values before, or makes now. */
function kept(map, values, make) {
  const key = JSON.stringify(values)
  if (!map.has(key)) map.set(key, make())
  return map.get(key)
}

function modelFor({ threads, engine, hiddenSize, numLayers }) {
  const options = { threads, engine, hiddenSize, numLayers }
  return kept(models, options, () => new ImageRNN({ device: 'cpu', seed: 1, ...options }))
}

function datasetFor({ samples, rows = 28 }) {
  return kept(datasets, { samples, rows }, () => withRows(train.slice(0, samples), rows))
}

modelFor(usual) // So that a program that starts it learns at once what is wrong with the options.
for await (const line of createInterface({ input: process.stdin })) {
  const { steps, ...others } = JSON.parse(line)
  const setting = { ...usual, ...others }
  const model = modelFor(setting)
  const threads = await model.threadCount()
  console.log(JSON.stringify({ ...(await trainSteps(model, datasetFor(setting), steps, setting.batchSize)), threads }))
}
for (const model of models.values()) model.dispose()
