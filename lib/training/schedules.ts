/**
 * How the learning rate changes during a training: functions of an update's number, from 0. They give the rates of PyTorch's schedulers in
 * torch.optim.lr_scheduler, which step after every update, in closed form. The schedule `plateau`, which looks at the validation loss, is in
 * plateau.ts.
 */
import type { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'

/** The rate of an update, from 0. */
export type Schedule = (update: number) => number

/** What the schedules know of a training. */
export interface ScheduleOptions extends Resolved<typeof OPTIONS.schedule> {
  readonly learningRate: number
}

/** PyTorch's defaults of OneCycleLR: how many times smaller than the highest rate the first one is, and than the first one the last one. */
const ONE_CYCLE = { start: 25, end: 1e4, warmup: 0.3 } as const

/** The share of the rate that a warm-up starts from, and the share of all updates that it takes unless the user says otherwise. */
const WARMUP = { start: 0.1, warmup: 0.05 } as const

/**
 * The schedule that the options ask for.
 *
 * @param updates - Updates of the whole training.
 * @param updatesPerEpoch - Updates of one epoch.
 */
export function makeSchedule(options: ScheduleOptions, updates: number, updatesPerEpoch: number): Schedule {
  const { learningRate, stepSize, gamma, warmup, minLearningRate } = options
  switch (options.schedule) {
    case 'step':
      return stepSchedule(learningRate, stepSize * updatesPerEpoch, gamma)
    case 'cosine':
      return cosineSchedule(learningRate, updates, minLearningRate)
    case 'one-cycle':
      return oneCycleSchedule(learningRate, updates, warmup ?? ONE_CYCLE.warmup)
    case 'warmup-cosine':
      return warmupCosineSchedule(learningRate, updates, Math.round(updates * (warmup ?? WARMUP.warmup)), minLearningRate)
    case 'constant':
    case 'plateau': // Where this one starts from.
      return () => learningRate
  }
}

/** StepLR: the rate is multiplied by `gamma` after every so many updates. */
export function stepSchedule(rate: number, updatesPerStep: number, gamma: number): Schedule {
  return (update) => rate * gamma ** Math.floor(update / updatesPerStep)
}

/** CosineAnnealingLR: half a wave from `rate` to `lowest`, which the update after the last one would reach. */
export function cosineSchedule(rate: number, updates: number, lowest: number): Schedule {
  return (update) => lowest + ((rate - lowest) * (1 + Math.cos((Math.PI * update) / updates))) / 2
}

/**
 * OneCycleLR: half a wave from a 25th of `rate` up to it, and another one from there to almost nothing, which the last update has.
 *
 * @param warmup - The share of the updates in which the rate rises, 0 to 1.
 */
export function oneCycleSchedule(rate: number, updates: number, warmup: number): Schedule {
  const first = rate / ONE_CYCLE.start
  const last = first / ONE_CYCLE.end
  const peak = warmup * updates - 1 // Between two updates, or before the first one, as in PyTorch.
  return (update) =>
    update <= peak ? halfWave(first, rate, shareOf(update, peak)) : halfWave(rate, last, shareOf(update - peak, updates - 1 - peak))
}

/** SequentialLR of LinearLR, from a tenth of `rate` over `warmupUpdates`, and CosineAnnealingLR over the rest. */
export function warmupCosineSchedule(rate: number, updates: number, warmupUpdates: number, lowest: number): Schedule {
  const cosine = cosineSchedule(rate, updates - warmupUpdates, lowest)
  return (update) =>
    update < warmupUpdates ? rate * (WARMUP.start + ((1 - WARMUP.start) * update) / warmupUpdates) : cosine(update - warmupUpdates)
}

function halfWave(from: number, to: number, share: number): number {
  return to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1)
}

/** A part that has no length is over. (PyTorch divides by zero there.) */
function shareOf(update: number, length: number): number {
  return length === 0 ? 1 : update / length
}
