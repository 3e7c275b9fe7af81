/** What a training goes on from after a pause, and who keeps it. Files and folders are not known here. */
import type { NativeTrainingState } from '../addon/binding'
import type { HYPERPARAMETERS } from '../options/options'
import type { Resolved } from '../options/specs'
import type { EpochEvent } from './events'
import type { PlateauState } from './plateau'

/** The hyperparameters of a training, as checked: those with a default are always there. */
export type Hyperparameters = Resolved<typeof HYPERPARAMETERS>

/** Where a training stands between two updates, besides what the addon holds. Plain JSON. */
export interface TrainingPosition {
  /** Whole epochs that are done. */
  readonly epochs: number
  /** Batches of the next epoch that are done; all of them when only its validation is left. */
  readonly batches: number
  /** How long these batches took. */
  readonly seconds: number
  /** The model's epoch (from 0) that was the first of this training: the orders of its samples follow from it. */
  readonly firstModelEpoch: number
  /** What the epochs reported. */
  readonly history: readonly EpochEvent[]
  /** The lowest validation loss so far and its epoch (from 1); absent without validation. */
  readonly best?: { readonly epoch: number; readonly loss: number }
  /** The state of the plateau schedule; absent with the others, which need none. */
  readonly plateau?: PlateauState
}

/** All that a training goes on from, bit for bit. */
export interface TrainingCheckpoint {
  readonly position: TrainingPosition
  readonly hyperparameters: Hyperparameters
  readonly state: NativeTrainingState
}

/** Keeps checkpoints. */
export interface CheckpointKeeper {
  /**
   * The training pauses for a checkpoint after every so many epochs or batches, whatever epoch they belong to; within an epoch after the
   * update that the batch belongs to. It also keeps one after an epoch with the lowest validation loss so far, at its end, and where it
   * stops early.
   */
  readonly every: { readonly epochs: number } | { readonly batches: number }
  /**
   * Keeps a checkpoint safely before it resolves.
   *
   * @param isBest - Whether this epoch has the lowest validation loss so far; without validation, the latest epoch is the best.
   * @returns The file that holds it.
   */
  keep(checkpoint: TrainingCheckpoint, isBest: boolean): Promise<string>
  /** The state of the best epoch so far, which a training that goes back to it needs after a pause. */
  readBest(): Promise<NativeTrainingState>
}
