import { mkdir, open, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { exists, makeFolder, modificationTime } from '../files/folders'
import { type FileAction, showPath, toFileSystemError } from '../files/regular-file'
import type { Evaluation } from '../model/evaluation'
import type { EpochEvent } from '../training/events'
import { CONFIG_FILE, EVENT_FILE, LOG_FILES, MODEL_FILE } from './run-files'
import { RunLogs, type UnfinishedEnd } from './run-logs'

/** Where runs go unless the user names a folder; relative to the current folder. */
export const RUNS_FOLDER = 'runs'
/** What a run writes besides its configuration. */
const RESULTS: readonly string[] = [...Object.values(LOG_FILES), MODEL_FILE]

/**
 * The folder of a training run: `config.json`, `metrics.jsonl` and `metrics.csv` (values that are the same for the same seed), `timing.jsonl`
 * (values that differ from run to run), an event file for TensorBoard, `model.safetensors`, and at the end a model card, `README.md`.
 */
export class RunFolder {
  readonly path: string
  readonly #logs: RunLogs

  private constructor(path: string, logs: RunLogs) {
    this.path = path
    this.#logs = logs
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
    return new RunFolder(folder, RunLogs.begin(folder))
  }

  /** Where the model of this run is saved. */
  get modelFile(): string {
    return join(this.path, MODEL_FILE)
  }

  /** Adds an epoch to the logs, with its validation where there was one. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEpoch(event: EpochEvent): Promise<void> {
    await this.#logs.addEpoch(event)
  }

  /** Adds the result on a data set to the logs. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEvaluation(dataset: 'test', evaluation: Evaluation): Promise<void> {
    await this.#logs.addEvaluation(dataset, evaluation)
  }

  /** Notes why the run ended before it was completed. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEnd(end: UnfinishedEnd): Promise<void> {
    await this.#logs.addEnd(end)
  }
}

/** The model of the run that was saved last in `runs`; undefined when there is none. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function findNewestModel(): Promise<string | undefined> {
  const names = (await exists(RUNS_FOLDER)) ? await attempt('read', RUNS_FOLDER, () => readdir(RUNS_FOLDER)) : []
  let newest: { file: string; savedAt: number } | undefined
  for (const name of names) {
    const file = join(RUNS_FOLDER, name, MODEL_FILE)
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
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `${RUNS_FOLDER}/<run>/${MODEL_FILE}`, actual: 'none' })
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
  const config = join(folder, CONFIG_FILE)
  await attempt('write', config, async () => {
    try {
      await (await open(config, 'wx')).close()
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? holdsRun(folder) : error
    }
  })
  try {
    const names = await attempt('read', folder, () => readdir(folder))
    if (names.some((name) => RESULTS.includes(name) || EVENT_FILE.test(name))) throw holdsRun(folder)
  } catch (error) {
    await rm(config)
    throw error
  }
}

function holdsRun(folder: string): TorchRnnError {
  return new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(folder)} holds a run already. Choose another folder, or remove this one.`)
}

async function writeConfig(folder: string, config: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(folder, CONFIG_FILE)
  try {
    await writeFileDurably(file, Buffer.from(`${JSON.stringify(config, undefined, 2)}\n`))
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined) // The error that came first is the one to report.
    throw error
  }
}

async function attempt<Result>(action: FileAction, path: string, perform: () => Promise<Result>): Promise<Result> {
  try {
    return await perform()
  } catch (error) {
    throw toFileSystemError(action, path, error)
  }
}
