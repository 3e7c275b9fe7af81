/**
 * What happens while a command runs: one type of event, which feeds the callbacks of {@link ImageRNN.train}, the progress bar, the log
 * files of a run and `--json`. Accuracies are shares from 0 to 1, losses mean cross entropies in nats, times in seconds.
 */

import type { PixelStatistics } from '../data/statistics'
import type { Check } from '../doctor/check'
import type { Architecture } from '../model/architecture'
import type { ClassMetrics } from '../model/evaluation'
import type { ModuleName } from '../model/forward-hooks'
import type { StepStatistics } from '../model/state-statistics'
import type { Summary } from '../model/summary'

/** A command begins: what will run, and where. */
export interface StartEvent {
  type: 'start'
  command: 'train' | 'evaluate' | 'summary' | 'forward' | 'hook' | 'explore' | 'doctor' | 'build'
  /** Version of this package. */
  version: string
  /** Where it computes: "cpu" or "cuda:0"; only when it does. */
  device?: string
  /** What trains: "torch"; only when something computes. */
  engine?: string
  /** CPU threads of one operation; only when something computes. */
  threads?: number
  /** Numbers that the network learns; only when there is one. */
  parameters?: number
  /** Samples in the training set; only when it is used. */
  trainSamples?: number
  /** Samples in the test set; only when it is used. */
  testSamples?: number
  /** The options as resolved, by their names in the API. */
  options: Readonly<Record<string, unknown>>
  /** The folder of the run; only when training. */
  run?: string
  /** The model that was read; only when one was: a command that looks into a network may do so before any was trained. */
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

/** A batch of the test set was measured: `evaluate --verbose`. */
export interface EvaluationBatchEvent {
  type: 'evaluationBatch'
  dataset: 'test'
  /** Batches measured so far, this one included. */
  batch: number
  /** Batches of the whole data set; the last one may be smaller. */
  batches: number
  /** Samples of this batch. */
  samples: number
  /** Share of them that was classified correctly. */
  accuracy: number
  /** Mean loss over them. */
  loss: number
}

/** The layers of a network: the result of `summary`. */
export interface SummaryEvent extends Summary {
  type: 'summary'
}

/** The first rows of what the network says to a batch of test images: the result of `forward`. */
export interface LogitsEvent {
  type: 'logits'
  /** False for a network fresh from its seed. */
  trained: boolean
  /** `[N, C]`: the shape of all logits, not only of the rows here. */
  shape: number[]
  /** The first rows, in the order of the test set: a score for each class. */
  rows: number[][]
  /** The class of the image of each of these rows. */
  labels: number[]
  /** The class with the highest score of each of these rows. */
  answers: number[]
}

/** What a module put out for a batch of test images, as SaveFeatures keeps it: the result of `hook`. */
export interface FeaturesEvent {
  type: 'features'
  /** False for a network fresh from its seed. */
  trained: boolean
  module: ModuleName
  /** The shape of each output; see ForwardHookEvent. */
  shapes: number[][]
  /** Activation of the recurrent layers, which decides what saturation means. */
  nonlinearity: Architecture['nonlinearity']
  /** How the top layer's states are spread after each row of the images; only for `basic_rnn`. */
  steps?: StepStatistics[]
}

/** What the data holds, and a picture of a random batch of it: the result of `explore`. */
export interface ExploreEvent {
  type: 'explore'
  /** The picture of the batch: a PNG file. */
  file: string
  /** Size of the picture in pixels. */
  width: number
  height: number
  /** Images in a row of the picture. */
  columns: number
  /** The samples in the picture, from left to right and from top to bottom, by their positions in the training set. */
  samples: number[]
  /** The class of each of them. */
  labels: number[]
  /** Rows and columns of pixels of every image. */
  imageShape: [number, number]
  /** How many samples each class has, by label. */
  classes: { label: number; trainSamples: number; testSamples: number }[]
  /** The pixels of training and test set, scaled from 0 to 1 as the network sees them. */
  pixels: { train: PixelStatistics; test: PixelStatistics }
}

/** Something about this installation was checked: `doctor`. */
export interface CheckEvent extends Check {
  type: 'check'
}

/** The addon was compiled: the result of `build`. */
export interface BuildEvent {
  type: 'build'
  /** The folder of the addon. */
  folder: string
  /** The libtorch that it was compiled against, and is used with. */
  libtorch: string
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
  /**
   * A code of TorchRnnError, `ERR_USAGE` for a wrong command line, `ERR_INTERRUPTED` after a signal,
   * `ERR_CHECK_FAILED` when `doctor` found something broken, else `ERR_INTERNAL`.
   */
  code: string
  message: string
}

/** A command has done all that it was asked for. */
export interface DoneEvent {
  type: 'done'
  /** Only when the test set was measured. */
  testAccuracy?: number
  /** Only when the test set was measured. */
  testLoss?: number
  /** From the start of the command. */
  seconds: number
  /** The folder of the run; only when training. */
  run?: string
}

/** Everything that a command reports: the lines of `--json`. */
export type RunEvent =
  | StartEvent
  | BatchEvent
  | EpochEvent
  | EvaluationBatchEvent
  | EvaluationEvent
  | SummaryEvent
  | LogitsEvent
  | FeaturesEvent
  | ExploreEvent
  | CheckEvent
  | BuildEvent
  | CheckpointEvent
  | WarningEvent
  | ErrorEvent
  | DoneEvent
