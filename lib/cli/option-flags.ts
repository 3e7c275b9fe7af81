/** Makes command-line flags of the option table, so that API, `--help` and checks never disagree. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { TorchRnnError } from '../errors'
import { type AnyOptionSpec, checkOption, describeAllowed, MODEL_OPTIONS, type OptionTable } from '../options/options'

/** Flags of every command that reports: what it says. */
export interface OutputFlags {
  json: boolean
  quiet: boolean
}

/** Flags that every command has that uses data or a network. */
export interface SharedFlags extends OutputFlags {
  data?: string
  seed: number
  device: string
  engine: 'auto' | 'torch'
  threads: number
}

/** Adds a flag for each of these options of a table: `hiddenSize` becomes `--hidden-size <integer>`. */
export function addTableFlags<Options>(command: Command, table: OptionTable<Options>, keys: readonly (keyof Options & string)[]): Command {
  for (const key of keys) command.addOption(toFlag(key, (table as Record<string, AnyOptionSpec>)[key] as AnyOptionSpec))
  return command
}

/** Adds `--data --seed --device --engine --threads --json --quiet`. */
export function addSharedFlags(command: Command): Command {
  command.addOption(dataFlag())
  addTableFlags(command, MODEL_OPTIONS, ['seed', 'device', 'engine', 'threads'])
  return addOutputFlags(command)
}

/** `--data DIR`. */
export function dataFlag(): Option {
  return pathFlag('--data <folder>', 'read the images from IDX files in this folder, named as those of MNIST (default: the bundled MNIST)')
}

/** Adds `--json --quiet`. */
export function addOutputFlags(command: Command): Command {
  command.option('--json', 'print one JSON object a line to stdout, and nothing else', false)
  return command.option('--quiet', 'print only the result', false)
}

/**
 * A flag for a path, `--name <file>` or `--name <folder>`. An empty one is a mistake, such as an unset variable of a script, never the
 * current folder.
 */
export function pathFlag(flags: `--${string} <${'file' | 'folder'}>`, summary: string): Option {
  const expected = `the path of a ${flags.endsWith('<folder>') ? 'folder' : 'file'}`
  return new Option(flags, summary).argParser((text) => {
    if (text === '') throw new InvalidArgumentError(`Expected ${expected}.`)
    return text
  })
}

/** Not commander's own choices: those would have it check and describe the values in its way. */
const tableChoices = new WeakMap<Option, readonly string[]>()

/** The words that can follow an option, where it does not take just anything. */
export function choicesOf(option: Option): readonly string[] | undefined {
  return tableChoices.get(option) ?? option.argChoices
}

function toFlag(key: string, spec: AnyOptionSpec): Option {
  const name = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (spec.kind === 'boolean') return toSwitch(name, spec.default, spec.summary)
  const option = new Option(`--${name} <${placeholder(spec)}>`, describeFlag(spec)).default(spec.default)
  const choices = spec.kind === 'choice' ? spec.choices : spec.kind === 'text' ? spec.completions : undefined
  if (choices !== undefined) tableChoices.set(option, choices)
  return option.argParser((text) => parse(name, spec, text))
}

/** A switch that is on by default gets a flag that turns it off. */
function toSwitch(name: string, isOn: boolean, summary: string): Option {
  return isOn ? new Option(`--no-${name}`, `do not ${summary}`) : new Option(`--${name}`, summary).default(false)
}

function placeholder(spec: AnyOptionSpec): string {
  return spec.kind === 'choice' ? 'name' : spec.kind === 'text' ? 'text' : spec.kind
}

function describeFlag(spec: AnyOptionSpec): string {
  return spec.kind === 'text' ? spec.summary : `${spec.summary} (${describeAllowed(spec)})`
}

function parse(name: string, spec: AnyOptionSpec, text: string): unknown {
  const isNumber = spec.kind === 'integer' || spec.kind === 'number'
  // Number('') is 0, and Number accepts spaces and hexadecimal digits; a command line should not.
  const value = isNumber && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text
  try {
    return checkOption(`--${name}`, spec, value)
  } catch (error) {
    if (error instanceof TorchRnnError) throw new InvalidArgumentError(`Expected ${error.expected}.`)
    throw error
  }
}
