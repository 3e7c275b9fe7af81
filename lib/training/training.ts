/** What a training is made of when it begins, and who is told about it. */
import type { Caller } from '../addon/native-errors'
import type { ModelSession } from '../model/session'
import type { CheckpointKeeper, Hyperparameters, TrainingCheckpoint } from './checkpoint'
import type { BatchEvent, CheckpointEvent, EpochEvent } from './events'
import type { TrainOptions } from './train-options'
import type { TrainingData } from './training-data'

/** A training that is ready to begin. */
export interface Training {
  readonly session: ModelSession
  readonly data: TrainingData
  readonly hyperparameters: Hyperparameters
  readonly options: Pick<TrainOptions, 'signal' | 'optimizerState'>
  readonly onBatch: Listeners['onBatch']
  /** Who keeps checkpoints; undefined when nobody does. */
  readonly keeper: CheckpointKeeper | undefined
  /** What to go on from; undefined for a training from its beginning. */
  readonly start: TrainingCheckpoint | undefined
  /** Who called train, for the stacks of errors. */
  readonly caller: Caller
}

/** Who is told what happens. */
export interface Listeners {
  /** Called while the model computes; it waits when the call before is not done yet. */
  readonly onBatch: ((event: BatchEvent) => unknown) | undefined
  /** Called, and waited for, while nothing is computed. An epoch that it answers with `false` is the last one. */
  readonly onEvent: (event: EpochEvent | CheckpointEvent) => unknown
}
