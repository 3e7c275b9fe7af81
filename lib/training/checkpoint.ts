/** What a training goes on from after a pause, and who keeps it. Files and folders are not known here. */
import type { NativeTrainingState } from '../addon/binding'
import type { HYPERPARAMETERS } from '../options/options'
import type { Resolved } from '../options/specs'
import type { EpochEvent } from './events'

/** Where a training stands between two batches, besides what the addon holds. Plain JSON. */
export interface TrainingPosition {
  /** Whole epochs that are done. */
  readonly epochs: number
  /** Batches of the next epoch that are done. */
  readonly batches: number
  /** The model's epoch (from 0) that was the first of this training: the orders of its samples follow from it. */
  readonly firstModelEpoch: number
  /** What the epochs reported. */
  readonly history: readonly EpochEvent[]
  /** The lowest validation loss so far and its epoch (from 1); absent without validation. */
  readonly best?: { readonly epoch: number; readonly loss: number }
  /** The state of the plateau schedule; absent with the others, which need none. */
  readonly plateau?: { readonly learningRate: number; readonly best: number | null; readonly badEpochs: number }
}

/** All that a training goes on from, bit for bit. */
export interface TrainingCheckpoint {
  readonly position: TrainingPosition
  readonly hyperparameters: Resolved<typeof HYPERPARAMETERS>
  readonly state: NativeTrainingState
}

/** Keeps checkpoints. */
export interface CheckpointKeeper {
  /** The training pauses for a checkpoint after every so many epochs or batches, whatever epoch they belong to. */
  readonly every: { readonly epochs: number } | { readonly batches: number }
  /**
   * Keeps a checkpoint safely before it resolves.
   *
   * @param isBest - Whether this epoch has the lowest validation loss so far; without validation, the latest epoch is the best.
   * @returns The file that holds it.
   */
  keep(checkpoint: TrainingCheckpoint, isBest: boolean): Promise<string>
  /** The parameters of the best epoch so far, which a training that goes back to them needs after a pause. */
  readBest(): Promise<NativeTrainingState>
}
