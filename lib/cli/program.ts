/** The command line: finds out which command is meant, and runs it. Each command has a file in commands/. */
import { Command, CommanderError } from 'commander'
import { toJsonLine } from '../formats/json-lines'
import { PACKAGE_VERSION } from '../version'
import { findCommandWord } from './command-word'
import { buildCommand } from './commands/build'
import { completionCommand } from './commands/completion'
import { doctorCommand } from './commands/doctor'
import { evaluateCommand } from './commands/evaluate'
import { exploreCommand } from './commands/explore'
import { exportCommand } from './commands/export'
import { forwardCommand } from './commands/forward'
import { hookCommand } from './commands/hook'
import { lrFindCommand } from './commands/lr-find'
import { plotCommand } from './commands/plot'
import { predictCommand } from './commands/predict'
import { runsCommand } from './commands/runs'
import { searchCommand } from './commands/search'
import { serveCommand } from './commands/serve'
import { summaryCommand } from './commands/summary'
import { trainCommand } from './commands/train'
import type { ErrorEvent } from './events'
import { EXIT_USAGE, endWith } from './exit'

const DESCRIPTION = 'Teaches a recurrent network to read handwritten digits row by row, natively on libtorch.'

/** The command that runs when none is named. */
const DEFAULT_COMMAND = 'train'

/** All commands, in the order of `--help`. */
const COMMANDS: readonly (() => Command)[] = [
  trainCommand,
  lrFindCommand,
  evaluateCommand,
  predictCommand,
  exploreCommand,
  summaryCommand,
  forwardCommand,
  hookCommand,
  plotCommand,
  exportCommand,
  serveCommand,
  runsCommand,
  searchCommand,
  doctorCommand,
  buildCommand,
  () => completionCommand(DEFAULT_COMMAND),
]

/** What asks for the help of the command that follows. */
const HELP_WORDS: readonly string[] = ['help', '--help', '-h']

const MORE = `
Without a command, train is run: rnn-mnist-train --epochs 1
Each command explains itself: rnn-mnist-train train --help`

/** @param defaultCommand - The command for a command line that names none; undefined when every command line must name one. */
function createProgram(commands: readonly Command[], defaultCommand: string | undefined): Command {
  const program = new Command('rnn-mnist-train').description(DESCRIPTION).version(PACKAGE_VERSION, '--version')
  for (const command of commands) program.addCommand(command, { isDefault: command.name() === defaultCommand })
  program.addHelpText('after', MORE)
  settle(program, 'rnn-mnist-train')
  return program
}

/** Settings that commander leaves to each command. @param words - What is typed for the command. */
function settle(command: Command, words: string): void {
  command.configureHelp({ minWidthToWrap: 20 }) // By default, help breaks no lines in a terminal of 60 columns.
  command.exitOverride().showHelpAfterError(`Try: ${words} --help`)
  for (const part of command.commands) settle(part, `${words} ${part.name()}`)
}

async function run(args: readonly string[]): Promise<void> {
  const commands = COMMANDS.map((create) => create())
  const names = ['help', ...commands.map((command) => command.name())]
  const options = commands.find((command) => command.name() === DEFAULT_COMMAND)?.options ?? []
  const found = findCommandWord(args, options)
  const { word, index } = found ?? { word: args[0] ?? '', index: 0 }
  // For an unknown word after a request for help, commander would show the general help.
  const meant = HELP_WORDS.includes(word) ? findCommandWord(args.slice(index + 1), options) : found
  if (meant !== undefined && !names.includes(meant.word)) {
    // Without a default command, commander refuses the word and suggests a similar one. With one, it takes the word for an argument.
    await createProgram(commands, undefined).parseAsync([meant.word], { from: 'user' })
    return
  }
  const program = createProgram(commands, DEFAULT_COMMAND)
  if (found !== undefined && found.index > 0) {
    program.error(`error: a command goes before its options: ${program.name()} ${found.word} ...`)
  }
  await program.parseAsync(args, { from: 'user' })
}

/** Commander begins its messages with "error: ", and puts what it suggests on a line of its own. */
function toOneLine({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'A command is missing; --help lists those that there are.'
  return message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ')
}

/** Runs a command line: the words after the program's name. Sets the exit code of the process. */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    await run(args)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return // Commander ends --help and --version with an error, too.
    endWith(EXIT_USAGE)
    if (args.includes('--json')) {
      const event: ErrorEvent = { type: 'error', code: 'ERR_USAGE', message: toOneLine(error) }
      process.stdout.write(toJsonLine(event))
    }
  }
}
