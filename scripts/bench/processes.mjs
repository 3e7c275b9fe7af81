/** The programs that a benchmark starts. None outlives the benchmark. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import { BenchError } from './bench-error.mjs'

/** How long a program may take to end after a signal. */
const GRACE_MS = 3000

const running = new Set()

function endAll() {
  for (const child of running) child.kill()
}

/** Ends the running programs. The code that waits for them then fails and cleans up. */
function interrupt(signal) {
  process.exitCode = 128 + constants.signals[signal]
  if (running.size === 0) process.exit()
  endAll()
  setTimeout(() => process.exit(), GRACE_MS).unref()
}

process.once('exit', endAll)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupt)

/** Starts a program that is ended when this process ends. */
export function start(command, args, options) {
  const child = spawn(command, args, options)
  running.add(child)
  const forget = () => running.delete(child)
  child.once('exit', forget).once('error', forget)
  return child
}

/** Starts a program that answers lines, for a {@link Responder}. @param env - In addition to the present variables. */
export function startResponder(command, args, env = {}) {
  return start(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } })
}

/** A program that answers each line of JSON on its stdin with a line of JSON on its stdout, and ends when its stdin does. */
export class Responder {
  #name
  #stdin
  #lines
  #ended

  /**
   * @param {string} name - For errors.
   * @param {NodeJS.EventEmitter & { stdin: import('node:stream').Writable | null, stdout: import('node:stream').Readable | null }} program - With pipes as stdin and stdout.
   */
  constructor(name, program) {
    this.#name = name
    const { stdin, stdout } = program
    if (stdin === null || stdout === null) throw new Error(`Expected ${name} to have pipes as stdin and stdout.`)
    this.#stdin = stdin
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
    this.#ended = once(program, 'exit')
    this.#ended.catch(() => {}) // The program cannot be started; ask() reports it.
    stdin.on('error', () => {}) // The program ended before it read; ask() reports it.
  }

  /** Sends a question and waits for the answer. */
  async ask(request) {
    this.#stdin.write(`${JSON.stringify(request)}\n`)
    const { value, done } = await this.#lines.next()
    if (done) throw new BenchError(`${this.#name} ended before it answered; its own message is above.`)
    return JSON.parse(value)
  }

  /** Ends the program and waits for its end. */
  async end() {
    this.#stdin.end()
    await this.#ended
  }
}
