/** Hyperparameters that contradict each other. Each was checked by itself before. */
import { describe, TorchRnnError } from '../errors'
import { HYPERPARAMETERS } from '../options/options'
import type { AnyOptionSpec } from '../options/specs'
import type { Hyperparameters } from './checkpoint'

type Name = keyof Hyperparameters

/** Options that mean something only with certain schedules. */
const BY_SCHEDULE: Partial<Record<Name, readonly Hyperparameters['schedule'][]>> = {
  stepSize: ['step'],
  gamma: ['step', 'plateau'],
  warmup: ['one-cycle', 'warmup-cosine'],
  minLearningRate: ['cosine', 'warmup-cosine', 'plateau'],
  plateauPatience: ['plateau'],
}

/** Whether an option would have an effect beside the others. */
export function hasEffect(name: string, { schedule, earlyStoppingPatience, optimizer }: Partial<Hyperparameters>): boolean {
  if (name === 'restoreBest') return earlyStoppingPatience !== undefined
  if (name === 'momentum') return optimizer === 'muon'
  const schedules = BY_SCHEDULE[name as Name]
  return schedules === undefined || schedules.includes(schedule ?? HYPERPARAMETERS.schedule.default)
}

/**
 * Refuses a set of options of which one would have no effect, because it belongs to a schedule that was not chosen: most likely a mistake. A
 * default does no harm.
 *
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function checkCombinations(hyperparameters: Hyperparameters, show = asItIs): void {
  for (const [name, spec] of Object.entries<AnyOptionSpec>(HYPERPARAMETERS)) {
    const value = hyperparameters[name as Name]
    if (value !== spec.default && !hasEffect(name, hyperparameters)) throw withoutEffect(name, value, show)
  }
  const { schedule, learningRate, minLearningRate, gamma } = hyperparameters
  if (minLearningRate > learningRate) {
    throw contradiction(`a ${show('minLearningRate')} of at most the ${show('learningRate')}, ${learningRate},`, describe(minLearningRate))
  }
  if (schedule === 'plateau' && gamma === 1) throw contradiction(`a ${show('gamma')} below 1 for the schedule plateau`, describe(gamma))
}

function asItIs(name: string): string {
  return name
}

/** The error for an option that would have no effect. */
export function withoutEffect(name: string, value: unknown, show: (name: string) => string): TorchRnnError {
  const condition = conditionOf(name, show)
  const actual = `${describe(value)} without it`
  const message = `${show(name)} has no effect without ${condition}. Leave it out, or choose that.`
  return new TorchRnnError('ERR_INVALID_OPTION', message, { expected: `${condition} together with ${show(name)}`, actual })
}

/** What an option needs beside it. */
function conditionOf(name: string, show: (name: string) => string): string {
  if (name === 'momentum') return `the ${show('optimizer')} muon`
  const schedules = BY_SCHEDULE[name as Name]
  return schedules === undefined ? show('earlyStoppingPatience') : `the schedule ${schedules.join(' or ')}`
}

function contradiction(expected: string, actual: string): TorchRnnError {
  return new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} but received ${actual}.`, { expected, actual })
}
