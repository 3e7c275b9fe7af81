/** Runs a training from the user's options to its end: for callbacks, or as a stream of events. */
import type { Caller } from '../addon/native-errors'
import type { ImageDataset } from '../data/dataset'
import { abortReason } from '../model/abort'
import type { ModelSession } from '../model/session'
import type { Hyperparameters } from './checkpoint'
import type { CheckpointEvent, EpochEvent, TrainingEvent } from './events'
import { trainEpochs } from './loop'
import { streamEvents } from './stream'
import { type History, resolveTrainOptions, type TrainEventsOptions, type TrainOptions } from './train-options'
import type { Listeners, Training } from './training'
import { prepareData } from './training-data'

/** A model that can be trained. */
export interface Trainee {
  readonly session: ModelSession
  /** The model's. */
  readonly seed: number
}

/** What a public method was asked for. */
interface Request {
  readonly method: 'train' | 'trainEvents'
  readonly dataset: ImageDataset
  readonly options: TrainEventsOptions
  readonly caller: Caller
}

/** The work of `ImageRNN.train`. */
export async function train(trainee: Trainee, dataset: ImageDataset, options: TrainOptions, caller: Caller): Promise<History> {
  const hyperparameters = resolveTrainOptions(options, 'train')
  const { onBatch, onEpoch, onCheckpoint } = options ?? {}
  return await run(trainee, { method: 'train', dataset, options, caller }, hyperparameters, {
    onBatch: onBatch && trainee.session.callbacks.bind(onBatch),
    onEvent: (event) => (event.type === 'epoch' ? onEpoch?.(event) : onCheckpoint?.(event)),
  })
}

/** The work of `ImageRNN.trainEvents`. Nothing is checked or started before the first event is asked for. */
export async function* trainEvents(
  trainee: Trainee,
  dataset: ImageDataset,
  options: TrainEventsOptions,
  caller: Caller,
): AsyncGenerator<TrainingEvent, History, undefined> {
  const hyperparameters = resolveTrainOptions(options, 'trainEvents')
  return yield* streamEvents(trainee.session, (listeners, left) => {
    const signal = options.signal === undefined ? left : AbortSignal.any([options.signal, left])
    return run(trainee, { method: 'trainEvents', dataset, options: { ...options, signal }, caller }, hyperparameters, listeners)
  })
}

async function run(trainee: Trainee, request: Request, hyperparameters: Hyperparameters, listeners: Listeners): Promise<History> {
  const { session, seed } = trainee
  const { method, dataset, options, caller } = request
  session.checkUsable(method)
  session.checkNotTraining(`${method} is called again`)
  const data = prepareData(dataset, options?.validationData, hyperparameters, seed)
  const { signal, optimizerState } = options ?? {}
  signal?.throwIfAborted()
  try {
    return await session.whileTraining(async () => {
      const checkpoints = await openCheckpoints()
      const { onBatch, onEvent } = listeners
      return await runTraining(
        { session, data, hyperparameters, options: { signal, optimizerState }, onBatch, ...checkpoints, caller },
        onEvent,
      )
    })
  } catch (error) {
    throw signal?.aborted === true ? abortReason(signal, error) : error
  }
}

/** Who keeps checkpoints, and what the training goes on from. */
async function openCheckpoints(): Promise<Pick<Training, 'keeper' | 'start'>> {
  return { keeper: undefined, start: undefined }
}

/** Trains, and waits for the listener after every event. */
export async function runTraining(training: Training, onEvent: Listeners['onEvent']): Promise<History> {
  const events = trainEpochs(training)
  let step = await events.next()
  while (step.done !== true) {
    const { value } = step
    step = await answerTo(value, onEvent).then(
      (answer) => events.next(answer),
      (error) => events.throw(error),
    )
  }
  return step.value
}

async function answerTo(event: EpochEvent | CheckpointEvent, onEvent: Listeners['onEvent']): Promise<unknown> {
  return await onEvent(event)
}
