/** Makes command-line flags of option tables, so that the API, `--help` and the checks never disagree. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { TorchRnnError } from '../errors'
import { checkOption, describeAllowed } from '../options/checks'
import { flagOf } from '../options/flag-words'
import type { AnyOptionSpec, OptionTable } from '../options/specs'

/** Adds a flag for each option of a table: `hiddenSize` becomes `--hidden-size <integer>`. */
export function addFlags(command: Command, table: OptionTable): Command {
  for (const [name, spec] of Object.entries(table)) command.addOption(toFlag(name, spec))
  return command
}

/** The words by option. They are not commander's own choices, because commander would then check and describe the values itself. */
const completionsOf = new WeakMap<Option, readonly string[]>()

/** The words that a shell can complete after an option; undefined where there are none. */
export function choicesOf(option: Option): readonly string[] | undefined {
  return completionsOf.get(option) ?? option.argChoices
}

function toFlag(name: string, spec: AnyOptionSpec): Option {
  const flag = flagOf(name)
  if (spec.kind === 'boolean') return toSwitch(flag, spec.default, spec.summary)
  const preset = spec.kind === 'text' ? spec.preset : undefined
  const value = preset === undefined ? `<${placeholder(spec)}>` : `[${placeholder(spec)}]`
  const option = new Option(`${flag} ${value}`, describeFlag(spec)).argParser((text, before: unknown) => parse(flag, spec, text, before))
  if (preset !== undefined) option.preset(preset)
  if (spec.required === true) option.makeOptionMandatory()
  if (spec.default !== undefined) option.default(spec.default, spec.kind === 'pair' ? spec.default.join() : undefined)
  const completions = spec.kind === 'choice' ? spec.choices : 'completions' in spec ? spec.completions : undefined
  if (completions !== undefined) completionsOf.set(option, completions)
  return option
}

/** A switch that is on by default gets a flag that turns it off. */
function toSwitch(flag: string, isOn: boolean | undefined, summary: string): Option {
  if (isOn === true) return new Option(flag.replace('--', '--no-'), `do not ${summary}`)
  const option = new Option(flag, summary)
  return isOn === undefined ? option : option.default(isOn)
}

function placeholder(spec: AnyOptionSpec): string {
  switch (spec.kind) {
    case 'choice':
      return 'name'
    case 'text':
      return spec.placeholder ?? 'text'
    case 'texts':
      return spec.placeholder
    case 'path':
      return spec.of
    case 'pair':
      return 'number,number'
    case 'part':
      return 'number'
    default:
      return spec.kind
  }
}

function describeFlag(spec: AnyOptionSpec): string {
  const allowed = ['text', 'texts', 'path'].includes(spec.kind) ? '' : ` (${describeAllowed(spec)})`
  return `${spec.summary}${allowed}${spec.whenAbsent === undefined ? '' : ` (default: ${spec.whenAbsent})`}`
}

/** @param before - What the same flag had before on this command line, or its default. */
function parse(flag: string, spec: AnyOptionSpec, text: string, before: unknown): unknown {
  try {
    const value = checkOption(flag, spec, toValue(spec, text))
    return spec.kind === 'texts' && Array.isArray(before) ? [...before, ...(value as string[])] : value
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw new InvalidArgumentError(`Expected ${error.expected}${spec.kind === 'pair' ? ' with a comma between them' : ''}.`)
  }
}

/** A text that does not have the form of the option's values stays a text, which the check refuses. */
function toValue(spec: AnyOptionSpec, text: string): unknown {
  switch (spec.kind) {
    case 'integer':
    case 'number':
    case 'part':
      return toNumber(text)
    case 'pair':
      return text.split(',').map(toNumber)
    case 'texts':
      return [text]
    default:
      return text
  }
}

/** Stricter than Number(), which takes '' for 0 and also accepts spaces and hexadecimal digits. */
export function toNumber(text: string): number | string {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : text
}
