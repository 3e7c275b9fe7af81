/** What follows from the hyperparameters and the number of samples: how long an epoch is, and the learning rate of every batch. */
import type { Hyperparameters, TrainingPosition } from './checkpoint'
import { makeSchedule, type Schedule } from './schedules'

export interface TrainingPlan {
  readonly epochs: number
  /** Batches of an epoch; the last one may be smaller. */
  readonly batches: number
  /** Batches that make one update, counted from the start of an epoch; the last update of an epoch may have fewer. */
  readonly accumulationSteps: number
  /** Updates of an epoch. */
  readonly updates: number
  readonly schedule: Schedule
}

/** @param samples - Samples of an epoch. */
export function planTraining(hyperparameters: Hyperparameters, samples: number): TrainingPlan {
  const { epochs, batchSize, accumulationSteps } = hyperparameters
  const batches = Math.ceil(samples / batchSize)
  const updates = Math.ceil(batches / accumulationSteps)
  return { epochs, batches, accumulationSteps, updates, schedule: makeSchedule(hyperparameters, epochs * updates, updates) }
}

/** Updates from the start of the training to a position. */
export function updatesUntil({ epochs, batches }: Pick<TrainingPosition, 'epochs' | 'batches'>, plan: TrainingPlan): number {
  return epochs * plan.updates + Math.ceil(batches / plan.accumulationSteps)
}

/** The learning rate of the update that a batch of the running epoch belongs to. @param batch - From 0. */
export function learningRateOf(batch: number, { epochs, plateau }: TrainingPosition, plan: TrainingPlan): number {
  return plateau?.learningRate ?? plan.schedule(epochs * plan.updates + Math.floor(batch / plan.accumulationSteps))
}
