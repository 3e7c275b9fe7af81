import type { Command } from 'commander'
import { showPath } from '../../files/regular-file'
import { describeNoRuns } from '../../runs/find-runs'
import { type RunSummary, summarizeRun } from '../../runs/run-summary'
import { drawColumns } from '../../text/table'
import { defineCommand } from '../define-command'
import { doneSince, startOf } from '../events'
import { formatDuration } from '../numbers'
import { openRuns, RUNS_OPTIONS, type RunsFlags, shortNetwork, showShare, showState, showTime } from '../open-runs'
import type { Reporter } from '../reporter'

/** All runs of a folder. */
export interface RunsEvent {
  type: 'runs'
  /** The oldest first. */
  runs: readonly RunSummary[]
}

const EXAMPLES = `
Examples:
  rnn-mnist-train runs list                           every run in runs/, the oldest first
  rnn-mnist-train runs list --runs experiments        those of another folder
  rnn-mnist-train runs list --json | tail -n 2 | head -n 1    for another program

Validation is the accuracy after the epoch with the lowest validation loss. A run is done once the test set was measured. A folder that
holds no run, or a damaged one, is named in a warning.`

/** `runs list`: a line for each run. */
export function runsListCommand(): Command {
  return defineCommand({
    name: 'list',
    parent: 'runs',
    summary: 'show a table of all runs',
    description: 'Shows a table of all runs of a folder, the oldest first.',
    options: RUNS_OPTIONS,
    details: EXAMPLES,
    work: listRuns,
  })
}

async function listRuns({ runs: folder }: RunsFlags, reporter: Reporter): Promise<void> {
  const started = performance.now()
  reporter.step(startOf('runs list', { options: { runs: folder } }))
  const { runs } = await openRuns(folder, reporter)
  const event: RunsEvent = { type: 'runs', runs: runs.map(summarizeRun) }
  reporter.result(event, ({ runs: rows }) => (rows.length === 0 ? `${describeNoRuns(folder)} Train: rnn-mnist-train\n` : drawRuns(rows)))
  reporter.step(doneSince(started))
}

function drawRuns(runs: readonly RunSummary[]): string {
  const rows = runs.map((run) => [
    showPath(run.name),
    showTime(run.created),
    shortNetwork(run),
    showState(run),
    `${run.epochsDone}${run.epochs === null ? '' : `/${run.epochs}`}`,
    showShare(run.validationAccuracy),
    showShare(run.testAccuracy),
    formatDuration(run.seconds),
  ])
  const headings = ['Run', 'Started (UTC)', 'Network', 'State', 'Epochs', 'Validation', 'Test', 'Time']
  return `${drawColumns([headings, ...rows], { words: 4 }).join('\n')}\n`
}
