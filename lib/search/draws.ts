/** The options of each trial. They follow from the seed and the number of the trial alone, whatever was trained or interrupted before. */
import { crc32 } from 'node:zlib'
import { randomUniform } from '../data/philox'
import { TorchRnnError } from '../errors'
import type { Architecture } from '../model/architecture'
import { checkSavable } from '../model/model-file'
import { HYPERPARAMETERS, type ResolvedModelOptions } from '../options/options'
import type { AnyOptionSpec, SearchRange, TriedValue } from '../options/specs'
import type { Hyperparameters } from '../training/checkpoint'
import { checkCombinations, hasEffect, withoutEffect } from '../training/combinations'
import { SEARCHABLE_SPECS, type SearchSpace, type TriedValues } from './space'

/** The options that all trials share, unless they are varied. */
export interface SearchBase {
  readonly model: ResolvedModelOptions
  readonly training: Hyperparameters
}

/** A set of options to try. */
export interface Trial extends SearchBase {
  /** From 1. */
  readonly trial: number
  /** What differs between the trials, as drawn. */
  readonly values: TriedValues
}

const SPECS: Readonly<Record<string, AnyOptionSpec>> = HYPERPARAMETERS

/** Draws of one trial after which it is given up: no other combination is left, or hardly any is valid. */
const MAX_DRAWS = 1000

/** Digits of a number that is drawn: few enough to be read and typed, and the same on every machine, whose logarithms may differ in the last. */
const DIGITS = 4

/**
 * Draws trials. A combination that contradicts itself, or that an earlier trial has, is drawn again. So the first trials of a longer search
 * are those of a shorter one.
 *
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for an option that has an effect in no trial; when there are not so many combinations; for a
 *   network that is too large.
 */
export function drawTrials(space: SearchSpace, base: SearchBase, count: number, show: (name: string) => string): readonly Trial[] {
  checkEffects(space, base, show)
  const seen = new Set<string>()
  const trials: Trial[] = []
  while (trials.length < count) trials.push(drawTrial(trials.length + 1, space, base, seen, show))
  return trials
}

function drawTrial(trial: number, space: SearchSpace, base: SearchBase, seen: Set<string>, show: (name: string) => string): Trial {
  let refusal: unknown
  for (let attempt = 0; attempt < MAX_DRAWS; attempt += 1) {
    const drawn = drawValues(space, base.model.seed, trial, attempt)
    try {
      const complete = completeTrial(trial, drawn, base, show)
      const key = JSON.stringify(complete.values)
      if (seen.has(key)) continue
      seen.add(key)
      checkSavable(complete.model as Architecture)
      return complete
    } catch (error) {
      if (!(error instanceof TorchRnnError) || error.code !== 'ERR_INVALID_OPTION') throw error
      refusal = error
    }
  }
  throw outOfCombinations(trial - 1, refusal, show)
}

function outOfCombinations(found: number, refusal: unknown, show: (name: string) => string): TorchRnnError {
  if (found === 0 && refusal instanceof TorchRnnError) return refusal
  const expected = `at most ${found} for ${show('trials')}`
  const message = `Expected ${expected} but received more: these ranges have no more different combinations, as far as ${MAX_DRAWS} draws tell. Ask for fewer, or for wider ranges.`
  return new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual: 'more' })
}

/** A value for each option of the space. The draw of one does not depend on which others there are. */
function drawValues(space: SearchSpace, seed: number, trial: number, attempt: number): TriedValues {
  const draw = (name: string) => randomUniform(seed, 'search', [trial, attempt, crc32(name)])
  return Object.fromEntries(Object.entries(space).map(([name, range]) => [name, valueAt(name, range, draw(name))]))
}

/**
 * The value of an option at a place in its range.
 *
 * @param place - From 0 to below 1. Evenly spread places give evenly spread values, or logarithms of values; of integers, each has the same
 *   width on that scale.
 */
export function valueAt(name: string, range: SearchRange, place: number): TriedValue {
  if (range.choices !== undefined) return range.choices[Math.floor(place * range.choices.length)] as TriedValue
  const { low, high, scale } = range
  const isInteger = SEARCHABLE_SPECS[name]?.kind === 'integer'
  const end = isInteger ? high + 1 : high
  const value = scale === 'linear' ? low + place * (end - low) : low * (end / low) ** place
  const rounded = isInteger ? Math.floor(value) : Number(value.toPrecision(DIGITS))
  return Math.min(high, Math.max(low, rounded))
}

/**
 * A trial with all its options. Those that have no effect beside the others go back to their defaults: a warm-up where the schedule has none.
 *
 * @throws TorchRnnError `ERR_INVALID_OPTION` for values that contradict each other.
 */
function completeTrial(trial: number, drawn: TriedValues, base: SearchBase, show: (name: string) => string): Trial {
  const all: Record<string, unknown> = { ...base.model, ...base.training }
  for (const [name, value] of Object.entries(drawn)) all[name] = value ?? undefined
  const idle = Object.keys(SPECS).filter((name) => !hasEffect(name, all as Partial<Hyperparameters>))
  for (const name of idle) all[name] = SPECS[name]?.default
  const pick = (names: readonly string[]) =>
    Object.fromEntries(names.filter((name) => all[name] !== undefined).map((name) => [name, all[name]]))
  const model = pick(Object.keys(base.model)) as unknown as ResolvedModelOptions
  const training = pick(Object.keys(SPECS)) as unknown as Hyperparameters
  checkCombinations(training, show)
  const values = Object.fromEntries(Object.entries(drawn).filter(([name]) => !idle.includes(name)))
  return { trial, values, model, training }
}

/** Refuses an option, varied or not, that has an effect in no trial. */
function checkEffects(space: SearchSpace, { training }: SearchBase, show: (name: string) => string): void {
  const schedules = (space['schedule']?.choices ?? [training.schedule]) as readonly Hyperparameters['schedule'][]
  const optimizers = (space['optimizer']?.choices ?? [training.optimizer]) as readonly Hyperparameters['optimizer'][]
  const settings = schedules.flatMap((schedule) => optimizers.map((optimizer) => ({ ...training, schedule, optimizer })))
  for (const [name, spec] of Object.entries(SPECS)) {
    const value = training[name as keyof Hyperparameters]
    if (value === spec.default && space[name] === undefined) continue
    if (settings.some((setting) => hasEffect(name, setting))) continue
    throw withoutEffect(name, space[name] === undefined ? value : 'a range', show)
  }
}
