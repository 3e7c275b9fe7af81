import { mkdir, open, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { writeFileDurably } from '../files/durable-file'
import { showPath, toFileSystemError } from '../files/regular-file'
import { TorchRnnError } from '../errors'
import { toJsonLine } from '../formats/json-lines'
import type { Evaluation } from '../model/evaluation'
import type { EpochEvent } from '../training/events'

/** Where runs go unless the user names a folder; relative to the current folder. */
export const RUNS_FOLDER = 'runs'
const CONFIG = 'config.json'
const MODEL = 'model.safetensors'

/**
 * The folder of a training run: `config.json`, `metrics.jsonl` and `metrics.csv` (values that are the same for the same seed), `timing.jsonl`
 * (values that differ from run to run) and `model.safetensors`.
 */
export class RunFolder {
  readonly path: string

  /** Whether this run made the folder. */
  readonly #isNew: boolean

  private constructor(path: string, isNew: boolean) {
    this.path = path
    this.#isNew = isNew
  }

  /**
   * Makes the folder.
   *
   * @param path - Default: a new folder in `runs`, named by the time (UTC).
   * @throws TorchRnnError `ERR_FILE_SYSTEM`, also when there is a run in the folder already.
   */
  static async create(path?: string): Promise<RunFolder> {
    if (path === undefined) return new RunFolder(await makeNewFolder(), true)
    const isNew = !(await exists(path))
    await attempt(path, () => makeFolder(path))
    if (await exists(join(path, CONFIG))) {
      throw new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(path)} holds a run already. Choose another folder, or remove this one.`)
    }
    return new RunFolder(path, isNew)
  }

  /** Where the model of this run is saved. */
  get modelFile(): string {
    return join(this.path, MODEL)
  }

  /** Writes the options as resolved, the versions and the device. When that fails, a folder that this run made is removed again. */
  async writeConfig(config: Readonly<Record<string, unknown>>): Promise<void> {
    try {
      await writeFileDurably(join(this.path, CONFIG), Buffer.from(`${JSON.stringify(config, undefined, 2)}\n`))
    } catch (error) {
      if (this.#isNew) await rmdir(this.path).catch(() => undefined) // The error that came first is the one to report.
      throw error
    }
  }

  /** Adds an epoch to the metrics. */
  async addEpoch({ epoch, trainLoss, trainAccuracy, seconds, samplesPerSecond }: EpochEvent): Promise<void> {
    const head = epoch === 1 ? 'epoch,trainLoss,trainAccuracy\n' : ''
    await this.#append('metrics.csv', `${head}${epoch},${trainLoss},${trainAccuracy}\n`)
    await this.#append('metrics.jsonl', toJsonLine({ type: 'epoch', epoch, trainLoss, trainAccuracy }))
    await this.#append('timing.jsonl', toJsonLine({ type: 'epoch', epoch, seconds, samplesPerSecond }))
  }

  /** Adds the result on a data set to the metrics. */
  async addEvaluation(dataset: 'test', { samples, loss, accuracy, confusionMatrix, seconds }: Evaluation): Promise<void> {
    await this.#append('metrics.jsonl', toJsonLine({ type: 'evaluation', dataset, samples, loss, accuracy, confusionMatrix }))
    await this.#append('timing.jsonl', toJsonLine({ type: 'evaluation', dataset, seconds }))
  }

  async #append(name: string, text: string): Promise<void> {
    const file = join(this.path, name)
    await attempt(file, () => appendWhole(file, text))
  }
}

/** The model of the run that was saved last in `runs`; undefined when there is none. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function findNewestModel(): Promise<string | undefined> {
  const names = (await exists(RUNS_FOLDER)) ? await attempt(RUNS_FOLDER, () => readdir(RUNS_FOLDER)) : []
  let newest: { file: string; savedAt: number } | undefined
  for (const name of names) {
    const file = join(RUNS_FOLDER, name, MODEL)
    const savedAt = await modificationTime(file)
    if (savedAt !== undefined && (newest === undefined || savedAt > newest.savedAt)) newest = { file, savedAt }
  }
  return newest?.file
}

/** As {@link findNewestModel}. @throws TorchRnnError `ERR_FILE_SYSTEM` also when there is none. */
export async function requireNewestModel(): Promise<string> {
  const newest = await findNewestModel()
  if (newest !== undefined) return newest
  const message = `There is no trained model in ${RUNS_FOLDER}. Train one first, or name a file with --model.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `${RUNS_FOLDER}/<run>/${MODEL}`, actual: 'none' })
}

async function makeNewFolder(): Promise<string> {
  await attempt(RUNS_FOLDER, () => makeFolder(RUNS_FOLDER))
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-') // No colons: Windows forbids them.
  for (let attempts = 1; ; attempts += 1) {
    const path = join(RUNS_FOLDER, `${time}Z${attempts === 1 ? '' : `-${attempts}`}`)
    try {
      await mkdir(path)
      return path
    } catch (error) {
      // EEXIST: another run began in the same second.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw toFileSystemError('write', path, error)
    }
  }
}

/** Makes a folder and those above it. Node 20's mkdir with `recursive` never returns in a place that takes no folders, such as /proc. */
async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const parent = dirname(resolve(path))
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return
    if (code !== 'ENOENT' || (await exists(parent))) throw error
    await makeFolder(parent)
    await mkdir(path)
  }
}

/** Adds text completely or not at all. On a full disk, an ordinary write may add a part of it. */
async function appendWhole(file: string, text: string): Promise<void> {
  const handle = await open(file, 'a')
  try {
    const { size } = await handle.stat()
    try {
      await handle.appendFile(text)
    } catch (error) {
      // The first error is the one to report, even if what was written cannot be taken back either.
      await (size === 0 ? rm(file) : handle.truncate(size)).catch(() => undefined)
      throw error
    }
  } finally {
    await handle.close()
  }
}

async function attempt<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action()
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

async function exists(path: string): Promise<boolean> {
  return (await modificationTime(path)) !== undefined
}

/** When a file was written, in ms; undefined when it is not there or cannot be looked at. */
async function modificationTime(path: string): Promise<number | undefined> {
  return stat(path).then(
    (stats) => stats.mtimeMs,
    () => undefined,
  )
}
