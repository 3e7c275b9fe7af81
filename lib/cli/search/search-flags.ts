/** The flags of `search`. */
import { pickOptions } from '../../options/checks'
import { flagIn, flagOf } from '../../options/flag-words'
import { HYPERPARAMETERS, NETWORK_CHOICES, OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { SEARCHES_FOLDER } from '../../search/search-folder'
import { type SearchSettings, USUAL_VALIDATION_SPLIT } from '../../search/search-options'
import { describeRange, SEARCHABLE_SPECS } from '../../search/space'
import { drawColumns } from '../../text/table'
import { withRecipe } from '../../training/recipes'
import { SHARED_OPTIONS } from '../define-command'
import { WrongUsage } from '../exit'
import { NORMALIZE_OPTION, RECIPE_OPTIONS } from '../training/train-flags'
import { parseVary, VARY_OPTION, wordOf } from './vary-flag'

const { epochs } = OPTIONS.training

/** Where the search keeps its results, and whether it goes on. */
const FOLDER_OPTIONS = {
  search: {
    kind: 'path',
    of: 'folder',
    optional: true,
    summary: 'where the results go',
    whenAbsent: `a new folder ${SEARCHES_FOLDER}/<UTC time>`,
  },
  resume: { kind: 'boolean', default: false, summary: 'go on with the search of --search, or with the newest one, with its options' },
} as const

const TRAINING_OPTIONS = {
  ...OPTIONS.training,
  epochs: { ...epochs, summary: `${epochs.summary} of each trial; with halving, of the longest ones` },
} as const

const VALIDATION_OPTIONS = {
  validationSplit: { ...OPTIONS.validation.validationSplit, whenAbsent: String(USUAL_VALIDATION_SPLIT) },
  ...OPTIONS.earlyStopping,
} as const

const SEARCH_GROUP = { ...VARY_OPTION, ...OPTIONS.search } as const

export const SEARCH_OPTIONS = {
  ...SEARCH_GROUP,
  ...FOLDER_OPTIONS,
  ...RECIPE_OPTIONS,
  ...HYPERPARAMETERS,
  ...TRAINING_OPTIONS,
  ...VALIDATION_OPTIONS,
  ...NETWORK_CHOICES,
  ...NORMALIZE_OPTION,
  ...SHARED_OPTIONS,
} as const

/** What `--help` shows the flags below. */
export const SEARCH_HEADINGS = {
  Search: SEARCH_GROUP,
  'Training of every trial': { ...RECIPE_OPTIONS, ...TRAINING_OPTIONS },
  Optimizer: OPTIONS.optimizer,
  'Learning rate': OPTIONS.schedule,
  'Validation and early stopping': VALIDATION_OPTIONS,
  'Random changes of the training images': OPTIONS.augmentation,
  Network: { ...NETWORK_CHOICES, ...NORMALIZE_OPTION },
  'Files and data': { ...FOLDER_OPTIONS, ...OPTIONS.data },
  'Where and how to compute': OPTIONS.placement,
  Output: OPTIONS.reporting,
}

export type SearchFlags = Resolved<typeof SEARCH_OPTIONS>

/** The name of an option, or of what it varies over, as the user of the command line knows it. */
export function showFlag(name: string): string {
  return Object.hasOwn(HYPERPARAMETERS, name) ? flagIn(HYPERPARAMETERS, name) : flagOf(name)
}

/**
 * The settings of a new search.
 *
 * @param given - The names of the flags that the user wrote.
 * @throws CommandFailure `ERR_USAGE` for an option that is both varied and given.
 */
export function newSettings(flags: SearchFlags, given: ReadonlySet<string>): SearchSettings {
  const vary = flags.vary === undefined ? undefined : parseVary(flags.vary)
  const both = Object.keys(vary ?? {}).find((name) => given.has(name))
  if (both !== undefined) throw new WrongUsage(`Expected ${showFlag(both)} or --vary ${wordOf(both)} but received both.`)
  const { validationSplit, ...completed } = withRecipe(flags, flags.recipe, given)
  return {
    ...(vary === undefined ? {} : { vary }),
    ...pickOptions(OPTIONS.search, flags),
    model: { ...pickOptions(NETWORK_CHOICES, completed), ...pickOptions(OPTIONS.placement, flags) },
    training: { ...pickOptions(HYPERPARAMETERS, completed), ...(validationSplit === undefined ? {} : { validationSplit }) },
  }
}

/**
 * The settings that the user wrote for a search that goes on.
 *
 * @throws CommandFailure `ERR_USAGE` for a flag that has no meaning then.
 */
export function resumedSettings(flags: SearchFlags, given: ReadonlySet<string>): SearchSettings {
  if (given.has('recipe')) {
    throw new WrongUsage('Expected --resume without --recipe but received both. A search goes on with what it began with.')
  }
  const written = Object.fromEntries(Object.entries(flags).filter(([name]) => given.has(name))) as SearchFlags
  return {
    ...(flags.vary === undefined ? {} : { vary: parseVary(flags.vary) }),
    ...pickOptions(OPTIONS.search, written),
    model: pickOptions({ ...NETWORK_CHOICES, ...OPTIONS.placement }, written),
    training: pickOptions(HYPERPARAMETERS, written),
  }
}

/** The options that can be varied, with their usual ranges, for `--help`. */
export function describeVaried(): string {
  const rows = Object.entries(SEARCHABLE_SPECS).map(([name, { search }]) => [`  ${wordOf(name)}`, describeRange(search)])
  return `What can be varied, and the usual range of each:\n${drawColumns(rows, { words: 2 }).join('\n')}\n`
}
