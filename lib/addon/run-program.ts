/**
 * Runs other programs: python3, cmake, the trial of a libtorch. A constructor must block until such a program ends, other callers can wait.
 * The code between the programs exists only once for both, as a generator: it yields a program to run, and gets back how that ended.
 */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { describeRefusal } from '../host/permissions'

/** A program to run. */
export interface Program {
  readonly command: string
  readonly args: readonly string[]
  /** Its environment variables. Default: those of this process. */
  readonly env?: NodeJS.ProcessEnv
  /** After this time, in ms, it is killed. */
  readonly limitMs: number
}

/** How a program ended. */
export type ProgramEnd =
  | { readonly kind: 'not started'; readonly problem: string; readonly error?: unknown }
  | { readonly kind: 'overdue'; readonly limitMs: number }
  /** `code` is null when a signal ended it. */
  | ({ readonly kind: 'ended'; readonly code: number | null; readonly signal: NodeJS.Signals | null } & Output)

interface Output {
  readonly stdout: string
  readonly stderr: string
}

/** Work that needs other programs, one after the other. */
export type ProgramSteps<Result> = Generator<Program, Result, ProgramEnd>

/** Does the work, and blocks this thread while a program runs. */
export function runBlocking<Result>(steps: ProgramSteps<Result>): Result {
  let step = steps.next()
  while (step.done !== true) step = steps.next(blockOn(step.value))
  return step.value
}

/**
 * Does the work, and leaves this thread free while a program runs.
 *
 * @param signal - Kills the running program. Rejects with the signal's reason then.
 */
export async function runWaiting<Result>(steps: ProgramSteps<Result>, signal?: AbortSignal): Promise<Result> {
  signal?.throwIfAborted()
  let step = steps.next()
  while (step.done !== true) {
    const end = await waitFor(step.value, signal).catch(notStarted)
    signal?.throwIfAborted()
    step = steps.next(end)
  }
  return step.value
}

/** Throws the error of a program that this process has no permission to start; see describeRefusal. */
export function throwIfRefused(end: ProgramEnd): void {
  if (end.kind === 'not started' && describeRefusal(end.error) !== undefined) throw end.error
}

// Both functions also catch the error that is thrown where this process has no permission to start others.

function blockOn({ command, args, env, limitMs }: Program): ProgramEnd {
  try {
    const { error, status, signal, stdout, stderr } = spawnSync(command, args, {
      ...settingsOf(env),
      encoding: 'utf8',
      timeout: limitMs,
      killSignal: 'SIGKILL',
      maxBuffer: Number.POSITIVE_INFINITY,
    })
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT') return { kind: 'overdue', limitMs }
    // Deno without --allow-run returns an empty object.
    if (status === undefined) return { kind: 'not started', problem: 'this program may start no others' }
    return error === undefined ? { kind: 'ended', code: status, signal, stdout, stderr } : notStarted(error)
  } catch (error) {
    return notStarted(error)
  }
}

function waitFor({ command, args, env, limitMs }: Program, signal: AbortSignal | undefined): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    const child: ChildProcess = spawn(command, args, settingsOf(env))
    const output = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      // When no file descriptors are left, the program is not started and has no streams.
      child[name]?.setEncoding('utf8').on('data', (text: string) => {
        output[name] += text
      })
    }
    // This does not wait until the program is gone: a process that hangs in a driver cannot be killed.
    const giveUp = (end: ProgramEnd) => {
      child.kill('SIGKILL')
      child.unref()
      child.stdout?.destroy() // A program that it started may still be writing.
      child.stderr?.destroy()
      finish(end)
    }
    const finish = (end: ProgramEnd) => {
      clearTimeout(limit)
      signal?.removeEventListener('abort', abort)
      process.off('exit', abort)
      resolve(end)
    }
    const abort = () => giveUp({ kind: 'not started', problem: 'it was given up' })
    const limit = setTimeout(() => giveUp({ kind: 'overdue', limitMs }), limitMs)
    signal?.addEventListener('abort', abort)
    process.on('exit', abort)
    child.on('error', (error) => finish(notStarted(error)))
    child.on('close', (code, endSignal) => finish({ kind: 'ended', code, signal: endSignal, ...output }))
  })
}

function settingsOf(env: NodeJS.ProcessEnv = process.env): SpawnOptions {
  return { stdio: ['ignore', 'pipe', 'pipe'], env, windowsHide: true }
}

function notStarted(error: unknown): ProgramEnd {
  return { kind: 'not started', problem: (error as Error).message, error }
}
