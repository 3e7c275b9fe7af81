/** Searches for the options with which a network learns best. */

import type { ComputingPlace } from '../checkpoints/checkpoint-file'
import { placeOf } from '../checkpoints/open-checkpoints'
import { changesOfPlace } from '../checkpoints/resume'
import { type ImageDataset, viewOf } from '../data/dataset'
import { identifyDataset } from '../data/identity'
import { toPath } from '../files/path-argument'
import { showPath } from '../files/regular-file'
import { ImageRNN } from '../model/image-rnn'
import { loadLibtorch } from '../model/load-libtorch'
import { pickOptions } from '../options/checks'
import { OPTIONS, type ResolvedModelOptions } from '../options/options'
import { warn } from '../warnings'
import type { Trial } from './draws'
import { rankTrials, survivorsOf } from './ranking'
import { checkSearchedData, resumeSearch } from './resumed-search'
import { runTrial } from './run-trial'
import type { BestTrial, SearchEvent, SearchResult, SearchStartEvent, TrialResult } from './search-events'
import { readSearch, SearchFolder, type StoredSearch } from './search-folder'
import { checkSearchOptions, type PlannedSearch, planSearch, resolveSearch, type SearchOptions } from './search-options'

/** As the function of this name in lib/functions.ts. */
export async function* searchHyperparameters(
  data: ImageDataset,
  options: SearchOptions = {},
): AsyncGenerator<SearchEvent, SearchResult, undefined> {
  checkSearchOptions(options)
  const { folder, resume = false, signal, ...settings } = options
  const path = folder === undefined ? undefined : toPath(folder, 'folder', 'the path of a folder', 'ERR_INVALID_OPTION')
  viewOf(data) // Refuses anything that is no data set.
  const stored = resume && path !== undefined ? await readSearch(path) : undefined
  const resolved = stored === undefined ? resolveSearch(data, settings) : resumeSearch(stored, settings, path ?? '')
  return yield* runSearch(data, planSearch(data, resolved), { path, resume, ...(signal && { signal }) })
}

/** Where a search keeps its results, and when it stops. */
export interface SearchRun {
  /** The folder; undefined when nothing is kept. */
  readonly path: string | undefined
  /** Whether the search in the folder goes on. */
  readonly resume: boolean
  readonly signal?: AbortSignal
  /** Where the images come from, as the user named it. */
  readonly source?: Pick<StoredSearch, 'data' | 'reading'> | undefined
}

/** Runs a search that was planned. @throws TorchRnnError As {@link searchHyperparameters}. */
export async function* runSearch(
  data: ImageDataset,
  search: PlannedSearch,
  { path, resume, signal, source }: SearchRun,
): AsyncGenerator<SearchEvent, SearchResult, undefined> {
  signal?.throwIfAborted()
  await loadLibtorch({ signal })
  const place = await findPlace(search.base.model)
  const folder = path === undefined ? undefined : await openFolder(path, resume, data, search, place, source)
  try {
    const running = new RunningSearch(data, search, folder, signal)
    yield running.start(place)
    return yield* running.run()
  } finally {
    await folder?.close()
  }
}

async function openFolder(
  path: string,
  resume: boolean,
  data: ImageDataset,
  search: PlannedSearch,
  place: ComputingPlace,
  source: SearchRun['source'],
): Promise<SearchFolder> {
  const dataset = await identifyDataset(data)
  if (!resume) return await SearchFolder.create(path, { ...search, dataset, place, ...source })
  const stored = await readSearch(path)
  checkSearchedData(dataset, stored, path)
  const changes = changesOfPlace(place, stored.place)
  const consequence = 'The other trials are computed like this, and may not be bit for bit what they would have been before.'
  if (changes.length > 0) warn('TORCH_RNN_MNIST_NOT_BIT_EXACT', `Resuming ${showPath(path)}: ${changes.join(', ')}. ${consequence}`)
  return await SearchFolder.reopen(path, stored, search)
}

/** Where the trials will compute. A small model tells. */
async function findPlace(options: ResolvedModelOptions): Promise<ComputingPlace> {
  await using model = new ImageRNN({ ...pickOptions(OPTIONS.placement, options), hiddenSize: 1, numLayers: 1 })
  return placeOf(model, await model.threadCount())
}

/** A search at work: which trials are over, and which come next. */
class RunningSearch {
  readonly #data: ImageDataset
  readonly #search: PlannedSearch
  readonly #folder: SearchFolder | undefined
  readonly #signal: AbortSignal | undefined
  readonly #results: TrialResult[]

  constructor(data: ImageDataset, search: PlannedSearch, folder: SearchFolder | undefined, signal: AbortSignal | undefined) {
    this.#data = data
    this.#search = search
    this.#folder = folder
    this.#signal = signal
    this.#results = [...(folder?.results ?? [])]
  }

  start({ device, engine, threads, instructionSet }: ComputingPlace): SearchStartEvent {
    const { rungs, plan } = this.#search
    const total = rungs.reduce((sum, { trials, epochs }) => sum + trials * epochs, 0)
    const finished = this.#results.reduce((sum, { epochs }) => sum + epochs, 0)
    return {
      type: 'searchStart',
      ...{ device, engine, threads, ...(instructionSet === undefined ? {} : { instructionSet }) },
      ...(this.#folder === undefined ? {} : { folder: this.#folder.path }),
      trials: this.#total,
      finished: this.#results.length,
      epochs: total * plan.seeds,
      finishedEpochs: finished * plan.seeds,
    }
  }

  /** Trials of all rungs, if none diverges. */
  get #total(): number {
    return this.#search.rungs.reduce((sum, { trials }) => sum + trials, 0)
  }

  async *run(): AsyncGenerator<SearchEvent, SearchResult, undefined> {
    const { rungs, plan, trials } = this.#search
    let entrants: readonly number[] = trials.map(({ trial }) => trial)
    for (const [index, { epochs, trials: places }] of rungs.entries()) {
      const rung = index + 1
      if (rung > 1) entrants = survivorsOf(this.#resultsOf(rung - 1), places, plan.metric)
      if (rungs.length > 1) yield { type: 'rung', rung, rungs: rungs.length, epochs, trials: entrants }
      const isOver = new Set(this.#resultsOf(rung).map(({ trial }) => trial))
      for (const number of entrants) {
        if (!isOver.has(number)) yield* this.#runTrial(trials[number - 1] as Trial, rung, epochs)
      }
    }
    return this.#finish()
  }

  #resultsOf(rung: number): readonly TrialResult[] {
    return this.#results.filter((result) => result.rung === rung)
  }

  async *#runTrial(trial: Trial, rung: number, epochs: number): AsyncGenerator<SearchEvent, void, undefined> {
    const { plan } = this.#search
    this.#signal?.throwIfAborted()
    yield { type: 'trialStart', trial: trial.trial, rung, epochs, values: trial.values }
    const result = yield* runTrial({ data: this.#data, trial, rung, epochs, plan, signal: this.#signal })
    await this.#folder?.add(result)
    this.#results.push(result)
    const [best] = rankTrials(this.#results, plan.metric)
    const isBest = best?.state === 'completed'
    yield { type: 'trial', ...result, finished: this.#results.length, of: this.#total, ...(isBest ? { best } : {}) }
  }

  #finish(): SearchResult {
    const ranking = rankTrials(this.#results, this.#search.plan.metric)
    const [first] = ranking
    if (first === undefined || first.state === 'diverged') return { ranking }
    return { ranking, best: bestOf(this.#search.trials[first.trial - 1] as Trial, first.epochs) }
  }
}

/** The options that train on all data as the trial did. */
function bestOf({ trial, model, training }: Trial, epochs: number): BestTrial {
  const { validationSplit, logInterval, ...rest } = training
  const isNeeded = rest.schedule === 'plateau' || rest.earlyStoppingPatience !== undefined
  return { trial, model, training: { ...rest, epochs, ...(isNeeded ? { validationSplit } : {}) } }
}
