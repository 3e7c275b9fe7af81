/** Copies what a run has for others to a folder or an archive: the model, how it was made, how good it is. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { TorchRnnError } from '../errors'
import { readFileChecked, writeFileDurably } from '../files/durable-file'
import { makeFolder } from '../files/folders'
import { ifPresent, showPath, toFileSystemError } from '../files/regular-file'
import { encodeZip } from '../formats/zip'
import { modelCardOf } from './card-file'
import { CARD_FILE, CONFIG_FILE, EVENT_FILE, LOG_FILES, MODEL_FILE } from './run-files'
import type { RunRecord } from './run-record'

/** The largest single file: a model of 4 GiB with its header. */
const MAX_FILE_BYTES = 4.1 * 1024 ** 3
/** An archive is made in memory, and the format's plain form ends at 4 GiB. */
const MAX_ARCHIVE_BYTES = 1024 ** 3

/** A file of an export. */
export interface ExportedFile {
  readonly name: string
  readonly bytes: number
}

/** What an export made. */
export interface Export {
  readonly output: string
  readonly kind: 'folder' | 'archive'
  readonly files: readonly ExportedFile[]
}

/**
 * Copies the files of a run that matter to others. Checkpoints, the lock and the times of the epochs are left out.
 *
 * @param output - A name that ends in `.zip` becomes an archive, any other a folder.
 * @param overwrite - Whether files that are there already may be replaced.
 * @param signal - Ends the work before the next file, or before the next piece of an archive.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, also when the run has no model, or when `output` is there and may not be replaced;
 *   `ERR_INVALID_FILE`; the reason of the signal.
 */
export async function exportRun(run: RunRecord, output: string, overwrite: boolean, signal?: AbortSignal): Promise<Export> {
  if (!run.hasModel) {
    throw new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(run.path)} has no ${MODEL_FILE} yet, so there is nothing to export.`)
  }
  if (resolve(output) === resolve(run.path)) {
    throw new TorchRnnError('ERR_FILE_SYSTEM', `${showPath(output)} is the folder of the run itself. Choose another name.`)
  }
  const isArchive = /\.zip$/i.test(output)
  if (!overwrite) await checkFree(output)
  const contents = await readContents(run, signal)
  await (isArchive ? writeArchive(run.name, output, contents, signal) : writeFolder(output, contents, signal))
  const files = Array.from(contents, ([name, content]) => ({ name, bytes: content.length }))
  return { output, kind: isArchive ? 'archive' : 'folder', files }
}

async function checkFree(output: string): Promise<void> {
  if (await isFree(output)) return
  const actual = 'it is there already'
  throw new TorchRnnError('ERR_FILE_SYSTEM', `Cannot write ${showPath(output)}: ${actual}. Choose another name, or add --force.`, {
    actual,
  })
}

/** Nothing is there, or an empty folder. */
async function isFree(output: string): Promise<boolean> {
  try {
    const found = await ifPresent(stat(output))
    return found === undefined || (found.isDirectory() && (await readdir(output)).length === 0)
  } catch (error) {
    throw toFileSystemError('write', output, error)
  }
}

/** The files in the order of their names. Those that a run does not have yet are left out. */
async function readContents(run: RunRecord, signal: AbortSignal | undefined): Promise<Map<string, Uint8Array>> {
  const wanted: readonly string[] = [CONFIG_FILE, MODEL_FILE, LOG_FILES.metrics, LOG_FILES.table]
  const contents = new Map<string, Uint8Array>([[CARD_FILE, await modelCardOf(run)]])
  for (const name of await namesIn(run.path)) {
    if (!wanted.includes(name) && !EVENT_FILE.test(name)) continue
    signal?.throwIfAborted()
    contents.set(name, await readFileChecked(join(run.path, name), MAX_FILE_BYTES))
  }
  return new Map([...contents].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    throw toFileSystemError('read', folder, error)
  }
}

type Contents = ReadonlyMap<string, Uint8Array>

async function writeArchive(name: string, output: string, contents: Contents, signal: AbortSignal | undefined): Promise<void> {
  const bytes = Array.from(contents.values()).reduce((sum, content) => sum + content.length, 0)
  if (bytes > MAX_ARCHIVE_BYTES) {
    const message = `The run has ${bytes} bytes, too many for an archive (${MAX_ARCHIVE_BYTES}). Choose a folder: a name without .zip.`
    throw new TorchRnnError('ERR_FILE_SYSTEM', message)
  }
  const entries = Array.from(contents, ([file, content]) => [`${name}/${file}`, content] as const)
  await writeFileDurably(output, await encodeZip(entries, signal))
}

/** A folder that was made here is removed again when it could not be filled. */
async function writeFolder(output: string, contents: Contents, signal: AbortSignal | undefined): Promise<void> {
  const isNew = await makeFolder(output)
  try {
    for (const [name, content] of contents) {
      signal?.throwIfAborted()
      await writeFileDurably(join(output, name), content)
    }
  } catch (error) {
    // The error that came first is the one to report.
    if (isNew) await rm(output, { recursive: true, force: true }).catch(() => undefined)
    throw error
  }
}
