import { constants, fsync } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { promisify } from 'node:util'
import { toFileSystemError } from './regular-file'

const { O_WRONLY, O_CREAT, O_APPEND, O_SYNC } = constants

/**
 * Adds to a file completely or not at all, and makes the file if there is none. On a full disk, an ordinary write may add a part.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with path, reason and advice; the file is as before.
 */
export async function appendToFile(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await appendWhole(await open(path, 'a'), path, content)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

/** As {@link appendToFile}; what was added then survives a power cut, too. */
export async function appendDurably(path: string, content: string | Uint8Array): Promise<void> {
  try {
    // Node's permission model refuses fsync, and Windows knows no O_SYNC.
    const flags = O_SYNC === undefined ? 'a' : O_WRONLY | O_CREAT | O_APPEND | O_SYNC
    await appendWhole(await open(path, flags), path, content, O_SYNC === undefined)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

async function appendWhole(handle: FileHandle, path: string, content: string | Uint8Array, mustFlush = false): Promise<void> {
  try {
    const { size } = await handle.stat()
    try {
      await handle.appendFile(content)
      if (mustFlush) await promisify(fsync)(handle.fd)
    } catch (error) {
      // The first error is the one to report, even if what was written cannot be taken back either.
      await (size === 0 ? rm(path) : handle.truncate(size)).catch(() => undefined)
      throw error
    }
  } finally {
    await handle.close()
  }
}
