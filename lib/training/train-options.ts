/** The options of a training, and how they divide the data. */
import type { NativeDataset } from '../addon/binding'
import { type ImageDataset, viewOf } from '../data/dataset'
import { toNativeDataset } from '../data/native-data'
import { TorchRnnError, unexpected } from '../errors'
import { checkSignal } from '../model/abort'
import type { TrainHyperparameters } from '../options/options'
import type { BatchEvent, EpochEvent } from './events'

/** How to train, when to stop, and what to call meanwhile. */
export interface TrainOptions extends TrainHyperparameters {
  /** Samples to measure the model on after every epoch; it does not learn from them. Not together with `validationSplit`. */
  validationData?: ImageDataset | undefined
  /**
   * Sets a part of the training set aside for validation: a number of samples (an integer from 1), or a share of them (between 0 and 1). The
   * model's seed alone decides which samples, so a second training of the model sets the same ones aside.
   */
  validationSplit?: number | undefined
  /**
   * Stops the training: the running batch is finished, the model is left as it is then, and `train` rejects with the signal's reason
   * (an `AbortError` by default). During the `onEpoch` of the last epoch the training is over: an abort comes too late, and `train`
   * resolves.
   */
  signal?: AbortSignal | undefined
  /**
   * Called every `logInterval` batches and after the last one of an epoch. Training goes on meanwhile, but waits when the call before it
   * is not done yet. What it throws, or rejects with, ends the training.
   */
  onBatch?: ((event: BatchEvent) => void | Promise<void>) | undefined
  /** Called, and waited for, after every epoch. May use the model: evaluate it, for instance. What it throws ends the training. */
  onEpoch?: ((event: EpochEvent) => void | Promise<void>) | undefined
}

/** The keys of {@link TrainOptions} that are no hyperparameters. */
export const OTHER_TRAIN_OPTIONS = ['validationData', 'validationSplit', 'signal', 'onBatch', 'onEpoch'] as const

/** What a training did, epoch by epoch. */
export interface History {
  /** One entry an epoch, in order. */
  readonly epochs: readonly EpochEvent[]
}

/** Checks what the option table does not know. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkTrainOptions(options: TrainOptions): void {
  for (const name of ['onBatch', 'onEpoch'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') throw unexpected('ERR_INVALID_OPTION', name, 'a function', value)
  }
  checkSignal(options.signal)
  if (options.validationData !== undefined && options.validationSplit !== undefined) {
    throw new TorchRnnError('ERR_INVALID_OPTION', 'Expected validationData or validationSplit but received both.')
  }
}

/** Training and validation samples, as the addon knows them. */
export interface TrainingData {
  readonly train: NativeDataset
  readonly trainSamples: number
  readonly validation: NativeDataset | undefined
}

/** Divides the samples as the options ask. Nothing is copied. @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`. */
export function prepareData(dataset: ImageDataset, options: TrainOptions, seed: number): TrainingData {
  viewOf(dataset) // Refuses anything that is no data set.
  const [train, validation] = divide(dataset, options, seed)
  return {
    train: toNativeDataset(train),
    trainSamples: train.length,
    validation: validation === undefined ? undefined : toNativeDataset(validation, 'validationData'),
  }
}

function divide(dataset: ImageDataset, options: TrainOptions, seed: number): [train: ImageDataset, validation: ImageDataset | undefined] {
  const { validationData, validationSplit } = options
  if (validationSplit === undefined) return [dataset, validationData]
  const { length } = dataset
  const isShare = typeof validationSplit === 'number' && validationSplit > 0 && validationSplit < 1
  const count = isShare ? Math.round(validationSplit * length) : validationSplit
  if (!Number.isInteger(count) || count < 1 || count >= length) {
    const expected = `an integer from 1 to ${length - 1}, or a share between 0 and 1 that leaves samples on both sides,`
    throw unexpected('ERR_INVALID_OPTION', 'validationSplit', expected, validationSplit)
  }
  return dataset.randomSplit([length - count, count], { seed }) as [ImageDataset, ImageDataset]
}
