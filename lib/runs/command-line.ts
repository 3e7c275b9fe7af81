import { changedOptions, flagOf, quoteWord, wordsOf } from '../options/flag-words'
import { KNOWN_OPTIONS, type RunRecord } from './run-record'

/** The command line that trains the same network in the same way. */
export function commandLineOf({ network, options, data, dataFiles, model }: RunRecord): string {
  const changed = changedOptions(KNOWN_OPTIONS, withoutPaths(options)).flatMap(([name, value]) => {
    const spec = KNOWN_OPTIONS[name]
    return spec === undefined ? [] : wordsOf(name, spec, value)
  })
  const sources = dataFiles ?? { data }
  const paths = Object.entries({ ...sources, model }).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const normalized = network.normalization !== undefined && model === undefined ? ['--normalize'] : []
  const words = [...paths.flatMap(([name, path]) => [flagOf(name), nameOfPath(path)]), ...changed, ...normalized]
  return ['npx rnn-mnist-train', ...words.map(quoteWord)].join(' ')
}

/** Options whose values may be a path, with its last part. */
export function withoutPaths(options: RunRecord['options']): RunRecord['options'] {
  const { labelNames } = options
  return typeof labelNames !== 'string' || labelNames.includes(',') ? options : { ...options, labelNames: nameOfPath(labelNames) }
}

/** The name of a file or folder. Where it lies on the machine of the training is nobody's concern. */
export function nameOfPath(path: string): string {
  const parts = path.split(/[/\\]/).filter((part) => part !== '')
  return parts.at(-1) ?? path
}
