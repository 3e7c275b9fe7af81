/** The flags of `train`. */
import { flagOf } from '../../options/flag-words'
import { HYPERPARAMETERS, NETWORK_CHOICES, OPTIONS } from '../../options/options'
import type { OptionTable, Resolved } from '../../options/specs'
import { RECIPES, type RecipeName, recipeOptions } from '../../training/recipes'
import { SHARED_OPTIONS, type SharedFlags } from '../define-command'

/** The recipe that completes the options. */
export const RECIPE_OPTIONS = {
  recipe: {
    kind: 'choice',
    choices: Object.keys(RECIPES) as RecipeName[],
    default: 'tutorial',
    summary: 'values for the options that you do not give, see below',
  },
} as const satisfies OptionTable

export const MODEL_OPTION = {
  model: { kind: 'path', of: 'file', optional: true, summary: 'go on from this trained model', whenAbsent: 'a new network' },
} as const

export const NORMALIZE_OPTION = {
  normalize: {
    kind: 'boolean',
    default: false,
    summary:
      "let a new network subtract each column's mean over the images that it learns from, and divide by its deviation; it keeps both",
  },
} as const

export const TRAIN_OPTIONS = {
  ...RECIPE_OPTIONS,
  ...HYPERPARAMETERS,
  ...NETWORK_CHOICES,
  ...NORMALIZE_OPTION,
  ...MODEL_OPTION,
  ...OPTIONS.run,
  ...OPTIONS.checkpoints,
  ...SHARED_OPTIONS,
}

/** What `--help` shows the flags below. */
export const HEADINGS = {
  Training: { ...RECIPE_OPTIONS, ...OPTIONS.training },
  Optimizer: OPTIONS.optimizer,
  'Learning rate': OPTIONS.schedule,
  'Validation and early stopping': { ...OPTIONS.validation, ...OPTIONS.earlyStopping },
  'Random changes of the training images': OPTIONS.augmentation,
  Network: { ...NETWORK_CHOICES, ...NORMALIZE_OPTION, ...MODEL_OPTION },
  'Files and data': { ...OPTIONS.run, ...OPTIONS.data },
  'Checkpoints and pauses': OPTIONS.checkpoints,
  'Where and how to compute': OPTIONS.placement,
  Output: OPTIONS.reporting,
}

/** The flags as given, or their defaults. Of a resumed run: as in its checkpoint, except for those that were given. */
export type TrainFlags = Resolved<typeof TRAIN_OPTIONS>

/** The flags by which a command that trains chooses its network. */
export type NetworkFlags = Resolved<typeof NETWORK_CHOICES & typeof NORMALIZE_OPTION & typeof MODEL_OPTION> &
  SharedFlags & { readonly validationSplit?: number | undefined }

/** The recipes, for `--help`. */
export function describeRecipes(): string {
  const recipes = (Object.keys(RECIPES) as RecipeName[]).map((name) => {
    const flags = recipeOptions(name).map(([option, value]) => `${flagOf(option)} ${value}`)
    const values = flags.length === 0 ? 'the defaults above' : flags.join(' ')
    return `  ${name.padEnd(10)}${values}\n`
  })
  return `Recipes:\n${recipes.join('')}`
}
