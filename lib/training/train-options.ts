/** The options of a training, and what they must not be together. */

import { checkSignal } from '../abort'
import type { CheckpointOptions } from '../checkpoints/checkpoint-options'
import { checkResumedOptions, type ResumedCheckpoint } from '../checkpoints/resume'
import type { ImageDataset } from '../data/dataset'
import { TorchRnnError, unexpected } from '../errors'
import { checkOption, resolveOptions } from '../options/checks'
import { HYPERPARAMETERS, type TrainHyperparameters } from '../options/options'
import type { Hyperparameters } from './checkpoint'
import { checkCombinations } from './combinations'
import type { BatchEvent, CheckpointEvent, EpochEvent } from './events'

/** How to train, when to stop, and what to measure the model on. */
export interface TrainEventsOptions extends TrainHyperparameters {
  /** Samples to measure the model on after every epoch; it does not learn from them. Not together with `validationSplit`. */
  validationData?: ImageDataset | undefined
  /**
   * `'fresh'`: a new optimizer, whose running means are zero. `'keep'`: the one of the training before goes on, with the options given now;
   * without a training before, it is a new one. Default `'fresh'`.
   */
  optimizerState?: 'fresh' | 'keep' | undefined
  /** Where and when checkpoints are kept, from which the training can be resumed. Absent: nowhere, unless the training itself is resumed. */
  checkpoints?: CheckpointOptions | undefined
  /**
   * A checkpoint from which the training goes on as if it had never stopped: its file, or a folder, whose latest one is taken. A path or a
   * `file:` URL. What is not given here comes from the checkpoint. What is given must agree with it (`ERR_INVALID_OPTION`); only `logInterval`
   * is free, and `epochs` may be raised with the schedules `'constant'`, `'step'` and `'plateau'`. The data must be the same
   * (`ERR_INVALID_DATA`), and so must the model's architecture and seed; its parameters are replaced. The result is the same, bit for bit, as
   * without the pause; where it cannot be, because something else computes now, there is a process warning (`TORCH_RNN_MNIST_NOT_BIT_EXACT`).
   * There is none for another model of GPU that is called `cuda:0` as well, although that may round otherwise.
   */
  resume?: string | URL | undefined
  /**
   * Stops the training: the running batch is finished, the model is left as it is then, and `train` rejects with the signal's reason
   * (an `AbortError` by default). During the `onEpoch` of the last epoch the training is over: an abort comes too late, and `train`
   * resolves.
   */
  signal?: AbortSignal | undefined
}

/** How to train, when to stop, and what to call meanwhile. */
export interface TrainOptions extends TrainEventsOptions {
  /**
   * Called every `logInterval` batches and after the last one of an epoch. Training goes on meanwhile, but waits when the call before it
   * is not done yet. What it throws, or rejects with, ends the training.
   */
  onBatch?: ((event: BatchEvent) => void | Promise<void>) | undefined
  /**
   * Called, and waited for, after every epoch. May use the model: evaluate it, for instance. `false` makes this epoch the last one. What it
   * throws ends the training.
   */
  onEpoch?: ((event: EpochEvent) => void | boolean | undefined | Promise<void> | Promise<boolean | undefined>) | undefined
  /** Called, and waited for, after every checkpoint. What it throws ends the training. */
  onCheckpoint?: ((event: CheckpointEvent) => void | Promise<void>) | undefined
}

/** The options of a training that are no hyperparameters, and those among them that are functions. */
const CALLBACKS = ['onBatch', 'onEpoch', 'onCheckpoint'] as const
const OTHERS = ['validationData', 'optimizerState', 'checkpoints', 'resume', 'signal'] as const

const OPTIMIZER_STATE = {
  kind: 'choice',
  choices: ['fresh', 'keep'],
  default: 'fresh',
  summary: 'whether the optimizer of the training before goes on',
} as const

/** What a training did, epoch by epoch. */
export interface History {
  /** One entry an epoch, in order; after a pause, with those before it. */
  readonly epochs: readonly EpochEvent[]
  /** The epoch with the lowest validation loss, from 1; only with validation. */
  readonly bestEpoch?: number
  /** Why it ended: after all epochs, after too many without a lower validation loss, or because `onEpoch` returned `false`. */
  readonly ended: 'completed' | 'early-stopping' | 'callback'
}

/**
 * Checks all options of a training, and fills in the defaults of the hyperparameters.
 *
 * @param method - Whose options they are: only `train` takes callbacks.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function resolveTrainOptions(options: TrainOptions, method: 'train' | 'trainEvents'): Hyperparameters {
  const callbacks = method === 'train' ? CALLBACKS : []
  const hyperparameters = resolveOptions(HYPERPARAMETERS, options, method, [...OTHERS, ...callbacks])
  for (const name of callbacks) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') throw unexpected('ERR_INVALID_OPTION', name, 'a function', value)
  }
  checkSignal(options.signal)
  if (options.optimizerState !== undefined) checkOption('optimizerState', OPTIMIZER_STATE, options.optimizerState)
  if (options.validationData !== undefined && options.validationSplit !== undefined) {
    throw new TorchRnnError('ERR_INVALID_OPTION', 'Expected validationData or validationSplit but received both.')
  }
  if (options.resume === undefined) checkCombinations(hyperparameters)
  else checkOptimizerState(options.optimizerState)
  return hyperparameters
}

/** A checkpoint has its own optimizer. */
function checkOptimizerState(optimizerState: TrainOptions['optimizerState']): void {
  if (optimizerState === undefined) return
  throw new TorchRnnError('ERR_INVALID_OPTION', 'Expected resume or optimizerState but received both: a checkpoint has its own optimizer.')
}

/**
 * The hyperparameters of a training that goes on: those of its checkpoint, and what may be changed.
 *
 * @param options - As {@link resolveTrainOptions} has checked them.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for options that contradict the checkpoint.
 */
export function resumeHyperparameters(options: TrainEventsOptions, resumed: ResumedCheckpoint): Hyperparameters {
  const given = Object.entries(options).filter(([name, value]) => value !== undefined && Object.hasOwn(HYPERPARAMETERS, name))
  checkResumedOptions(options, resumed)
  return { ...resumed.checkpoint.hyperparameters, ...Object.fromEntries(given) }
}
