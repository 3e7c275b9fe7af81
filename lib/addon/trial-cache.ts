/** Remembers the results of trials in the temporary folder: most systems empty it at a restart, after which the driver may be another. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { RUNTIME } from '../host/runtime'
import { PACKAGE_VERSION } from '../version'
import { ADDON_FILES } from './find-addon'
import { LIBRARY_NAMES } from './platform'

/** How long a failure of CUDA is remembered: somebody may repair the driver. */
const CUDA_PROBLEM_MS = 3_600_000
/** Where NVIDIA's kernel driver states its version. */
const DRIVER_VERSION = '/proc/driver/nvidia/version'
/** The environment variables that can change the result of a trial. */
const VARIABLES = ['TORCH_RNN_MNIST_CUDA', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'ATEN_CPU_CAPABILITY'] as const
const OWNER_ONLY = 0o700

/** What is remembered of a libtorch that works. */
export interface Remembered {
  /** Why its CUDA libraries must not be opened, although it works on the CPU. */
  readonly cudaProblem?: string
  /** The number of CUDA devices; absent when there is none. Kept because counting them starts the driver. */
  readonly cudaDevices?: number
}

interface Entry {
  readonly result: Remembered
  /** When it was tried, in ms since 1970. */
  readonly time: number
}

/** The remembered result for one libtorch with one addon, on this machine in its present state. */
export class TrialCache {
  readonly #file: string

  constructor(libraries: string, addonFolder: string) {
    const { dependencies, cpu, cuda } = LIBRARY_NAMES
    const files = [
      ...Object.values(ADDON_FILES).map((name) => join(addonFolder, name)),
      ...[...dependencies, cpu, ...cuda].map((name) => join(libraries, name)),
    ]
    const machine = [RUNTIME.name, RUNTIME.version, process.arch, cpus()[0]?.model, readIfThere(DRIVER_VERSION)]
    const key = JSON.stringify([PACKAGE_VERSION, files.map(identify), machine, VARIABLES.map((name) => process.env[name])])
    const name = createHash('sha256').update(key).digest('hex').slice(0, 32)
    this.#file = join(cacheFolder(), `${name}.json`)
  }

  /** The result of an earlier trial; undefined when there is none, or it is too old. */
  read(): Remembered | undefined {
    try {
      requireOwnFolder()
      const { result, time } = JSON.parse(readFileSync(this.#file, 'utf8')) as Entry
      // A time in the future is not fresh either: the clock was set back.
      const isFresh = result.cudaProblem === undefined || Math.abs(Date.now() - time) < CUDA_PROBLEM_MS
      return isFresh ? result : undefined
    } catch {
      return undefined // Nothing is there, or nothing readable: the trial is made again.
    }
  }

  /** Remembers a result, where the temporary folder allows. */
  write(result: Remembered): void {
    try {
      mkdirSync(cacheFolder(), { recursive: true, mode: OWNER_ONLY })
      requireOwnFolder()
      const temporary = `${this.#file}.${process.pid}.tmp`
      writeFileSync(temporary, JSON.stringify({ result, time: Date.now() } satisfies Entry))
      renameSync(temporary, this.#file)
    } catch {
      // A full or read-only disk: the next process makes the trial again.
    }
  }
}

function cacheFolder(): string {
  return join(tmpdir(), `torch-rnn-mnist-${process.getuid?.() ?? 'user'}`)
}

/** Other users may write into the temporary folder, too: only a folder of this user's own is trusted. */
function requireOwnFolder(): void {
  const stats = lstatSync(cacheFolder())
  const isOwn = process.getuid === undefined || (stats.uid === process.getuid() && (stats.mode & 0o077) === 0)
  if (!stats.isDirectory() || !isOwn) throw new Error('not a folder of this user alone')
}

/** A text that changes when a file is replaced. */
function identify(file: string): string {
  try {
    const { size, mtimeMs, ino } = statSync(file)
    return `${realpathSync(file)} ${size} ${mtimeMs} ${ino}`
  } catch {
    return `${file} is not there`
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
