/** Trainings with checkpoints in memory, on models without the public class around them. */
import type { NativeTrainingState } from '../../lib/addon/binding'
import type { ImageDataset } from '../../lib/data/dataset'
import { ModelSession } from '../../lib/model/session'
import { resolveOptions } from '../../lib/options/checks'
import { HYPERPARAMETERS, MODEL_OPTIONS, type TrainHyperparameters } from '../../lib/options/options'
import type { CheckpointKeeper, TrainingCheckpoint } from '../../lib/training/checkpoint'
import type { CheckpointEvent, EpochEvent } from '../../lib/training/events'
import { runTraining } from '../../lib/training/train'
import type { History } from '../../lib/training/train-options'
import type { Training } from '../../lib/training/training'
import { prepareData } from '../../lib/training/training-data'
import { smallOptions } from './sample-models'

/** Keeps checkpoints by the batches that were done in their epoch: "1.3" is one epoch and three batches. Each is a copy. */
export class MemoryKeeper implements CheckpointKeeper {
  readonly every: CheckpointKeeper['every']
  readonly checkpoints = new Map<string, TrainingCheckpoint>()
  #best: NativeTrainingState | undefined

  constructor(every: CheckpointKeeper['every'], best?: NativeTrainingState) {
    this.every = every
    this.#best = best
  }

  async keep(checkpoint: TrainingCheckpoint, isBest: boolean): Promise<string> {
    const { position, hyperparameters, state } = checkpoint
    const name = `${position.epochs}.${position.batches}`
    if (this.checkpoints.has(name)) throw new Error(`The checkpoint ${name} is kept twice.`)
    // What a file would give back: JSON, and other arrays.
    this.checkpoints.set(name, { position: JSON.parse(JSON.stringify(position)), hyperparameters, state: structuredClone(state) })
    if (isBest) this.#best = structuredClone(state)
    return name
  }

  async readBest(): Promise<NativeTrainingState> {
    if (this.#best === undefined) throw new Error('No best epoch was kept.')
    return this.#best
  }

  /** The checkpoint of this name, which must be there. */
  get(name: string): TrainingCheckpoint {
    const checkpoint = this.checkpoints.get(name)
    if (checkpoint === undefined) throw new Error(`There is no checkpoint ${name}, only ${[...this.checkpoints.keys()].join()}.`)
    return checkpoint
  }
}

/** What a training is given besides its data. */
export interface PausedSettings extends Partial<Pick<Training, 'keeper' | 'start' | 'onBatch'>> {
  readonly hyperparameters?: TrainHyperparameters
  readonly options?: Training['options']
  readonly onEvent?: (event: EpochEvent | CheckpointEvent) => unknown
  readonly seed?: number
}

/** What a training did. Times are left out, because they differ from run to run. */
export interface PausedResult {
  readonly history: History
  readonly events: readonly string[]
  /** The whole state at the end. */
  readonly state: NativeTrainingState
}

/** Makes sessions that are disposed of after the test. */
export function useSessions(): (seed?: number) => ModelSession {
  const sessions: ModelSession[] = []
  afterEach(async () => {
    await Promise.all(sessions.splice(0).map((session) => session.dispose()))
  })
  return (seed = 1) => {
    const session = new ModelSession({}, resolveOptions(MODEL_OPTIONS, smallOptions({ seed }), 'ImageRNN'))
    sessions.push(session)
    return session
  }
}

/** Trains a model as `ImageRNN.train` does. */
export async function trainPaused(session: ModelSession, dataset: ImageDataset, settings: PausedSettings): Promise<PausedResult> {
  const { hyperparameters: given = {}, options = {}, keeper, start, onBatch, onEvent, seed = 1 } = settings
  const hyperparameters = resolveOptions(HYPERPARAMETERS, given, 'train')
  const data = prepareData(dataset, undefined, hyperparameters, seed)
  const training: Training = { session, data, hyperparameters, options, onBatch, keeper, start, caller: { stack: '' } }
  const events: string[] = []
  const history = await session.whileTraining(() =>
    runTraining(training, (event) => {
      events.push(event.type === 'epoch' ? `epoch ${event.epoch}` : `checkpoint ${event.file}`)
      return onEvent?.(event)
    }),
  )
  return { history: withoutTimes(history), events, state: await session.native.trainingState() }
}

/** A history as it is for every run of the same training. */
export function withoutTimes(history: History): History {
  return { ...history, epochs: history.epochs.map((event) => ({ ...event, seconds: 0, samplesPerSecond: 0 })) }
}
