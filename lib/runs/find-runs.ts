/** Finds runs: all of a folder, or the one that a user names. */
import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { TorchRnnError } from '../errors'
import { exists, isFolder } from '../files/folders'
import { ifPresent, showPath, toFileSystemError } from '../files/regular-file'
import { CONFIG_FILE } from './run-files'
import { type RunRecord, readRun } from './run-record'

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
  // Times as ISO 8601 sort like texts. Of two runs of one second, the names decide.
  runs.sort((a, b) => (a.created === b.created ? compare(a.name, b.name) : compare(a.created, b.created)))
  return { runs, problems }
}

/**
 * Reads the run that a user means.
 *
 * @param given - The name of a run in `folder`, or the path of any run. Default: the run in `folder` that began last.
 * @throws TorchRnnError `ERR_FILE_SYSTEM` when there is none; `ERR_INVALID_FILE` when it is damaged.
 */
export async function openRun(folder: string, given?: string): Promise<RunRecord> {
  if (given !== undefined) return await readRun(await findNamed(folder, given))
  const { runs, problems } = await findRuns(folder)
  const newest = runs.at(-1)
  if (newest !== undefined) return newest
  if (problems[0] !== undefined) throw problems[0]
  throw new TorchRnnError('ERR_FILE_SYSTEM', `${describeNoRuns(folder)} Name one, or train: rnn-mnist-train`, { actual: 'none' })
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
  const names = (await foldersIn(folder)).map((path) => showPath(path.slice(folder.length + 1)))
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

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
