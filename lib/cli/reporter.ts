/** Tells the user what a command does, in one of three ways: as JSON lines, as text with progress, or as the result alone. */
import { toJsonLine } from '../formats/json-lines'
import type { ErrorEvent, StartEvent, WarningEvent } from './events'
import { createProgress, type Progress, type ProgressState } from './progress'

/** Something that happens in a command: a line of `--json`. */
interface CommandEvent {
  readonly type: string
}

/** Where a command reports its events. It knows none of them but warnings and errors: their texts come with them. */
export interface Reporter {
  /** Reports what the user asked for. Its text is printed with `--quiet`, too. */
  result<Event extends CommandEvent>(event: Event, describe: (event: Event) => string): void
  /** Reports a step on the way to the result. Its text, where it has one, is not printed with `--quiet`. */
  step<Event extends CommandEvent>(event: Event, describe?: (event: Event) => string): void
  /** Reports how far the work is. */
  progress<Event extends CommandEvent>(event: Event, describe: (event: Event) => ProgressState): void
  /** Reports that a part of the work failed. The rest goes on. */
  failure<Event extends CommandEvent & { readonly message: string }>(event: Event): void
  /** Reports something to know that does not stop the command. */
  warning(message: string): void
  /** Reports why the command failed. */
  error(event: ErrorEvent): void
}

/**
 * The reporter that the flags ask for.
 *
 * @param start - What the JSON lines begin with when the command fails before it has reported a start itself.
 */
export function createReporter(flags: { json: boolean; quiet: boolean }, start: StartEvent): Reporter {
  if (flags.json) return new JsonReporter(start)
  return new TextReporter(flags.quiet ? undefined : createProgress())
}

class JsonReporter implements Reporter {
  readonly #fallbackStart: StartEvent
  /** Events from before the start, which must be the first event. Undefined once the start was written. */
  #early: CommandEvent[] | undefined = []
  #isOutputLost = false

  constructor(fallbackStart: StartEvent) {
    this.#fallbackStart = fallbackStart
    process.stdout.on('error', () => {
      this.#isOutputLost = true
    })
  }

  result(event: CommandEvent): void {
    if (this.#early === undefined) this.#write(event)
    else if (event.type === 'start') this.#begin(event)
    else this.#early.push(event)
  }

  step(event: CommandEvent): void {
    this.result(event)
  }

  progress(event: CommandEvent): void {
    this.result(event)
  }

  failure(event: CommandEvent & { readonly message: string }): void {
    if (this.#isOutputLost) printError(event.message)
    else this.result(event)
  }

  // Without stdout, stderr still tells whether the model was saved, and why the command ends.
  warning(message: string): void {
    const event: WarningEvent = { type: 'warning', message }
    if (this.#isOutputLost) printWarning(message)
    else this.result(event)
  }

  error(event: ErrorEvent): void {
    if (this.#early !== undefined) this.#begin(this.#fallbackStart)
    if (this.#isOutputLost) printError(event.message)
    else this.result(event)
  }

  #begin(start: CommandEvent): void {
    const early = this.#early ?? []
    this.#early = undefined
    for (const event of [start, ...early]) this.#write(event)
  }

  #write(event: CommandEvent): void {
    if (!this.#isOutputLost) process.stdout.write(toJsonLine(event))
  }
}

class TextReporter implements Reporter {
  /** Absent with `--quiet`. */
  readonly #progress: Progress | undefined

  constructor(progress: Progress | undefined) {
    this.#progress = progress
  }

  result<Event extends CommandEvent>(event: Event, describe: (event: Event) => string): void {
    this.#progress?.clear()
    process.stdout.write(describe(event))
  }

  step<Event extends CommandEvent>(event: Event, describe?: (event: Event) => string): void {
    if (this.#progress !== undefined) this.result(event, describe ?? (() => ''))
  }

  progress<Event extends CommandEvent>(event: Event, describe: (event: Event) => ProgressState): void {
    if (this.#progress === undefined) return
    const state = describe(event)
    this.#progress.show(state)
    if (state.done === state.total) this.#progress.clear()
  }

  failure({ message }: { readonly message: string }): void {
    this.#progress?.clear()
    printError(message)
  }

  warning(message: string): void {
    this.#progress?.clear()
    printWarning(message)
  }

  error({ code, message, detail }: ErrorEvent): void {
    this.#progress?.clear()
    printError(code === 'ERR_INTERNAL' ? (detail ?? message) : message)
  }
}

function printWarning(message: string): void {
  process.stderr.write(`Warning: ${message}\n`)
}

function printError(message: string): void {
  process.stderr.write(`Error: ${message}\n`)
}
