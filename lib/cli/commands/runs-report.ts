import { join } from 'node:path'
import type { Command } from 'commander'
import { showPath } from '../../files/regular-file'
import type { Resolved } from '../../options/specs'
import { openRun } from '../../runs/find-runs'
import { writeReport } from '../../runs/report-file'
import { MODEL_FILE } from '../../runs/run-files'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { doneSince, type ReportEvent, startOf } from '../events'
import { withDataOf } from '../load-data'
import { withModel } from '../open-model'
import { RUN_ARGUMENT, RUNS_OPTIONS, warnWhileRunning } from '../open-runs'
import type { Reporter } from '../reporter'

const REPORT_OPTIONS = { runs: RUNS_OPTIONS.runs, ...SHARED_OPTIONS } as const

const EXAMPLES = `
Examples:
  rnn-mnist-train runs report                         report.html in the folder of the newest run, written anew
  rnn-mnist-train runs report long --data fashion/    where the images of the run have moved

The page has the curves, the confusion matrix, the worst mistakes, what goes on inside of the network, and all settings. It needs no other file
and no network. A training writes it at its end (not with --no-report).`

/** `runs report`: everything about a run, on a page. */
export function runsReportCommand(): Command {
  const command: Command = defineCommand({
    name: 'report',
    parent: 'runs',
    summary: 'draw all that a run did, and what is inside of its model, on one page',
    description: 'Writes report.html into the folder of a run: curves, mistakes, what goes on inside of the network, and all settings.',
    options: REPORT_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter, stop) => report(flags, command.args[0], reporter, stop),
  })
  return command.argument('[run]', `${RUN_ARGUMENT} (default: the newest)`)
}

type ReportFlags = Resolved<typeof REPORT_OPTIONS>

async function report(flags: ReportFlags, given: string | undefined, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  const run = await openRun(flags.runs, given)
  const write = async (source: Parameters<typeof writeReport>[1]) => {
    const file = await writeReport(run, source)
    reporter.result<ReportEvent>({ type: 'report', file }, describeReport)
  }
  warnWhileRunning(run, reporter)
  if (run.hasModel) {
    const source = { ...withDataOf(flags, run), model: join(run.path, MODEL_FILE) }
    await withModel(source, { command: 'runs report', withoutModel: 'refuse' }, reporter, stop, async ({ model, test }) => {
      await write({ model, test, signal: stop })
    })
  } else {
    reporter.step(startOf('runs report', { options: { runs: flags.runs }, run: run.path }))
    await write(undefined)
  }
  reporter.step(doneSince(started))
}

function describeReport({ file }: ReportEvent): string {
  return `${showPath(file)}\n`
}
