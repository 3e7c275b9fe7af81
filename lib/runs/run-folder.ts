import { open, readdir, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CHECKPOINTS_FOLDER, newestCheckpointTime } from '../checkpoints/checkpoint-folder'
import { RunLock } from '../checkpoints/run-lock'
import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { exists, makeFolder, makeTimedFolder, modificationTime } from '../files/folders'
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
  readonly #lock: RunLock
  /** Undefined in a run that goes on, until it does. */
  #logs: RunLogs | undefined

  private constructor(path: string, lock: RunLock, logs?: RunLogs) {
    this.path = path
    this.#lock = lock
    this.#logs = logs
  }

  /**
   * Makes the folder, takes it for this run until {@link close}, and writes the configuration: the options as resolved, the versions and the
   * device. When that fails, a folder that was made here is removed again.
   *
   * @param path - Default: a new folder in `runs`, named by the time (UTC).
   * @throws TorchRnnError `ERR_BUSY` when another run uses the folder; `ERR_FILE_SYSTEM`, also when it holds a run already.
   */
  static async create(config: Readonly<Record<string, unknown>>, path?: string): Promise<RunFolder> {
    const isNew = path === undefined || !(await exists(path))
    const folder = path ?? (await makeTimedFolder(RUNS_FOLDER))
    let lock: RunLock | undefined
    try {
      await makeFolder(folder)
      lock = await RunLock.take(folder)
      await claim(folder)
      await writeConfig(folder, config)
    } catch (error) {
      await lock?.release()
      // The error that came first is the one to report. A folder that another run has filled meanwhile stays.
      if (isNew) await rmdir(folder).catch(() => undefined)
      throw error
    }
    return new RunFolder(folder, lock, RunLogs.begin(folder))
  }

  /**
   * Takes the folder of a run that may go on after a pause, until {@link close}. Nothing else in it is changed before {@link goOn}.
   *
   * @throws TorchRnnError `ERR_BUSY` when another run uses the folder; `ERR_FILE_SYSTEM`.
   */
  static async reopen(path: string): Promise<RunFolder> {
    return new RunFolder(path, await RunLock.take(path))
  }

  /**
   * The run goes on: its configuration is replaced, and its logs are cut back to these epochs.
   *
   * @throws TorchRnnError `ERR_FILE_SYSTEM`.
   */
  async goOn(config: Readonly<Record<string, unknown>>, history: readonly EpochEvent[]): Promise<void> {
    await writeFileDurably(join(this.path, CONFIG_FILE), toBytes(config))
    this.#logs = await RunLogs.resume(this.path, history)
  }

  /** Gives the folder free. What was written is complete before. */
  async close(): Promise<void> {
    await this.#lock.release()
  }

  /** Where the model of this run is saved. */
  get modelFile(): string {
    return join(this.path, MODEL_FILE)
  }

  /** Adds an epoch to the logs, with its validation where there was one. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEpoch(event: EpochEvent): Promise<void> {
    await this.#openLogs.addEpoch(event)
  }

  /** Adds the result on a data set to the logs. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEvaluation(dataset: 'test', evaluation: Evaluation): Promise<void> {
    await this.#openLogs.addEvaluation(dataset, evaluation)
  }

  /** Notes why the run ended before it was completed; nothing where it had not gone on yet. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async addEnd(end: UnfinishedEnd): Promise<void> {
    await this.#logs?.addEnd(end)
  }

  get #openLogs(): RunLogs {
    if (this.#logs === undefined) throw new Error('This run has not gone on yet: it has no logs to add to.')
    return this.#logs
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

/** The run in `runs` whose checkpoints are the newest. @throws TorchRnnError `ERR_FILE_SYSTEM`, also when there is none. */
export async function findNewestResumable(): Promise<string> {
  const names = (await exists(RUNS_FOLDER)) ? await attempt('read', RUNS_FOLDER, () => readdir(RUNS_FOLDER)) : []
  let newest: { path: string; savedAt: number } | undefined
  for (const path of names.map((name) => join(RUNS_FOLDER, name))) {
    const savedAt = await newestCheckpointTime(join(path, CHECKPOINTS_FOLDER))
    if (savedAt > (newest?.savedAt ?? 0)) newest = { path, savedAt }
  }
  if (newest !== undefined) return newest.path
  const message = `There is no run in ${RUNS_FOLDER} with a checkpoint. Name the folder of a run with --run.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `${RUNS_FOLDER}/<run>/${CHECKPOINTS_FOLDER}`, actual: 'none' })
}

/** As {@link findNewestModel}. @throws TorchRnnError `ERR_FILE_SYSTEM` also when there is none. */
export async function requireNewestModel(): Promise<string> {
  const newest = await findNewestModel()
  if (newest !== undefined) return newest
  const message = `There is no trained model in ${RUNS_FOLDER}. Train one first, or name a file with --model.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `${RUNS_FOLDER}/<run>/${MODEL_FILE}`, actual: 'none' })
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
    await writeFileDurably(file, toBytes(config))
  } catch (error) {
    await rm(file, { force: true }).catch(() => undefined) // The error that came first is the one to report.
    throw error
  }
}

function toBytes(config: Readonly<Record<string, unknown>>): Uint8Array {
  return Buffer.from(`${JSON.stringify(config, undefined, 2)}\n`)
}

async function attempt<Result>(action: FileAction, path: string, perform: () => Promise<Result>): Promise<Result> {
  try {
    return await perform()
  } catch (error) {
    throw toFileSystemError(action, path, error)
  }
}
