/** What a training that is started in the page can be asked for: a few of the options of `train`, in narrower limits. */
import { checkOption, resolveOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { OptionTable } from '../options/specs'
import { RECIPES, type RecipeName, recipeOptions } from '../training/recipes'
import type { RecipeView } from './messages'

/** A page starts a training with a click, so nothing here can take all of a machine's memory or a year. */
const SETTINGS = {
  recipe: { kind: 'choice', choices: Object.keys(RECIPES) as RecipeName[], default: 'tutorial', summary: 'values for all other options' },
  epochs: { ...OPTIONS.training.epochs, max: 100 },
  hiddenSize: { ...OPTIONS.architecture.hiddenSize, max: 512 },
  learningRate: { ...OPTIONS.optimizer.learningRate, max: 1 },
} as const satisfies OptionTable

/** A training as it is asked for: checked, with the recipe's values where nothing else was said. */
export interface TrainingSettings {
  readonly recipe: RecipeName
  readonly epochs: number
  readonly hiddenSize: number
  readonly learningRate: number
}

/** @param asked - What came from the page: anything. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkSettings(asked: unknown): TrainingSettings {
  const given = resolveOptions(SETTINGS, asked, 'the training')
  const named = typeof asked === 'object' && asked !== null ? Object.entries(asked).filter(([, value]) => value !== undefined) : []
  const { recipe } = given
  return { ...given, ...valuesOf(recipe), ...Object.fromEntries(named) }
}

/** The recipes with their values, for the page. */
export const RECIPE_VIEWS: readonly RecipeView[] = SETTINGS.recipe.choices.map((name) => ({ name, ...valuesOf(name) }))

function valuesOf(recipe: RecipeName): Omit<RecipeView, 'name'> {
  const values = Object.fromEntries(recipeOptions(recipe))
  const numberOf = (name: 'epochs' | 'hiddenSize' | 'learningRate') =>
    checkOption(name, SETTINGS[name], values[name] ?? SETTINGS[name].default)
  return { epochs: numberOf('epochs'), hiddenSize: numberOf('hiddenSize'), learningRate: numberOf('learningRate') }
}
