/** Checks the values of options against their specs, and says in words what a spec allows. */
import { describe, describeShape, TorchRnnError, unexpected } from '../errors'
import type { AnyOptionSpec, Bounds, OptionTable, OptionValue, Resolved } from './specs'

/**
 * Checks the options that a user gave, and fills in the defaults. An optional one that was not given stays absent; a required one must be
 * given.
 *
 * @param owner - Whose options they are, for errors: "ImageRNN".
 * @param alsoAllowed - Keys that the caller checks itself, such as callbacks.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for an unknown key or a wrong value.
 */
export function resolveOptions<Table extends OptionTable>(
  table: Table,
  given: unknown,
  owner: string,
  alsoAllowed: readonly string[] = [],
): Resolved<Table> {
  if (given !== undefined && (typeof given !== 'object' || given === null || Array.isArray(given))) {
    throw unexpected('ERR_INVALID_OPTION', `the options of ${owner}`, 'an object', given)
  }
  const values = (given ?? {}) as Record<string, unknown>
  for (const key of Object.keys(values)) {
    if (!Object.hasOwn(table, key) && !alsoAllowed.includes(key)) throw unknownOption(key, owner, [...Object.keys(table), ...alsoAllowed])
  }
  const resolved: Record<string, unknown> = {}
  for (const [key, spec] of Object.entries(table)) {
    const isAbsent = values[key] === undefined && spec.required !== true
    const value = isAbsent ? spec.default : checkOption(key, spec, values[key])
    if (value !== undefined) resolved[key] = value
  }
  return resolved as Resolved<Table>
}

/** The options of a table, taken from an object that may hold more. Absent ones stay absent. */
export function pickOptions<Table extends OptionTable>(table: Table, source: Readonly<Resolved<Table>>): Resolved<Table> {
  const values = source as Readonly<Record<string, unknown>>
  const present = Object.keys(table).filter((key) => values[key] !== undefined)
  return Object.fromEntries(present.map((key) => [key, values[key]])) as Resolved<Table>
}

/** Checks one value. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkOption<Spec extends AnyOptionSpec>(name: string, spec: Spec, value: unknown): OptionValue<Spec> {
  if (isAllowed(spec, value)) return (spec.kind === 'pair' ? [...(value as number[])] : value) as OptionValue<Spec>
  const expected = describeAllowed(spec)
  if (spec.kind !== 'pair' || !Array.isArray(value)) throw unexpected('ERR_INVALID_OPTION', name, expected, value)
  const actual = describeShape(value)
  throw new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} for ${name} but received ${actual}.`, { expected, actual })
}

/** What a spec allows, in words: "an integer from 1 to 64". */
export function describeAllowed(spec: AnyOptionSpec): string {
  switch (spec.kind) {
    case 'integer':
      return `an integer${describeBounds(spec)}`
    case 'number':
      return `a number${describeBounds(spec)}`
    case 'part':
      return 'an integer from 1 or a share between 0 and 1'
    case 'pair':
      return `two numbers${describeBounds(spec)}`
    case 'boolean':
      return 'true or false'
    case 'choice':
      return `one of ${spec.choices.join(', ')}`
    case 'text':
    case 'texts':
      return spec.expected
    case 'path':
      return `the path of a ${spec.of === 'path' ? 'file or folder' : spec.of}`
  }
}

function describeBounds({ min, above, max, below }: Bounds): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`
  const lower = min !== undefined ? [`of at least ${min}`] : above !== undefined ? [`above ${above}`] : []
  const upper = max !== undefined ? [`of at most ${max}`] : below !== undefined ? [`below ${below}`] : []
  return [...lower, ...upper].map((bound, index) => (index === 0 ? ` ${bound}` : ` and ${bound.replace(/^of /, '')}`)).join('')
}

function isAllowed(spec: AnyOptionSpec, value: unknown): boolean {
  switch (spec.kind) {
    case 'integer':
      return Number.isInteger(value) && isWithin(spec, value)
    case 'number':
      return isWithin(spec, value)
    case 'part':
      return isWithin({ above: 0 }, value) && (value < 1 || Number.isInteger(value))
    case 'pair':
      return Array.isArray(value) && value.length === 2 && value.every((part) => isWithin(spec, part))
    case 'boolean':
      return typeof value === 'boolean'
    case 'choice':
      return (spec.choices as readonly unknown[]).includes(value)
    case 'text':
      return typeof value === 'string' && spec.pattern.test(value)
    case 'texts':
      return Array.isArray(value) && value.every((text) => typeof text === 'string' && spec.pattern.test(text))
    case 'path':
      // An empty path is a mistake, such as an unset variable of a script. It never means the current folder.
      return typeof value === 'string' && value !== ''
  }
}

function isWithin({ min, above, max, below }: Bounds, value: unknown): value is number {
  if (typeof value !== 'number' || !Number.isFinite(value)) return false
  const isHighEnough = (min === undefined || value >= min) && (above === undefined || value > above)
  return isHighEnough && (max === undefined || value <= max) && (below === undefined || value < below)
}

function unknownOption(key: string, owner: string, known: readonly string[]): TorchRnnError {
  const expected = `one of ${known.join(', ')}`
  return new TorchRnnError('ERR_INVALID_OPTION', `Unknown option ${describe(key)} for ${owner}. Expected ${expected}.`, {
    expected,
    actual: key,
  })
}
