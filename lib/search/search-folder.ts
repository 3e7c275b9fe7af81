/** The folder of a search: what is searched, and what each trial came to. */
import { readdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type ComputingPlace, readIdentity, readPlace } from '../checkpoints/checkpoint-file'
import { RunLock } from '../checkpoints/run-lock'
import type { DataIdentity } from '../data/identity'
import { TorchRnnError } from '../errors'
import { appendDurably } from '../files/append-file'
import { writeFileDurably } from '../files/durable-file'
import { exists, makeFolder, modificationTime } from '../files/folders'
import { ifPresent, readFileChecked, showPath, toFileSystemError } from '../files/regular-file'
import { JsonFields } from '../formats/json-fields'
import { parseJsonLines, toJsonLine } from '../formats/json-lines'
import { parseJsonObject } from '../formats/strict-json'
import { RUNTIME } from '../host/runtime'
import { resolveOptions } from '../options/checks'
import { resolveModelOptions } from '../options/model-options'
import { HYPERPARAMETERS, OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { PACKAGE_VERSION } from '../version'
import type { TrialResult } from './search-events'
import type { PlannedSearch, ResolvedSearch } from './search-options'
import { resolveSpace } from './space'
import { drawTable, readResults } from './trial-records'

/** Where searches go unless the user names a folder; relative to the current folder. */
export const SEARCHES_FOLDER = 'searches'

/** What is searched. */
const SEARCH_FILE = 'search.json'
/** A line for each trial that is over. */
const TRIALS_FILE = 'trials.jsonl'
/** The same as a table, without times: the same seed gives the same file. */
const TABLE_FILE = 'trials.csv'

/** A normalization of 65,536 features takes some 5 MB. */
const MAX_SEARCH_BYTES = 8 * 1024 ** 2
/** Far more than the results of ten thousand trials with a hundred seeds each. */
const MAX_TRIALS_BYTES = 512 * 1024 ** 2

/** A search as its file describes it. */
export interface StoredSearch extends ResolvedSearch {
  /** The training samples. */
  readonly dataset: DataIdentity
  /** Where the images were read from, as the user named it; absent where that is not known. */
  readonly data?: string
  /** How they were read, where there is something to tell. */
  readonly reading?: SearchedReading
  /** Where it computed when it began. */
  readonly place: ComputingPlace
}

const { data: _path, ...files } = OPTIONS.data
/** What a search keeps of how its images are read. */
const READING = { ...files, ...OPTIONS.reading }
/** The single files that images come from, and the options with which they are read. */
export type SearchedReading = Resolved<typeof READING>

/** The folder of a search that is at work, which has it to itself. */
export class SearchFolder {
  readonly path: string
  readonly #lock: RunLock
  readonly #names: readonly string[]
  readonly #results: TrialResult[]

  private constructor(path: string, lock: RunLock, search: ResolvedSearch, results: readonly TrialResult[]) {
    this.path = path
    this.#lock = lock
    this.#names = Object.keys(search.space)
    this.#results = [...results]
  }

  /**
   * Makes the folder, takes it for this search until {@link close}, and writes down what is searched. When that fails, a folder that was made
   * here is removed again.
   *
   * @throws TorchRnnError `ERR_BUSY` when another process uses the folder; `ERR_FILE_SYSTEM`, also when it holds a search already.
   */
  static async create(path: string, search: StoredSearch): Promise<SearchFolder> {
    const isNew = await makeFolder(path)
    let lock: RunLock | undefined
    try {
      lock = await RunLock.take(path)
      await refuseSearch(path)
      await writeFileDurably(join(path, TRIALS_FILE), new Uint8Array())
      await writeFileDurably(join(path, SEARCH_FILE), toBytes(search))
      const folder = new SearchFolder(path, lock, search, [])
      await folder.#writeTable()
      return folder
    } catch (error) {
      await lock?.release()
      // The error that came first is the one to report.
      if (isNew) await rmdir(path).catch(() => undefined)
      throw error
    }
  }

  /**
   * Takes the folder of a search that goes on, until {@link close}, and reads what was finished. A line that was torn off is removed.
   *
   * @throws TorchRnnError `ERR_BUSY`; `ERR_INVALID_FILE` when a result is not one of this search; `ERR_FILE_SYSTEM`.
   */
  static async reopen(path: string, stored: StoredSearch, search: PlannedSearch): Promise<SearchFolder> {
    const lock = await RunLock.take(path)
    try {
      const file = join(path, TRIALS_FILE)
      const bytes = (await ifPresent(readFileChecked(file, MAX_TRIALS_BYTES))) ?? new Uint8Array()
      const results = readResults(parseJsonLines(bytes, file), search, file)
      await writeFileDurably(file, Buffer.from(results.map((result) => toJsonLine(result)).join('')))
      await writeFileDurably(join(path, SEARCH_FILE), toBytes({ ...stored, ...search }))
      const folder = new SearchFolder(path, lock, search, results)
      await folder.#writeTable()
      return folder
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** What was finished, in the order in which it was. */
  get results(): readonly TrialResult[] {
    return this.#results
  }

  /** Adds a trial, which is safe then. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
  async add(result: TrialResult): Promise<void> {
    await appendDurably(join(this.path, TRIALS_FILE), toJsonLine(result))
    this.#results.push(result)
    await this.#writeTable()
  }

  /** Gives the folder free. */
  async close(): Promise<void> {
    await this.#lock.release()
  }

  async #writeTable(): Promise<void> {
    await writeFileDurably(join(this.path, TABLE_FILE), Buffer.from(drawTable(this.#results, this.#names)))
  }
}

async function refuseSearch(path: string): Promise<void> {
  for (const name of [SEARCH_FILE, TRIALS_FILE]) {
    if (!(await exists(join(path, name)))) continue
    const advice = 'Go on with it by resume (--resume), or choose another folder.'
    throw new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(path)} holds a search already. ${advice}`, { actual: name })
  }
}

function toBytes({ space, plan, base, dataset, data, reading, place }: StoredSearch): Uint8Array {
  const versions = { 'torch-rnn-mnist': PACKAGE_VERSION, libtorch: place.libtorch, [RUNTIME.name.toLowerCase()]: RUNTIME.version }
  const source = { ...(data === undefined ? {} : { data }), ...(reading === undefined ? {} : { reading }) }
  const search = { versions, place, ...source, dataset, vary: space, ...plan, ...base }
  return Buffer.from(`${JSON.stringify(search, undefined, 2)}\n`)
}

/**
 * Reads what is searched in a folder.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` when there is no search; `ERR_INVALID_FILE`.
 */
export async function readSearch(path: string): Promise<StoredSearch> {
  const file = join(path, SEARCH_FILE)
  const value = parseJsonObject(await readFileChecked(file, MAX_SEARCH_BYTES), file, 'search')
  const fields = new JsonFields(value, 'search', file)
  const plan = Object.fromEntries(Object.keys(OPTIONS.search).map((name) => [name, value[name]]))
  const { data, reading } = value
  return {
    ...asStored(file, () => ({
      space: resolveSpace(storedSpace(value['vary'])),
      plan: resolveOptions(OPTIONS.search, plan, 'the search'),
      base: {
        model: resolveModelOptions(value['model'], 'the model'),
        training: resolveOptions(HYPERPARAMETERS, value['training'], 'the training'),
      },
    })),
    dataset: readIdentity(fields.object('dataset')),
    place: readPlace(fields.object('place')),
    ...(typeof data === 'string' ? { data } : {}),
    ...(reading === undefined ? {} : { reading: asStored(file, () => resolveOptions(READING, reading, 'the reading')) }),
  }
}

/** A space as it is written in the API, from the one that is stored. */
function storedSpace(space: unknown): unknown {
  if (typeof space !== 'object' || space === null || Array.isArray(space)) return space ?? null
  const ranges = Object.entries(space as Record<string, { choices?: unknown } | null>)
  return Object.fromEntries(ranges.map(([name, range]) => [name, range?.choices ?? range]))
}

/** Options from a file are checked as those of a user, but then the file is wrong. */
function asStored<Value>(file: string, read: () => Value): Value {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw new TorchRnnError('ERR_INVALID_FILE', `${showPath(file)} holds no usable search. ${error.message}`, { cause: error })
  }
}

/** The search in `searches` that has worked last. @throws TorchRnnError `ERR_FILE_SYSTEM`, also when there is none. */
export async function findNewestSearch(): Promise<string> {
  let newest: { path: string; time: number } | undefined
  for (const name of await namesIn(SEARCHES_FOLDER)) {
    const path = join(SEARCHES_FOLDER, name)
    if (!(await exists(join(path, SEARCH_FILE)))) continue
    const time = (await modificationTime(join(path, TRIALS_FILE))) ?? 0
    if (newest === undefined || time > newest.time) newest = { path, time }
  }
  if (newest !== undefined) return newest.path
  const message = `There is no search in ${SEARCHES_FOLDER}. Name the folder of one with --search.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `${SEARCHES_FOLDER}/<search>/${SEARCH_FILE}`, actual: 'none' })
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return ((await ifPresent(readdir(folder))) ?? []).sort()
  } catch (error) {
    throw toFileSystemError('read', folder, error)
  }
}
