/** Runs a training from the user's options to its end: for callbacks, or as a stream of events. */

import { abortReason } from '../abort'
import type { Caller } from '../addon/native-errors'
import { resolveCheckpointOptions } from '../checkpoints/checkpoint-options'
import { openCheckpoints, readResumed, type Trainee } from '../checkpoints/open-checkpoints'
import type { ResumedCheckpoint } from '../checkpoints/resume'
import type { ImageDataset } from '../data/dataset'
import type { Hyperparameters } from './checkpoint'
import type { CheckpointEvent, EpochEvent, TrainingEvent } from './events'
import { trainEpochs } from './loop'
import { streamEvents } from './stream'
import { type History, resolveTrainOptions, resumeHyperparameters, type TrainEventsOptions, type TrainOptions } from './train-options'
import type { Listeners, Training } from './training'
import { prepareData, type TrainingData } from './training-data'

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
  const { session } = trainee
  const { method, options } = request
  session.checkUsable(method)
  session.checkNotTraining(`${method} is called again`)
  const { signal, resume } = options ?? {}
  // Here already, not after the wait for a file: whoever calls this wrongly learns so at once.
  const data = resume === undefined ? dataFor(trainee, request, hyperparameters) : undefined
  signal?.throwIfAborted()
  try {
    return await session.whileTraining(async () => {
      const resumed = resume === undefined ? undefined : await readResumed(resume)
      const training = { ...request, hyperparameters: resumed === undefined ? hyperparameters : resumeHyperparameters(options, resumed) }
      return await runOpened(trainee, training, data ?? dataFor(trainee, request, training.hyperparameters), resumed, listeners)
    })
  } catch (error) {
    throw signal?.aborted === true ? abortReason(signal, error) : error
  }
}

function dataFor({ options: { seed } }: Trainee, { dataset, options }: Request, hyperparameters: Hyperparameters): TrainingData {
  return prepareData(dataset, options?.validationData, hyperparameters, seed)
}

/** Trains with all that is known by now, and has the folder of the checkpoints to itself meanwhile. */
async function runOpened(
  trainee: Trainee,
  { options, hyperparameters, caller }: Request & Pick<Training, 'hyperparameters'>,
  data: TrainingData,
  resumed: ResumedCheckpoint | undefined,
  { onBatch, onEvent }: Listeners,
): Promise<History> {
  const { signal, optimizerState, checkpoints } = options ?? {}
  const rules = resolveCheckpointOptions(checkpoints, resumed?.file)
  const { close, ...opened } = await openCheckpoints(trainee, data, rules, resumed, caller)
  try {
    signal?.throwIfAborted()
    const { session } = trainee
    return await runTraining({ session, data, hyperparameters, options: { signal, optimizerState }, onBatch, ...opened, caller }, onEvent)
  } finally {
    await close()
  }
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
