/** Remembers trials in the temporary folder, so that they are forgotten when the machine starts anew, perhaps with another driver. */
import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { PACKAGE_VERSION } from '../version'
import { ADDON_FILES } from './find-addon'
import { LIBRARY_NAMES } from './platform'

/** CUDA that did not work may work again, as soon as somebody has mended the driver. */
const CUDA_PROBLEM_MS = 3_600_000
/** What the kernel's part of NVIDIA's driver says of itself. */
const DRIVER_VERSION = '/proc/driver/nvidia/version'
/** Everything in the environment that can change how a trial ends. */
const VARIABLES = ['TORCH_RNN_MNIST_CUDA', 'CUDA_VISIBLE_DEVICES', 'LD_LIBRARY_PATH', 'LD_PRELOAD', 'ATEN_CPU_CAPABILITY'] as const
const OWNER_ONLY = 0o700

/** What a trial found out. */
export interface TrialResult {
  /** Why this libtorch cannot be used; absent when it can. */
  readonly problem?: string
  /** The whole message of the error that loading it failed with, where it failed without a crash. */
  readonly loadError?: string
  /** Why its CUDA libraries must be left alone, while its CPU ones work. */
  readonly cudaProblem?: string
}

interface Entry {
  readonly result: TrialResult
  /** When it was tried, in ms since 1970. */
  readonly time: number
}

/** What is remembered about one libtorch with one addon, on this machine as it is now. */
export class TrialCache {
  readonly #file: string

  constructor(libraries: string, addonFolder: string) {
    const files = [join(addonFolder, ADDON_FILES.addon), ...[LIBRARY_NAMES.cpu, ...LIBRARY_NAMES.cuda].map((name) => join(libraries, name))]
    const machine = [process.versions.node, process.arch, cpus()[0]?.model, readIfThere(DRIVER_VERSION)]
    const key = JSON.stringify([PACKAGE_VERSION, files.map(identify), machine, VARIABLES.map((name) => process.env[name])])
    const name = createHash('sha256').update(key).digest('hex').slice(0, 32)
    this.#file = join(cacheFolder(), `${name}.json`)
  }

  /** The result of an earlier trial; undefined where there was none, or it can be trusted no longer. */
  read(): TrialResult | undefined {
    try {
      requireOwnFolder()
      const { result, time } = JSON.parse(readFileSync(this.#file, 'utf8')) as Entry
      const isFresh = result.cudaProblem === undefined || Date.now() - time < CUDA_PROBLEM_MS
      return isFresh ? result : undefined
    } catch {
      return undefined // Nothing remembered, or nothing that can be read: then it is tried once more, which only takes time.
    }
  }

  /** Remembers a result, where the temporary folder allows. */
  write(result: TrialResult): void {
    try {
      mkdirSync(cacheFolder(), { recursive: true, mode: OWNER_ONLY })
      requireOwnFolder()
      const temporary = `${this.#file}.${process.pid}.tmp`
      writeFileSync(temporary, JSON.stringify({ result, time: Date.now() } satisfies Entry))
      renameSync(temporary, this.#file)
    } catch {
      // A full or read-only disk: the next process tries again.
    }
  }
}

function cacheFolder(): string {
  return join(tmpdir(), `torch-rnn-mnist-${process.getuid?.() ?? 'user'}`)
}

/** Temporary folders are shared: what another user put there is not to be believed. */
function requireOwnFolder(): void {
  const stats = lstatSync(cacheFolder())
  const isOwn = process.getuid === undefined || (stats.uid === process.getuid() && (stats.mode & 0o077) === 0)
  if (!stats.isDirectory() || !isOwn) throw new Error('not a folder of this user alone')
}

/** Tells whether a file is still the one that was tried. */
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
