/** `npm run bench -- <benchmark> [options]`: runs one of the benchmarks beside this file. */
import { Command, CommanderError } from 'commander'
import { SetUpError } from '../bootstrap/set-up-error.mjs'
import { accuracyCommand } from './accuracy.mjs'
import { augmentationCommand } from './augmentation.mjs'
import { BenchError } from './bench-error.mjs'
import { eventLoopCommand } from './event-loop.mjs'
import { neighboursCommand } from './neighbours.mjs'
import { precisionCommand } from './precision.mjs'
import { startUpCommand } from './start-up.mjs'
import { stepsCommand } from './steps.mjs'
import { trainingCommand } from './training.mjs'

const EXIT_USAGE = 2
const HELP = 'npm run bench -- --help lists the benchmarks and their options.'

function describe(command) {
  const help = command.createHelp()
  const options = command.options.map((option) => `    ${option.flags.padEnd(24)}${help.optionDescription(option)}`)
  return [`  ${command.name()}: ${command.summary()}`, ...options].join('\n')
}

function benchProgram() {
  const program = new Command('npm run bench --').helpCommand(false)
  const commands = [
    ...[trainingCommand(), stepsCommand(), precisionCommand(), augmentationCommand()],
    ...[neighboursCommand(), eventLoopCommand(), startUpCommand(), accuracyCommand()],
  ]
  for (const command of commands) program.addCommand(command.description(`Measures ${command.summary()}.`))
  for (const command of [program, ...commands]) command.exitOverride().showHelpAfterError(HELP)
  program.helpInformation = () => listText(commands)
  return program
}

function listText(commands) {
  return `Usage: npm run bench -- <benchmark> [options]\n\n${commands.map(describe).join('\n\n')}\n`
}

try {
  await benchProgram().parseAsync()
} catch (error) {
  if (process.exitCode !== undefined) {
    // After an interruption, failures are expected and not reported.
  } else if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
  else if (error instanceof BenchError || error instanceof SetUpError) {
    console.error(error.message)
    process.exitCode = 1
  } else throw error
}
