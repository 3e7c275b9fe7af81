/**
 * Other programs on what `exportOnnx` writes: ONNX's own checker in Python finds it valid, and ONNX Runtime computes what `forward` does.
 *
 * Tolerance: the same float32 arithmetic in another order of summation, as in tests/model/numbers.test.ts. The logits of ReLU, which does not
 * bound its values, are compared relative to their size.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toBinary } from '@bufbuild/protobuf'
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt'
import { ImageRNN, loadMnist } from '../../lib'
import type { ImageBatch } from '../../lib/data/image-batch'
import { file_onnx } from '../../lib/formats/onnx/onnx-proto'
import { expectClose } from '../support/expect-close'
import { runPython } from '../support/python'
import { AFTER_50_UPDATES, formulaWeights, REFERENCE_BATCH, reference } from '../support/reference-numbers'
import { REPOSITORY, runNode } from '../support/run-program'
import { useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

const TOLERANCE = 1e-5
const FEATURES = 28
const BATCHES = [1, 3, 128]
const ROWS = [1, 28, 40]
const NETWORKS = (['tanh', 'relu'] as const).flatMap((nonlinearity) => [1, 2, 3].map((numLayers) => ({ nonlinearity, numLayers })))

const CHECKER = join(__dirname, 'check_models.py')
/** Where the set-up installs it for the stress tests. */
const ONNX_RUNTIME = join(REPOSITORY, 'tests', 'stress', 'neighbours', 'node_modules', 'onnxruntime-node')

/** Checks files. Also compares our definition of the format with that of the checker. */
async function checkFiles(...files: string[]) {
  writeFileSync(path('descriptor'), toBinary(FileDescriptorProtoSchema, file_onnx.proto))
  return JSON.parse(await runPython([CHECKER, path('descriptor'), ...files], { packages: 'onnx' }))
}

interface Run {
  readonly model: string
  readonly images: ImageBatch
}

/** In a process of its own: jest gives its tests other arrays than those that native packages make. */
const COMPUTE = `
  const { readFileSync } = require('node:fs')
  const [runtime, file] = process.argv.slice(1)
  const { InferenceSession, Tensor } = require(runtime)
  const { models, runs } = JSON.parse(readFileSync(file, 'utf8'))
  async function compute() {
    const options = { intraOpNumThreads: 1, interOpNumThreads: 1 }
    const sessions = await Promise.all(models.map((model) => InferenceSession.create(model, options)))
    const results = []
    for (const { model, data, shape, lengths } of runs) {
      const images = new Tensor('float32', Float32Array.from(data), shape)
      const inputs = lengths === undefined ? { images } : { images, lengths: new Tensor('int32', Int32Array.from(lengths), [lengths.length]) }
      const { logits, ...others } = await sessions[models.indexOf(model)].run(inputs)
      results.push({ data: Array.from(logits.data), shape: logits.dims, others: Object.keys(others) })
    }
    console.log(JSON.stringify(results))
  }
  compute()
`

/** The logits of ONNX Runtime, one for each run. */
async function compute(runs: readonly Run[]): Promise<{ data: number[]; shape: number[]; others: string[] }[]> {
  const models = Array.from(new Set(runs.map(({ model }) => model)))
  const inputs = runs.map(({ model, images: { data, shape, lengths } }) => {
    return { model, data: Array.from(data), shape, lengths: lengths && Array.from(lengths) }
  })
  writeFileSync(path('runs.json'), JSON.stringify({ models, runs: inputs }))
  const outcome = await runNode(['-e', COMPUTE, ONNX_RUNTIME, path('runs.json')])
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(outcome.stdout)
}

/** Images `[N, T, F]` of numbers from 0 to 1 that follow no simple pattern. */
function formulaImages(count: number, rows: number): ImageBatch {
  const data = Float32Array.from({ length: count * rows * FEATURES }, (_, index) => Math.abs(Math.sin(index * 12.9898)))
  return { data, shape: [count, rows, FEATURES] }
}

test('every kind of network is valid, and gives the same logits for any number of images and rows', async () => {
  const images = BATCHES.flatMap((count) => ROWS.map((rows) => formulaImages(count, rows)))
  const cases = NETWORKS.flatMap((options) => images.map((batch) => ({ ...options, images: batch, model: fileOf(options) })))
  const models = new Map<string, ImageRNN>()
  for (const [index, options] of NETWORKS.entries()) {
    const model = createModel({ ...options, inputSize: FEATURES, hiddenSize: 30 + index, numClasses: 10, recurrentInit: 'uniform' })
    models.set(fileOf(options), model)
    await model.exportOnnx(fileOf(options))
  }
  const results = await compute(cases)
  expect(results).toHaveLength(cases.length)
  for (const [index, { model, images: batch, nonlinearity }] of cases.entries()) {
    const { data, shape, others } = results[index] as (typeof results)[number]
    const logits = await (models.get(model) as ImageRNN).forward(batch)
    expect({ shape, others }).toEqual({ shape: logits.shape, others: [] })
    expectClose(data, logits.data, { atol: TOLERANCE, rtol: nonlinearity === 'relu' ? TOLERANCE : 0 }, shape)
  }

  const { files, missing, fields, version } = await checkFiles(...models.keys())
  expect(files).toEqual(Array.from(models.values(), ({ parameterCount }) => ({ opset: 17, logits: ['N', 10], parameters: parameterCount })))
  // Fields keep their numbers in all versions, and an old Python has an older ONNX.
  expect({ version, missing, isWhole: fields > 150 }).toEqual({ version, missing: [], isWhole: true })
})

test('sequences of different length give the same logits', async () => {
  const model = createModel({ inputSize: FEATURES, hiddenSize: 20, numLayers: 2, numClasses: 10, recurrentInit: 'uniform' })
  await model.exportOnnx(path('model.onnx'), { lengths: true })
  const images = { ...formulaImages(6, 9), lengths: Int32Array.of(9, 1, 4, 9, 2, 7) }
  const [result] = await compute([{ model: path('model.onnx'), images }])
  expectClose(result?.data ?? [], (await model.forward(images)).data, { atol: TOLERANCE })
  const { files } = await checkFiles(path('model.onnx'))
  expect(files).toMatchObject([{ logits: ['N', 10] }])
})

test('a normalization is a part of the model', async () => {
  const images = formulaImages(3, 5)
  const normalization = { mean: Array.from({ length: FEATURES }, (_, feature) => feature / 50), std: new Array(FEATURES).fill(0.3) }
  const model = createModel({ inputSize: FEATURES, hiddenSize: 20, numLayers: 1, numClasses: 10, normalization })
  await model.exportOnnx(path('model.onnx'))
  const [result] = await compute([{ model: path('model.onnx'), images }])
  expectClose(result?.data ?? [], (await model.forward(images)).data, { atol: TOLERANCE })
  await checkFiles(path('model.onnx'))
})

function fileOf({ nonlinearity, numLayers }: (typeof NETWORKS)[number]): string {
  return path(`${nonlinearity}-${numLayers}.onnx`)
}

test.each(['tanh', 'relu'] as const)("a %s network gives PyTorch's logits", async (nonlinearity) => {
  const { train } = await loadMnist()
  const { data, shape } = train.images(0, REFERENCE_BATCH)
  const model = createModel({ inputSize: 28, hiddenSize: 150, numLayers: 3, numClasses: 10, nonlinearity })
  await model.loadStateDict(formulaWeights())
  await model.exportOnnx(path('model.onnx'))
  const pixels = Float32Array.from(data, (byte) => byte / 255)
  const [logits] = await compute([{ model: path('model.onnx'), images: { data: pixels, shape } }])
  const rtol = nonlinearity === 'relu' ? TOLERANCE : 0
  expectClose(logits?.data ?? [], reference[nonlinearity].logits.flat(), { atol: TOLERANCE, rtol }, [REFERENCE_BATCH, 10])
})

test("a model file of Python's gives PyTorch's logits", async () => {
  const { test: testSet } = await loadMnist()
  const { data, shape } = testSet.images(0, 4)
  await using model = await ImageRNN.load(AFTER_50_UPDATES, { device: 'cpu', threads: 1 })
  await model.exportOnnx(path('model.onnx'))
  const pixels = Float32Array.from(data, (byte) => byte / 255)
  const [logits] = await compute([{ model: path('model.onnx'), images: { data: pixels, shape } }])
  expectClose(logits?.data ?? [], reference.afterFileLogits.flat(), { atol: TOLERANCE }, [4, 10])
})

test('the smallest network is valid, and so is the deepest', async () => {
  const smallest = createModel({ inputSize: 1, hiddenSize: 1, numLayers: 1, numClasses: 1 })
  const deepest = createModel({ inputSize: 3, hiddenSize: 2, numLayers: 64, numClasses: 256 })
  await smallest.exportOnnx(path('smallest.onnx'))
  await deepest.exportOnnx(path('deepest.onnx'))
  expect(readdirSync(path()).sort()).toEqual(['deepest.onnx', 'smallest.onnx'])
  const { files } = await checkFiles(path('smallest.onnx'), path('deepest.onnx'))
  expect(files.map(({ logits }: { logits: unknown }) => logits)).toEqual([
    ['N', 1],
    ['N', 256],
  ])
  const images: ImageBatch = { data: Float32Array.from([0, 0.5, 1, 0.25, 0.75, 1]), shape: [1, 2, 3] }
  const [result] = await compute([{ model: path('deepest.onnx'), images }])
  expectClose(result?.data ?? [], (await deepest.forward(images)).data, { atol: TOLERANCE })
})
