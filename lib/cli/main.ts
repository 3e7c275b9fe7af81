#!/usr/bin/env node
/** The command line: parses and calls. Each command has a file in commands/. */
import { Command, CommanderError } from 'commander'
import { PACKAGE_VERSION } from '../version'
import { evaluateCommand } from './commands/evaluate'
import { trainCommand } from './commands/train'
import { EXIT_USAGE } from './run-command'

const DESCRIPTION = 'Teaches a recurrent network to read handwritten digits row by row, natively on libtorch.'

const MORE = `
Without a command, train is run: rnn-mnist-train --epochs 1
Each command explains itself: rnn-mnist-train train --help`

function createProgram(): Command {
  const program = new Command('rnn-mnist-train').description(DESCRIPTION).version(PACKAGE_VERSION, '--version')
  program.addCommand(trainCommand(), { isDefault: true })
  program.addCommand(evaluateCommand())
  program.addHelpText('after', MORE)
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showHelpAfterError(`Try: rnn-mnist-train ${command === program ? '' : `${command.name()} `}--help`)
  }
  return program
}

async function main(): Promise<void> {
  try {
    await createProgram().parseAsync()
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    // --help and --version end in an error too, with exit code 0.
    process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
    if (error.exitCode !== 0 && process.argv.includes('--json')) {
      process.stdout.write(`${JSON.stringify({ type: 'error', code: 'ERR_USAGE', message: error.message })}\n`)
    }
  }
}

void main()
