/** Sets of options that go well together. */
import type { ModelOptions, TrainHyperparameters } from '../options/options'
import { hasEffect } from './combinations'

/** A network, and how to train it. */
export interface Recipe {
  /** For `new ImageRNN()`. */
  readonly model: Readonly<ModelOptions>
  /** For `train`. */
  readonly training: Readonly<TrainHyperparameters>
}

/** The names of {@link RECIPES}. */
export type RecipeName = 'tutorial' | 'quick' | 'accurate'

/** What `quick` and `accurate` have in common. */
const MUON = {
  batchSize: 64,
  optimizer: 'muon',
  betas: [0.9, 0.99],
  weightDecay: 0.05,
  clipGradNorm: 0.5,
  schedule: 'warmup-cosine',
  warmup: 0.1,
} as const satisfies TrainHyperparameters

/**
 * Recipes by name. `tutorial` is the defaults of all options. `accurate` makes a sixth of its mistakes in as many epochs, which take longer:
 * ReLU, Muon with a warm-up and half a cosine wave, clipped gradients, small batches, and images that are changed a little every time. `quick`
 * is the same in two epochs, with smaller changes: the shortest way to 98.5 % and a little more. Their values were chosen on validation samples
 * of MNIST's training set.
 *
 * @example
 * const model = new ImageRNN({ ...RECIPES.accurate.model, seed: 1 })
 * await model.train(train, { ...RECIPES.accurate.training, epochs: 5 })
 */
export const RECIPES: Readonly<Record<RecipeName, Recipe>> = {
  tutorial: { model: {}, training: {} },
  quick: {
    model: { nonlinearity: 'relu' },
    training: { ...MUON, epochs: 2, learningRate: 2e-3, augmentShift: 0.7, augmentRotation: 4, augmentScale: 0.04 },
  },
  accurate: {
    model: { nonlinearity: 'relu' },
    training: { ...MUON, epochs: 10, learningRate: 1.5e-3, augmentShift: 1.5, augmentRotation: 8, augmentScale: 0.08 },
  },
}

/**
 * Options as a recipe completes them: its values take the place of the defaults. Those that would have no effect beside what the user chose,
 * such as another schedule, are left out. So is the weight decay beside another optimizer, where it means something else.
 *
 * @param options - With defaults where the user gave nothing.
 * @param given - The names of those that the user gave.
 */
export function withRecipe<Options extends object>(options: Options, name: RecipeName, given: ReadonlySet<string>): Options {
  const added = recipeOptions(name).filter(([key]) => !given.has(key))
  const completed = { ...options, ...Object.fromEntries(added) }
  const isOther = (completed as TrainHyperparameters).optimizer !== (RECIPES[name] as Recipe).training.optimizer
  const idle = added.filter(([key]) => !hasEffect(key, completed) || (key === 'weightDecay' && isOther))
  return { ...completed, ...Object.fromEntries(idle.map(([key]) => [key, (options as Record<string, unknown>)[key]])) }
}

/** A recipe as the options that it stands for. */
export function recipeOptions(name: RecipeName): [string, unknown][] {
  const { model, training } = RECIPES[name] as Recipe
  return Object.entries({ ...model, ...training })
}
