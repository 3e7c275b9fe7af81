/** The command line: parses and calls. Each command has a file in commands/. */
import { Command, CommanderError } from 'commander'
import { PACKAGE_VERSION } from '../version'
import { commandWord } from './command-word'
import { buildCommand } from './commands/build'
import { completionCommand } from './commands/completion'
import { doctorCommand } from './commands/doctor'
import { evaluateCommand } from './commands/evaluate'
import { exploreCommand } from './commands/explore'
import { forwardCommand } from './commands/forward'
import { hookCommand } from './commands/hook'
import { summaryCommand } from './commands/summary'
import { trainCommand } from './commands/train'
import { EXIT_USAGE } from './run-command'

const DESCRIPTION = 'Teaches a recurrent network to read handwritten digits row by row, natively on libtorch.'

const DEFAULT_COMMAND = 'train'

const MORE = `
Without a command, train is run: rnn-mnist-train --epochs 1
Each command explains itself: rnn-mnist-train train --help`

/** @param settings.hasDefault - Whether a command line without a command is for `train`. */
function createProgram({ hasDefault }: { hasDefault: boolean }): Command {
  const program = new Command('rnn-mnist-train').description(DESCRIPTION).version(PACKAGE_VERSION, '--version')
  program.addCommand(trainCommand(), { isDefault: hasDefault })
  program.addCommand(evaluateCommand())
  program.addCommand(exploreCommand())
  program.addCommand(summaryCommand())
  program.addCommand(forwardCommand())
  program.addCommand(hookCommand())
  program.addCommand(doctorCommand())
  program.addCommand(buildCommand())
  program.addCommand(completionCommand(DEFAULT_COMMAND))
  program.addHelpText('after', MORE)
  for (const command of [program, ...program.commands]) {
    // Without it, help does not break the lines of options in a terminal of 60 columns.
    command.configureHelp({ minWidthToWrap: 20 })
    command.exitOverride().showHelpAfterError(`Try: rnn-mnist-train ${command === program ? '' : `${command.name()} `}--help`)
  }
  return program
}

async function run(args: readonly string[]): Promise<void> {
  const program = createProgram({ hasDefault: true })
  const found = commandWord(args, program.commands.find((command) => command.name() === DEFAULT_COMMAND)?.options ?? [])
  // `help` itself shows the general help for a command that it does not know.
  const word = found?.word === 'help' ? (args[found.index + 1] ?? found.word) : found?.word
  if (found !== undefined && word !== undefined && !word.startsWith('-') && !isCommand(program, word)) {
    // The default command would take it for a word too many; a program without one says that there is no such command, and which is near.
    await createProgram({ hasDefault: false }).parseAsync([word], { from: 'user' })
  } else if (found !== undefined && found.index > 0) {
    program.error(`error: a command goes before its options: ${program.name()} ${found.word} ...`)
  } else {
    await program.parseAsync(args, { from: 'user' })
  }
}

function isCommand(program: Command, word: string): boolean {
  return word === 'help' || program.commands.some((command) => command.name() === word)
}

/** Runs a command line: the words after the program's name. Sets the exit code of the process. */
export async function runProgram(args: readonly string[]): Promise<void> {
  try {
    await run(args)
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return // --help and --version end in an error too.
    process.exitCode = EXIT_USAGE
    if (args.includes('--json')) {
      process.stdout.write(`${JSON.stringify({ type: 'error', code: 'ERR_USAGE', message: error.message })}\n`)
    }
  }
}
