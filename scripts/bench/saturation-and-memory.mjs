/**
 * What keeps a trained network from learning more: how many of its units pass no gradient back, layer by layer and row by row of the images,
 * and how far back in an image the answer still depends on what is there. Two models side by side, tanh and ReLU, show how these differ.
 * Everything comes from the package's public functions: a forward hook (SaveFeatures) and `forward`.
 */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Argument, Command } from 'commander'
import { ImageRNN, loadMnist, SaveFeatures } from '../../dist/index.mjs'
import { BenchError } from './bench-error.mjs'
import { dataOption, integerOption, jsonOption } from './options.mjs'
import { checkResultsFile, Progress, table, writeResults } from './report.mjs'
import { mean } from './statistics.mjs'

const BENCHMARK = 'saturation-and-memory'
/** Where tanh has at most a tenth of its slope at 0: 1 - 0.95^2. */
const SATURATED_TANH = 0.95
/** By which pixels are changed, up and down. Their range is 0 to 1; logits are known to some 1e-6, so the derivative to some 1e-4. */
const STEP = 0.01

const SATURATION = {
  tanh: { title: `|h| > ${SATURATED_TANH}`, isSaturated: (state) => Math.abs(state) > SATURATED_TANH },
  relu: { title: 'h = 0', isSaturated: (state) => state === 0 },
}

/**
 * The images without their lower rows.
 *
 * @returns {{ data: Float32Array, shape: [number, number, number] }}
 */
function firstRows({ data, shape: [samples, height, columns] }, rows) {
  const part = new Float32Array(samples * rows * columns)
  for (let sample = 0; sample < samples; sample += 1) {
    const from = sample * height * columns
    part.set(data.subarray(from, from + rows * columns), sample * rows * columns)
  }
  return { data: part, shape: [samples, rows, columns] }
}

/**
 * The share of the states that pass next to no gradient back, 0 to 1: with tanh those of |h| > 0.95, with relu the zeros.
 *
 * A hook sees the states of every layer after the last row alone. What they are after an earlier row does not depend on the rows below it, so
 * that images which end there show them.
 *
 * @param {ImageRNN} model
 * @param {{ data: Float32Array, shape: [number, number, number] }} images - `[N, T, F]`.
 * @param {(row: number) => void} [onRow]
 * @returns {Promise<number[][]>} `[T][L]`: after each row, for each layer from the lowest.
 */
export async function saturationByRow(model, images, onRow = () => {}) {
  const { numLayers, nonlinearity } = model.options
  const { isSaturated } = SATURATION[nonlinearity]
  const activations = new SaveFeatures(model, 'basic_rnn')
  const shares = []
  try {
    for (let rows = 1; rows <= images.shape[1]; rows += 1) {
      onRow(rows)
      await model.forward(firstRows(images, rows))
      const { data } = activations.features[1] // [L, N, H]
      const size = data.length / numLayers
      const layers = Array.from({ length: numLayers }, (_, layer) => data.subarray(layer * size, (layer + 1) * size))
      shares.push(layers.map((states) => states.filter(isSaturated).length / size))
    }
  } finally {
    activations.close()
  }
  return shares
}

/** As many signs, 1 or -1, always the same ones. */
function randomSigns(count) {
  const bytes = createHash('shake256', { outputLength: Math.ceil(count / 8) })
    .update(BENCHMARK)
    .digest()
  return Float32Array.from({ length: count }, (_, index) => ((bytes[index >> 3] >> (index & 7)) & 1 ? 1 : -1))
}

/**
 * How strongly the logits depend on each row: the Frobenius norm of their derivative by the pixels of the row, as the root of its mean square
 * over the images. Each image's row is changed in a random direction of signs, by central differences; the mean of the squares of such
 * derivatives is the square of the norm (Hutchinson, A stochastic estimator of the trace of the influence matrix, 1989).
 *
 * @param {ImageRNN} model
 * @param {{ data: Float32Array, shape: [number, number, number] }} images - `[N, T, F]`.
 * @param {(row: number) => void} [onRow]
 * @returns {Promise<number[]>} `[T]`.
 */
export async function dependenceByRow(model, { data, shape }, onRow = () => {}) {
  const [samples, height, columns] = shape
  const signs = randomSigns(data.length)
  const changed = async (row, step) => {
    const moved = data.slice()
    for (let sample = 0; sample < samples; sample += 1) {
      const from = (sample * height + row) * columns
      for (let pixel = from; pixel < from + columns; pixel += 1) moved[pixel] += step * signs[pixel]
    }
    return (await model.forward({ data: moved, shape })).data
  }
  const norms = []
  for (let row = 0; row < height; row += 1) {
    onRow(row + 1)
    const [above, below] = [await changed(row, STEP), await changed(row, -STEP)]
    let squares = 0
    for (const [index, logit] of above.entries()) squares += ((logit - below[index]) / (2 * STEP)) ** 2
    norms.push(Math.sqrt(squares / samples))
  }
  return norms
}

/** The file of a model, or of the model in the folder of a run. */
function modelFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, 'model.safetensors') : path
}

/** The first test images as floats from 0 to 1, so that they can be changed by less than a grey value. */
function floatImages(test, wanted) {
  const { data, shape } = test.images(0, Math.min(wanted, test.length))
  return { data: data instanceof Uint8Array ? Float32Array.from(data, (grey) => grey / 255) : data, shape }
}

async function lookInside(path, images, progress) {
  const name = basename(path)
  const model = await ImageRNN.load(modelFile(path), { device: 'cpu' })
  try {
    const { inputSize, nonlinearity } = model.options
    if (inputSize !== images.shape[2])
      throw new BenchError(`Expected images of ${inputSize} columns for ${path} but received ${images.shape[2]}: give its data by --data.`)
    const show = (what) => (row) => progress.show(`${name}: ${what}, row ${row} of ${images.shape[1]}`)
    const saturation = await saturationByRow(model, images, show('states'))
    return { name, nonlinearity, saturation, dependence: await dependenceByRow(model, images, show('dependence')) }
  } finally {
    model.dispose()
  }
}

/** The table of a model: a line for each row of the images, the first one at the top, and the means. */
function tableOf({ name, nonlinearity, saturation, dependence }) {
  const { title } = SATURATION[nonlinearity]
  const layers = saturation[0].map((_, layer) => `layer ${layer + 1}: ${title}, %`)
  const largest = Math.max(...dependence)
  const line = (label, shares, norm) => [
    ...[label, ...shares.map((share) => (100 * share).toFixed(1))],
    ...[norm.toFixed(4), largest === 0 ? '' : ((100 * norm) / largest).toFixed(1)],
  ]
  const lines = saturation.map((shares, row) => line(String(row + 1), shares, dependence[row]))
  const means = saturation[0].map((_, layer) => mean(saturation.map((shares) => shares[layer])))
  const head = [`${name} (${nonlinearity}): row`, ...layers, '|d logits / d row|', '% of the largest']
  return [head, ...lines, line('mean', means, mean(dependence))]
}

async function run(paths, options) {
  checkResultsFile(options.json)
  const { test } = await loadMnist(options.data === undefined ? {} : { dir: options.data })
  const images = floatImages(test, options.images)
  const models = []
  const progress = new Progress()
  try {
    for (const path of paths) models.push(await lookInside(path, images, progress))
  } finally {
    progress.end()
  }
  const tables = models.map(tableOf)
  const method = `The first ${images.shape[0]} test images of ${options.data ?? 'MNIST'}. Rows count from the top.`
  console.log(`${method}\n`)
  console.log(tables.map(table).join('\n\n'))
  writeResults(options.json, { benchmark: BENCHMARK, options, models, method, tables })
}

export function saturationAndMemoryCommand() {
  return new Command(BENCHMARK)
    .summary('no benchmark: shows of trained models, row by row, how many units pass no gradient back, and what the logits depend on')
    .addArgument(new Argument('<models...>', 'folders of runs, or model files'))
    .addOption(integerOption('images', 'how many test images', 200, { max: 10_000 }))
    .addOption(dataOption())
    .addOption(jsonOption())
    .action(run)
}
