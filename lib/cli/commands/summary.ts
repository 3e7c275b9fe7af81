import { Command } from 'commander'
import type { Architecture } from '../../model/architecture'
import { readModelFile } from '../../model/model-file'
import { summarize } from '../../model/summary'
import { MODEL_OPTIONS } from '../../options/options'
import { findNewestModel } from '../../runs/run-folder'
import { PACKAGE_VERSION } from '../../version'
import { type ModelFlags, modelFlag } from '../open-model'
import { addSharedFlags, addTableFlags } from '../option-flags'
import type { Reporter } from '../reporter'
import { runCommand } from '../run-command'

const ARCHITECTURE_FLAGS = ['inputSize', 'hiddenSize', 'numLayers', 'numClasses', 'nonlinearity'] as const

type SummaryFlags = ModelFlags & Architecture

const EXAMPLES = `
Examples:
  rnn-mnist-train summary                             the model of the newest run; before the first run, the tutorial's network
  rnn-mnist-train summary --model digits.safetensors
  rnn-mnist-train summary --hidden-size 64 --num-layers 1    how large would it be? Nothing is read or trained
  rnn-mnist-train summary --json | tail -n 2 | head -n 1    layers, shapes and parameters for another program

In the shapes, N counts images and T the rows of an image. Nothing computes, so libtorch is not needed, and of the shared options
only --json and --quiet have a meaning.`

/** `summary`: shows the layers of a network. */
export function summaryCommand(): Command {
  const command = new Command('summary').summary('show the layers of a network and their size')
  command.description('Shows the layers of a model, their output shapes and how many numbers they learn.')
  command.addOption(modelFlag(", else the tutorial's network"))
  addTableFlags(command, MODEL_OPTIONS, ARCHITECTURE_FLAGS)
  // A file has an architecture of its own; which of the two was meant is not for us to guess.
  for (const option of command.options.filter((option) => isArchitecture(option.attributeName()))) option.conflicts('model')
  return addSharedFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: SummaryFlags) => {
      const isFromFlags = ARCHITECTURE_FLAGS.some((name) => command.getOptionValueSource(name) === 'cli')
      return runCommand(flags, (_, reporter) => showSummary(flags, isFromFlags, reporter))
    })
}

async function showSummary(flags: SummaryFlags, isFromFlags: boolean, reporter: Reporter): Promise<void> {
  const started = performance.now()
  const file = isFromFlags ? undefined : (flags.model ?? (await findNewestModel()))
  const architecture = file === undefined ? architectureOf(flags) : (await readModelFile(file)).architecture
  const summary = summarize(architecture)
  reporter.report({
    type: 'start',
    command: 'summary',
    version: PACKAGE_VERSION,
    parameters: summary.parameters,
    options: { ...architecture },
    ...(file === undefined ? {} : { model: file }),
  })
  reporter.report({ type: 'summary', ...summary })
  reporter.report({ type: 'done', seconds: (performance.now() - started) / 1000 })
}

function isArchitecture(name: string): boolean {
  return (ARCHITECTURE_FLAGS as readonly string[]).includes(name)
}

function architectureOf({ inputSize, hiddenSize, numLayers, numClasses, nonlinearity }: SummaryFlags): Architecture {
  return { inputSize, hiddenSize, numLayers, numClasses, nonlinearity }
}
