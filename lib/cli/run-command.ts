import { inspect } from 'node:util'
import { TorchRnnError } from '../errors'
import { toPermissionError } from '../host/permissions'
import { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { showWarningsWith } from '../warnings'
import { type ErrorEvent, startOf } from './events'
import { CommandFailure, EXIT_FAILURE, endWith, OutputClosed } from './exit'
import { dieOfHangUp, flushOutput, hasTerminal, Interruption } from './interruption'
import { createReporter, type Reporter } from './reporter'

/**
 * What a command does with its flags. It reports what happens, and stops early when `stop` is aborted.
 *
 * @param given - The names of the flags that the user wrote; the others have their defaults.
 */
export type CommandWork<Flags> = (flags: Flags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>) => Promise<void>

/** Runs the work of a command. Where it fails, reports why, and sets the exit code of the process. */
export async function runCommand<Flags>(
  name: string,
  flags: Flags & Resolved<typeof OPTIONS.reporting>,
  work: CommandWork<Flags>,
  given: ReadonlySet<string>,
): Promise<void> {
  const options = Object.fromEntries(Object.entries(flags).filter(([key]) => !Object.hasOwn(OPTIONS.reporting, key)))
  const reporter = createReporter(flags, startOf(name, { options }))
  showWarningsWith((message) => reporter.warning(message))
  const { signal } = new Interruption((received) =>
    reporter.warning(
      `${received}: stopping after this batch. A second signal ends the program at once, and what is not saved yet is lost.`,
    ),
  )
  try {
    await work(flags, reporter, signal, given)
    await flushOutput()
    // A reader that stops early is no failure once the work is done.
    if (!(signal.reason instanceof OutputClosed)) signal.throwIfAborted()
  } catch (error) {
    fail(error, reporter)
  }
}

function fail(failure: unknown, reporter: Reporter): void {
  const error = toPermissionError(failure)
  endWith(error instanceof CommandFailure ? error.exitCode : EXIT_FAILURE)
  if (!(error instanceof OutputClosed)) reporter.error(toEvent(error))
  if (error instanceof CommandFailure && error.isHangUp && hasTerminal()) dieOfHangUp()
}

function toEvent(error: unknown): ErrorEvent {
  if (error instanceof CommandFailure) return { type: 'error', code: error.code, message: error.message }
  if (error instanceof TorchRnnError) {
    const { code, message, detail } = error
    return { type: 'error', code, message, ...(detail === undefined ? {} : { detail }) }
  }
  // Any other error is a mistake in this package, and only its stack helps to find it.
  return { type: 'error', code: 'ERR_INTERNAL', message: error instanceof Error ? error.message : String(error), detail: inspect(error) }
}
