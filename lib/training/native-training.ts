/** The calls of the addon that a training is made of. They run on the model's thread, one after the other. */
import type { NativeProgress, NativeTrainingState } from '../addon/binding'
import { type Evaluation, toEvaluation } from '../model/evaluation'
import { toAugmentation } from './augmentation'
import type { Training } from './training'

/** PyTorch's defaults. */
const WEIGHT_DECAY = { adam: 0, adamw: 0.01, muon: 0.1 } as const

/** Some batches of an epoch, in the order in which they run. */
export interface Range {
  /** The model's epoch, from 0. */
  readonly epoch: number
  /** The first batch, from 0. */
  readonly first: number
  /** The step size of each batch. */
  readonly learningRates: Float64Array
}

export class NativeTraining {
  readonly #training: Training

  constructor(training: Training) {
    this.#training = training
  }

  /** Checks that the data fits the model, and starts the optimizer, or goes on with the one of the training before. */
  async start(): Promise<void> {
    const { session, data, hyperparameters, options, caller } = this.#training
    const { optimizer, betas, weightDecay = WEIGHT_DECAY[optimizer], momentum, clipGradNorm = 0, emaDecay, batchSize } = hyperparameters
    const updates = { optimizer, betas, weightDecay, momentum, clipGradNorm, emaDecay }
    const keepState = options.optimizerState === 'keep'
    const start = (call: number) =>
      session.native.startTraining(data.train, data.validation ?? null, updates, { call, batchSize, keepState })
    await session.run(start, caller, options.signal)
  }

  /** @param report - Called every `logInterval` batches of the epoch, and after the last one of the range. */
  async train(range: Range, report: ((progress: NativeProgress) => unknown) | undefined): Promise<NativeProgress> {
    const { session, data, hyperparameters, options, caller } = this.#training
    const { batchSize, shuffle, logInterval, accumulationSteps, labelSmoothing } = hyperparameters
    session.useEpoch(range.epoch)
    const how = { batchSize, shuffle, logInterval, accumulationSteps, labelSmoothing, augmentation: toAugmentation(hyperparameters) }
    const onProgress = report === undefined ? null : session.callbacks.wrap(report)
    const train = (call: number) => session.native.trainBatches(data.train, { call, ...range, ...how }, onProgress)
    return await session.run(train, caller, options.signal)
  }

  /** Measures the model on the validation samples, where there are some. */
  async validate(): Promise<Evaluation | undefined> {
    const { session, data, options, caller } = this.#training
    const { validation } = data
    if (validation === undefined) return undefined
    const evaluate = (call: number) => session.native.evaluate(validation, { call, batchSize: 0, mistakes: 0 })
    return toEvaluation(await session.run(evaluate, caller, options.signal))
  }

  /** A copy of the state after the latest update. An abort does not stop this: it is how the training is kept then. */
  async state(): Promise<NativeTrainingState> {
    const { session, caller } = this.#training
    return await session.run(() => session.native.trainingState(), caller)
  }

  /** Goes on from a state. @throws TorchRnnError `ERR_INVALID_DATA`, `ERR_INVALID_SHAPE`; nothing is changed then. */
  async load(state: NativeTrainingState): Promise<void> {
    const { session, caller } = this.#training
    await session.run(() => session.native.loadTrainingState(state), caller)
  }
}
