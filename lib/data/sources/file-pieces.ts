/** A file as a stream of bytes, decompressed where it is gzipped, within bounds. */
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { CONTENT_SAMPLE_BYTES, recognizeContent } from '../../files/content-kind'
import { chunksInto, fileChunks, invalidFile, type OpenFile, withRegularFile } from '../../files/regular-file'
import { isZlibError } from '../../formats/zip-file'

/** What a file of a data set can hold. */
export type FileKind = 'idx' | 'npy' | 'zip' | 'text' | 'other'

/** Decompressed bytes that a file may have whatever its size, and the ratio that real data stay below: as of IDX files. */
const MAX_FREE_INFLATION_BYTES = 256 * 1024 ** 2
const MAX_PLAUSIBLE_RATIO = 100
const GUNZIP_CHUNK_BYTES = 256 * 1024
const DOWNLOAD = 'Download it again.'

/**
 * The bytes of a file in pieces.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for damaged gzip data, and for so much of it that it is taken for a bomb; `ERR_FILE_SYSTEM`.
 */
export async function* filePieces(file: OpenFile): AsyncGenerator<Uint8Array> {
  if (!isGzip(await firstBytes(file))) yield* fileChunks(file)
  else yield* gunzipped(file)
}

async function* gunzipped(file: OpenFile): AsyncGenerator<Uint8Array> {
  const plausible = Math.max(MAX_FREE_INFLATION_BYTES, file.size * MAX_PLAUSIBLE_RATIO)
  const gunzip = createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES })
  let size = 0
  try {
    // The error of the source comes out of gunzip, too.
    pipeline(fileChunks(file), gunzip, () => undefined)
    for await (const piece of gunzip as AsyncIterable<Uint8Array>) {
      size += piece.length
      if (size > plausible) {
        const advice = 'If they are real, decompress the file first.'
        throw invalidFile(file.path, `at most ${plausible} bytes in ${file.size} compressed ones`, 'more', advice)
      }
      yield piece
    }
    // zlib says nothing about bytes behind the compressed data: only its count of consumed bytes tells.
    if (gunzip.bytesWritten !== file.size) {
      throw invalidFile(file.path, 'nothing after the gzip data', `${file.size - gunzip.bytesWritten} bytes`, DOWNLOAD)
    }
  } catch (error) {
    if (!isZlibError(error)) throw error
    throw invalidFile(file.path, 'intact gzip data', error.code === 'Z_BUF_ERROR' ? 'a truncated file' : error.message, DOWNLOAD)
  } finally {
    gunzip.destroy()
  }
}

/** What a file holds, by its first bytes, and those inside gzip data. */
export async function kindOfFile(path: string): Promise<FileKind> {
  return kindOfContent(await startOfFile(path))
}

/** The sizes in the header of an IDX file, as they are written there; undefined for other files. */
export async function idxSizes(path: string): Promise<number[] | undefined> {
  const start = Buffer.from(await startOfFile(path))
  const rank = start[3] ?? 0
  if (kindOfContent(start) !== 'idx' || start.length < 4 + 4 * rank) return undefined
  return Array.from({ length: rank }, (_, index) => start.readUInt32BE(4 + 4 * index))
}

async function startOfFile(path: string): Promise<Uint8Array> {
  return withRegularFile(path, async (file) => {
    const start = await firstBytes(file)
    return isGzip(start) ? await firstInside(file) : start
  })
}

/** Nothing for damaged data: whoever reads them tells what is wrong. */
async function firstInside(file: OpenFile): Promise<Uint8Array> {
  try {
    for await (const piece of gunzipped(file)) return piece.subarray(0, CONTENT_SAMPLE_BYTES)
  } catch {
    return new Uint8Array(0)
  }
  return new Uint8Array(0)
}

function kindOfContent(start: Uint8Array): FileKind {
  const { name = '' } = recognizeContent(start) ?? {}
  if (name === 'an IDX file') return 'idx'
  if (name === 'a NumPy array (.npy)') return 'npy'
  if (name === 'an archive of NumPy arrays (.npz)' || name === 'a zip archive') return 'zip'
  return name.startsWith('text that begins with') ? 'text' : 'other'
}

async function firstBytes(file: OpenFile): Promise<Uint8Array> {
  const start = new Uint8Array(Math.min(CONTENT_SAMPLE_BYTES, file.size))
  for await (const piece of chunksInto(file, start, 0)) void piece
  return start
}

function isGzip(start: Uint8Array): boolean {
  return start[0] === 0x1f && start[1] === 0x8b
}
