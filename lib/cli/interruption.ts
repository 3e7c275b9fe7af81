/**
 * Turns Ctrl-C, SIGTERM, SIGHUP (the terminal was closed) and the loss of stdout into a request to stop, so that a command can finish its
 * batch and save the model.
 */
import { toFileSystemError } from '../files/regular-file'
import { EXIT_FAILURE, EXIT_SIGNAL, endWith, Interrupted, OutputClosed } from './exit'

/**
 * Signals within this time after the first are taken for copies of it: a terminal sends Ctrl-C to all processes that belong to it, and npm
 * passes it on once more.
 */
const ECHO_MS = 500

/**
 * Keeps the program from crashing when stdout or stderr cannot be written any more: because its reader has ended (`--help | head`), or
 * because the disk is full (`> file`). The loss of stderr is ignored.
 */
export function watchOutput(): void {
  process.stdout.on('error', reportOutputFailure)
  process.stderr.on('error', () => undefined)
}

function reportOutputFailure(error: NodeJS.ErrnoException): void {
  const reason = toReason(error)
  if (reason instanceof OutputClosed) return
  process.stderr.write(`Error: ${reason.message}\n`)
  endWith(EXIT_FAILURE)
}

function toReason(error: NodeJS.ErrnoException): Error {
  if (error.code === 'EPIPE') return new OutputClosed()
  // The terminal is gone. SIGHUP comes as well, but perhaps later.
  if (error.code === 'EIO' && process.stdout.isTTY) return new Interrupted('SIGHUP')
  return toFileSystemError('write', 'the standard output', error) as Error
}

/**
 * Ends the process at once, as SIGHUP does where nothing handles it. A shell shows the exit code 129. When the terminal is gone, an ordinary exit
 * would end with SIGABRT: Node tries to restore the terminal's settings, and aborts because it cannot.
 */
export function dieOfHangUp(): void {
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}

/** Whether a terminal belongs to the process, or did before it was closed. */
export function hasTerminal(): boolean {
  return [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY)
}

/** Waits until everything that was printed is written to stdout. Only then is it known whether stdout could be written. */
export function flushOutput(): Promise<void> {
  return new Promise((resolve) => process.stdout.write('', () => resolve()))
}

/** Listens for signals and for the loss of stdout from its construction on. */
export class Interruption {
  readonly #controller = new AbortController()
  #firstSignal: number | undefined

  /** @param announce - Called at the first signal, to tell the user what it does. */
  constructor(announce: (signal: string) => void) {
    for (const name of Object.keys(EXIT_SIGNAL) as (keyof typeof EXIT_SIGNAL)[]) {
      process.on(name, () => this.#receive(name, announce))
    }
    // From now on the command itself reports why it ends.
    process.stdout.off('error', reportOutputFailure).on('error', (error: NodeJS.ErrnoException) => this.#controller.abort(toReason(error)))
  }

  /** Aborted when the command should stop. The reason is the error that it should end with. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  #receive(name: keyof typeof EXIT_SIGNAL, announce: (signal: string) => void): void {
    const now = performance.now()
    if (this.#firstSignal === undefined) {
      this.#firstSignal = now
      announce(name)
      this.#controller.abort(new Interrupted(name))
    } else if (now - this.#firstSignal >= ECHO_MS) {
      // Not by an exit code: a batch that is still computing would keep the process alive.
      if (name === 'SIGHUP') dieOfHangUp()
      else process.exit(EXIT_SIGNAL[name])
    }
  }
}
