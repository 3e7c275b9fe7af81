/** Options as words of a command line. */
import { isDeepStrictEqual } from 'node:util'
import type { AnyOptionSpec, OptionTable } from './specs'

/** The flag of an option: `hiddenSize` is `--hidden-size`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** The word by which a user gives an option: `--hidden-size`, and `--no-shuffle` for a switch that is on by default. */
export function flagIn(table: OptionTable, name: string): string {
  const spec = table[name]
  return spec?.kind === 'boolean' && spec.default === true ? flagOf(name).replace('--', '--no-') : flagOf(name)
}

/** The options whose values differ from their defaults, in the order of the table. Those that follow from the data are left out. */
export function changedOptions(table: OptionTable, values: Readonly<Record<string, unknown>>): [name: string, value: unknown][] {
  return Object.entries(table)
    .filter(([name, spec]) => spec.fromData !== true && values[name] !== undefined && !isDeepStrictEqual(values[name], spec.default))
    .map(([name]) => [name, values[name]])
}

/** The words that give an option a value: `['--betas', '0.9,0.99']`, `['--no-shuffle']`. */
export function wordsOf(name: string, spec: AnyOptionSpec, value: unknown): string[] {
  const flag = flagOf(name)
  if (spec.kind !== 'boolean') return [flag, String(value)]
  if (value === true) return spec.default === true ? [] : [flag]
  return spec.default === true ? [flag.replace('--', '--no-')] : []
}

/** A word as a POSIX shell takes it. */
export function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** How the API shows the name of an option, where the command line shows {@link flagOf} it. */
export function asItIs(name: string): string {
  return name
}
