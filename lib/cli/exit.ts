/** How a command line ends: its exit codes, and the errors that decide on one. */
import type { CommandErrorCode } from './events'

/** Something failed. */
export const EXIT_FAILURE = 1

/** The command line is wrong. */
export const EXIT_USAGE = 2

/** A signal ended the command: by convention, 128 + the signal's number. */
export const EXIT_SIGNAL = { SIGINT: 130, SIGTERM: 143 } as const

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
}

/** Nobody reads stdout any more, as in `| head`. A command stops early then, and that is no failure. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed'
}

/** Sets the exit code of the process. After several failures the first one counts. */
export function endWith(exitCode: number): void {
  process.exitCode ||= exitCode
}
