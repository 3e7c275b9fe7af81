/** scripts/bench/recipe.py trains as this package does: losses that it computed, from the same parameters, in the same order of the images. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadMnist, type ModelOptions, type Tensor, type TrainHyperparameters } from '../../lib'
import { pickOptions } from '../../lib/options/checks'
import { HYPERPARAMETERS, MODEL_OPTIONS } from '../../lib/options/options'
import { expectClose } from '../support/expect-close'
import { useModels } from '../support/sample-models'

const createModel = useModels()
/** Float32 sums in another order, over 30 updates. */
const TOLERANCE = { rtol: 1e-4 }
/** An image may be so close to the border between two classes that rounding decides. */
const ONE_IMAGE = { atol: 0.0101 }

interface Case {
  readonly options: ModelOptions & TrainHyperparameters
  readonly result: { epochs: { trainLoss: number; trainAccuracy: number }[]; testLoss: number; testAccuracy: number }
}

const FIXTURE = join(__dirname, '..', 'fixtures', 'recipe', 'recipe.json')
const { torch: _, ...CASES } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as Record<string, Case>

/** The parameters that the fixture's script starts from. */
function formulaValues(length: number): Float32Array {
  return Float32Array.from({ length }, (_value, index) => (((7919 * index) % 1000) / 500 - 1) / 4)
}

describe.each(Object.entries(CASES))('%s', (_name, { options, result }) => {
  test.each(['torch', 'fused'] as const)('engine %s', async (engine) => {
    const { train, test: testing } = await loadMnist()
    const model = createModel({ ...pickOptions(MODEL_OPTIONS, options as never), engine, device: 'cpu', threads: 1 })
    const filled = Array.from(await model.stateDict(), ([name, { data, shape }]): [string, Tensor] => {
      return [name, { data: name.includes('weight_hh') ? data : formulaValues(data.length), shape }]
    })
    await model.loadStateDict(new Map(filled))
    const { epochs } = await model.train(train.slice(0, 300), pickOptions(HYPERPARAMETERS, options as never))
    const { loss, accuracy } = await model.evaluate(testing.slice(0, 100))
    const losses = [...result.epochs.map(({ trainLoss }) => trainLoss), result.testLoss]
    expectClose([...epochs.map(({ trainLoss }) => trainLoss), loss], losses, TOLERANCE)
    const accuracies = [...result.epochs.map(({ trainAccuracy }) => trainAccuracy), result.testAccuracy]
    expectClose([...epochs.map(({ trainAccuracy }) => trainAccuracy), accuracy], accuracies, ONE_IMAGE)
  })
})
