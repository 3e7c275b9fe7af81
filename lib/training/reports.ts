/** Makes the events of a training from what the addon reports. */
import type { NativeProgress } from '../addon/binding'
import type { Evaluation } from '../model/evaluation'
import type { TrainingPosition } from './checkpoint'
import type { BatchEvent, EpochEvent } from './events'
import { learningRateOf, type TrainingPlan, updatesUntil } from './plan'

/** What is known of a running epoch: means over its samples so far. */
export type EpochSoFar = Pick<NativeProgress, 'samples' | 'loss' | 'accuracy'>

/** @param start - Where the range of batches that reports began. */
export function toBatchEvent(progress: NativeProgress, start: TrainingPosition, plan: TrainingPlan): BatchEvent {
  const { batch, batches, samples, batchLoss, loss, accuracy } = progress
  const seconds = start.seconds + progress.seconds
  return {
    type: 'batch',
    epoch: start.epochs + 1,
    epochs: plan.epochs,
    batch,
    batches,
    samples,
    batchLoss,
    trainLoss: loss,
    trainAccuracy: accuracy,
    learningRate: learningRateOf(batch - 1, start, plan),
    seconds,
    samplesPerSecond: samples / seconds,
  }
}

/** @param position - After the epoch's last batch. */
export function toEpochEvent(
  { samples, loss, accuracy }: EpochSoFar,
  validation: Evaluation | undefined,
  position: TrainingPosition,
  plan: TrainingPlan,
): EpochEvent {
  const { epochs, seconds } = position
  return {
    type: 'epoch',
    epoch: epochs + 1,
    epochs: plan.epochs,
    step: updatesUntil(position, plan),
    trainLoss: loss,
    trainAccuracy: accuracy,
    ...(validation && { validationLoss: validation.loss, validationAccuracy: validation.accuracy }),
    learningRate: learningRateOf(plan.batches - 1, position, plan),
    seconds,
    samplesPerSecond: samples / seconds,
  }
}
