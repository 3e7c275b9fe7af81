/** The schedule `plateau`: torch.optim.lr_scheduler.ReduceLROnPlateau, with `mode='min'`, on the validation loss of every epoch. */
import type { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'

/** What is remembered from epoch to epoch. Plain JSON. */
export interface PlateauState {
  /** The rate of the next epoch. */
  readonly learningRate: number
  /** The loss that has to be undercut; null before the first epoch. */
  readonly best: number | null
  /** Epochs in a row that did not. */
  readonly badEpochs: number
}

/** PyTorch's defaults. A loss counts as lower when it is by this share... */
const THRESHOLD = 1e-4
/** ...and the rate is left alone where it would change by no more than this. */
const SMALLEST_CHANGE = 1e-8

/** Before the first epoch. */
export function startPlateau(learningRate: number): PlateauState {
  return { learningRate, best: null, badEpochs: 0 }
}

/** After an epoch. */
export function plateauAfter(state: PlateauState, loss: number, options: Resolved<typeof OPTIONS.schedule>): PlateauState {
  const { learningRate, best, badEpochs } = state
  if (loss < (best ?? Number.POSITIVE_INFINITY) * (1 - THRESHOLD)) return { learningRate, best: loss, badEpochs: 0 }
  if (badEpochs + 1 <= options.plateauPatience) return { learningRate, best, badEpochs: badEpochs + 1 }
  const reduced = Math.max(learningRate * options.gamma, options.minLearningRate)
  return { learningRate: learningRate - reduced > SMALLEST_CHANGE ? reduced : learningRate, best, badEpochs: 0 }
}
