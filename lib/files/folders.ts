/** Makes and looks for folders. */
import type { Stats } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { describeRefusal } from '../host/permissions'
import { flushFolder } from './durable-file'
import { toFileSystemError } from './regular-file'

/**
 * Makes a folder and those above it, which then survive a power cut, where the system can. Node 20's mkdir with `recursive` never returns in a
 * place that takes no folders, such as /proc.
 *
 * @returns Whether it was not there before. Of several processes that make it at once, one is told so.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`.
 */
export async function makeFolder(path: string): Promise<boolean> {
  try {
    return await makeWithParents(path)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

/** Makes a new folder in this one, named by the time (UTC). @returns Its path. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function makeTimedFolder(parent: string): Promise<string> {
  await makeFolder(parent)
  const time = new Date().toISOString().slice(0, 19).replaceAll(':', '-') // No colons: Windows forbids them.
  for (let attempts = 1; ; attempts += 1) {
    const path = join(parent, `${time}Z${attempts === 1 ? '' : `-${attempts}`}`)
    if (await makeFolder(path)) return path // Otherwise another process made one in the same second.
  }
}

async function makeWithParents(path: string): Promise<boolean> {
  const parent = dirname(resolve(path))
  try {
    return await makeUnlessThere(path)
  } catch (error) {
    // On Windows, even the root may be missing: a disk that is not there.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === resolve(path)) throw error
    if (!(await exists(parent))) await makeWithParents(parent)
    return await makeUnlessThere(path) // Another process may have made the parent meanwhile.
  }
}

async function makeUnlessThere(path: string): Promise<boolean> {
  try {
    await mkdir(path)
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(path)).isDirectory()
    if (isThere) return false
    throw error
  }
  await flushFolder(path, dirname(resolve(path)))
  return true
}

/** Whether there is something of this name that can be looked at. @throws TorchRnnError `ERR_FILE_SYSTEM` when the runtime refuses it. */
export async function exists(path: string): Promise<boolean> {
  return (await look(path)) !== undefined
}

/** Whether this is a folder, as {@link exists}. Whoever reads from it tells why it cannot be looked at. */
export async function isFolder(path: string): Promise<boolean> {
  return (await look(path))?.isDirectory() ?? false
}

/** Whether this is a regular file, as {@link exists}. */
export async function isFile(path: string): Promise<boolean> {
  return (await look(path))?.isFile() ?? false
}

/** When a file was written, in ms; undefined when it is not there or cannot be looked at. A refusal by Node's permission model is thrown. */
export async function modificationTime(path: string): Promise<number | undefined> {
  return (await look(path))?.mtimeMs
}

async function look(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw toFileSystemError('read', path, error)
    return undefined
  }
}
