/** Reads archives in the ZIP format, with the sizes and checksums of their directory: nothing is taken from a file that is not as it says. */
import { Readable } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { TorchRnnError } from '../errors'
import { chunksInto, invalidFile, type OpenFile } from '../files/regular-file'
import { quoteValue } from '../text/unprintable'

/** A file of an archive, as its directory describes it. */
export interface ZipEntry {
  readonly name: string
  /** Of the content, in bytes. */
  readonly size: number
  readonly compressedSize: number
  readonly isCompressed: boolean
  readonly crc: number
  /** Where its local header begins. */
  readonly offset: number
}

const END_SIGNATURE = 0x06054b50
const END_BYTES = 22
const MAX_COMMENT_BYTES = 0xffff
const LOCATOR_SIGNATURE = 0x07064b50
const LOCATOR_BYTES = 20
const END64_SIGNATURE = 0x06064b50
const END64_BYTES = 56
const ENTRY_SIGNATURE = 0x02014b50
const ENTRY_BYTES = 46
const LOCAL_SIGNATURE = 0x04034b50
const LOCAL_BYTES = 30
/** The extra field with sizes of 64 bits, and what stands in the place of each of them. */
const ZIP64_EXTRA = 0x0001
const IN_EXTRA = 0xffffffff
const STORED = 0
const DEFLATED = 8
const IS_ENCRYPTED = 1
const IS_UTF8 = 1 << 11

/** Far more than the arrays of a data set. */
const MAX_ENTRIES = 1000
const MAX_DIRECTORY_BYTES = 1024 ** 2
const READ_BYTES = 1024 ** 2
/** One compressed byte becomes 1032 bytes at most (zlib's documentation). */
export const MAX_DEFLATE_RATIO = 1032

const DAMAGED = 'Download it again.'

/**
 * Lists the files of an archive.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for anything but a whole archive of plain or deflated files.
 */
export async function readZipDirectory(file: OpenFile): Promise<ZipEntry[]> {
  const { count, size, offset } = await findDirectory(file)
  if (count > MAX_ENTRIES || size > MAX_DIRECTORY_BYTES) {
    throw invalidFile(file.path, `a zip archive of at most ${MAX_ENTRIES} files`, `${count} files`)
  }
  const directory = await readAt(file, offset, size)
  const entries: ZipEntry[] = []
  let position = 0
  while (entries.length < count) {
    const { entry, length } = parseEntry(directory.subarray(position), file)
    entries.push(entry)
    position += length
  }
  return entries
}

/**
 * The content of a file of an archive, piece by piece. Its length and checksum are right once the last piece was read.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for damaged data, or other data than the directory describes.
 */
export async function* zipContent(file: OpenFile, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  let size = 0
  let crc = 0
  try {
    for await (const piece of entry.isCompressed ? inflated(file, entry) : storedBytes(file, entry)) {
      size += piece.length
      if (size > entry.size) throw damaged(file, entry, `${entry.size} bytes`, 'more')
      crc = crc32(piece, crc)
      yield piece
    }
  } catch (error) {
    if (!isZlibError(error)) throw error
    throw damaged(file, entry, 'intact compressed data', error.message, error)
  }
  if (size !== entry.size) throw damaged(file, entry, `${entry.size} bytes`, `${size}`)
  if (crc !== entry.crc) throw damaged(file, entry, 'content with the checksum of the directory', 'another one')
}

async function* inflated(file: OpenFile, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw({ chunkSize: READ_BYTES })
  const source = Readable.from(storedBytes(file, entry), { objectMode: false, highWaterMark: READ_BYTES })
  source.on('error', (error) => inflate.destroy(error))
  try {
    for await (const piece of source.pipe(inflate)) yield piece as Uint8Array
  } finally {
    source.destroy()
    inflate.destroy()
  }
}

async function* storedBytes(file: OpenFile, entry: ZipEntry): AsyncGenerator<Uint8Array> {
  const header = await readAt(file, entry.offset, LOCAL_BYTES)
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) throw damaged(file, entry, 'its header', 'other bytes')
  const start = entry.offset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28)
  for (let done = 0; done < entry.compressedSize; done += READ_BYTES) {
    yield await readAt(file, start + done, Math.min(READ_BYTES, entry.compressedSize - done))
  }
}

interface Directory {
  readonly count: number
  readonly size: number
  readonly offset: number
}

async function findDirectory(file: OpenFile): Promise<Directory> {
  const length = Math.min(file.size, END_BYTES + MAX_COMMENT_BYTES)
  const tail = await readAt(file, file.size - length, length)
  for (let start = length - END_BYTES; start >= 0; start -= 1) {
    if (tail.readUInt32LE(start) !== END_SIGNATURE || start + END_BYTES + tail.readUInt16LE(start + 20) !== length) continue
    const found = { count: tail.readUInt16LE(start + 10), size: tail.readUInt32LE(start + 12), offset: tail.readUInt32LE(start + 16) }
    const isLarge = found.count === 0xffff || found.size === IN_EXTRA || found.offset === IN_EXTRA
    return isLarge ? await findLargeDirectory(file, file.size - length + start) : found
  }
  throw invalidFile(file.path, 'a whole zip archive', 'none, or a truncated one', DAMAGED)
}

/** @param end - Where the usual end record begins, which the locator of the large one stands before. */
async function findLargeDirectory(file: OpenFile, end: number): Promise<Directory> {
  const locator = await readAt(file, end - LOCATOR_BYTES, LOCATOR_BYTES)
  if (locator.readUInt32LE(0) !== LOCATOR_SIGNATURE) throw invalidFile(file.path, 'a whole zip archive', 'a damaged end', DAMAGED)
  const record = await readAt(file, toNumber(locator.readBigUInt64LE(8)), END64_BYTES)
  if (record.readUInt32LE(0) !== END64_SIGNATURE) throw invalidFile(file.path, 'a whole zip archive', 'a damaged end', DAMAGED)
  const at = (position: number) => toNumber(record.readBigUInt64LE(position))
  return { count: at(32), size: at(40), offset: at(48) }
}

function parseEntry(bytes: Buffer, file: OpenFile): { entry: ZipEntry; length: number } {
  if (bytes.length < ENTRY_BYTES || bytes.readUInt32LE(0) !== ENTRY_SIGNATURE) {
    throw invalidFile(file.path, 'a whole directory of the zip archive', 'a damaged one', DAMAGED)
  }
  const [nameLength, extraLength, commentLength] = [28, 30, 32].map((position) => bytes.readUInt16LE(position)) as [number, number, number]
  const length = ENTRY_BYTES + nameLength + extraLength + commentLength
  if (length > bytes.length) throw invalidFile(file.path, 'a whole directory of the zip archive', 'a damaged one', DAMAGED)
  const flags = bytes.readUInt16LE(8)
  const name = bytes.toString((flags & IS_UTF8) === 0 ? 'latin1' : 'utf8', ENTRY_BYTES, ENTRY_BYTES + nameLength)
  const method = bytes.readUInt16LE(10)
  if ((flags & IS_ENCRYPTED) !== 0) throw invalidFile(file.path, `${quoteValue(name)} without a password`, 'an encrypted file')
  if (method !== STORED && method !== DEFLATED) {
    throw invalidFile(
      file.path,
      `${quoteValue(name)} stored or deflated`,
      `the compression method ${method}`,
      'Write it anew by numpy.savez.',
    )
  }
  const extra = bytes.subarray(ENTRY_BYTES + nameLength, ENTRY_BYTES + nameLength + extraLength)
  const sizes = [24, 20, 42].map((position) => bytes.readUInt32LE(position))
  const [size = 0, compressedSize = 0, offset = 0] = withExtra(sizes, extra)
  const entry = { name, size, compressedSize, isCompressed: method === DEFLATED, crc: bytes.readUInt32LE(16), offset }
  checkSizes(entry, file)
  return { entry, length }
}

/** Numbers too large for their fields stand in an extra field, in this order. */
function withExtra(sizes: readonly number[], extra: Buffer): number[] {
  let large: Buffer = Buffer.alloc(0)
  for (let position = 0; position + 4 <= extra.length; position += 4 + extra.readUInt16LE(position + 2)) {
    if (extra.readUInt16LE(position) === ZIP64_EXTRA) large = extra.subarray(position + 4, position + 4 + extra.readUInt16LE(position + 2))
  }
  let used = 0
  return sizes.map((size) => {
    if (size !== IN_EXTRA || used + 8 > large.length) return size
    used += 8
    return toNumber(large.readBigUInt64LE(used - 8))
  })
}

function checkSizes({ name, size, compressedSize, isCompressed, offset }: ZipEntry, file: OpenFile): void {
  if (offset + LOCAL_BYTES + compressedSize > file.size) {
    throw invalidFile(
      file.path,
      `${quoteValue(name)} inside the zip archive`,
      'an end before it',
      'The file is truncated; download it again.',
    )
  }
  const isPossible = isCompressed ? size <= compressedSize * MAX_DEFLATE_RATIO : size === compressedSize
  if (!isPossible) {
    throw invalidFile(file.path, `${size} bytes of ${quoteValue(name)}`, `${compressedSize} bytes, which cannot hold them`, DAMAGED)
  }
}

/** @throws TorchRnnError `ERR_INVALID_FILE` for a place that is not in the file. */
async function readAt(file: OpenFile, position: number, length: number): Promise<Buffer> {
  if (position < 0 || position + length > file.size) {
    throw invalidFile(file.path, 'a whole zip archive', 'one that refers to bytes outside itself', DAMAGED)
  }
  const bytes = Buffer.alloc(length)
  for await (const piece of chunksInto(file, bytes, position)) void piece
  return bytes
}

/** No instanceof Error: a test runner has its own. */
export function isZlibError(error: unknown): error is Error & { code: string } {
  return typeof error === 'object' && error !== null && 'code' in error && String(error.code).startsWith('Z_')
}

/** Above 2^53 it is rounded, but still larger than any file. */
function toNumber(value: bigint): number {
  return Number(value)
}

function damaged(file: OpenFile, { name }: ZipEntry, expected: string, actual: string, cause?: unknown): TorchRnnError {
  const error = invalidFile(file.path, `${expected} for ${quoteValue(name)}`, actual, DAMAGED)
  return cause === undefined ? error : new TorchRnnError(error.code, error.message, { expected, actual, cause })
}
