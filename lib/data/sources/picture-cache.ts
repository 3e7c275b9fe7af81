/**
 * Decoded pictures, kept in a hidden file beside them. The file says from which bytes, and how, they were made, and what they are: one that
 * does not agree in both is not used. It saves the decoding, not the reading: the pictures themselves are read and hashed each time.
 */
import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import { writeFileDurably } from '../../files/durable-file'
import { chunksInto, withRegularFile } from '../../files/regular-file'

/** What a cache file begins with: what it is, the key, and the checksum of all that follows. */
const MAGIC = Buffer.from('torch-rnn-mnist decoded pictures')
const DIGEST_BYTES = 32
export const CACHE_HEADER_BYTES = 128
const KEY_OFFSET = 32
const CHECKSUM_OFFSET = 64
const HASHED_BYTES = 4 * 1024 ** 2

/** Whether there is a file that may hold decoded pictures of this size. It is to be checked then. */
export async function hasCache(path: string, size: number): Promise<boolean> {
  const stats = await stat(path).catch(() => undefined)
  return stats?.isFile() === true && stats.size === size
}

/**
 * Fills `content` from a cache.
 *
 * @param key - Of the pictures and the way in which they are decoded.
 * @returns Whether it has that key and is whole. Otherwise `content` is of no use.
 */
export async function readCache(path: string, key: Uint8Array, content: Uint8Array): Promise<boolean> {
  try {
    return await withRegularFile(path, async (file) => {
      if (file.size !== content.length) return false
      const checksum = createHash('sha256')
      let position = 0
      for await (const piece of chunksInto(file, content, 0)) {
        checksum.update(position === 0 ? piece.subarray(CACHE_HEADER_BYTES) : piece)
        position += piece.length
      }
      return isEqual(headerOf(key, checksum.digest()), content.subarray(0, CACHE_HEADER_BYTES))
    })
  } catch {
    return false // Whatever is wrong with it: the pictures can be decoded.
  }
}

/**
 * Writes a cache. Where the folder takes none, there is none.
 *
 * @param content - With room for the header at its beginning.
 */
export async function writeCache(path: string, key: Uint8Array, content: Uint8Array): Promise<void> {
  const checksum = createHash('sha256')
  for (let start = CACHE_HEADER_BYTES; start < content.length; start += HASHED_BYTES) {
    checksum.update(content.subarray(start, start + HASHED_BYTES))
    await setImmediate()
  }
  content.set(headerOf(key, checksum.digest()))
  await writeFileDurably(path, content).catch(() => undefined)
}

function headerOf(key: Uint8Array, checksum: Uint8Array): Uint8Array {
  const header = new Uint8Array(CACHE_HEADER_BYTES)
  header.set(MAGIC)
  header.set(key.subarray(0, DIGEST_BYTES), KEY_OFFSET)
  header.set(checksum, CHECKSUM_OFFSET)
  return header
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
