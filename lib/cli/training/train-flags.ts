/** The flags of `train`. */
import { HYPERPARAMETERS, NETWORK_CHOICES, OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { SHARED_OPTIONS } from '../define-command'

export const TRAIN_OPTIONS = { ...HYPERPARAMETERS, ...NETWORK_CHOICES, ...OPTIONS.run, ...OPTIONS.checkpoints, ...SHARED_OPTIONS }

/** The flags as given, or their defaults. Of a resumed run: as in its checkpoint, except for those that were given. */
export type TrainFlags = Resolved<typeof TRAIN_OPTIONS>
