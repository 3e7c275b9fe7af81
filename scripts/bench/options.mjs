/** The options of the benchmarks. commander checks them, explains what is wrong and exits with code 2 (see run.mjs). */
import { InvalidArgumentError, Option } from 'commander'

const LARGEST = 1_000_000

function parseInteger(min, max) {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`Expected an integer from ${min} to ${max}.`)
  }
}

/** `--name <integer>`. */
export function integerOption(name, summary, fallback, { min = 1, max = LARGEST } = {}) {
  return new Option(`--${name} <integer>`, summary).argParser(parseInteger(min, max)).default(fallback)
}

/** `--name <integer,...>`: a list. */
export function integersOption(name, summary, fallback, { min = 1, max = LARGEST } = {}) {
  const parse = parseInteger(min, max)
  return new Option(`--${name} <integer,...>`, summary)
    .argParser((text) => text.split(',').map((part) => parse(part)))
    .default(fallback, fallback.join(','))
}

/** `--name <name>`: one of these names. */
export function nameOption(name, summary, names) {
  return new Option(`--${name} <name>`, summary).choices(names)
}

/** `--name <name,...>`: some of these names. */
export function namesOption(name, summary, names) {
  return new Option(`--${name} <name,...>`, summary)
    .argParser((text) => {
      const chosen = text.split(',')
      const unknown = chosen.find((one) => !names.includes(one))
      if (unknown !== undefined) throw new InvalidArgumentError(`Expected some of ${names.join(', ')} but received ${unknown}.`)
      return chosen
    })
    .default(names, 'all')
}

function textOption(flags, summary) {
  return new Option(flags, summary).argParser((text) => {
    if (text === '') throw new InvalidArgumentError('Expected a non-empty text.')
    return text
  })
}

export const roundsOption = (fallback) => integerOption('rounds', 'how often each one is measured', fallback, { max: 1000 })
export const threadsOption = () =>
  integerOption('threads', 'CPU threads of one operation, for both sides; 0: as each chooses', 0, { min: 0, max: 1024 })
/** `--peer <name=command>`: may be given several times. */
export function peerOption() {
  const summary =
    'another program, run as `command STEPS WARMUP`; its last line is JSON with ms_per_step, and first_loss to compare (repeatable)'
  return new Option('--peer <name=command>', summary).default([], 'none').argParser((text, peers) => {
    const [, name, command] = /^([^=]+)=(.*\S.*)$/.exec(text) ?? []
    if (command === undefined) throw new InvalidArgumentError('Expected a name, = and a command.')
    return [...peers, { name, command }]
  })
}

export const enginesOption = () => namesOption('engines', 'what trains in this package', ['torch', 'fused'])
export const engineOption = () => textOption('--engine <name>', 'what trains in this package, as its option of this name').default('auto')
export const pythonOption = (summary) => textOption('--python <program>', summary)
export const jsonOption = () => textOption('--json <file>', 'also write the results to this file')
