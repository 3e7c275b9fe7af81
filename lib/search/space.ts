/** Which options a search varies, and within which limits. */
import { describe, TorchRnnError, unexpected } from '../errors'
import { checkOption } from '../options/checks'
import { asItIs } from '../options/flag-words'
import { type ModelOptions, SEARCHABLE, type TrainHyperparameters } from '../options/options'
import type { AnyOptionSpec, SearchRange, TriedValue } from '../options/specs'

/** The name of an option that a search can vary: those of the table of options that have a usual range. */
export type SearchableOption =
  | ('hiddenSize' | 'numLayers' | 'nonlinearity' | 'recurrentInit' | 'batchSize' | 'optimizer' | 'learningRate' | 'weightDecay')
  | ('momentum' | 'clipGradNorm' | 'labelSmoothing' | 'accumulationSteps' | 'emaDecay' | 'schedule' | 'stepSize' | 'gamma' | 'warmup')
  | ('minLearningRate' | 'plateauPatience' | 'augmentShift' | 'augmentRotation' | 'augmentScale' | 'augmentShear' | 'augmentFlip')

/** Where a search looks for values of an option: both limits are allowed values themselves. */
export interface VariedRange {
  /** The lowest value. */
  readonly low: number
  /** The highest value. */
  readonly high: number
  /** Whether values are spread evenly by their difference or by their ratio. Default: that of the option's usual range. */
  readonly scale?: 'linear' | 'log' | undefined
}

/**
 * The options that a search varies: `true` for the usual range of an option; limits; or a list of values to choose from, where `null` leaves
 * out an option that need not be there.
 *
 * @example
 * const vary: VariedOptions = { learningRate: true, hiddenSize: { low: 64, high: 256 }, emaDecay: [null, 0.99] }
 */
export type VariedOptions = {
  readonly [Name in SearchableOption]?:
    | true
    | VariedRange
    | readonly (Exclude<(ModelOptions & TrainHyperparameters)[Name], undefined> | null)[]
    | undefined
}

/** The options that a search varies, each with its range as resolved, in the order of the table of options. */
export type SearchSpace = Readonly<Record<string, SearchRange>>

/** What a trial tries: a value for each option that it varies. An option without an effect beside the others is not there. */
export type TriedValues = Readonly<Record<string, TriedValue>>

/** What is varied unless the user says otherwise: these two matter most, and depend on each other. */
const USUALLY_VARIED: readonly SearchableOption[] = ['learningRate', 'batchSize']

/** The specs of all options that a search can vary. */
export const SEARCHABLE_SPECS: Readonly<Record<string, AnyOptionSpec & { readonly search: SearchRange }>> = SEARCHABLE satisfies Readonly<
  Record<SearchableOption, object>
>

/** Their names, in the order of the table. */
const SEARCHABLE_NAMES: readonly SearchableOption[] = Object.keys(SEARCHABLE) as (keyof typeof SEARCHABLE)[]

/**
 * Checks what a search varies, and fills in the usual ranges.
 *
 * @param vary - Default: {@link USUALLY_VARIED}, without those that are `fixed`.
 * @param fixed - The options that the user has given a value.
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function resolveSpace(vary: unknown, fixed: ReadonlySet<string> = new Set(), show = asItIs): SearchSpace {
  const usual = USUALLY_VARIED.filter((name) => !fixed.has(name))
  const given = vary ?? Object.fromEntries(usual.map((name) => [name, true]))
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw unexpected('ERR_INVALID_OPTION', 'vary', 'an object with the options to vary', given)
  }
  const entries = Object.entries(given).filter(([, value]) => value !== undefined)
  for (const [name] of entries) if (!Object.hasOwn(SEARCHABLE_SPECS, name)) throw cannotVary(name, show)
  if (entries.length === 0) throw nothingToVary(show)
  const order = (name: string) => SEARCHABLE_NAMES.indexOf(name as SearchableOption)
  entries.sort(([one], [other]) => order(one) - order(other))
  return Object.fromEntries(entries.map(([name, value]) => [name, resolveRange(name, value, show)]))
}

function resolveRange(name: string, value: unknown, show: (name: string) => string): SearchRange {
  const spec = SEARCHABLE_SPECS[name] as AnyOptionSpec & { search: SearchRange }
  if (value === true) return spec.search
  if (Array.isArray(value)) return { choices: resolveChoices(name, spec, value, show) }
  const isNumber = spec.kind === 'integer' || spec.kind === 'number'
  const expected = `true, a list of values${isNumber ? ', or { low, high }' : ''}`
  if (!isNumber || typeof value !== 'object' || value === null) {
    throw unexpected('ERR_INVALID_OPTION', `what ${show(name)} varies over`, expected, value)
  }
  return resolveLimits(name, spec, value as Record<string, unknown>, show)
}

function resolveChoices(name: string, spec: AnyOptionSpec, values: readonly unknown[], show: (name: string) => string): TriedValue[] {
  if (values.length === 0) throw unexpected('ERR_INVALID_OPTION', `what ${show(name)} varies over`, 'one or more values', values)
  const checked = values.map((value) => {
    if (value === null && spec.optional === true) return null
    return checkOption(show(name), spec, value) as TriedValue
  })
  const twice = checked.find((value, index) => checked.indexOf(value) !== index)
  if (twice === undefined) return checked
  const message = `Expected different values for ${show(name)} but received ${showTried(twice)} twice.`
  throw new TorchRnnError('ERR_INVALID_OPTION', message, { expected: 'different values', actual: `${showTried(twice)} twice` })
}

function resolveLimits(
  name: string,
  spec: AnyOptionSpec & { search: SearchRange },
  { low, high, scale = spec.search.scale ?? 'linear', ...others }: Record<string, unknown>,
  show: (name: string) => string,
): SearchRange {
  const what = `the range of ${show(name)}`
  const [other] = Object.keys(others)
  if (other !== undefined) throw unexpected('ERR_INVALID_OPTION', what, 'low, high and scale alone', other)
  if (scale !== 'linear' && scale !== 'log') throw unexpected('ERR_INVALID_OPTION', `the scale of ${show(name)}`, 'linear or log', scale)
  for (const limit of [low, high]) checkOption(what, spec, limit)
  const limits = { scale, low: low as number, high: high as number } as const
  if (limits.low >= limits.high) throw refusedRange(what, 'a low limit below the high one', limits)
  if (scale === 'log' && limits.low <= 0) throw refusedRange(what, 'a low limit above 0, because its scale is logarithmic,', limits)
  return limits
}

function refusedRange(what: string, expected: string, { low, high }: VariedRange): TorchRnnError {
  const actual = `${low} to ${high}`
  return new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} for ${what} but received ${actual}.`, { expected, actual })
}

function cannotVary(name: string, show: (name: string) => string): TorchRnnError {
  const expected = `one of ${SEARCHABLE_NAMES.map(show).join(', ')}`
  const message = `A search cannot vary ${show(name)}. Expected ${expected}.`
  return new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual: describe(name) })
}

function nothingToVary(show: (name: string) => string): TorchRnnError {
  const expected = `at least one option to vary, such as ${show('learningRate')}`
  return new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected}, but received none.`, { expected, actual: 'none' })
}

/** A range in words: "0.0001 to 0.01 (log)", "32, 64, 128". */
export function describeRange(range: SearchRange): string {
  if (range.choices !== undefined) return range.choices.map(showTried).join(', ')
  return `${range.low} to ${range.high}${range.scale === 'log' ? ' (log)' : ''}`
}

/** A value that is tried, as a command line has it. */
export function showTried(value: TriedValue | undefined): string {
  if (value === undefined) return ''
  return value === null ? NO_VALUE : String(value)
}

/** What stands for an option that is left out. */
export const NO_VALUE = 'none'
