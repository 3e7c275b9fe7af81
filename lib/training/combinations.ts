/** Hyperparameters that contradict each other. Each was checked by itself before. */
import { describe, TorchRnnError } from '../errors'
import { asItIs } from '../options/flag-words'
import { HYPERPARAMETERS } from '../options/options'
import type { AnyOptionSpec } from '../options/specs'
import type { Hyperparameters } from './checkpoint'

type Name = keyof Hyperparameters
type Schedule = Hyperparameters['schedule']
type Optimizer = Hyperparameters['optimizer']

/** Options that mean something only with certain values of another one. */
const NEEDS: Partial<Record<Name, { readonly schedule: readonly Schedule[] } | { readonly optimizer: readonly Optimizer[] }>> = {
  stepSize: { schedule: ['step'] },
  gamma: { schedule: ['step', 'plateau'] },
  warmup: { schedule: ['one-cycle', 'warmup-cosine'] },
  minLearningRate: { schedule: ['cosine', 'warmup-cosine', 'plateau'] },
  plateauPatience: { schedule: ['plateau'] },
  momentum: { optimizer: ['muon'] },
}

/** Whether an option would have an effect beside the others. */
export function hasEffect(name: string, others: Partial<Hyperparameters>): boolean {
  if (name === 'restoreBest') return others.earlyStoppingPatience !== undefined
  const needs = Object.entries(NEEDS[name as Name] ?? {}) as ['schedule' | 'optimizer', readonly string[]][]
  return needs.every(([option, values]) => values.includes(others[option] ?? HYPERPARAMETERS[option].default))
}

/**
 * Refuses a set of options of which one would have no effect, because it belongs to a schedule or an optimizer that was not
 * chosen: most likely a mistake. A
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

/** The error for an option that would have no effect. */
export function withoutEffect(name: string, value: unknown, show: (name: string) => string): TorchRnnError {
  const condition = conditionOf(name, show)
  const actual = `${describe(value)} without it`
  const message = `${show(name)} has no effect without ${condition}. Leave it out, or choose that.`
  return new TorchRnnError('ERR_INVALID_OPTION', message, { expected: `${condition} together with ${show(name)}`, actual })
}

/** What an option needs beside it. */
function conditionOf(name: string, show: (name: string) => string): string {
  const [need] = Object.entries(NEEDS[name as Name] ?? {})
  return need === undefined ? show('earlyStoppingPatience') : `the ${need[0]} ${need[1].join(' or ')}`
}

function contradiction(expected: string, actual: string): TorchRnnError {
  return new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} but received ${actual}.`, { expected, actual })
}
