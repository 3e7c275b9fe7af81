import type { Command } from 'commander'
import { showPath } from '../../files/regular-file'
import type { Resolved } from '../../options/specs'
import { type Export, exportRun } from '../../runs/export-run'
import { openRun } from '../../runs/find-runs'
import { drawColumns } from '../../text/table'
import { defineCommand } from '../define-command'
import { doneSince, startOf } from '../events'
import { RUN_ARGUMENT, RUNS_OPTIONS, warnWhileRunning } from '../open-runs'
import type { Reporter } from '../reporter'

/** A run was exported. */
export interface RunExportEvent extends Export {
  type: 'runs-export'
}

const EXPORT_OPTIONS = {
  output: {
    kind: 'path',
    of: 'file',
    optional: true,
    summary: 'an archive if the name ends in .zip, else a folder',
    whenAbsent: 'the name of the run, with .zip',
  },
  force: { kind: 'boolean', default: false, summary: 'replace files that are there already' },
  ...RUNS_OPTIONS,
} as const

const EXAMPLES = `
Examples:
  rnn-mnist-train runs export                         the newest run as one file, to send it to somebody
  rnn-mnist-train runs export small --output digits   a folder, for the Hugging Face Hub: hf upload my-name/digits digits

It takes the model, the configuration, the model card, the metrics and the files for TensorBoard, and leaves out checkpoints and times. The
same run always gives the same archive. The card is README.md: read it, and add a license to its head, before you publish it.`

/** `runs export`: a run for others. */
export function runsExportCommand(): Command {
  const command: Command = defineCommand({
    name: 'export',
    parent: 'runs',
    summary: 'copy the model of a run, with its card and metrics, to an archive or a folder',
    description: 'Copies the model of a run, with its card, configuration and metrics, to an archive or a folder.',
    options: EXPORT_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter, stop) => exportGiven(flags, command.args[0], reporter, stop),
  })
  return command.argument('[run]', `${RUN_ARGUMENT} (default: the newest)`)
}

type ExportFlags = Resolved<typeof EXPORT_OPTIONS>

async function exportGiven(flags: ExportFlags, given: string | undefined, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  const run = await openRun(flags.runs, given)
  const output = flags.output ?? `${run.name}.zip`
  reporter.step(startOf('runs export', { options: { runs: flags.runs, output, force: flags.force }, run: run.path }))
  warnWhileRunning(run, reporter)
  const exported = await exportRun(run, output, flags.force, stop)
  reporter.result<RunExportEvent>({ type: 'runs-export', ...exported }, describeExport)
  reporter.step(doneSince(started))
}

function describeExport({ output, files }: RunExportEvent): string {
  const rows = files.map(({ name, bytes }) => [showPath(name), `${bytes} bytes`])
  return `${showPath(output)}\n${drawColumns(rows, { words: 1 })
    .map((line) => `  ${line}`)
    .join('\n')}\n`
}
