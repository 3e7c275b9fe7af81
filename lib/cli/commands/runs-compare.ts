import type { Command } from 'commander'
import { TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import { type Comparison, compareRuns, MEASURES } from '../../runs/compare-runs'
import { openRun } from '../../runs/find-runs'
import { type RunSummary, summarizeRun } from '../../runs/run-summary'
import { drawColumns } from '../../text/table'
import { defineCommand } from '../define-command'
import { doneSince, startOf } from '../events'
import { formatDuration } from '../numbers'
import { RUNS_OPTIONS, type RunsFlags, shortNetwork, showLoss, showShare, showState, showValue } from '../open-runs'
import type { Reporter } from '../reporter'

/** Runs side by side. The lists in it are in the order of `runs`. */
export interface ComparisonEvent extends Comparison {
  type: 'comparison'
  runs: readonly RunSummary[]
}

const EXAMPLES = `
Examples:
  rnn-mnist-train runs compare small large
  rnn-mnist-train runs compare runs/a elsewhere/b c --json | tail -n 2 | head -n 1    for another program

It shows the options that differ, and each loss and accuracy of all runs side by side, epoch by epoch. In the tables, the runs are A, B, C
and so on.`

/** How each measure is called, and shown. */
const SHOWN: Readonly<Record<(typeof MEASURES)[number], readonly [title: string, show: (value: number | null) => string]>> = {
  trainLoss: ['Loss', showLoss],
  trainAccuracy: ['Accuracy', showShare],
  validationLoss: ['Validation loss', showLoss],
  validationAccuracy: ['Validation accuracy', showShare],
  learningRate: ['Learning rate', (rate) => (rate === null ? '' : rate.toPrecision(3))],
}

/** `runs compare`: two or more runs side by side. */
export function runsCompareCommand(): Command {
  const command: Command = defineCommand({
    name: 'compare',
    parent: 'runs',
    summary: 'show side by side how runs differ',
    description: 'Shows the options that differ between runs, and their losses and accuracies side by side.',
    options: RUNS_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter) => compare(flags, command.args, reporter),
  })
  return command.argument('<runs...>', 'two or more runs, each by the name of its folder or by its path')
}

async function compare(flags: RunsFlags, given: readonly string[], reporter: Reporter): Promise<void> {
  const started = performance.now()
  if (given.length < 2) {
    const message = `Expected two or more runs to compare but received one: ${showPath(given[0] ?? '')}.`
    throw new TorchRnnError('ERR_INVALID_ARGUMENT', message, { expected: 'two or more runs', actual: 'one' })
  }
  const runs = []
  for (const name of given) runs.push(await openRun(flags.runs, name))
  reporter.step(startOf('runs compare', { options: { runs: flags.runs } }))
  reporter.result<ComparisonEvent>({ type: 'comparison', runs: runs.map(summarizeRun), ...compareRuns(runs) }, describeComparison)
  reporter.step(doneSince(started))
}

function describeComparison({ runs, options, epochs }: ComparisonEvent): string {
  const letters = runs.map((_, index) => letterOf(index))
  const legend = runs.map((run, index) => [
    letters[index] as string,
    showPath(run.name),
    shortNetwork(run),
    showState(run),
    showShare(run.validationAccuracy),
    showShare(run.testAccuracy),
    formatDuration(run.seconds),
  ])
  const differing = Object.entries(options).map(([name, values]) => [name, ...values.map(showValue)])
  const measures = MEASURES.filter((measure) => epochs.some((epoch) => epoch[measure] !== undefined))
  const sections = [
    drawColumns([['', 'Run', 'Network', 'State', 'Validation', 'Test', 'Time'], ...legend], { words: 4 }),
    differing.length === 0 ? ['All options are the same.'] : drawColumns([['Option', ...letters], ...differing], { words: 1 }),
    ...measures.map((measure) => {
      const [title, show] = SHOWN[measure]
      const rows = epochs.map((epoch) => [String(epoch.epoch), ...(epoch[measure] ?? []).map(show)])
      return [title, ...drawColumns([['Epoch', ...letters], ...rows])]
    }),
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

/** A to Z, then AA and so on, as spreadsheets name their columns. */
function letterOf(index: number): string {
  const rest = Math.floor(index / 26)
  return `${rest === 0 ? '' : letterOf(rest - 1)}${String.fromCharCode(65 + (index % 26))}`
}
