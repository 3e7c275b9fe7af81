/** Where a training stands: how the position moves, when the next pause is due, and whether a position from a file can be gone on from. */
import { TorchRnnError } from '../errors'
import type { CheckpointKeeper, Hyperparameters, TrainingCheckpoint, TrainingPosition } from './checkpoint'
import type { EpochEvent } from './events'
import { type TrainingPlan, updatesUntil } from './plan'
import { plateauAfter, startPlateau } from './plateau'

/** Before the first batch. @param firstModelEpoch - The model's next epoch, from 0. */
export function startPosition(firstModelEpoch: number, { schedule, learningRate }: Hyperparameters): TrainingPosition {
  const start = { epochs: 0, batches: 0, seconds: 0, firstModelEpoch, history: [] }
  return schedule === 'plateau' ? { ...start, plateau: startPlateau(learningRate) } : start
}

/** The latest of the model's epochs (from 0) that was begun; below `firstModelEpoch` before the first batch. */
export function latestModelEpoch({ firstModelEpoch, epochs, batches }: TrainingPosition): number {
  return firstModelEpoch + epochs - (batches > 0 ? 0 : 1)
}

/** After the updates that were done in the running epoch. An update that is not whole does not count. */
export function afterUpdates(position: TrainingPosition, plan: TrainingPlan, updates: number): TrainingPosition {
  return { ...position, batches: Math.min(updates * plan.accumulationSteps, plan.batches) }
}

/** After an epoch and its validation. */
export function afterEpoch(position: TrainingPosition, event: EpochEvent, hyperparameters: Hyperparameters): TrainingPosition {
  const { history, best, plateau } = position
  const { epoch, validationLoss: loss } = event
  const next = { ...position, epochs: epoch, batches: 0, seconds: 0, history: [...history, event] }
  if (loss === undefined) return next
  const isBest = loss < (best?.loss ?? Number.POSITIVE_INFINITY)
  return {
    ...next,
    ...(isBest && { best: { epoch, loss } }),
    ...(plateau && { plateau: plateauAfter(plateau, loss, hyperparameters) }),
  }
}

/** Whether the latest epoch has the lowest validation loss so far; without validation it is the best. */
export function isAtBest({ epochs, batches, history, best }: TrainingPosition): boolean {
  if (epochs === 0 || batches > 0) return false
  return history.at(-1)?.validationLoss === undefined || best?.epoch === epochs
}

/** Epochs in a row whose validation loss was not the lowest one until then. */
export function epochsWithoutBest({ epochs, best }: TrainingPosition): number {
  return epochs - (best?.epoch ?? 0)
}

/** The batch of the running epoch after which the next pause comes; that of its end where none comes before. */
export function nextPause(position: TrainingPosition, every: CheckpointKeeper['every'] | undefined, plan: TrainingPlan): number {
  if (every === undefined || 'epochs' in every) return plan.batches
  const done = batchesUntil(position, plan)
  const due = done - (done % every.batches) + every.batches - position.epochs * plan.batches
  return Math.min(Math.ceil(due / plan.accumulationSteps) * plan.accumulationSteps, plan.batches)
}

/** Whether a checkpoint has come due on the way from one position to another. */
export function isPauseDue(from: TrainingPosition, to: TrainingPosition, every: CheckpointKeeper['every'], plan: TrainingPlan): boolean {
  const [unit, before, after] =
    'epochs' in every ? [every.epochs, from.epochs, to.epochs] : [every.batches, batchesUntil(from, plan), batchesUntil(to, plan)]
  return Math.floor(after / unit) > Math.floor(before / unit)
}

function batchesUntil({ epochs, batches }: TrainingPosition, plan: TrainingPlan): number {
  return epochs * plan.batches + batches
}

/**
 * Refuses a checkpoint that this training cannot have come to. Its form was checked by who read it.
 *
 * @throws TorchRnnError `ERR_INVALID_DATA`.
 */
export function checkStart({ position, state }: TrainingCheckpoint, plan: TrainingPlan, hyperparameters: Hyperparameters): void {
  const { epochs, batches, history, best, plateau } = position
  const place = `${epochs} epochs and ${batches} batches`
  if (epochs > plan.epochs || batches > plan.batches || (epochs === plan.epochs && batches > 0)) {
    throw unfit(`a position within ${plan.epochs} epochs of ${plan.batches} batches`, `one after ${place}`)
  }
  if (batches % plan.accumulationSteps !== 0 && batches !== plan.batches) {
    throw unfit(`a position between two updates of ${plan.accumulationSteps} batches each`, `one after ${place}`)
  }
  if (state.updates < updatesUntil(position, plan)) {
    throw unfit(`at least ${updatesUntil(position, plan)} updates after ${place}`, `${state.updates}`)
  }
  if (batches > 0 && state.epochBatches !== batches) throw unfit(`the sums of ${batches} batches`, `those of ${state.epochBatches}`)
  if (history.length !== epochs) throw unfit(`a history of ${epochs} epochs`, `one of ${history.length}`)
  if (best !== undefined && best.epoch > epochs) throw unfit(`a best epoch from 1 to ${epochs}`, `${best.epoch}`)
  const isPlateau = hyperparameters.schedule === 'plateau'
  if (isPlateau !== (plateau !== undefined)) {
    throw unfit(`${isPlateau ? 'a' : 'no'} state of the schedule plateau`, isPlateau ? 'none' : 'one')
  }
}

function unfit(expected: string, actual: string): TorchRnnError {
  const message = `Expected ${expected} in the checkpoint but received ${actual}. Resume with the data and the options that it was made with.`
  return new TorchRnnError('ERR_INVALID_DATA', message, { expected, actual })
}
