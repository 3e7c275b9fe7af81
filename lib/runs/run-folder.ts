import { mkdir, open, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { exists, makeFolder, modificationTime } from '../files/folders'
import { type FileAction, showPath, toFileSystemError } from '../files/regular-file'
import { toJsonLine } from '../formats/json-lines'
import type { Evaluation } from '../model/evaluation'
import type { EpochEvent } from '../training/events'

/** Where runs go unless the user names a folder; relative to the current folder. */
export const RUNS_FOLDER = 'runs'
const CONFIG = 'config.json'
const MODEL = 'model.safetensors'
/** What a run writes besides its configuration. */
const RESULTS = ['metrics.jsonl', 'metrics.csv', 'timing.jsonl', MODEL] as const

/**
 * The folder of a training run: `config.json`, `metrics.jsonl` and `metrics.csv` (values that are the same for the same seed), `timing.jsonl`
 * (values that differ from run to run) and `model.safetensors`.
 */
export class RunFolder {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Makes the folder and writes the configuration: the options as resolved, the versions and the device. When that fails, a folder that was
   * made here is removed again.
   *
   * @param path - Default: a new folder in `runs`, named by the time (UTC).
   * @throws TorchRnnError `ERR_FILE_SYSTEM`, also when there is a run in the folder already, or another process begins one there.
   */
  static async create(config: Readonly<Record<string, unknown>>, path?: string): Promise<RunFolder> {
    const isNew = path === undefined || !(await exists(path))
    const folder = path ?? (await makeNewFolder())
    try {
      await makeFolder(folder)
      await claim(folder)
      await writeConfig(folder, config)
    } catch (error) {
      // The error that came first is the one to report. A folder that another run has filled meanwhile stays.
      if (isNew) await rmdir(folder).catch(() => undefined)
      throw error
    }
    return new RunFolder(folder)
  }

  /** Where the model of this run is saved. */
  get modelFile(): string {
    return join(this.path, MODEL)
  }

  /** Adds an epoch to the metrics, with those of its validation where there was one. */
  async addEpoch({ type, epoch, seconds, samplesPerSecond, ...event }: EpochEvent): Promise<void> {
    const { trainLoss, trainAccuracy, validationLoss, validationAccuracy } = event
    const validation = validationLoss === undefined ? {} : { validationLoss, validationAccuracy }
    const metrics = { epoch, trainLoss, trainAccuracy, ...validation }
    const head = epoch === 1 ? `${Object.keys(metrics).join()}\n` : ''
    await this.#append('metrics.csv', `${head}${Object.values(metrics).join()}\n`)
    await this.#append('metrics.jsonl', toJsonLine({ type, ...metrics }))
    await this.#append('timing.jsonl', toJsonLine({ type, epoch, seconds, samplesPerSecond }))
  }

  /** Adds the result on a data set to the metrics. */
  async addEvaluation(dataset: 'test', { samples, loss, accuracy, confusionMatrix, seconds }: Evaluation): Promise<void> {
    await this.#append('metrics.jsonl', toJsonLine({ type: 'evaluation', dataset, samples, loss, accuracy, confusionMatrix }))
    await this.#append('timing.jsonl', toJsonLine({ type: 'evaluation', dataset, seconds }))
  }

  async #append(name: (typeof RESULTS)[number], text: string): Promise<void> {
    const file = join(this.path, name)
    await attempt('write', file, () => appendWhole(file, text))
  }
}

/** The model of the run that was saved last in `runs`; undefined when there is none. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function findNewestModel(): Promise<string | undefined> {
  const names = (await exists(RUNS_FOLDER)) ? await attempt('read', RUNS_FOLDER, () => readdir(RUNS_FOLDER)) : []
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
  await makeFolder(RUNS_FOLDER)
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

/**
 * Takes a folder for this run alone, by making an empty configuration: if two processes try, the system lets only one make that file. A folder
 * with other files of a run is refused, too, because this run would add its own lines to them.
 */
async function claim(folder: string): Promise<void> {
  const config = join(folder, CONFIG)
  await attempt('write', config, async () => {
    try {
      await (await open(config, 'wx')).close()
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? holdsRun(folder) : error
    }
  })
  for (const name of RESULTS) {
    if (!(await exists(join(folder, name)))) continue
    await rm(config)
    throw holdsRun(folder)
  }
}

function holdsRun(folder: string): TorchRnnError {
  return new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(folder)} holds a run already. Choose another folder, or remove this one.`)
}

async function writeConfig(folder: string, config: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(folder, CONFIG)
  try {
    await writeFileDurably(file, Buffer.from(`${JSON.stringify(config, undefined, 2)}\n`))
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined) // The error that came first is the one to report.
    throw error
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

async function attempt<Result>(action: FileAction, path: string, perform: () => Promise<Result>): Promise<Result> {
  try {
    return await perform()
  } catch (error) {
    throw toFileSystemError(action, path, error)
  }
}
