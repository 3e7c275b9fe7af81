/** The options of the benchmarks. commander checks them, explains what is wrong and exits with code 2 (see run.mjs). */
import { InvalidArgumentError, Option } from 'commander'

const LARGEST = 1_000_000
const MOST_SEEDS = 1000

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
export function namesOption(name, summary, names, fallback = names) {
  return new Option(`--${name} <name,...>`, summary)
    .argParser((text) => {
      const chosen = text.split(',')
      const unknown = chosen.find((one) => !names.includes(one))
      if (unknown !== undefined) throw new InvalidArgumentError(`Expected some of ${names.join(', ')} but received ${unknown}.`)
      return chosen
    })
    .default(fallback, fallback === names ? 'all' : fallback.join(','))
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

/** `--seeds 1-5,8`: ranges and single ones, in this order. */
export const seedsOption = () =>
  new Option('--seeds <range,...>', 'seeds of the trainings').default([1, 2, 3, 4, 5], '1-5').argParser((text) => {
    const seeds = text.split(',').flatMap((part) => {
      const [, from, to = from] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(part) ?? []
      const count = Number(to) - Number(from) + 1
      if (!(count >= 1 && count <= MOST_SEEDS)) throw new InvalidArgumentError('Expected seeds and ranges of them, such as 1-5,8.')
      return Array.from({ length: count }, (_, index) => Number(from) + index)
    })
    if (new Set(seeds).size === seeds.length && seeds.length <= MOST_SEEDS) return seeds
    throw new InvalidArgumentError(`Expected each seed once, and at most ${MOST_SEEDS}.`)
  })

/** Flags of rnn-mnist-train that a benchmark itself gives, or that would change what it reads. */
const OWN_FLAGS = ['--recipe', '--seed', '--data', '--json', '--quiet', '--run', '--output', '--model', '--resume', '--stop-after-epochs']

function checkFlag(word, own) {
  const [name] = word.split('=')
  if (own.includes(name)) throw new InvalidArgumentError(`Expected flags of rnn-mnist-train without ${name}, which the benchmark decides.`)
}

/** Makes an argument take flags of rnn-mnist-train, after `--`. @param {string[]} [alsoOwn] - More flags that the benchmark itself gives. */
export function flagsArgument(argument, alsoOwn = []) {
  return argument.default([], 'none').argParser((word, previous) => {
    checkFlag(word, [...OWN_FLAGS, ...alsoOwn])
    return [...previous, word]
  })
}

/** `--change <name=flags>`: may be given several times. */
export function changeOption() {
  const summary = "the first recipe with these flags of rnn-mnist-train: --change 'tanh=--nonlinearity tanh' (repeatable)"
  return new Option('--change <name=flags>', summary).default([], 'none').argParser((text, changes) => {
    const [, name, words] = /^([^=]+)=\s*(-.*\S)\s*$/.exec(text) ?? []
    if (words === undefined) throw new InvalidArgumentError('Expected a name, = and flags.')
    const flags = words.split(/\s+/)
    for (const flag of flags) checkFlag(flag, OWN_FLAGS)
    return [...changes, { name, flags }]
  })
}

export const dataOption = () =>
  textOption('--data <folder>', 'IDX files named as those of MNIST, as the option of rnn-mnist-train (default: the bundled MNIST)')
export const enginesOption = () => namesOption('engines', 'what trains in this package', ['torch', 'fused'])
export const engineOption = () => textOption('--engine <name>', 'what trains in this package, as its option of this name').default('auto')
export const pythonOption = (summary) => textOption('--python <program>', summary)
export const jsonOption = () => textOption('--json <file>', 'also write the results to this file')
