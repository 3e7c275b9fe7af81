/** Shows the progress of a step on stderr: on a terminal in one line that changes, elsewhere in a plain line every few seconds. */

const TERMINAL_MS = 200
const PLAIN_MS = 5000

/** Bytes as people read them: "312 MB". */
export function megabytes(bytes) {
  return `${Math.round(bytes / 1e6)} MB`
}

/** The progress of one step. */
export class Progress {
  #title
  #stream
  #detail = ''
  #started = performance.now()
  #timer
  #shown = false

  /** @param {string} title - What the step does: "building the native addon". */
  constructor(title, stream = process.stderr) {
    this.#title = title
    this.#stream = stream
    this.#show()
    this.#timer = setInterval(() => this.#show(), stream.isTTY ? TERMINAL_MS : PLAIN_MS)
  }

  /** Sets what is shown beside the elapsed seconds, such as "[3/14] model.cc". */
  detail(text) {
    this.#detail = text
  }

  /** Ends the display with a last line. @param {string} outcome - "done", "failed". */
  end(outcome) {
    clearInterval(this.#timer)
    this.#write(`${outcome} after ${this.#seconds(1)} s`, '\n')
  }

  #show() {
    const state = this.#shown ? `${this.#seconds(0)} s${this.#detail === '' ? '' : ` ${this.#detail}`}` : '…'
    this.#shown = true
    this.#write(state, this.#stream.isTTY ? '' : '\n')
  }

  #write(state, ending) {
    const line = `set-up: ${this.#title}: ${state}`
    if (!this.#stream.isTTY) {
      this.#stream.write(`${line}\n`)
      return
    }
    const width = (this.#stream.columns ?? 80) - 1 // A line that wraps could not be overwritten.
    this.#stream.write(`\r\x1b[K${line.slice(0, width)}${ending}`)
  }

  #seconds(digits) {
    return ((performance.now() - this.#started) / 1000).toFixed(digits)
  }
}
