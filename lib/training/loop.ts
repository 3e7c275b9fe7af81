/** The training loop: epochs, pauses for checkpoints, validation, early ends. The addon runs the batches. */
import type { NativeProgress, NativeTrainingState } from '../addon/binding'
import { TorchRnnError } from '../errors'
import type { Evaluation } from '../model/evaluation'
import type { CheckpointKeeper, TrainingPosition } from './checkpoint'
import type { CheckpointEvent, EpochEvent } from './events'
import { NativeTraining } from './native-training'
import { learningRateOf, planTraining, type TrainingPlan, updatesUntil } from './plan'
import {
  afterEpoch,
  afterUpdates,
  checkStart,
  epochsWithoutBest,
  isAtBest,
  isPauseDue,
  latestModelEpoch,
  nextPause,
  startPosition,
} from './position'
import { type EpochSoFar, toBatchEvent, toEpochEvent } from './reports'
import type { History } from './train-options'
import type { Training } from './training'

/**
 * Trains, and yields an event after each epoch and each checkpoint. It goes on when the reader asks for the next one. A reader that answers
 * an epoch with `false` ends the training after it.
 *
 * However the training ends, the model can be used. Where it stops early, because of an abort or an error, a checkpoint of the latest update
 * is kept before the error is thrown.
 */
export async function* trainEpochs(training: Training): AsyncGenerator<EpochEvent | CheckpointEvent, History, unknown> {
  const loop = new Loop(training)
  await loop.start()
  try {
    let ended = loop.whyOver()
    while (ended === undefined) {
      yield* loop.trainEpoch()
      const answer = yield await loop.finishEpoch()
      yield* loop.keepIfDue()
      ended = answer === false ? 'callback' : loop.whyOver()
    }
    yield* loop.keep()
    await loop.goBackToBest()
    return loop.history(ended)
  } catch (error) {
    yield* loop.keepAfterFailure()
    throw loop.explain(error)
  }
}

/** A running training: where it stands, and the next steps. */
class Loop {
  readonly #training: Training
  readonly #native: NativeTraining
  readonly #plan: TrainingPlan
  readonly #keeper: CheckpointKeeper | undefined
  #position: TrainingPosition
  #epoch: EpochSoFar = { samples: 0, loss: 0, accuracy: 0 }
  /** Where the latest checkpoint was kept, or the training began. */
  #kept: TrainingPosition
  /** Updates that the optimizer had done before this training. */
  #earlierUpdates = 0
  /** The state after the best epoch, in a training that goes back to it; undefined where that epoch was before a pause. */
  #best: NativeTrainingState | undefined

  constructor(training: Training) {
    const { session, hyperparameters, data, keeper, start } = training
    this.#training = training
    this.#native = new NativeTraining(training)
    this.#plan = planTraining(hyperparameters, data.trainSamples)
    this.#keeper = keeper
    this.#position = start?.position ?? startPosition(session.nextEpoch, hyperparameters)
    this.#kept = this.#position
  }

  /** Gets the addon ready: with a fresh optimizer, with that of the training before, or with a checkpoint. */
  async start(): Promise<void> {
    const { start, session, hyperparameters, options } = this.#training
    if (start !== undefined) checkStart(start, this.#plan, hyperparameters)
    await this.#native.start()
    if (start !== undefined) {
      await this.#native.load(start.state)
      if (this.#goesBack && isAtBest(start.position)) this.#best = start.state
      // Also where no epoch is left: a training after this one does not repeat the orders of its epochs.
      session.useEpoch(latestModelEpoch(start.position))
      this.#earlierUpdates = start.state.updates - updatesUntil(start.position, this.#plan)
      const { epochSamples: samples, epochLoss, epochHits } = start.state
      this.#epoch = { samples, loss: epochLoss / samples, accuracy: epochHits / samples }
    } else if (options.optimizerState === 'keep') {
      this.#earlierUpdates = (await this.#native.state()).updates
    }
  }

  /** Why the training is over; undefined while it is not. */
  whyOver(): History['ended'] | undefined {
    const { earlyStoppingPatience: patience } = this.#training.hyperparameters
    if (this.#position.epochs >= this.#plan.epochs) return 'completed'
    return patience !== undefined && epochsWithoutBest(this.#position) >= patience ? 'early-stopping' : undefined
  }

  /** Trains on what is left of the epoch, with a pause wherever a checkpoint is due. */
  async *trainEpoch(): AsyncGenerator<CheckpointEvent, void, unknown> {
    this.#training.options.signal?.throwIfAborted()
    while (this.#position.batches < this.#plan.batches) {
      await this.#trainUntil(nextPause(this.#position, this.#keeper?.every, this.#plan))
      // At the end of the epoch, the checkpoint comes after the validation.
      if (this.#position.batches < this.#plan.batches) yield* this.keepIfDue()
    }
  }

  async #trainUntil(end: number): Promise<void> {
    const position = this.#position
    const { firstModelEpoch, epochs, batches: first, seconds } = position
    const learningRates = Float64Array.from({ length: end - first }, (_, index) => learningRateOf(first + index, position, this.#plan))
    const began = performance.now()
    try {
      const result = await this.#native.train({ epoch: firstModelEpoch + epochs, first, learningRates }, this.#reporter())
      this.#epoch = result
      this.#position = { ...position, batches: end, seconds: seconds + result.seconds }
    } catch (error) {
      // A checkpoint of what was done of the range has its time, too.
      this.#position = { ...position, seconds: seconds + (performance.now() - began) / 1000 }
      throw error
    }
  }

  /** Reports progress as if there were no pauses. */
  #reporter(): ((progress: NativeProgress) => unknown) | undefined {
    const { onBatch, hyperparameters } = this.#training
    const position = this.#position
    if (onBatch === undefined) return undefined
    return (progress) => {
      const isDue = progress.batch % hyperparameters.logInterval === 0 || progress.batch === progress.batches
      return isDue ? onBatch(toBatchEvent(progress, position, this.#plan)) : undefined
    }
  }

  /** Measures the model after the epoch. @throws TorchRnnError `ERR_NOT_FINITE`. */
  async finishEpoch(): Promise<EpochEvent> {
    const { hyperparameters } = this.#training
    const validation = await this.#native.validate()
    if (validation !== undefined) checkFiniteLoss(validation)
    const event = toEpochEvent(this.#epoch, validation, this.#position, this.#plan)
    this.#position = afterEpoch(this.#position, event, hyperparameters)
    if (this.#goesBack && isAtBest(this.#position)) this.#best = await this.#native.state()
    return event
  }

  get #goesBack(): boolean {
    const { earlyStoppingPatience, restoreBest } = this.#training.hyperparameters
    return earlyStoppingPatience !== undefined && restoreBest
  }

  /** Keeps a checkpoint when the keeper's interval is over, and of the best epoch so far. */
  async *keepIfDue(): AsyncGenerator<CheckpointEvent, void, unknown> {
    const isNewBest = this.#position.best !== undefined && isAtBest(this.#position)
    const isDue = this.#keeper !== undefined && isPauseDue(this.#kept, this.#position, this.#keeper.every, this.#plan)
    if (isNewBest || isDue) yield* this.keep()
  }

  /** Keeps a checkpoint, unless there is one of this position. */
  async *keep(): AsyncGenerator<CheckpointEvent, void, unknown> {
    if (this.#keeper === undefined || this.#kept === this.#position) return
    yield await this.#keepState(this.#keeper, await this.#native.state())
  }

  async #keepState(keeper: CheckpointKeeper, state: NativeTrainingState): Promise<CheckpointEvent> {
    const position = this.#position
    const { hyperparameters } = this.#training
    const file = await keeper.keep({ position, hyperparameters, state }, isAtBest(position))
    this.#kept = position
    const { epochs: epoch, batches: batch } = position
    return batch === 0 ? { type: 'checkpoint', epoch, file } : { type: 'checkpoint', epoch, batch, file }
  }

  /** Keeps a checkpoint of the latest update, wherever in the epoch it was. */
  async *keepAfterFailure(): AsyncGenerator<CheckpointEvent, void, unknown> {
    if (this.#keeper === undefined) return
    try {
      const state = await this.#native.state()
      const updates = state.updates - this.#earlierUpdates - this.#position.epochs * this.#plan.updates
      const position = afterUpdates(this.#position, this.#plan, updates)
      if (this.#kept.epochs === position.epochs && this.#kept.batches === position.batches) return
      this.#position = position
      yield await this.#keepState(this.#keeper, state)
    } catch {
      // The error that ended the training is the one to report.
    }
  }

  /** Gives the model the parameters of the best epoch, where the training was asked to. */
  async goBackToBest(): Promise<void> {
    const { best, epochs } = this.#position
    if (!this.#goesBack || best === undefined || best.epoch === epochs) return
    const state = this.#best ?? (await this.#keeper?.readBest())
    if (state !== undefined) await this.#native.load(state)
  }

  history(ended: History['ended']): History {
    const { history: epochs, best } = this.#position
    return best === undefined ? { epochs, ended } : { epochs, bestEpoch: best.epoch, ended }
  }

  /** Says in which epoch a training diverged. */
  explain(error: unknown): unknown {
    if (!(error instanceof TorchRnnError) || error.code !== 'ERR_NOT_FINITE') return error
    const message = `Epoch ${this.#position.epochs + 1}: ${error.message}`
    const explained = new TorchRnnError(error.code, message, { cause: error, ...(error.detail !== undefined && { detail: error.detail }) })
    return Object.assign(explained, { stack: error.stack?.replace(error.message, message) })
  }
}

/** The parameters are finite, but what they compute is not always. @throws TorchRnnError `ERR_NOT_FINITE`. */
function checkFiniteLoss({ loss }: Evaluation): void {
  if (Number.isFinite(loss)) return
  const advice = 'Training has diverged: repeat it with a lower learning rate, or clip the gradients.'
  const message = `The mean loss on the validation samples is not finite (${loss}). ${advice}`
  throw new TorchRnnError('ERR_NOT_FINITE', message, { expected: 'a finite loss', actual: String(loss) })
}
