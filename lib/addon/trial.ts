/**
 * Tries a libtorch in a process of its own before this one opens it. A faulty driver, an unfit processor or a damaged library can kill the
 * process that opens or first uses it; that must not happen to the user's program.
 *
 * Only a libtorch that the user named is tried, which includes every one with CUDA; the packages on npm were tested before they were
 * published. A trial takes about a second, with CUDA several. Only what libtorch itself did is remembered (see trial-cache.ts): that it works,
 * or that it fails with CUDA. When something else ended the trial, the result counts for this process alone.
 */
import { join } from 'node:path'
import { debuglog } from 'node:util'
import { mayStartProcesses } from '../host/permissions'
import { PACKAGE_ROOT } from '../version'
import { hasCudaLibraries } from './find-libtorch'
import type { Program, ProgramEnd, ProgramSteps } from './run-program'
import { TrialCache } from './trial-cache'

/** What the program of the trial prints. */
export type TrialReport =
  | { readonly error?: undefined; readonly facts: LoadedFacts }
  /** An error and its code, where it has one. */
  | { readonly error: string; readonly code?: string | undefined }

/** What is known once libtorch and the addon are loaded. */
export interface LoadedFacts {
  /** The folder of the libraries. */
  readonly libraries: string
  readonly torchVersion: string
  /** The instruction set that libtorch chose ("AVX2"), and what it multiplies matrices with ("mkl"). */
  readonly cpuCapability: string
  readonly blas: string
  /** The instruction set of the fused engine ("avx2"), where a training was asked for. */
  readonly instructionSet?: string
  readonly cudaDevices: number
  /** Why there is no CUDA device; empty when there is one. */
  readonly cudaProblem: string
  /** Threads that compute on the CPU. */
  readonly threads: number
  /** Of a short training, where one was asked for. */
  readonly training?: { readonly samplesPerSecond: number; readonly firstLoss: number; readonly lastLoss: number }
}

/** Set in the process of a trial, which then loads libtorch without another trial. */
const IN_TRIAL = 'TORCH_RNN_MNIST_TRIAL'
const LIMIT_MS = 120_000
/** Always the compiled file: Node cannot start the TypeScript one. */
const PROGRAM = join(PACKAGE_ROOT, 'dist', 'addon', 'trial-program.js')
const debug = debuglog('torch-rnn-mnist')

/** Whether this very process is a trial. */
export function isTrial(): boolean {
  return process.env[IN_TRIAL] === '1'
}

/** How a libtorch failed its trial. */
export interface TrialFailure {
  /** What the process of the trial did: "was killed by SIGILL". */
  readonly what: string
  /**
   * `libtorch`: libtorch crashed or reported an error, and would do so again. `stopped`: somebody stopped the trial, as Ctrl-C does.
   * `other`: it did not end in time, or something that may pass ended it, such as a lack of memory.
   */
  readonly cause: 'libtorch' | 'stopped' | 'other'
  /** What may help, where libtorch did not fail by itself. */
  readonly advice?: string
  /** A whole message for the user, where loading failed with an error and not with a crash. */
  readonly loadError?: string
}

/** How a trial ended. */
export type Trial =
  /** With `cudaFailure`, libtorch works on the CPU alone. */
  { readonly failure?: undefined; readonly facts: LoadedFacts; readonly cudaFailure?: TrialFailure } | { readonly failure: TrialFailure }

/** What a trial means for the process that wants to use libtorch. */
export interface Verdict {
  /** Why this libtorch cannot be used; absent when it can. */
  readonly failure?: TrialFailure
  /** Why its CUDA libraries must not be opened, although it works on the CPU. */
  readonly cudaProblem?: string
  /** The number of CUDA devices; absent when there is none. */
  readonly cudaDevices?: number
}

/**
 * Tries the libtorch that this process would load, or returns the remembered result of an earlier trial.
 *
 * @param libraries - The folder of its libraries, by which results are told apart.
 */
export function* tryLibtorch(libraries: string, addonFolder: string): ProgramSteps<Verdict> {
  const cache = new TrialCache(libraries, addonFolder)
  const known = cache.read()
  if (known !== undefined) {
    debug('trial of %s: remembered', libraries)
    return known
  }
  const trial = yield* runTrial({ libraries })
  const verdict = judge(trial)
  debug('trial of %s: %o', libraries, verdict)
  rememberTrial(cache, trial)
  return verdict
}

function judge(trial: Trial | undefined): Verdict {
  if (trial === undefined) return {} // No trial was possible, so libtorch is used without one.
  if (trial.failure !== undefined) return { failure: trial.failure }
  if (trial.cudaFailure !== undefined) return { cudaProblem: describeCudaFailure(trial.cudaFailure) }
  const { cudaDevices } = trial.facts
  return cudaDevices > 0 ? { cudaDevices } : {}
}

/** Remembers a result that lasts. A libtorch that does not work at all is not remembered: the user will repair it and try again. */
export function rememberTrial(cache: TrialCache, trial: Trial | undefined): void {
  if (trial === undefined || trial.failure !== undefined) return
  if (trial.cudaFailure === undefined || trial.cudaFailure.cause === 'libtorch') cache.write(judge(trial))
}

/** Describes a failure. @param who - The process that failed: "a process that tried it". */
export function describeFailure({ what, cause }: TrialFailure, who: string): string {
  return `${who} ${what}${cause === 'libtorch' ? '' : ' (this is not remembered: the next program tries again)'}`
}

/** Why CUDA is not used after a trial that failed like this. */
export function describeCudaFailure(failure: TrialFailure): string {
  return describeFailure(failure, "a process that tried libtorch's CUDA libraries")
}

/** What to try, and how. */
export interface TrialSettings {
  /** The folder of the libraries that the trial will load. */
  readonly libraries: string
  /** Whether it also trains for a second. */
  readonly trains?: boolean
  /** Environment variables in addition to those of this process. */
  readonly env?: NodeJS.ProcessEnv
}

/**
 * Runs the program of a trial. When it fails and CUDA may be the cause, it is run once more without CUDA.
 *
 * @returns undefined when this process cannot start another one.
 */
export function* runTrial({ libraries, trains = false, env = {} }: TrialSettings): ProgramSteps<Trial | undefined> {
  if (!mayStartProcesses()) return undefined
  const args = trains ? ['train'] : []
  const first = toTrial(yield trialProgram(args, env))
  if (first?.failure === undefined || !mayBeCuda(first.failure, libraries)) return first
  const second = toTrial(yield trialProgram(args, { ...env, TORCH_RNN_MNIST_CUDA: '0' }))
  return second === undefined || second.failure !== undefined ? first : { facts: second.facts, cudaFailure: first.failure }
}

function mayBeCuda({ cause, loadError }: TrialFailure, libraries: string): boolean {
  if (cause === 'stopped' || loadError !== undefined) return false
  return process.env['TORCH_RNN_MNIST_CUDA'] !== '0' && hasCudaLibraries(libraries)
}

function trialProgram(args: readonly string[], env: NodeJS.ProcessEnv): Program {
  return {
    command: process.execPath,
    args: [PROGRAM, ...args],
    limitMs: LIMIT_MS,
    // ELECTRON_RUN_AS_NODE makes the program of an Electron app behave like Node. A debugger would wait for somebody to attach.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', [IN_TRIAL]: '1', NODE_OPTIONS: withoutDebugger(process.env['NODE_OPTIONS']), ...env },
  }
}

/** Signals by which the system ends a program that crashes. */
const CRASHES: ReadonlySet<string> = new Set(['SIGSEGV', 'SIGABRT', 'SIGILL', 'SIGBUS', 'SIGFPE', 'SIGTRAP', 'SIGSYS'])
/** Signals by which somebody ends a program. */
const STOPS: ReadonlySet<string> = new Set(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
/** Windows has no signals: there a crash ends a program with an exit code from here on (0xC0000005: access violation), Ctrl-C with its own. */
const WINDOWS_CRASH = 0xc000_0000
const WINDOWS_CTRL_C = 0xc000_013a

function toTrial(end: ProgramEnd): Trial | undefined {
  if (end.kind === 'not started') {
    debug('no trial: %s', end.problem)
    return undefined
  }
  if (end.kind === 'overdue') {
    const what = `did not end within ${end.limitMs / 1000} s`
    return { failure: { what, cause: 'other', advice: 'Try again when this machine is less busy.' } }
  }
  debug('trial on stderr: %s', end.stderr)
  if (end.signal !== null) return { failure: bySignal(end.signal) }
  // A report does not count when the program failed after it: on Windows, that is how a crash at the exit looks.
  const report = end.code === 0 ? parseReport(end.stdout) : undefined
  if (report === undefined) return { failure: byExitCode(end.code) }
  return report.error === undefined ? { facts: report.facts } : { failure: byError(report.error, report.code) }
}

function bySignal(signal: NodeJS.Signals): TrialFailure {
  const what = `was killed by ${signal}`
  if (CRASHES.has(signal)) return { what, cause: 'libtorch' }
  if (STOPS.has(signal)) return { what, cause: 'stopped', advice: 'Try again.' }
  return { what, cause: 'other', advice: 'Perhaps there is too little memory: free some, and try again.' }
}

function byExitCode(code: number | null): TrialFailure {
  const what = `ended with exit code ${code}`
  if (code === WINDOWS_CTRL_C) return { what, cause: 'stopped', advice: 'Try again.' }
  if (code !== null && code >= WINDOWS_CRASH) return { what, cause: 'libtorch' }
  return { what, cause: 'other', advice: 'NODE_DEBUG=torch-rnn-mnist shows what it printed.' }
}

function byError(message: string, code: string | undefined): TrialFailure {
  if (code === 'ERR_LIBRARY_LOAD') return { what: 'could not load it', cause: 'libtorch', loadError: message }
  const what = `could not compute: ${message}`
  return code === 'ERR_OUT_OF_MEMORY' ? { what, cause: 'other', advice: 'Free some memory, and try again.' } : { what, cause: 'libtorch' }
}

/** The last line that is a report; undefined when there is none, or it was cut off. */
function parseReport(stdout: string): TrialReport | undefined {
  try {
    return JSON.parse(stdout.split('\n').findLast((text) => text.startsWith('{')) ?? '') as TrialReport
  } catch {
    return undefined
  }
}

function withoutDebugger(options: string | undefined): string | undefined {
  return options?.replaceAll(/(^|\s)--inspect\S*/g, '')
}
