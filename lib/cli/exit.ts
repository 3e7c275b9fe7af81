/** How a command line ends: its exit codes, and the errors that decide on one. */
import { TorchRnnError } from '../errors'
import type { CommandErrorCode } from './events'

/** Something failed. */
export const EXIT_FAILURE = 1

/** The command line is wrong. */
export const EXIT_USAGE = 2

/** A signal ended the command: by convention, 128 + the signal's number. */
export const EXIT_SIGNAL = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** Why a command failed, where the reason is not an error of the library. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  /** The code of the `error` event. */
  readonly code: CommandErrorCode
  readonly exitCode: number

  constructor(code: CommandErrorCode, message: string, exitCode: number) {
    super(message)
    this.code = code
    this.exitCode = exitCode
  }

  /** Whether the command ends because of SIGHUP: its terminal is gone. */
  get isHangUp(): boolean {
    return this.exitCode === EXIT_SIGNAL.SIGHUP
  }
}

/** The command line is wrong in a way that only the command itself can tell: flags that contradict each other or a file. */
export class WrongUsage extends CommandFailure {
  constructor(message: string) {
    super('ERR_USAGE', message, EXIT_USAGE)
  }
}

/**
 * Checks flags together. Where the library refuses them as options, the command line is wrong.
 *
 * @param check - Shows options as flags.
 * @throws CommandFailure `ERR_USAGE`.
 */
export function checkFlagsBy(check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof TorchRnnError) || error.code !== 'ERR_INVALID_OPTION') throw error
    throw new WrongUsage(error.message)
  }
}

/**
 * Nobody reads stdout any more, as in `| head`. A command that was still at work stops early then. That is a failure, but not reported: the
 * user ended the reader.
 */
export class OutputClosed extends CommandFailure {
  constructor() {
    super('ERR_FILE_SYSTEM', 'The output was closed', EXIT_FAILURE)
  }
}

/** A signal asked the command to end. */
export class Interrupted extends CommandFailure {
  constructor(signal: keyof typeof EXIT_SIGNAL) {
    super('ERR_INTERRUPTED', `Interrupted by ${signal}`, EXIT_SIGNAL[signal])
  }
}

/** Sets the exit code of the process. After several failures the first one counts. */
export function endWith(exitCode: number): void {
  process.exitCode ||= exitCode
}
