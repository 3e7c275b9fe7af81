/**
 * What happens while a model is trained: one type of event, which feeds the callbacks of {@link ImageRNN.train}, the progress bar, the log
 * files of a run and `--json`. Accuracies are shares from 0 to 1, losses mean cross entropies in nats, times in seconds.
 */

import type { ClassMetrics } from './evaluation'

/** A command begins: what will run, and where. */
export interface StartEvent {
  type: 'start'
  command: 'train' | 'evaluate'
  /** Version of this package. */
  version: string
  /** Where it computes: "cpu" or "cuda:0". */
  device: string
  /** What trains: "torch". */
  engine: string
  /** CPU threads of one operation. */
  threads: number
  /** Numbers that the network learns. */
  parameters: number
  /** Samples in the training set; only when it is used. */
  trainSamples?: number
  testSamples: number
  /** The options as resolved, by their names in the API. */
  options: Readonly<Record<string, unknown>>
  /** The folder of the run; only when training. */
  run?: string
  /** The model that was read; only when one was. */
  model?: string
}

/** Progress within an epoch, every `logInterval` batches and after the last one. */
export interface BatchEvent {
  /** Tells the events apart. */
  type: 'batch'
  /** Running epoch, from 1. */
  epoch: number
  /** Epochs that were asked for. */
  epochs: number
  /** Batches done in this epoch. */
  batch: number
  /** Batches of a whole epoch; the last one may be smaller. */
  batches: number
  /** Samples seen in this epoch. */
  samples: number
  /** Mean loss of the latest batch, before its update. */
  batchLoss: number
  /** Mean loss over the samples of this epoch so far. */
  trainLoss: number
  /** Share of the samples of this epoch that were classified correctly when they were seen. */
  trainAccuracy: number
  /** Since the start of the epoch. */
  seconds: number
  /** Mean speed since the start of the epoch. */
  samplesPerSecond: number
}

/** An epoch is over. */
export interface EpochEvent {
  /** Tells the events apart. */
  type: 'epoch'
  /** The epoch, from 1. */
  epoch: number
  /** Epochs that were asked for. */
  epochs: number
  /** Mean loss over the epoch's samples, each measured before the update it contributed to. */
  trainLoss: number
  /** Share of the epoch's samples that were classified correctly when they were seen. */
  trainAccuracy: number
  /** Mean loss over the validation samples after the epoch; only with validation. */
  validationLoss?: number
  /** Share of the validation samples that are classified correctly after the epoch; only with validation. */
  validationAccuracy?: number
  /** Duration of the epoch's training, without validation. */
  seconds: number
  /** Mean speed of the epoch. */
  samplesPerSecond: number
}

/** A model was measured on a dataset. */
export interface EvaluationEvent {
  type: 'evaluation'
  dataset: 'test'
  accuracy: number
  loss: number
  samples: number
  seconds: number
  /** `[C][C]` counts: row = the label, column = the model's answer. */
  confusionMatrix: number[][]
  /** One entry for each class, by label. */
  perClass: ClassMetrics[]
}

/** The model is safe on disk. */
export interface CheckpointEvent {
  type: 'checkpoint'
  /** Whole epochs that it was trained for in this run. */
  epoch: number
  file: string
}

/** Something to know that does not stop the command. */
export interface WarningEvent {
  type: 'warning'
  message: string
}

/** Why a command failed. */
export interface ErrorEvent {
  type: 'error'
  /** A code of TorchRnnError, `ERR_USAGE` for a wrong command line, `ERR_INTERRUPTED` after a signal, else `ERR_INTERNAL`. */
  code: string
  message: string
}

/** A command has done all that it was asked for. */
export interface DoneEvent {
  type: 'done'
  testAccuracy: number
  testLoss: number
  /** From the start of the command. */
  seconds: number
  /** The folder of the run; only when training. */
  run?: string
}

/** Everything that a command reports: the lines of `--json`. */
export type RunEvent = StartEvent | BatchEvent | EpochEvent | EvaluationEvent | CheckpointEvent | WarningEvent | ErrorEvent | DoneEvent
