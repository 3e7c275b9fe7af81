/**
 * How many trials a search has, and how long each is. With successive halving (Jamieson and Talwalkar, "Non-stochastic best arm
 * identification and hyperparameter optimization", 2016), all trials get few epochs, and of each rung one trial in `eta` goes on to the next,
 * with `eta` times the epochs. The numbers are those of Hyperband's inner loop (Li et al., "Hyperband: A novel bandit-based approach to
 * hyperparameter optimization", 2018, algorithm 1): floor(n eta^-i) trials of R eta^(i-s) epochs on rung i of s + 1, here as whole epochs.
 *
 * A trial that goes on is trained anew, from its first epoch: its learning rates are then those that the schedule has for so many epochs, and
 * its result is that of a training of this length. A training that went on from the end of a short cosine would be another one. That costs at
 * most one part in `eta` more epochs on each rung.
 */
import { TorchRnnError } from '../errors'
import type { SearchPlanOptions } from '../options/options'

/** A stage of a search, whose trials are all equally long. */
export interface Rung {
  /** How many trials it has, if none diverges before it. */
  readonly trials: number
  /** Epochs of each. */
  readonly epochs: number
}

/** The options of a plan, as checked. */
export type SearchPlan = { readonly [Key in keyof SearchPlanOptions]-?: Exclude<SearchPlanOptions[Key], undefined> }

/**
 * The rungs of a search. A random one has one.
 *
 * @param epochs - Of the longest trials.
 * @throws TorchRnnError `ERR_INVALID_OPTION` when no rung could follow the first.
 */
export function rungsOf(plan: SearchPlan, epochs: number, show: (name: string) => string): readonly Rung[] {
  const { strategy, trials, eta, minEpochs } = plan
  if (strategy === 'random') return [{ trials, epochs }]
  if (trials < eta) throw tooFew(show('trials'), `at least ${show('eta')}, ${eta},`, trials)
  if (epochs < eta * minEpochs) {
    throw tooFew(show('epochs'), `at least ${show('eta')} times ${show('minEpochs')}, ${eta * minEpochs},`, epochs)
  }
  const last = Math.min(powersWithin(trials, eta), powersWithin(Math.floor(epochs / minEpochs), eta))
  return Array.from({ length: last + 1 }, (_, rung) => ({
    trials: Math.floor(trials / eta ** rung),
    epochs: Math.round(epochs / eta ** (last - rung)),
  }))
}

/** The largest k with base^k <= value. Not by logarithms, which round: log(243) / log(3) is below 5. */
function powersWithin(value: number, base: number): number {
  let [power, count] = [base, 0]
  while (power <= value) {
    power *= base
    count += 1
  }
  return count
}

function tooFew(name: string, expected: string, actual: number): TorchRnnError {
  const message = `Expected ${expected} for ${name} with the strategy halving but received ${actual}: no trial could go on.`
  return new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual: String(actual) })
}
