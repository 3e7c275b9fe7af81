/** Why the set-up ended early. */

/** A failure that the user can do something about: printed without a stack, exit code 1. */
export class SetUpError extends Error {
  exitCode = 1
}

/** By convention, 128 + the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/** The user, or the system, wants the set-up to end. */
export class Interrupted extends SetUpError {
  /** @param {keyof typeof EXIT_CODES} signal */
  constructor(signal) {
    super(`Set-up interrupted by ${signal}. Run the same command again: it goes on where this one stopped.`)
    this.exitCode = EXIT_CODES[signal]
  }
}

/**
 * Turns Ctrl-C, SIGTERM and SIGHUP into an abort, so that the running tools can be ended first.
 *
 * @returns `signal`, aborted with an {@link Interrupted} as reason, and `stop()`, which gives the signals back their usual meaning.
 */
export function watchForInterruption() {
  const controller = new AbortController()
  const signals = Object.keys(EXIT_CODES)
  const abort = (name) => controller.abort(new Interrupted(name))
  for (const name of signals) process.on(name, abort)
  return {
    signal: controller.signal,
    stop() {
      for (const name of signals) process.removeListener(name, abort)
    },
  }
}
