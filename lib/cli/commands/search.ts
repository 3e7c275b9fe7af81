import { rmdir } from 'node:fs/promises'
import type { Command } from 'commander'
import type { ImageDataset } from '../../data/dataset'
import { TorchRnnError } from '../../errors'
import { makeTimedFolder } from '../../files/folders'
import { showPath } from '../../files/regular-file'
import { pickOptions } from '../../options/checks'
import { changedOptions, flagOf, quoteWord } from '../../options/flag-words'
import { OPTIONS } from '../../options/options'
import { BUNDLED_DATA } from '../../runs/run-record'
import { resumeSearch } from '../../search/resumed-search'
import { runSearch } from '../../search/search'
import type { SearchEvent, SearchResult, SearchStartEvent, TrialStartEvent } from '../../search/search-events'
import { findNewestSearch, readSearch, SEARCHES_FOLDER, type StoredSearch } from '../../search/search-folder'
import { type PlannedSearch, planSearch, resolveSearch, USUAL_VALIDATION_SPLIT } from '../../search/search-options'
import { checkAugmentable, countPart } from '../../training/training-data'
import { defineCommand } from '../define-command'
import { type DoneEvent, doneSince, type StartEvent, startOf } from '../events'
import { checkFlagsBy, WrongUsage } from '../exit'
import { DATA_OPTIONS, type DataFlags, loadData } from '../load-data'
import { formatDuration } from '../numbers'
import type { Reporter } from '../reporter'
import {
  describeVaried,
  newSettings,
  resumedSettings,
  SEARCH_HEADINGS,
  SEARCH_OPTIONS,
  type SearchFlags,
  showFlag,
} from '../search/search-flags'
import { SearchProgress } from '../search/search-progress'
import { describeRanking, describeRung, describeStart, describeTrial, type RankingEvent, trainCommandFor } from '../search/search-texts'
import { warnOfThreads } from '../thread-warning'
import { normalizationFor } from '../training/create-model'
import { describeRecipes } from '../training/train-flags'
import { waitForLibtorch } from '../wait-for-libtorch'

const EXAMPLES = `
${describeVaried()}
${describeRecipes()}
Examples:
  rnn-mnist-train search                              20 trials of learning rate and batch size, each of 10 epochs
  rnn-mnist-train search --vary learning-rate=1e-3..1e-2 --vary schedule --vary warmup --trials 30
  rnn-mnist-train search --vary hidden-size=64,150,256 --vary num-layers --strategy halving --epochs 9
  rnn-mnist-train search --recipe accurate --vary learning-rate --vary ema-decay=none,0.99 --seeds 3
  rnn-mnist-train search --resume                     go on with the newest search
  rnn-mnist-train search --json | tail -n 2 | head -n 1    the ranking for another program

Each trial trains a network with options that are drawn from their ranges: evenly, or evenly by their ratio where the scale is logarithmic. An
option that has no effect beside the others, such as a warm-up with a schedule that has none, is left out of a trial. The other flags fix what
is not varied. Trials are ranked on validation samples, a tenth of the training set unless --validation-split says otherwise. The test set is
never looked at: train with the best options, and it is measured then.

halving begins with all trials and few epochs. The best of each rung, one in --eta, are trained anew with --eta times the epochs, up to
--epochs: anew, because the learning rates of a schedule depend on the number of epochs.

The same --seed gives the same trials and results. Ctrl-C, or even kill -9, loses only the trial that was running: --resume trains it and those
that are missing. Other values than those that the search began with are an error then, but --trials can be raised in a random search, and
--device, --engine, --threads, --precision and --log-interval can be given anew.`

/** `search`: tries sets of options, and says which is the best. */
export function searchCommand(): Command {
  return defineCommand({
    name: 'search',
    summary: 'search for good options: learning rate, network and others',
    description: 'Trains networks with options that are drawn at random from their ranges, and ranks them on validation samples.',
    options: SEARCH_OPTIONS,
    headings: SEARCH_HEADINGS,
    details: EXAMPLES,
    work: search,
  })
}

/** A search that is ready to begin or to go on. */
interface ReadySearch {
  readonly train: ImageDataset
  readonly planned: PlannedSearch
  /** Which images, and how they are read. */
  readonly source: DataFlags
  /** The folder of the search; undefined when a new one is to be made. */
  readonly path: string | undefined
}

async function search(flags: SearchFlags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>): Promise<void> {
  const started = performance.now()
  const ready = await prepare(flags, given, reporter, stop)
  await waitForLibtorch(flags, stop)
  const path = ready.path ?? (await makeTimedFolder(SEARCHES_FOLDER))
  const teller = new Teller(ready, reporter, flags.threads)
  const { train, planned, source } = ready
  const result = await teller
    .tell(runSearch(train, planned, { path, resume: flags.resume, signal: stop, source: toStored(source) }))
    .catch(async (error) => {
      if (teller.isStarted) teller.sayHowToResume(path)
      else if (ready.path === undefined) await rmdir(path).catch(() => undefined) // The first error is the one to report.
      throw error
    })
  reportEnd(result, ready, reporter, { ...doneSince(started), search: path })
}

/** Checks the flags, and plans the search, before anything is written. */
async function prepare(flags: SearchFlags, given: ReadonlySet<string>, reporter: Reporter, stop: AbortSignal): Promise<ReadySearch> {
  const path = flags.resume ? (flags.search ?? (await findNewestSearch())) : flags.search
  const stored = flags.resume && path !== undefined ? await readSearch(path) : undefined
  const settings = stored === undefined ? newSettings(flags, given) : resumedSettings(flags, given)
  const source = sourceOf(flags, given, stored)
  const { train } = await loadData(source, reporter, stop)
  // Depends on the data, and so is no wrong usage, as in a training.
  if (flags.validationSplit !== undefined) countPart(flags.validationSplit, train.length, flagOf('validationSplit'))
  checkAugmentable(train, settings.training ?? {}, showFlag)
  if (flags.normalize && stored !== undefined && stored.base.model.normalization === undefined) {
    throw new WrongUsage('--normalize contradicts the search: its networks have no normalization.')
  }
  if (flags.normalize && stored === undefined)
    settings.model = { ...settings.model, normalization: await normalizationOfTrials(train, flags) }
  let planned: PlannedSearch | undefined
  checkFlagsBy(() => {
    const resolved =
      stored === undefined ? resolveSearch(train, settings, given, showFlag) : resumeSearch(stored, settings, path ?? '', showFlag)
    planned = planSearch(train, resolved, showFlag)
  })
  return { train, planned: planned as PlannedSearch, source, path }
}

/** All trials have the same one, whatever their seeds: that of the samples from which those of the first seed learn. */
async function normalizationOfTrials(train: ImageDataset, { validationSplit = USUAL_VALIDATION_SPLIT, seed }: SearchFlags) {
  return await normalizationFor(train, { validationSplit, seed })
}

/** Where a search has its images from. One that goes on reads them as before, unless the user says otherwise. */
function sourceOf(flags: SearchFlags, given: ReadonlySet<string>, stored: StoredSearch | undefined): DataFlags {
  const asked = pickOptions(DATA_OPTIONS, flags)
  if (stored === undefined) return asked
  const data = stored.data === BUNDLED_DATA ? {} : { data: stored.data }
  const before = { ...asked, ...(stored.reading?.trainImages === undefined ? data : {}), ...stored.reading } as DataFlags
  const written = Object.fromEntries(Object.entries(asked).filter(([name]) => given.has(name)))
  const isMoved = Object.keys(OPTIONS.data).some((name) => given.has(name))
  return { ...pickOptions(isMoved ? OPTIONS.reading : DATA_OPTIONS, before), ...written } as DataFlags
}

/** What is kept of it. Where nothing was asked for, nothing is said about it. */
function toStored(source: DataFlags): Pick<StoredSearch, 'data' | 'reading'> {
  const { data, ...reading } = source
  const isUsual = changedOptions(DATA_OPTIONS, reading).length === 0
  return { data: data ?? source.trainImages ?? BUNDLED_DATA, ...(isUsual ? {} : { reading }) }
}

/** Tells what a search does. */
class Teller {
  readonly #ready: ReadySearch
  readonly #reporter: Reporter
  readonly #threads: number
  readonly #progress: SearchProgress
  #running: TrialStartEvent | undefined
  #start: SearchStartEvent | undefined
  #finished = 0

  /** @param threads - As the user asked for. */
  constructor(ready: ReadySearch, reporter: Reporter, threads: number) {
    const { plan } = ready.planned
    this.#ready = ready
    this.#reporter = reporter
    this.#threads = threads
    this.#progress = new SearchProgress(plan.metric, plan.seeds)
  }

  get isStarted(): boolean {
    return this.#start !== undefined
  }

  /** Tells all events of a search. */
  async tell(events: AsyncGenerator<SearchEvent, SearchResult, undefined>): Promise<SearchResult> {
    let step = await events.next()
    for (; step.done !== true; step = await events.next()) this.#tellOne(step.value)
    return step.value
  }

  #tellOne(event: SearchEvent): void {
    const reporter = this.#reporter
    const { plan, base, rungs } = this.#ready.planned
    switch (event.type) {
      case 'searchStart':
        this.#begin(event)
        break
      case 'rung':
        reporter.step(event, describeRung)
        break
      case 'trialStart':
        this.#running = event
        reporter.step(event)
        break
      case 'batch':
        if (this.#running !== undefined) {
          const text = this.#progress.describe(event, this.#running, event.seed - base.model.seed)
          reporter.progress(event, ({ batch, batches }) => ({ done: batch, total: batches, text }))
        }
        break
      case 'epoch':
        reporter.step(event)
        break
      case 'trial':
        this.#finished = event.finished
        this.#progress.finish(event)
        reporter.step(event, (trial) => describeTrial(trial, plan.metric, rungs.length, this.#progress.left()))
        break
    }
  }

  #begin(event: SearchStartEvent): void {
    const { train, planned } = this.#ready
    const { space, plan, base } = planned
    this.#start = event
    this.#finished = event.finished
    this.#progress.begin(event)
    const { device, engine, instructionSet, threads, folder: search } = event
    const facts = {
      ...{ device, engine, threads, ...(instructionSet === undefined ? {} : { instructionSet }) },
      trainSamples: train.length,
      validationSamples: countPart(base.training.validationSplit ?? 0, train.length),
      options: { vary: space, ...plan, ...base.model, ...base.training },
      ...(search === undefined ? {} : { search }),
      trials: { total: event.trials, finished: event.finished },
    } satisfies Partial<StartEvent>
    this.#reporter.step(startOf('search', facts), (start) => describeStart(start, planned))
    warnOfThreads(this.#threads, device, this.#reporter)
  }

  /** After an interruption or an error. */
  sayHowToResume(path: string): void {
    const trials = this.#start?.trials ?? 0
    const command = `rnn-mnist-train search --resume --search ${quoteWord(path)}`
    this.#reporter.warning(`${this.#finished} of ${trials} trials are finished, and kept in ${showPath(path)}. Go on with: ${command}`)
  }
}

function reportEnd(result: SearchResult, { planned, source }: ReadySearch, reporter: Reporter, done: DoneEvent): void {
  const { best, ranking } = result
  const found = best === undefined ? {} : { best, command: trainCommandFor(best, source) }
  const event: RankingEvent = { type: 'ranking', metric: planned.plan.metric, trials: ranking, ...found }
  reporter.result(event, (shown) => describeRanking(shown, planned))
  if (best === undefined) {
    const advice = 'Search among lower learning rates, or clip the gradients.'
    throw new TorchRnnError('ERR_NOT_FINITE', `Every trial has diverged. ${advice}`, { expected: 'a finite loss', actual: 'none' })
  }
  reporter.step(done, ({ seconds, search: folder = '' }) => `Results: ${showPath(folder)}\nDone in ${formatDuration(seconds)}.\n`)
}
