/** `npm run bench -- <benchmark> [options]`: runs one of the benchmarks beside this file. */
import { Command, CommanderError } from 'commander'
import { SetUpError } from '../bootstrap/set-up-error.mjs'
import { accuracyCommand } from './accuracy.mjs'
import { augmentationCommand } from './augmentation.mjs'
import { BenchError } from './bench-error.mjs'
import { documentCommand } from './document.mjs'
import { enginesCommand } from './engines.mjs'
import { eventLoopCommand } from './event-loop.mjs'
import { inferenceCommand } from './inference.mjs'
import { neighboursCommand } from './neighbours.mjs'
import { pageCommand } from './page.mjs'
import { precisionCommand } from './precision.mjs'
import { recipesCommand } from './recipes.mjs'
import { saturationAndMemoryCommand } from './saturation-and-memory.mjs'
import { startUpCommand } from './start-up.mjs'
import { stepsCommand } from './steps.mjs'
import { sweepsCommand } from './sweeps.mjs'
import { timeToAccuracyCommand } from './time-to-accuracy.mjs'
import { trainingCommand } from './training.mjs'

const EXIT_USAGE = 2
/** Of the column with the flags, in characters. */
const WIDTH = 32
const HELP = 'npm run bench -- --help lists the benchmarks and their options.'

function describe(command) {
  const help = command.createHelp()
  const options = command.options.map((option) => `    ${option.flags.padEnd(WIDTH)}${help.optionDescription(option)}`)
  return [`  ${command.name()}: ${command.summary()}`, ...options].join('\n')
}

/** The first sentence of a command's own help. */
function descriptionOf(command) {
  const [what, doing] = command.summary().split('no benchmark: ')
  return doing === undefined ? `Measures ${what}.` : `No benchmark: ${doing}.`
}

function benchProgram() {
  const program = new Command('npm run bench --').helpCommand(false).enablePositionalOptions() // Else a -- after the name would be lost.
  const commands = [
    ...[
      trainingCommand(),
      enginesCommand(),
      sweepsCommand(),
      stepsCommand(),
      inferenceCommand(),
      precisionCommand(),
      augmentationCommand(),
    ],
    ...[neighboursCommand(), eventLoopCommand(), pageCommand(), startUpCommand(), accuracyCommand()],
    ...[recipesCommand(), timeToAccuracyCommand(), saturationAndMemoryCommand(), documentCommand()],
  ]
  for (const command of commands) program.addCommand(command.description(descriptionOf(command)))
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
