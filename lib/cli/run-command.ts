import { TorchRnnError } from '../errors'
import type { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { Interrupted, Interruption } from './interruption'
import { createReporter, type Reporter } from './reporter'

/** What a command does with its flags. It reports what happens, and stops early when `stop` is aborted. */
export type CommandWork<Flags> = (flags: Flags, reporter: Reporter, stop: AbortSignal) => Promise<void>

/** Flags that every command has that reports. */
type ReportingFlags = Resolved<typeof OPTIONS.reporting>

/** Exit codes of a wrong command line and of everything else that fails. */
export const EXIT_USAGE = 2
export const EXIT_FAILURE = 1

/** Runs the work of a command, reports why it failed, and sets the exit code of the process. */
export async function runCommand<Flags>(flags: Flags & ReportingFlags, work: CommandWork<Flags>): Promise<void> {
  const reporter = createReporter(flags)
  const interruption = new Interruption((signal) =>
    reporter.report({
      type: 'warning',
      message: `${signal}: stopping after this batch. Once more ends at once, and loses what is not saved.`,
    }),
  )
  try {
    await work(flags, reporter, interruption.signal)
    await new Promise((resolve) => process.stdout.write('', resolve)) // Only now it is known whether all could be written.
    interruption.signal.throwIfAborted()
  } catch (error) {
    process.exitCode = error instanceof Interrupted ? error.exitCode : EXIT_FAILURE
    report(error, reporter)
  }
}

function report(error: unknown, reporter: Reporter): void {
  if (error instanceof Interrupted) {
    if (error.exitCode !== 0) reporter.report({ type: 'error', code: 'ERR_INTERRUPTED', message: error.message })
  } else if (error instanceof TorchRnnError) {
    reporter.report({ type: 'error', code: error.code, message: error.message })
  } else {
    // A mistake of ours: only the stack helps to find it.
    reporter.report({
      type: 'error',
      code: 'ERR_INTERNAL',
      message: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }
}
