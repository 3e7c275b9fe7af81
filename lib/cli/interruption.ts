/** Turns Ctrl-C, SIGTERM and the end of stdout into a wish to stop: what runs can finish its batch and save. */
import { toFileSystemError } from '../files/regular-file'

/** Signals within this time of the first are its echo (a terminal signals the whole process group, npm passes signals on). */
const ECHO_MS = 500

/** By convention, 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 } as const

/** Why a command should stop early. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exitCode: number

  constructor(reason: string, exitCode: number) {
    super(reason)
    this.exitCode = exitCode
  }
}

/**
 * Makes the loss of stdout or stderr no crash: of a reader who has read enough (`--help | head`), or of a full disk (`> file`). Without its
 * messages on stderr, a program goes on.
 */
export function watchOutput(): void {
  process.stdout.on('error', reportOutputFailure)
  process.stderr.on('error', () => undefined)
}

function reportOutputFailure(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return
  process.stderr.write(`Error: ${(toOutputError(error) as Error).message}\n`)
  process.exitCode ||= 1 // Of a wrong command line, what is wrong counts.
}

function toOutputError(error: NodeJS.ErrnoException): unknown {
  return toFileSystemError('write', 'the standard output', error)
}

/** Listens for signals, and for the end of whoever reads stdout, from its construction on. */
export class Interruption {
  readonly #controller = new AbortController()
  #first = 0

  /** @param announce - Tells the user what a first signal does. */
  constructor(announce: (signal: string) => void) {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => this.#receive(name, announce))
    }
    process.stdout.off('error', reportOutputFailure).on('error', (error: NodeJS.ErrnoException) => {
      // Nobody reads any more (`| head`): that is no failure, and no reason to lose the model. Nor is a full disk (`> file`).
      this.#controller.abort(error.code === 'EPIPE' ? new Interrupted('The output was closed', 0) : toOutputError(error))
    })
  }

  /** Aborted when the command should stop. The reason is an {@link Interrupted}, or the error of an output that cannot be written. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  #receive(name: keyof typeof EXIT_CODES, announce: (signal: string) => void): void {
    const now = performance.now()
    if (this.#first === 0) {
      this.#first = now
      announce(name)
      this.#controller.abort(new Interrupted(`Interrupted by ${name}`, EXIT_CODES[name]))
    } else if (now - this.#first >= ECHO_MS) {
      process.exit(EXIT_CODES[name])
    }
  }
}
