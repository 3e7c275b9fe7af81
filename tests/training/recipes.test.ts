/** Recipes, and options that contradict each other. */
import { RECIPES, type TrainOptions } from '../../lib'
import { resolveOptions } from '../../lib/options/checks'
import { HYPERPARAMETERS, MODEL_OPTIONS } from '../../lib/options/options'
import { checkCombinations } from '../../lib/training/combinations'
import { type RecipeName, withRecipe } from '../../lib/training/recipes'
import { expectError } from '../support/expect-error'
import { smallDataset, useModels } from '../support/sample-models'

const createModel = useModels()
const DATA = smallDataset(12)

/** Options with their defaults, as a command line has them. */
function withDefaults(given: object = {}) {
  return resolveOptions({ ...MODEL_OPTIONS, ...HYPERPARAMETERS }, given, 'train')
}

test.each(Object.keys(RECIPES) as RecipeName[])('the recipe %s is made of options that fit together', (name) => {
  const { model, training } = RECIPES[name]
  resolveOptions(MODEL_OPTIONS, model, 'ImageRNN')
  checkCombinations(resolveOptions(HYPERPARAMETERS, training, 'train'))
})

test('the recipe tutorial is the defaults', () => {
  expect(withRecipe(withDefaults(), 'tutorial', new Set())).toEqual(withDefaults())
})

test('a recipe can be spread into the options of the API', async () => {
  const model = createModel(RECIPES.accurate.model)
  expect(model.options.nonlinearity).toBe('relu')
  const { epochs } = await model.train(DATA, { ...RECIPES.accurate.training, epochs: 2 })
  expect(epochs).toHaveLength(2)
})

test('what the user gives comes before the recipe', () => {
  const { model, training } = RECIPES.accurate
  const completed = withRecipe(withDefaults(), 'accurate', new Set())
  expect(completed).toEqual({ ...withDefaults(), ...model, ...training })
  // The value of the default, too.
  const given = { epochs: HYPERPARAMETERS.epochs.default, nonlinearity: 'tanh' }
  expect(withRecipe(withDefaults(given), 'accurate', new Set(Object.keys(given)))).toEqual({ ...completed, ...given })
})

test('the weight decay is that of the optimizer of the recipe', () => {
  const completed = withRecipe(withDefaults({ optimizer: 'adam' }), 'accurate', new Set(['optimizer']))
  expect(completed.weightDecay).toBeUndefined()
  const other = withRecipe(withDefaults({ optimizer: 'adam', weightDecay: 0.3 }), 'accurate', new Set(['optimizer', 'weightDecay']))
  expect(other.weightDecay).toBe(0.3)
})

test('values of a recipe that have no effect beside those of the user are left out', () => {
  const given = { schedule: 'step', stepSize: 3 }
  const completed = withRecipe(withDefaults(given), 'accurate', new Set(Object.keys(given)))
  checkCombinations(completed)
  expect(completed).toMatchObject({ ...given, optimizer: RECIPES.accurate.training.optimizer })
})

test.each<[TrainOptions, string[]]>([
  [{ stepSize: 3 }, ['stepSize', 'schedule step']],
  [{ schedule: 'cosine', gamma: 0.5 }, ['gamma', 'schedule step or plateau']],
  [{ schedule: 'step', warmup: 0.1 }, ['warmup', 'schedule one-cycle or warmup-cosine']],
  [{ warmup: 0 }, ['warmup']],
  [{ minLearningRate: 1e-5 }, ['minLearningRate']],
  [{ schedule: 'step', plateauPatience: 3 }, ['plateauPatience', 'plateau']],
  [{ restoreBest: false }, ['restoreBest', 'earlyStoppingPatience']],
  [{ momentum: 0.9, optimizer: 'adamw' }, ['momentum', 'optimizer muon']],
  [{ schedule: 'cosine', minLearningRate: 0.01 }, ['minLearningRate', '0.001', '0.01 (number)']],
  [{ schedule: 'plateau', gamma: 1, validationSplit: 2 }, ['gamma', 'below 1']],
])('%j is refused', async (options, parts) => {
  await expectError(() => createModel().train(DATA, options), 'ERR_INVALID_OPTION', ...parts)
})

test.each<TrainOptions>([
  { schedule: 'step', stepSize: 3, gamma: 0.5 },
  { schedule: 'one-cycle', warmup: 0.5 },
  { schedule: 'warmup-cosine', warmup: 0.5, minLearningRate: 1e-4 },
  { schedule: 'plateau', plateauPatience: 1, gamma: 0.5, minLearningRate: 1e-3, validationSplit: 2 },
  { earlyStoppingPatience: 1, restoreBest: false, validationSplit: 2 },
  // All defaults: an object of resolved options can be given back.
  resolveOptions(HYPERPARAMETERS, {}, 'train'),
])('%j is accepted', async (options) => {
  expect((await createModel().train(DATA, { ...options, epochs: 1 })).epochs).toHaveLength(1)
})

test('AdamW has a weight decay of 0.01 unless another is given, Muon of 0.1, Adam has none', async () => {
  const stateAfter = async (options: TrainOptions) => {
    const model = createModel()
    await model.train(DATA, { epochs: 2, batchSize: 4, learningRate: 0.1, ...options })
    return await model.stateDict()
  }
  expect(await stateAfter({ optimizer: 'adamw' })).toEqual(await stateAfter({ optimizer: 'adamw', weightDecay: 0.01 }))
  expect(await stateAfter({ optimizer: 'adamw' })).not.toEqual(await stateAfter({ optimizer: 'adamw', weightDecay: 0 }))
  expect(await stateAfter({ optimizer: 'muon' })).toEqual(await stateAfter({ optimizer: 'muon', weightDecay: 0.1 }))
  expect(await stateAfter({ optimizer: 'muon' })).not.toEqual(await stateAfter({ optimizer: 'muon', weightDecay: 0 }))
  expect(await stateAfter({})).toEqual(await stateAfter({ weightDecay: 0 }))
})
