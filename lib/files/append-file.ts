import { open, rm } from 'node:fs/promises'
import { toFileSystemError } from './regular-file'

/**
 * Adds to a file completely or not at all, and makes the file if there is none. On a full disk, an ordinary write may add a part.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with path, reason and advice; the file is as before.
 */
export async function appendToFile(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await appendWhole(path, content)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

async function appendWhole(path: string, content: string | Uint8Array): Promise<void> {
  const handle = await open(path, 'a')
  try {
    const { size } = await handle.stat()
    try {
      await handle.appendFile(content)
    } catch (error) {
      // The first error is the one to report, even if what was written cannot be taken back either.
      await (size === 0 ? rm(path) : handle.truncate(size)).catch(() => undefined)
      throw error
    }
  } finally {
    await handle.close()
  }
}
