/** What a shell can complete. It is taken from the program itself, so that the scripts always agree with it. */
import type { Command, Option } from 'commander'
import { RUNS_FOLDER } from '../../runs/run-folder'
import { choicesOf } from '../option-flags'

/** What follows an option: nothing, a path, one of some words, or anything, which a shell cannot complete. */
export type OptionValue = { kind: 'none' | 'file' | 'folder' | 'any' } | { kind: 'choice'; choices: readonly string[] }

export interface CompletableOption {
  /** With its hyphens: "--epochs". */
  readonly flag: string
  readonly summary: string
  readonly value: OptionValue
}

export interface CompletableCommand {
  readonly name: string
  readonly summary: string
  readonly options: readonly CompletableOption[]
  /** The words that can follow the command, besides its options. */
  readonly words: readonly string[]
  /** A command in parts, which are its words: the names in this folder can follow a part. */
  readonly folder?: string
}

export interface CompletableProgram {
  readonly name: string
  readonly commands: readonly CompletableCommand[]
  /** The options of a command line without a command: those of the default command and those of the program. */
  readonly bare: readonly CompletableOption[]
}

/** @param defaultCommand - The name of the command that runs when none is named. */
export function completableProgram(program: Command, defaultCommand: string): CompletableProgram {
  const visible = program.createHelp().visibleCommands(program)
  const names = visible.map((command) => command.name()).filter((name) => name !== 'help')
  const commands = visible.map((command) => {
    const about = { name: command.name(), summary: command.summary() || command.description() }
    if (command.commands.length > 0) return { ...about, ...joinParts(command) }
    const words = command.name() === 'help' ? names : (command.registeredArguments[0]?.argChoices ?? [])
    return { ...about, options: optionsOf(command), words }
  })
  const inherited = commands.find(({ name }) => name === defaultCommand)?.options ?? []
  const own = optionsOf(program).filter(({ flag }) => !inherited.some((option) => option.flag === flag))
  return { name: program.name(), commands, bare: [...inherited, ...own] }
}

/** A command in parts, such as `runs`: any option of a part can follow. All parts are about runs. */
function joinParts(command: Command): Pick<CompletableCommand, 'options' | 'words' | 'folder'> {
  const byFlag = new Map(command.commands.flatMap(optionsOf).map((option) => [option.flag, option]))
  return { options: Array.from(byFlag.values()), words: command.commands.map((part) => part.name()), folder: RUNS_FOLDER }
}

function optionsOf(command: Command): CompletableOption[] {
  const options = command.createHelp().visibleOptions(command)
  return options.map((option) => ({ flag: option.long ?? option.flags, summary: option.description, value: optionValue(option) }))
}

function optionValue(option: Option): OptionValue {
  const choices = choicesOf(option)
  if (choices !== undefined) return { kind: 'choice', choices }
  if (!option.required) return { kind: 'none' }
  if (/<(file|path)>$/.test(option.flags)) return { kind: 'file' }
  return { kind: option.flags.endsWith('<folder>') ? 'folder' : 'any' }
}
