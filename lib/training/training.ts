/** The training loop: epochs, validation, events. The addon trains an epoch at a time. */

import type { NativeDataset, NativeEpoch, NativeImageRnn, NativeProgress } from '../addon/native'
import { type ImageDataset, rawData } from '../data/dataset'
import { toNativeDataset } from '../data/native-data'
import { TorchRnnError, unexpected } from '../errors'
import type { Callbacks } from '../model/callbacks'
import { type Evaluation, toEvaluation } from '../model/evaluation'
import type { TrainHyperparameters } from '../options/options'
import type { BatchEvent, EpochEvent } from './events'

/** How to train, and whom to tell. */
export interface TrainOptions extends TrainHyperparameters {
  /** Samples to measure the model on after every epoch; it does not learn from them. Not together with `validationSplit`. */
  validationData?: ImageDataset
  /**
   * Sets part of the training set aside for validation: so many samples (an integer from 1), or such a share (between 0 and 1). Which ones
   * follows from the model's seed alone, so that a second training of the model sets the same ones aside.
   */
  validationSplit?: number
  /**
   * Stops the training: the running batch is finished, the model is left as it is then, and `train` rejects with the signal's reason
   * (an `AbortError` by default).
   */
  signal?: AbortSignal
  /**
   * Called every `logInterval` batches and after the last one of an epoch. Training goes on meanwhile, but waits when the call before it
   * is not done yet. What it throws, or rejects with, ends the training.
   */
  onBatch?: (event: BatchEvent) => void | Promise<void>
  /** Called, and waited for, after every epoch. May use the model: evaluate it, for instance. What it throws ends the training. */
  onEpoch?: (event: EpochEvent) => void | Promise<void>
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
  const signal: unknown = options.signal
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.throwIfAborted !== 'function') {
    throw unexpected('ERR_INVALID_OPTION', 'signal', 'an AbortSignal', signal)
  }
  if (options.validationData !== undefined && options.validationSplit !== undefined) {
    throw new TorchRnnError('ERR_INVALID_OPTION', 'Expected validationData or validationSplit but received both.')
  }
}

/** Training and validation samples, inside the addon. */
export interface TrainingData {
  readonly train: NativeDataset
  readonly validation: NativeDataset | undefined
}

/** Divides the samples as the options ask. @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`. */
export function prepareData(dataset: ImageDataset, { validationData, validationSplit }: TrainOptions, seed: number): TrainingData {
  const { length } = rawData(dataset).labels
  if (validationSplit === undefined) {
    return { train: toNativeDataset(dataset), validation: validationData === undefined ? undefined : toNativeDataset(validationData) }
  }
  const [train, validation] = splitForValidation(dataset, validationSplit, length, seed)
  return { train: toNativeDataset(train), validation: toNativeDataset(validation) }
}

function splitForValidation(dataset: ImageDataset, split: number, length: number, seed: number): [ImageDataset, ImageDataset] {
  const isShare = typeof split === 'number' && split > 0 && split < 1
  const count = isShare ? Math.round(split * length) : split
  if (!Number.isInteger(count) || count < 1 || count >= length) {
    const expected = `an integer from 1 to ${length - 1}, or a share between 0 and 1 that leaves samples on both sides,`
    throw unexpected('ERR_INVALID_OPTION', 'validationSplit', expected, split)
  }
  return dataset.randomSplit([length - count, count], { seed }) as [ImageDataset, ImageDataset]
}

/** What the loop needs of a model. */
export interface TrainableModel {
  readonly native: NativeImageRnn
  readonly callbacks: Callbacks
  /** Makes a native call; what it rejects with is what the user should see. */
  run<Result>(call: () => Promise<Result>): Promise<Result>
  /** Samples that an evaluation computes at once. */
  readonly evaluationBatch: number
}

/** Trains for all epochs. The optimizer has been started. */
export async function trainEpochs(
  model: TrainableModel,
  data: TrainingData,
  hyperparameters: Required<TrainHyperparameters>,
  options: TrainOptions,
): Promise<History> {
  const { epochs } = hyperparameters
  const history: EpochEvent[] = []
  const onBatch = options.onBatch && model.callbacks.bind(options.onBatch)
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    options.signal?.throwIfAborted()
    const report =
      onBatch === undefined ? null : model.callbacks.wrap((progress: NativeProgress) => onBatch(toBatchEvent(progress, epoch, epochs)))
    const result = await model.run(() => model.native.trainEpoch(data.train, hyperparameters, report))
    options.signal?.throwIfAborted()
    if (!result.completed) throw new TorchRnnError('ERR_DISPOSED', 'The model was disposed while it was being trained.')
    const event = toEpochEvent(result, await validate(model, data.validation), epoch, epochs)
    history.push(event)
    await options.onEpoch?.(event)
  }
  return { epochs: history }
}

async function validate(model: TrainableModel, validation: NativeDataset | undefined): Promise<Evaluation | undefined> {
  if (validation === undefined) return undefined
  return toEvaluation(await model.run(() => model.native.evaluate(validation, { batchSize: model.evaluationBatch })))
}

function toBatchEvent(progress: NativeProgress, epoch: number, epochs: number): BatchEvent {
  const { batch, batches, samples, batchLoss, loss, accuracy, seconds } = progress
  const samplesPerSecond = samples / seconds
  return {
    type: 'batch',
    epoch,
    epochs,
    batch,
    batches,
    samples,
    batchLoss,
    trainLoss: loss,
    trainAccuracy: accuracy,
    seconds,
    samplesPerSecond,
  }
}

function toEpochEvent(result: NativeEpoch, validation: Evaluation | undefined, epoch: number, epochs: number): EpochEvent {
  const { samples, loss, accuracy, seconds } = result
  const event: EpochEvent = {
    type: 'epoch',
    epoch,
    epochs,
    trainLoss: loss,
    trainAccuracy: accuracy,
    seconds,
    samplesPerSecond: samples / seconds,
  }
  return validation === undefined ? event : { ...event, validationLoss: validation.loss, validationAccuracy: validation.accuracy }
}
