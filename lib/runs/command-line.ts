import { changedOptions, flagOf, quoteWord, wordsOf } from '../options/flag-words'
import { KNOWN_OPTIONS, type RunRecord } from './run-record'

/** The command line that trains the same network in the same way. */
export function commandLineOf({ network, options, data, model }: RunRecord): string {
  const changed = changedOptions(KNOWN_OPTIONS, options).flatMap(([name, value]) => {
    const spec = KNOWN_OPTIONS[name]
    return spec === undefined ? [] : wordsOf(name, spec, value)
  })
  const paths = Object.entries({ data, model }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const normalized = network.normalization !== undefined && model === undefined ? ['--normalize'] : []
  const words = [...paths.flatMap(([name, path]) => [flagOf(name), nameOfPath(path)]), ...changed, ...normalized]
  return ['npx rnn-mnist-train', ...words.map(quoteWord)].join(' ')
}

/** The name of a file or folder. Where it lies on the machine of the training is nobody's concern. */
export function nameOfPath(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== '')
  return parts.at(-1) ?? path
}
