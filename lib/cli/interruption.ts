/** Turns Ctrl-C and SIGTERM into a wish to stop: what runs can finish its batch and save. */

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

/** Listens for signals, and for the end of whoever reads stdout, from its construction on. */
export class Interruption {
  readonly #controller = new AbortController()
  #first = 0

  /** @param announce - Tells the user what a first signal does. */
  constructor(announce: (signal: string) => void) {
    for (const name of ['SIGINT', 'SIGTERM'] as const) {
      process.on(name, () => this.#receive(name, announce))
    }
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      // Nobody reads any more (`| head`): that is no failure, and no reason to lose the model.
      this.#controller.abort(new Interrupted('The output was closed', 0))
    })
    process.stderr.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error // With no reader for its messages, a command goes on without them (`2>&1 | head` closes both).
    })
  }

  /** Aborted, with an {@link Interrupted} as reason, when the command should stop. */
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
