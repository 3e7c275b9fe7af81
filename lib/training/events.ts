/** What a training reports. Accuracies are shares from 0 to 1, losses mean cross entropies in nats, times in seconds. */

/** Progress within an epoch, every `logInterval` batches and after the last one. */
export interface BatchEvent {
  /** The kind of event. */
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
  /** Step size of the update that the latest batch belongs to. */
  learningRate: number
  /** Time that the batches of this epoch took so far. */
  seconds: number
  /** Mean speed in this epoch. */
  samplesPerSecond: number
}

/** An epoch is over. */
export interface EpochEvent {
  /** The kind of event. */
  type: 'epoch'
  /** The epoch, from 1. */
  epoch: number
  /** Epochs that were asked for. */
  epochs: number
  /** Updates since the start of the training. */
  step: number
  /** Mean loss over the epoch's samples, each measured before the update it contributed to. */
  trainLoss: number
  /** Share of the epoch's samples that were classified correctly when they were seen. */
  trainAccuracy: number
  /** Mean loss over the validation samples after the epoch; only with validation. */
  validationLoss?: number
  /** Share of the validation samples that are classified correctly after the epoch; only with validation. */
  validationAccuracy?: number
  /** Step size of the epoch's last update. */
  learningRate: number
  /** Duration of the epoch's training, without validation. */
  seconds: number
  /** Mean speed of the epoch. */
  samplesPerSecond: number
}

/** The training is safe in a file, from which it can be resumed. */
export interface CheckpointEvent {
  /** The kind of event. */
  type: 'checkpoint'
  /** Whole epochs that are done. */
  epoch: number
  /** Batches of the next epoch that are done; only within an epoch. */
  batch?: number
  /** The file that holds it. */
  file: string
}

/** Everything that `trainEvents` yields. */
export type TrainingEvent = BatchEvent | EpochEvent | CheckpointEvent
