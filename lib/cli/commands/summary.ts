import type { Command } from 'commander'
import { readModelFile } from '../../model/model-file'
import { drawSummary, type Summary, summarize } from '../../model/summary'
import { pickOptions } from '../../options/checks'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { findNewestModel } from '../../runs/run-folder'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { doneSince, type StartEvent, startOf } from '../events'
import { modelOption } from '../open-model'
import type { Reporter } from '../reporter'

/** The layers of a network. */
export interface SummaryEvent extends Summary {
  type: 'summary'
}

const SUMMARY_OPTIONS = { ...modelOption("the tutorial's network"), ...OPTIONS.architecture, ...SHARED_OPTIONS }

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
  const command: Command = defineCommand({
    name: 'summary',
    summary: 'show the layers of a network and their size',
    description: 'Shows the layers of a model, their output shapes and how many numbers they learn.',
    options: SUMMARY_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter) => showSummary(flags, isNetworkGiven(command), reporter),
  })
  // A file has an architecture of its own, so flags for one contradict it.
  for (const option of command.options) if (option.attributeName() in OPTIONS.architecture) option.conflicts('model')
  return command
}

/** Whether the command line describes a network itself. */
function isNetworkGiven(command: Command): boolean {
  return Object.keys(OPTIONS.architecture).some((name) => command.getOptionValueSource(name) === 'cli')
}

async function showSummary(flags: Resolved<typeof SUMMARY_OPTIONS>, isFromFlags: boolean, reporter: Reporter): Promise<void> {
  const started = performance.now()
  const file = isFromFlags ? undefined : (flags.model ?? (await findNewestModel()))
  const architecture = file === undefined ? pickOptions(OPTIONS.architecture, flags) : (await readModelFile(file)).architecture
  const summary = summarize(architecture)
  const facts = { parameters: summary.parameters, options: architecture }
  reporter.step(startOf('summary', file === undefined ? facts : { ...facts, model: file }), describeStart)
  reporter.result({ type: 'summary', ...summary } satisfies SummaryEvent, (event) => `${drawSummary(event)}\n`)
  reporter.step(doneSince(started))
}

function describeStart({ model }: StartEvent): string {
  return `Model: ${model ?? 'never trained'}\n`
}
