/** The training loop: epochs, learning rates, validation, events. The addon runs the batches. */
import type { NativeDataset, NativeProgress } from '../addon/binding'
import type { Caller } from '../addon/native-errors'
import { type Evaluation, toEvaluation } from '../model/evaluation'
import type { ModelSession } from '../model/session'
import type { HYPERPARAMETERS } from '../options/options'
import type { Resolved } from '../options/specs'
import { toAugmentation } from './augmentation'
import type { BatchEvent, EpochEvent } from './events'
import type { TrainingData, TrainOptions } from './train-options'

/** A training that is ready to begin. */
export interface Training {
  readonly session: ModelSession
  readonly data: TrainingData
  readonly hyperparameters: Resolved<typeof HYPERPARAMETERS>
  readonly options: TrainOptions
  /** Who called train, for the stacks of errors. */
  readonly caller: Caller
}

/** Trains with a fresh optimizer, and yields an event after each epoch. The next epoch begins when the reader asks for the next event. */
export async function* trainEpochs(training: Training): AsyncGenerator<EpochEvent, void, void> {
  const { session, data, hyperparameters, options, caller } = training
  const { epochs, batchSize } = hyperparameters
  const { optimizer, betas, weightDecay = 0, clipGradNorm = 0, emaDecay } = hyperparameters
  const updates = { optimizer, betas, weightDecay, clipGradNorm, emaDecay }
  const start = (call: number) =>
    session.native.startTraining(data.train, data.validation ?? null, updates, { call, batchSize, keepState: false })
  await session.run(start, caller, options.signal)
  const onBatch = options.onBatch && session.callbacks.bind(options.onBatch)
  for (let epoch = 1; epoch <= epochs; epoch += 1) {
    options.signal?.throwIfAborted()
    const report = onBatch && ((progress: NativeProgress) => onBatch(toBatchEvent(progress, epoch, epochs)))
    const result = await trainEpoch(training, report)
    yield toEpochEvent(result, await validate(training, data.validation), epoch, epochs)
  }
}

async function trainEpoch(training: Training, report: ((progress: NativeProgress) => unknown) | undefined): Promise<NativeProgress> {
  const { session, data, hyperparameters, options, caller } = training
  const { batchSize, shuffle, logInterval, learningRate, accumulationSteps, labelSmoothing } = hyperparameters
  const learningRates = new Float64Array(Math.ceil(data.trainSamples / batchSize)).fill(learningRate)
  const order = { epoch: session.nextEpoch(), first: 0, batchSize, shuffle }
  const range = { ...order, learningRates, logInterval, accumulationSteps, labelSmoothing, augmentation: toAugmentation(hyperparameters) }
  const onProgress = report === undefined ? null : session.callbacks.wrap(report)
  const train = (call: number) => session.native.trainBatches(data.train, { call, ...range }, onProgress)
  return await session.run(train, caller, options.signal)
}

async function validate({ session, options, caller }: Training, data: NativeDataset | undefined): Promise<Evaluation | undefined> {
  if (data === undefined) return undefined
  const evaluate = (call: number) => session.native.evaluate(data, { call, batchSize: 0 })
  return toEvaluation(await session.run(evaluate, caller, options.signal))
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

function toEpochEvent(result: NativeProgress, validation: Evaluation | undefined, epoch: number, epochs: number): EpochEvent {
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
