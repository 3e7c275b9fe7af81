/** Runs programs as child processes, to test what only a whole process shows: exit codes, signals, and output. */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

export const REPOSITORY = dirname(dirname(__dirname))

/** Most programs here run for about a second; a loaded machine may be slower. */
const LIMIT_MS = 60_000

// The limit of a program must come before jest's: its failure tells what the program had printed.
jest.setTimeout(3 * LIMIT_MS)

/** How a program is run. */
export interface ProgramSettings {
  cwd?: string
  /** In addition to the present variables; undefined removes one. */
  env?: Readonly<Record<string, string | undefined>>
  /** What the program reads from stdin, which is closed then. Default: nothing. */
  input?: Uint8Array
  /** Words that go before the command: a program that runs it in another way. */
  through?: readonly string[]
  /** After this time the program is killed, and the code that waits for it fails. */
  limitMs?: number
}

/** How a program ended. */
export interface Outcome {
  /** Null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

interface Waiter {
  pattern: RegExp
  resolve(line: string): void
  reject(error: Error): void
}

const running = new Set<RunningProgram>()

// A program left running by a failed test would keep jest from ending, or disturb the next test.
afterEach(async () => {
  await Promise.all(Array.from(running, (program) => program.kill()))
})

/** A program that was started. */
export class RunningProgram {
  /** Rejects when the program could not be started or ran past its limit. */
  readonly ended: Promise<Outcome>
  readonly #name: string
  readonly #child: ChildProcessByStdio<Writable | null, Readable, Readable>
  readonly #limit: NodeJS.Timeout
  readonly #lines: string[] = []
  readonly #waiters = new Set<Waiter>()
  #stdout = ''
  #stderr = ''
  #isOverdue = false

  constructor(command: string, args: readonly string[], { cwd, env, input, through = [], limitMs = LIMIT_MS }: ProgramSettings) {
    const [program, ...words] = [...through, command, ...args] as [string, ...string[]]
    this.#name = [program, ...words].join(' ')
    const settings = { cwd, env: { ...process.env, ...env } }
    if (input === undefined) this.#child = spawn(program, words, { ...settings, stdio: ['ignore', 'pipe', 'pipe'] })
    else this.#child = spawn(program, words, { ...settings, stdio: ['pipe', 'pipe', 'pipe'] })
    // A program may end before it has read everything; its exit code tells why.
    this.#child.stdin?.on('error', () => undefined).end(input)
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
    })
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => this.#receive(line))
    }
    this.#limit = setTimeout(() => {
      this.#isOverdue = true
      this.#child.kill('SIGKILL')
    }, limitMs)
    running.add(this)
    this.ended = new Promise<Outcome>((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('close', (code, signal) => {
        if (this.#isOverdue) reject(this.#failure(`was still running after ${limitMs} ms`))
        else resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr })
      })
    })
    // Also marks the promise as handled: a test that fails earlier never awaits it.
    this.ended.then(
      ({ code, signal }) => this.#finish(this.#failure(`ended (${code ?? signal})`)),
      (error: Error) => this.#finish(error),
    )
  }

  /** The process id. */
  get pid(): number {
    if (this.#child.pid === undefined) throw new Error(`${this.#name} was not started`)
    return this.#child.pid
  }

  /** Waits for a line on stdout or stderr, already printed or still to come. Rejects when the program ends without it. */
  line(pattern: RegExp): Promise<string> {
    const printed = this.#lines.find((line) => pattern.test(line))
    if (printed !== undefined) return Promise.resolve(printed)
    if (!running.has(this)) return Promise.reject(this.#failure(`has ended without a line like ${pattern}`))
    return new Promise((resolve, reject) => this.#waiters.add({ pattern, resolve, reject }))
  }

  /** Sends a signal. */
  signal(name: NodeJS.Signals): void {
    if (!this.#child.kill(name)) throw this.#failure(`could not be sent ${name}`)
  }

  /** Stops reading stdout, as `head` does when it has enough. */
  closeStdout(): void {
    this.#child.stdout.destroy()
  }

  /** Stops reading stderr. */
  closeStderr(): void {
    this.#child.stderr.destroy()
  }

  /** Ends the program at once, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.ended.catch(() => undefined) // Whoever started it is told by `ended` itself.
  }

  #receive(line: string): void {
    this.#lines.push(line)
    for (const waiter of this.#waiters) {
      if (!waiter.pattern.test(line)) continue
      this.#waiters.delete(waiter)
      waiter.resolve(line)
    }
  }

  #finish(error: Error): void {
    clearTimeout(this.#limit)
    running.delete(this)
    for (const { pattern, reject } of this.#waiters) reject(new Error(`Waited for a line like ${pattern}: ${error.message}`))
    this.#waiters.clear()
  }

  #failure(what: string): Error {
    return new Error(`${this.#name}\n${what}. Its stdout:\n${this.#stdout}\nIts stderr:\n${this.#stderr}`)
  }
}

/** Starts a Node program: `args` are those of node, the program's file first. */
export function startNode(args: readonly string[], settings: ProgramSettings = {}): RunningProgram {
  return new RunningProgram(process.execPath, args, settings)
}

/** Runs a Node program to its end. */
export function runNode(args: readonly string[], settings: ProgramSettings = {}): Promise<Outcome> {
  return startNode(args, settings).ended
}

/** Runs any command to its end. */
export function runCommand(command: string, args: readonly string[], settings: ProgramSettings = {}): Promise<Outcome> {
  return new RunningProgram(command, args, settings).ended
}
