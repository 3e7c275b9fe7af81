/** Whether a search can go on with these options and these data. */
import { isDeepStrictEqual } from 'node:util'
import type { DataIdentity } from '../data/identity'
import { describe, TorchRnnError } from '../errors'
import { showPath } from '../files/regular-file'
import { resolveOptions } from '../options/checks'
import { asItIs } from '../options/flag-words'
import { HYPERPARAMETERS, MODEL_OPTIONS, OPTIONS } from '../options/options'
import type { StoredSearch } from './search-folder'
import type { ResolvedSearch, SearchSettings } from './search-options'
import { describeRange, resolveSpace, type SearchSpace } from './space'

/** Options that say where and how a trial computes and reports, not what. */
const FREE: ReadonlySet<string> = new Set(['device', 'engine', 'threads', 'precision', 'logInterval'])

/**
 * The options of a search that goes on: those that it began with, and what may be changed.
 *
 * @param given - What the user wrote.
 * @param folder - Of the search, for errors.
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for options that contradict the search.
 */
export function resumeSearch({ space, plan, base }: StoredSearch, given: SearchSettings, folder: string, show = asItIs): ResolvedSearch {
  const { vary, model, training, ...asked } = given
  const refuse = (name: string, stored: unknown, value: unknown, advice = 'Leave it out. For other options, begin a new search.') =>
    contradiction(show(name), stored, value, folder, advice)
  if (vary !== undefined) {
    const varied = resolveSpace(vary, new Set(), show)
    if (!isDeepStrictEqual(varied, space)) throw refuse('vary', describeSpace(space, show), describeSpace(varied, show))
  }
  const merged = { plan: { ...plan }, model: { ...base.model }, training: { ...base.training } }
  const parts = [
    [merged.plan, OPTIONS.search, asked],
    [merged.model, MODEL_OPTIONS, model],
    [merged.training, HYPERPARAMETERS, training],
  ] as const
  for (const [stored, table, values] of parts) {
    resolveOptions(table, values, 'searchHyperparameters', table === MODEL_OPTIONS ? ['normalization'] : [])
    for (const [name, value] of Object.entries(values ?? {})) {
      const before = (stored as Record<string, unknown>)[name]
      if (value === undefined || isDeepStrictEqual(value, before)) continue
      const isRaised = name === 'trials' && plan.strategy === 'random' && value > plan.trials
      if (name === 'trials' && plan.strategy === 'random' && !isRaised)
        throw refuse(name, before, value, 'They can be raised, but not lowered.')
      if (!isRaised && !FREE.has(name)) throw refuse(name, before, value)
      Object.assign(stored, { [name]: value })
    }
  }
  return { space, plan: merged.plan, base: { model: merged.model, training: merged.training } }
}

/** @throws TorchRnnError `ERR_INVALID_DATA` for other samples than those that the search began with. */
export function checkSearchedData(found: DataIdentity, { dataset }: StoredSearch, folder: string): void {
  if (isDeepStrictEqual(found, dataset)) return
  const [expected, actual] = [dataset, found].map(({ samples, sha256 }) => `${samples} with SHA-256 ${sha256.slice(0, 12)}...`)
  const advice = 'A search goes on only with the images and labels that it began with, in the same order.'
  const message = `The samples are not those of the search ${showPath(folder)}: expected ${expected} but received ${actual}. ${advice}`
  throw new TorchRnnError('ERR_INVALID_DATA', message, { expected, actual })
}

/** A space in words: "learningRate 0.0001 to 0.01 (log); batchSize 32, 64". */
function describeSpace(space: SearchSpace, show = asItIs): string {
  return Object.entries(space)
    .map(([name, range]) => `${show(name)} ${describeRange(range)}`)
    .join('; ')
}

function contradiction(name: string, stored: unknown, given: unknown, folder: string, advice: string): TorchRnnError {
  const [before, actual] = [stored, given].map(showValue)
  const expected = `${before} for ${name}, as in the search ${showPath(folder)},`
  return new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} but received ${actual}. ${advice}`, { expected, actual })
}

function showValue(value: unknown): string {
  if (value === undefined) return 'no value'
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? describe(value) : String(value)
}
