/**
 * What a search reports. Accuracies are shares from 0 to 1, losses mean cross entropies in nats, times in seconds. Each number from a
 * training was measured on the validation samples, on which it did not learn.
 */
import type { TrainHyperparameters } from '../options/options'
import type { BatchEvent, EpochEvent } from '../training/events'
import type { Recipe } from '../training/recipes'
import type { TriedValues } from './space'

/** One training of a trial. */
export interface SeedResult {
  /** The seed of its model, from which its validation samples follow, too. */
  readonly seed: number
  /** Mean loss of the model that the training ended with. */
  readonly validationLoss: number
  /** Share of the validation samples that this model classifies correctly. */
  readonly validationAccuracy: number
}

/** What a trial came to. */
export interface TrialResult {
  /** The trial, from 1: its options follow from the seed and this number. */
  readonly trial: number
  /** The stage of the search, from 1; always 1 in a random one. */
  readonly rung: number
  /** Epochs that it was trained for, on this rung. */
  readonly epochs: number
  /**
   * The options that it tried, by their names; `null` for one that was left out. One that has no effect beside the others, such as a warm-up
   * with a schedule that has none, is not there.
   */
  readonly values: TriedValues
  /** Whether it has results, or a loss, gradient or parameter that was not finite. Such a trial counts as the worst. */
  readonly state: 'completed' | 'diverged'
  /** Mean over the seeds; absent where it diverged. */
  readonly validationLoss?: number
  /** Mean over the seeds; absent where it diverged. */
  readonly validationAccuracy?: number
  /** Standard deviation of the metric over the seeds (with n - 1); only with two or more. */
  readonly standardDeviation?: number
  /** Each training that was completed, in the order of the seeds. */
  readonly seeds: readonly SeedResult[]
  /** Where and how it diverged. */
  readonly failure?: string
  /** How long all of it took. */
  readonly seconds: number
}

/** A search begins, or goes on. */
export interface SearchStartEvent {
  /** The kind of event. */
  type: 'searchStart'
  /** Where the trials compute: "cpu" or "cuda:0". */
  device: string
  /** What computes: "torch" or "fused". */
  engine: string
  /** Threads that compute on the CPU. */
  threads: number
  /** The instruction set that the engine `fused` uses; only with that. */
  instructionSet?: string
  /** Where the results are kept; only when they are. */
  folder?: string
  /** Trials that there will be, those of later rungs included. */
  trials: number
  /** Trials that were finished before, and are not trained again. */
  finished: number
  /** Epochs of all trials together. */
  epochs: number
  /** Epochs of the trials that were finished before. */
  finishedEpochs: number
}

/** A rung of `'halving'` begins. */
export interface RungEvent {
  /** The kind of event. */
  type: 'rung'
  /** From 1. */
  rung: number
  /** How many there are. */
  rungs: number
  /** Epochs of each of its trials. */
  epochs: number
  /** The trials that it has, by their numbers; after the first rung, the best of the one before, best first. */
  trials: readonly number[]
}

/** Which trial, and which training of it, an event belongs to. */
export interface TrialPlace {
  /** From 1. */
  trial: number
  /** The stage of the search, from 1. */
  rung: number
  /** The seed of its model. */
  seed: number
}

/** A trial begins. */
export interface TrialStartEvent extends Omit<TrialPlace, 'seed'> {
  /** The kind of event. */
  type: 'trialStart'
  /** Epochs that it is trained for. */
  epochs: number
  /** As in {@link TrialResult}. */
  values: TriedValues
}

/** A trial is over, and safe in the folder of the search, where there is one. */
export interface TrialEvent extends TrialResult {
  /** The kind of event. */
  type: 'trial'
  /** Trials that are over, this one included. */
  finished: number
  /** Trials that there will be, those of later rungs included. */
  of: number
  /** The best one so far. Absent while every trial has diverged. */
  best?: TrialResult
}

/** Everything that `searchHyperparameters` yields. */
export type SearchEvent =
  | SearchStartEvent
  | RungEvent
  | TrialStartEvent
  | (BatchEvent & TrialPlace)
  | (EpochEvent & TrialPlace)
  | TrialEvent

/** The best trial, as options: `new ImageRNN(best.model)`, `model.train(data, best.training)`. */
export interface BestTrial extends Recipe {
  /** Its number. */
  readonly trial: number
  /**
   * For `train`, on all data: without a validation split, unless the schedule `plateau` or early stopping needs one.
   */
  readonly training: Readonly<TrainHyperparameters>
}

/** What a search came to. */
export interface SearchResult {
  /**
   * Each trial once, with its result on the last rung that it came to; the best first. A later rung comes before an earlier one, and those that
   * diverged come last.
   */
  readonly ranking: readonly TrialResult[]
  /** Absent when every trial has diverged. */
  readonly best?: BestTrial
}
