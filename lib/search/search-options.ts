/** The options of a search, and what follows from them before anything is trained. */

import { checkSignal } from '../abort'
import type { ImageDataset } from '../data/dataset'
import { viewOf } from '../data/dataset'
import { unexpected } from '../errors'
import { checkOption, resolveOptions } from '../options/checks'
import { asItIs } from '../options/flag-words'
import { resolveModelOptions } from '../options/model-options'
import {
  HYPERPARAMETERS,
  MODEL_OPTIONS,
  type ModelOptions,
  OPTIONS,
  type SearchPlanOptions,
  type TrainHyperparameters,
} from '../options/options'
import { checkAugmentable, countPart } from '../training/training-data'
import { drawTrials, type SearchBase, type Trial } from './draws'
import { type Rung, rungsOf, type SearchPlan } from './halving'
import { resolveSpace, type SearchSpace, type VariedOptions } from './space'

/** What a search varies, how it searches, and what all trials share. */
export interface SearchOptions extends SearchPlanOptions {
  /** Which options vary, and within which limits. Default: the learning rate and the batch size, each in its usual range. */
  vary?: VariedOptions | undefined
  /**
   * The network of every trial, except for what varies, and where it computes. The random choices of the search follow from its seed. Image size
   * and number of classes are those of the data. Default: the tutorial's network.
   */
  model?: ModelOptions | undefined
  /**
   * How every trial is trained, except for what varies. Without a `validationSplit`, a tenth of the samples is set aside. Default: as the
   * tutorial does.
   */
  training?: TrainHyperparameters | undefined
  /** Where the results are kept, trial by trial, so that the search can go on after an interruption. A path or a `file:` URL. Absent: nowhere. */
  folder?: string | URL | undefined
  /**
   * Goes on with the search in `folder`: only trials that it has not finished are trained. What is not given here comes from there. What is given
   * must agree with it (`ERR_INVALID_OPTION`); only `device`, `engine`, `threads`, `precision` and `logInterval` are free, and `trials` may be
   * raised in a random search. The data must be the same (`ERR_INVALID_DATA`). Default false.
   */
  resume?: boolean | undefined
  /** Stops the search: the running batch is finished, and the loop throws the signal's reason. The running trial is not kept. */
  signal?: AbortSignal | undefined
}

/** The share of the samples on which trials are measured, unless the user chose another part: 6000 of MNIST. */
export const USUAL_VALIDATION_SPLIT = 0.1

/** A search as its options ask for it. */
export interface ResolvedSearch {
  readonly space: SearchSpace
  readonly plan: SearchPlan
  readonly base: SearchBase
}

/** A search with all that follows from its options. */
export interface PlannedSearch extends ResolvedSearch {
  readonly rungs: readonly Rung[]
  readonly trials: readonly Trial[]
}

/** The options that say what is searched, not where and until when. */
export type SearchSettings = Omit<SearchOptions, 'folder' | 'resume' | 'signal'>

const OTHERS = ['vary', 'model', 'training', 'folder', 'resume', 'signal'] as const

/** @throws TorchRnnError `ERR_INVALID_OPTION` for options whose form is wrong. */
export function checkSearchOptions(options: SearchOptions): void {
  resolveOptions(OPTIONS.search, options, 'searchHyperparameters', OTHERS)
  checkSignal(options?.signal)
  if (options?.resume !== undefined) {
    checkOption('resume', { kind: 'boolean', default: false, summary: '' }, options.resume)
    if (options.resume && options.folder === undefined) {
      throw unexpected('ERR_INVALID_OPTION', 'folder', 'the folder of the search that goes on', options.folder)
    }
  }
}

/**
 * Checks the options of a new search, and fills in the defaults.
 *
 * @param fixed - The options that the user has given a value, which are not varied by default.
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function resolveSearch(
  data: ImageDataset,
  options: SearchSettings,
  fixed: ReadonlySet<string> = namesGiven(options.model, options.training),
  show = asItIs,
): ResolvedSearch {
  viewOf(data) // Refuses anything that is no data set.
  const { vary, model, training, ...plan } = options
  const space = resolveSpace(vary, fixed, show)
  return { space, plan: resolveOptions(OPTIONS.search, plan, 'searchHyperparameters'), base: resolveBase(data, { model, training }) }
}

function resolveBase(data: ImageDataset, { model, training }: Pick<SearchOptions, 'model' | 'training'>): SearchBase {
  const { inputSize = data.columns, numClasses = data.numClasses, classNames = data.classNames } = model ?? {}
  const resolved = resolveModelOptions({ ...model, inputSize }, 'model')
  const split = { validationSplit: USUAL_VALIDATION_SPLIT }
  return {
    model: { ...resolved, inputSize, numClasses, ...(classNames === undefined ? {} : { classNames }) },
    training: { ...split, ...resolveOptions(HYPERPARAMETERS, training, 'training') },
  }
}

/** The names of the options that have a value. */
export function namesGiven(...options: readonly (object | undefined)[]): ReadonlySet<string> {
  const entries = options.flatMap((each) => Object.entries(each ?? {}))
  return new Set(entries.filter(([, value]) => value !== undefined).map(([name]) => name))
}

/**
 * Plans a search: its rungs and the options of its trials.
 *
 * @throws TorchRnnError `ERR_INVALID_OPTION` for options that contradict each other, and for a validation split that leaves no samples.
 */
export function planSearch(data: ImageDataset, search: ResolvedSearch, show = asItIs): PlannedSearch {
  const { plan, space, base } = search
  const { validationSplit = USUAL_VALIDATION_SPLIT, epochs } = base.training
  countPart(validationSplit, data.length, show('validationSplit'))
  checkAugmentable(data, base.training, show)
  const lastSeed = base.model.seed + (plan.seeds - 1)
  checkOption(`the last of the ${show('seeds')}`, MODEL_OPTIONS.seed, lastSeed)
  return { ...search, rungs: rungsOf(plan, epochs, show), trials: drawTrials(space, base, plan.trials, show) }
}
