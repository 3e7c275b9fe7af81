/** The output of the benchmarks: progress on stderr, tables on stdout, results in a file. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { BenchError } from './bench-error.mjs'

const TERMINAL_MS = 1000
/** Time between two lines when lines cannot be overwritten. */
const PLAIN_MS = 5000

/** Shows on stderr what is being done, and for how long: one line that changes on a terminal, a line now and then elsewhere. */
export class Progress {
  #text = ''
  #since = 0
  #printed = Number.NEGATIVE_INFINITY
  #timer = setInterval(() => this.#tick(), process.stderr.isTTY ? TERMINAL_MS : PLAIN_MS)

  /** @param {string} text - What is done from now on. */
  show(text) {
    if (text === this.#text) return
    this.#text = text
    this.#since = performance.now()
    if (process.stderr.isTTY || this.#since - this.#printed >= PLAIN_MS) this.#print(text)
  }

  /** Clears the progress line, so that other lines can be printed. */
  clear() {
    this.#text = ''
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }

  end() {
    clearInterval(this.#timer)
    this.clear()
  }

  #tick() {
    if (this.#text !== '') this.#print(`${this.#text} (${((performance.now() - this.#since) / 1000).toFixed(0)} s)`)
  }

  #print(line) {
    this.#printed = performance.now()
    if (!process.stderr.isTTY) return process.stderr.write(`${line}\n`)
    const width = (process.stderr.columns ?? 80) - 1 // A line that wraps could not be overwritten.
    return process.stderr.write(`\r\x1b[K${line.slice(0, width)}`)
  }
}

/** Shows one action that is not measured, and its result. */
export async function withProgress(text, action) {
  const progress = new Progress()
  progress.show(text)
  try {
    return await action()
  } finally {
    progress.end()
  }
}

/**
 * Lines with aligned columns: the first to the left, numbers to the right.
 *
 * @param {string[][]} rows - The first one is the head.
 */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

/** The same rows in Markdown. */
export function markdownTable(rows) {
  const [head, ...others] = rows.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`)
  const rule = `|${rows[0].map((_, column) => (column === 0 ? '---' : '---:')).join('|')}|`
  return [head, rule, ...others].join('\n')
}

/** "1.032 (1.011 to 1.060)". */
export function showSpread({ median, low, high }, digits) {
  return `${median.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`
}

/** Checks before the measurements that their results can be written. */
export function checkResultsFile(file) {
  if (file === undefined) return
  try {
    closeSync(openSync(file, 'a'))
  } catch (error) {
    throw new BenchError(`Expected a file that can be written for --json but ${file} gave: ${error.message}.`)
  }
}

/** Writes what `--json FILE` asks for. */
export function writeResults(file, results) {
  if (file === undefined) return
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`)
  console.error(`The results are in ${file}.`)
}
