import { TorchRnnError } from '../errors'
import { toPermissionError } from '../host/permissions'
import type { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { CommandFailure, EXIT_FAILURE, endWith, OutputClosed } from './exit'
import { flushOutput, Interruption } from './interruption'
import { createReporter, type Reporter } from './reporter'

/** What a command does with its flags. It reports what happens, and stops early when `stop` is aborted. */
export type CommandWork<Flags> = (flags: Flags, reporter: Reporter, stop: AbortSignal) => Promise<void>

/** Runs the work of a command. Where it fails, reports why, and sets the exit code of the process. */
export async function runCommand<Flags>(flags: Flags & Resolved<typeof OPTIONS.reporting>, work: CommandWork<Flags>): Promise<void> {
  const reporter = createReporter(flags)
  const { signal } = new Interruption((name) =>
    reporter.warning(`${name}: stopping after this batch. A second signal ends the program at once, and what is not saved yet is lost.`),
  )
  try {
    await work(flags, reporter, signal)
    await flushOutput()
    signal.throwIfAborted()
  } catch (error) {
    fail(error, reporter)
  }
}

function fail(failure: unknown, reporter: Reporter): void {
  const error = toPermissionError(failure)
  if (error instanceof OutputClosed) return
  endWith(error instanceof CommandFailure ? error.exitCode : EXIT_FAILURE)
  if (error instanceof CommandFailure || error instanceof TorchRnnError) reporter.error(error.code, error.message)
  // Any other error is a mistake in this package, and only its stack helps to find it.
  else reporter.error('ERR_INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error))
}
