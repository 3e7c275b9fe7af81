/** Makes and looks for folders. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { describeRefusal } from '../host/permissions'
import { toFileSystemError } from './regular-file'

/**
 * Makes a folder and those above it. Node 20's mkdir with `recursive` never returns in a place that takes no folders, such as /proc.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM`.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await makeWithParents(path)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

async function makeWithParents(path: string): Promise<void> {
  const parent = dirname(resolve(path))
  try {
    await makeUnlessThere(path)
  } catch (error) {
    // On Windows, even the root may be missing: a disk that is not there.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === resolve(path)) throw error
    if (!(await exists(parent))) await makeWithParents(parent)
    await makeUnlessThere(path) // Another process may have made the parent meanwhile.
  }
}

async function makeUnlessThere(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST' && (await stat(path)).isDirectory()
    if (!isThere) throw error
  }
}

/** Whether there is something of this name that can be looked at. @throws TorchRnnError `ERR_FILE_SYSTEM` when the runtime refuses it. */
export async function exists(path: string): Promise<boolean> {
  return (await modificationTime(path)) !== undefined
}

/** When a file was written, in ms; undefined when it is not there or cannot be looked at. A refusal by Node's permission model is thrown. */
export async function modificationTime(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).mtimeMs
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw toFileSystemError('read', path, error)
    return undefined
  }
}
