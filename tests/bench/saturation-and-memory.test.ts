/** What is computed from the states and the logits of a network, against networks that can be computed by hand. */
import { join } from 'node:path'
import { runModule } from '../support/bootstrap-modules'
import { MAIN, TINY_RUN } from '../support/command-line'
import { expectClose } from '../support/expect-close'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { writeTinyMnist } from '../support/tiny-mnist'

const path = useTemporaryFolder()
const BENCH = join(REPOSITORY, 'scripts', 'bench', 'run.mjs')

/** Computes with a model of one layer that reads one pixel a row, without biases, from three images of four rows. */
function look(nonlinearity: string, weights: { ih: number[]; hh: number[]; fc: number[] }, expression: string): Promise<unknown> {
  const text = `
    const { ih, hh, fc } = ${JSON.stringify(weights)}
    const tensor = (data, ...shape) => ({ data: Float32Array.from(data), shape })
    const options = { inputSize: 1, hiddenSize: 2, numLayers: 1, numClasses: 3, nonlinearity: '${nonlinearity}', device: 'cpu', threads: 1 }
    const model = new ImageRNN(options)
    await model.loadStateDict(new Map(Object.entries({
      'basic_rnn.weight_ih_l0': tensor(ih, 2, 1), 'basic_rnn.weight_hh_l0': tensor(hh, 2, 2),
      'basic_rnn.bias_ih_l0': tensor([0, 0], 2), 'basic_rnn.bias_hh_l0': tensor([0, 0], 2),
      'FC.weight': tensor(fc, 3, 2), 'FC.bias': tensor([1, 2, 3], 3),
    })))
    const images = tensor([0.5, 0.2, 0.3, 0.9, 0.1, 0.5, 0.7, 0.4, 0.2, 0.2, 0.6, 0.8], 3, 4, 1)
    console.log(JSON.stringify(${expression}))
  `
  return runModule(['../bench/saturation-and-memory.mjs', '../../dist/index.mjs'], text)
}

test('with relu: one unit sums all rows up, the other one is always zero', async () => {
  const weights = { ih: [1, -1], hh: [1, 0, 0, 1], fc: [2, 7, -1, 7, 0, 7] }
  const both = '[await saturationByRow(model, images), await dependenceByRow(model, images)]'
  const [saturation, dependence] = (await look('relu', weights, both)) as [number[][], number[]]
  expect(saturation).toEqual([[0.5], [0.5], [0.5], [0.5]])
  const norm = Math.hypot(2, -1, 0) // The derivative of the logits by any pixel.
  expectClose(dependence, [norm, norm, norm, norm], { rtol: 1e-4 })
})

test('with tanh: a steep unit saturates, and only the last row counts where there is no recurrence', async () => {
  const weights = { ih: [100, 0.5], hh: [0, 0, 0, 0], fc: [0, 3, 0, 4, 0, 0] }
  const both = '[await saturationByRow(model, images), await dependenceByRow(model, images)]'
  const [saturation, dependence] = (await look('tanh', weights, both)) as [number[][], number[]]
  expect(saturation).toEqual([[0.5], [0.5], [0.5], [0.5]])
  expectClose(dependence.slice(0, 3), [0, 0, 0], { atol: 1e-3 })
  const slopes = [0.9, 0.4, 0.8].map((pixel) => 5 * 0.5 * (1 - Math.tanh(0.5 * pixel) ** 2)) // 5 = |(3, 4)|.
  const meanSquare = slopes.reduce((sum, slope) => sum + slope ** 2, 0) / 3
  expectClose(dependence.slice(3), [Math.sqrt(meanSquare)], { rtol: 1e-3 })
})

test('the shares of the top layer are those that a hook sees row by row', async () => {
  const text = `
    const model = new ImageRNN({ inputSize: 3, hiddenSize: 5, numLayers: 2, nonlinearity: 'relu', device: 'cpu', threads: 1, seed: 4 })
    const images = { data: Float32Array.from({ length: 4 * 6 * 3 }, (_, index) => ((index * 37) % 101) / 50 - 1), shape: [4, 6, 3] }
    const shares = await saturationByRow(model, images)
    const activations = new SaveFeatures(model)
    await model.forward(images)
    const { data } = activations.features[0]
    const steps = Array.from({ length: 6 }, (_, step) => data.subarray(step * 20, (step + 1) * 20).filter((state) => state === 0).length / 20)
    console.log(JSON.stringify({ shares, steps }))
  `
  const { shares, steps } = (await runModule(['../bench/saturation-and-memory.mjs', '../../dist/index.mjs'], text)) as {
    shares: number[][]
    steps: number[]
  }
  expect(shares.map(([, top]) => top)).toEqual(steps)
  expect(new Set(steps).size).toBeGreaterThan(2)
})

test('it reads runs and model files, and tells what images a model needs', async () => {
  writeTinyMnist(path('data'))
  for (const nonlinearity of ['tanh', 'relu']) {
    const training = [...TINY_RUN, '--epochs', '1', '--nonlinearity', nonlinearity, '--run', nonlinearity]
    expect(await runNode([MAIN, ...training], { cwd: path() })).toMatchObject({ code: 0 })
  }
  const models = ['tanh', join('relu', 'model.safetensors')]
  const { code, stdout } = await runNode([BENCH, 'saturation-and-memory', ...models, '--data', 'data', '--images', '20'], { cwd: path() })
  expect(code).toBe(0)
  expect(stdout).toContain('The first 20 test images of data.')
  expect(stdout).toMatch(/^tanh \(tanh\): row {2}layer 1: \|h\| > 0\.95, % {2}\|d logits \/ d row\| {2}% of the largest$/m)
  expect(stdout).toMatch(/^model\.safetensors \(relu\): row {2}layer 1: h = 0, %/m)
  expect(stdout.match(/^28 /gm)).toHaveLength(2)

  const missing = await runNode([BENCH, 'saturation-and-memory', 'nowhere', '--data', 'data'], { cwd: path() })
  expect(missing.code).toBe(1)
  expect(missing.stderr).toContain('nowhere')
})
