/**
 * Tries a libtorch in a process of its own before this one opens it. A faulty driver, an unfit processor or a damaged library can kill the
 * process that opens or first uses it; that must not happen to the user's program.
 *
 * Only a libtorch that the user named is tried, which includes every one with CUDA; the packages on npm were tested before they were
 * published. A trial takes about a second, with CUDA several; its result is remembered (see trial-cache.ts).
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { debuglog } from 'node:util'
import { mayStartProcesses } from '../host/permissions'
import { PACKAGE_ROOT } from '../version'
import { TrialCache, type TrialResult } from './trial-cache'

/** What the program of the trial prints. */
export type TrialReport =
  /** With `isLoadError`, `problem` is a whole message for the user; without, a part of a sentence. */
  { readonly problem: string; readonly isLoadError: boolean } | { readonly problem?: undefined; readonly facts: LoadedFacts }

/** What is known once libtorch and the addon are loaded. */
export interface LoadedFacts {
  /** The folder of the libraries. */
  readonly libraries: string
  readonly torchVersion: string
  /** The instruction set that libtorch chose ("AVX2"), and what it multiplies matrices with ("mkl"). */
  readonly cpuCapability: string
  readonly blas: string
  readonly cudaDevices: number
  /** Why there is no CUDA device; empty when there is one. */
  readonly cudaProblem: string
  /** CPU threads of one operation. */
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

/**
 * Tries the libtorch that this process would load, or returns the remembered result of an earlier trial. Blocks until that is known.
 *
 * @param libraries - The folder of its libraries, by which results are told apart.
 */
export function tryLibtorch(libraries: string, addonFolder: string): TrialResult {
  const cache = new TrialCache(libraries, addonFolder)
  const known = cache.read()
  if (known !== undefined) {
    debug('trial of %s: remembered', libraries)
    return known
  }
  const result = judge(runTrial([]))
  debug('trial of %s: %o', libraries, result)
  if (result.problem === undefined && result.loadError === undefined) cache.write(result)
  return result
}

function judge(trial: Trial | undefined): TrialResult {
  if (trial === undefined) return {} // No trial was possible, so libtorch is used without one.
  if (trial.report === undefined) return { problem: `a process that tried it ${trial.death}` }
  const { report } = trial
  if (report.problem !== undefined) return report.isLoadError ? { loadError: report.problem } : { problem: report.problem }
  return trial.cudaDeath === undefined ? {} : { cudaProblem: describeCudaDeath(trial.cudaDeath) }
}

/** Why CUDA is not used after a trial that ended like this. */
export function describeCudaDeath(death: string): string {
  return `a process that tried libtorch's CUDA libraries ${death}`
}

/** How a trial ended: with a report, or with the death of its process. */
export interface Trial {
  readonly report?: TrialReport
  /** "was killed by SIGILL". */
  readonly death?: string
  /** How the process with CUDA ended, when the report comes from a second process without CUDA. */
  readonly cudaDeath?: string
}

/**
 * Runs the program of a trial. When it dies, it is run once more without CUDA.
 *
 * @param args - `train`, or nothing.
 * @returns undefined when this process may not start another one.
 */
export function runTrial(args: readonly string[]): Trial | undefined {
  if (!mayStartProcesses()) return undefined
  const first = runProgram(args, {})
  if (first?.death === undefined) return first
  const second = runProgram(args, { TORCH_RNN_MNIST_CUDA: '0' })
  return second?.report === undefined ? first : { report: second.report, cudaDeath: first.death }
}

function runProgram(args: readonly string[], env: NodeJS.ProcessEnv): Trial | undefined {
  const { error, signal, status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
    windowsHide: true,
    // ELECTRON_RUN_AS_NODE makes the program of an Electron app behave like Node. A debugger would wait for somebody to attach.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', [IN_TRIAL]: '1', NODE_OPTIONS: withoutDebugger(process.env['NODE_OPTIONS']), ...env },
  })
  if (isTimeout(error)) return { death: `did not end within ${LIMIT_MS / 1000} s` }
  // Deno without --allow-run returns an empty object.
  if (error !== undefined || status === undefined) {
    debug('no trial: %s', error?.message)
    return undefined
  }
  debug('trial on stderr: %s', stderr)
  if (signal !== null) return { death: `was killed by ${signal}` }
  const report = parseReport(stdout)
  return report === undefined ? { death: `ended with exit code ${status}` } : { report }
}

function isTimeout(error: Error | undefined): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
}

function parseReport(stdout: string): TrialReport | undefined {
  const line = stdout.split('\n').findLast((text) => text.startsWith('{'))
  return line === undefined ? undefined : (JSON.parse(line) as TrialReport)
}

function withoutDebugger(options: string | undefined): string | undefined {
  return options?.replaceAll(/(^|\s)--inspect\S*/g, '')
}
