/** Trains the models of one trial. */
import type { ImageDataset } from '../data/dataset'
import { TorchRnnError } from '../errors'
import { ImageRNN } from '../model/image-rnn'
import type { BatchEvent, EpochEvent } from '../training/events'
import type { History } from '../training/train-options'
import type { Trial } from './draws'
import { summarizeSeeds } from './ranking'
import type { SeedResult, TrialPlace, TrialResult } from './search-events'
import type { ResolvedSearch } from './search-options'

/** What a trial is trained with. */
export interface TrialRun {
  readonly data: ImageDataset
  readonly trial: Trial
  /** From 1. */
  readonly rung: number
  readonly epochs: number
  readonly plan: Pick<ResolvedSearch['plan'], 'metric' | 'seeds'>
  readonly signal: AbortSignal | undefined
}

type ProgressEvent = (BatchEvent | EpochEvent) & TrialPlace

/**
 * Trains a model for each seed, from its beginning, exactly as `train` does with the options of the trial. A trial that diverges is over then,
 * whatever seeds are left: it counts as the worst already.
 *
 * @throws TorchRnnError As `train`, except `ERR_NOT_FINITE`; and the signal's reason.
 */
export async function* runTrial(run: TrialRun): AsyncGenerator<ProgressEvent, TrialResult, undefined> {
  const { trial, rung, epochs, plan } = run
  const started = performance.now()
  const facts = { trial: trial.trial, rung, epochs, values: trial.values }
  const seeds: SeedResult[] = []
  const seconds = () => (performance.now() - started) / 1000
  try {
    for (let index = 0; index < plan.seeds; index += 1) seeds.push(yield* trainSeed(run, trial.model.seed + index))
  } catch (error) {
    if (!(error instanceof TorchRnnError) || error.code !== 'ERR_NOT_FINITE') throw error
    return { ...facts, state: 'diverged', seeds, failure: error.message, seconds: seconds() }
  }
  return { ...facts, state: 'completed', ...summarizeSeeds(seeds, plan.metric), seeds, seconds: seconds() }
}

async function* trainSeed(
  { data, trial, rung, epochs, signal }: TrialRun,
  seed: number,
): AsyncGenerator<ProgressEvent, SeedResult, undefined> {
  await using model = new ImageRNN({ ...trial.model, seed })
  const place = { trial: trial.trial, rung, seed }
  const events = model.trainEvents(data, { ...trial.training, epochs, signal })
  let isOver = false
  try {
    let step = await events.next()
    while (step.done !== true) {
      if (step.value.type !== 'checkpoint') yield { ...step.value, ...place }
      step = await events.next()
    }
    isOver = true
    return { seed, ...measuresOf(step.value, trial) }
  } finally {
    if (!isOver) await events.return(undefined as never) // The reader has left, or the training has failed.
  }
}

/** What the model has at the end: the measures of the last epoch, or of the best one where the training goes back to it. */
function measuresOf({ epochs, bestEpoch }: History, { training }: Trial): Omit<SeedResult, 'seed'> {
  const goesBack = training.earlyStoppingPatience !== undefined && training.restoreBest
  const event = goesBack && bestEpoch !== undefined ? epochs[bestEpoch - 1] : epochs.at(-1)
  if (event?.validationLoss === undefined || event.validationAccuracy === undefined) throw new Error('The trial was not validated.')
  return { validationLoss: event.validationLoss, validationAccuracy: event.validationAccuracy }
}
