/** Finds runs: all of a folder, or the one that a user names. */
import { readdir } from 'node:fs/promises'
import { basename, join, sep } from 'node:path'
import { TorchRnnError } from '../errors'
import { exists, isFolder, modificationTime } from '../files/folders'
import { ifPresent, showPath, toFileSystemError } from '../files/regular-file'
import { CONFIG_FILE } from './run-files'
import { type RunRecord, readRun, readRunConfig } from './run-record'

/** What a folder with runs holds. */
export interface FoundRuns {
  /** The oldest first. */
  readonly runs: readonly RunRecord[]
  /** Folders that could not be read as runs. */
  readonly problems: readonly TorchRnnError[]
}

/** Names that a message shows, when there are more. */
const SHOWN_NAMES = 5

/** Reads all runs of a folder. One that is not there has none. @throws TorchRnnError `ERR_FILE_SYSTEM` when the folder cannot be read. */
export async function findRuns(folder: string): Promise<FoundRuns> {
  const runs: RunRecord[] = []
  const problems: TorchRnnError[] = []
  for (const path of await foldersIn(folder)) {
    try {
      if (!(await exists(join(path, CONFIG_FILE)))) throw noRun(path)
      runs.push(await readRun(path))
    } catch (error) {
      if (!(error instanceof TorchRnnError)) throw error
      problems.push(error)
    }
  }
  return { runs: runs.sort(compareAge), problems }
}

/**
 * Reads the run that a user means.
 *
 * @param given - The name of a run in `folder`, or the path of any run. Default: the run in `folder` that began last.
 * @throws TorchRnnError `ERR_FILE_SYSTEM` when there is none; `ERR_INVALID_FILE` when it is damaged: no older one takes its place.
 */
export async function openRun(folder: string, given?: string): Promise<RunRecord> {
  if (given !== undefined) return await readRun(await findNamed(folder, given))
  const newest = await findNewest(folder)
  try {
    return await readRun(newest)
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    const message = `${error.message} It belongs to the newest run. To use another one, name it.`
    throw new TorchRnnError(error.code, message, { expected: error.expected, actual: error.actual, cause: error })
  }
}

/** The folder of the run that began last. Only configurations are read for it, no logs. */
async function findNewest(folder: string): Promise<string> {
  const paths = await foldersIn(folder)
  const begun: { path: string; created: string }[] = []
  for (const path of paths) {
    const created = await beganAt(path)
    if (created !== undefined) begun.push({ path, created })
  }
  const newest = begun.sort(compareAge).at(-1)
  if (newest !== undefined) return newest.path
  if (paths[0] !== undefined) throw noRun(paths[0])
  throw new TorchRnnError('ERR_FILE_SYSTEM', `${describeNoRuns(folder)} Name one, or train: rnn-mnist-train`, { actual: 'none' })
}

/** When a run began; for one with a damaged configuration, when that was written. Undefined for a folder that is no run. */
async function beganAt(path: string): Promise<string | undefined> {
  const written = await modificationTime(join(path, CONFIG_FILE))
  if (written === undefined) return undefined
  try {
    return (await readRunConfig(path)).created
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    return new Date(written).toISOString()
  }
}

/** That a folder has no runs, in words. */
export function describeNoRuns(folder: string): string {
  return `There are no runs in ${showPath(folder)}.`
}

async function findNamed(folder: string, given: string): Promise<string> {
  const isPath = given.includes('/') || given.includes(sep)
  for (const path of isPath ? [given] : [join(folder, given), given]) {
    if (await exists(join(path, CONFIG_FILE))) return path
  }
  if (await exists(given)) throw noRun(given)
  const names = (await foldersIn(folder)).map((path) => showPath(basename(path)))
  const shown = names.length > SHOWN_NAMES ? ['...', ...names.slice(-SHOWN_NAMES)] : names
  const there = names.length === 0 ? describeNoRuns(folder) : `${showPath(folder)} has ${shown.join(', ')}.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', `There is no run ${showPath(given)}. ${there}`, { actual: 'none' })
}

function noRun(path: string): TorchRnnError {
  const message = `${showPath(path)} is no run: expected a folder with ${CONFIG_FILE}.`
  return new TorchRnnError('ERR_INVALID_FILE', message, { expected: `a folder with ${CONFIG_FILE}`, actual: 'none' })
}

async function foldersIn(folder: string): Promise<string[]> {
  try {
    const names = ((await ifPresent(readdir(folder))) ?? []).sort()
    const paths = names.map((name) => join(folder, name))
    const areFolders = await Promise.all(paths.map((path) => isFolder(path)))
    return paths.filter((_, index) => areFolders[index])
  } catch (error) {
    throw toFileSystemError('read', folder, error)
  }
}

/** The older one first. Times as ISO 8601 sort like texts. Of two runs of one moment, the names decide: all are in one folder. */
function compareAge(a: Pick<RunRecord, 'path' | 'created'>, b: Pick<RunRecord, 'path' | 'created'>): number {
  return compare(a.created, b.created) || compare(a.path, b.path)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
