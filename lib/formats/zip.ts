/** Archives in the ZIP format, made in small pieces, so that a large one does not hold up the event loop. */
import { setImmediate } from 'node:timers/promises'
import { Zip, ZipDeflate } from 'fflate'

/** So much is copied and summed up at a time: some milliseconds. */
const PIECE_BYTES = 1024 ** 2
/** The earliest time that an archive can hold: the same files always give the same bytes. The format has local times. */
const NO_TIME = new Date(1980, 0, 1, 12)

/**
 * Makes an archive that depends on nothing but names and contents. Nothing is compressed: weights cannot be compressed by much. The pieces
 * are blocks of Deflate all the same, because many readers take a file whose size follows it (as in a stream) in no other form.
 *
 * @param files - In the order in which the archive has them; together below 4 GiB, where the format's plain form ends.
 * @param signal - Ends the work between two pieces.
 * @throws The reason of the signal.
 */
export async function encodeZip(files: Iterable<readonly [name: string, content: Uint8Array]>, signal?: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  const archive = new Zip((error, piece) => {
    if (error) throw error
    pieces.push(piece)
  })
  for (const [name, content] of files) {
    const file = new ZipDeflate(name, { level: 0 })
    file.mtime = NO_TIME
    archive.add(file)
    let start = 0
    do {
      await setImmediate()
      signal?.throwIfAborted()
      const end = Math.min(start + PIECE_BYTES, content.length)
      file.push(content.subarray(start, end), end === content.length)
      start = end
    } while (start < content.length)
  }
  archive.end()
  return Buffer.concat(pieces)
}
