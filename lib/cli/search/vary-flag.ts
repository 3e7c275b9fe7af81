/** `--vary`: which options a search varies, as words of the command line. */
import { flagOf } from '../../options/flag-words'
import { NO_VALUE, SEARCHABLE_SPECS, type VariedOptions } from '../../search/space'
import { WrongUsage } from '../exit'
import { toNumber } from '../option-flags'

/** An option, and perhaps where to look for its values. */
const WORD = /^(?:--)?([a-zA-Z-]+)(?:=(.+))?$/s
const RANGE = /^(.+?)\.\.(.+)$/

/** The flag, which can be repeated. */
export const VARY_OPTION = {
  vary: {
    kind: 'texts',
    pattern: WORD,
    expected: 'an option with its values: learning-rate, learning-rate=1e-4..1e-2 or batch-size=32,64',
    placeholder: 'option',
    completions: Object.keys(SEARCHABLE_SPECS).map(wordOf),
    optional: true,
    summary: 'an option to vary, in its usual range, within limits or among choices; repeatable',
    whenAbsent: 'learning-rate and batch-size',
  },
} as const

/** The word for an option: `learningRate` is `learning-rate`. */
export function wordOf(name: string): string {
  return flagOf(name).slice(2)
}

/**
 * What the flags ask for. The values are checked where the search is.
 *
 * @throws CommandFailure `ERR_USAGE` for an option that is named twice.
 */
export function parseVary(words: readonly string[]): VariedOptions {
  const varied = new Map<string, unknown>()
  for (const word of words) {
    const [, written = '', values] = WORD.exec(word) ?? []
    const name = written.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    if (varied.has(name)) throw new WrongUsage(`Expected each option once for --vary but received ${wordOf(name)} twice.`)
    varied.set(name, values === undefined ? true : parseValues(name, values))
  }
  return Object.fromEntries(varied)
}

function parseValues(name: string, text: string): unknown {
  const kind = SEARCHABLE_SPECS[name]?.kind
  if (kind !== 'integer' && kind !== 'number') return text.split(',').map((word) => (word === NO_VALUE ? null : word))
  const [, low, high] = RANGE.exec(text) ?? []
  if (low !== undefined && high !== undefined) return { low: toNumber(low), high: toNumber(high) }
  return text.split(',').map((word) => (word === NO_VALUE ? null : toNumber(word)))
}
