import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { TorchRnnError } from '../errors'
import { CONTENT_SAMPLE_BYTES, recognizeContent } from '../files/content-kind'
import { allocateBytes, chunksInto, expectEnd, fileChunks, invalidFile, type OpenFile, withRegularFile } from '../files/regular-file'
import { MODEL_OPTIONS } from '../options/options'
import { ELEMENT_BYTES, type ElementType, type NumericArray } from './numeric-array'

/** The most data one file may hold: 4 GiB, 90 times MNIST. A header that promises more is taken for damage. */
export const MAX_DATASET_BYTES = 4 * 1024 ** 3

const UNSIGNED_BYTE = 0x08
/** What a header calls the type of the elements. */
const ELEMENT_TYPES: Readonly<Record<number, readonly [words: string, type: ElementType]>> = {
  [UNSIGNED_BYTE]: ['unsigned bytes', 'uint8'],
  9: ['signed bytes', 'int8'],
  11: ['16-bit integers', 'int16'],
  12: ['32-bit integers', 'int32'],
  13: ['32-bit floats', 'float32'],
  14: ['64-bit floats', 'float64'],
}
const MAGIC_BYTES = 4
const BYTES_PER_DIMENSION = 4

/** The most pixels of a row, as no network takes more, and rows of an image. */
const MAX_SIDE = MODEL_OPTIONS.inputSize.max

/** One compressed byte becomes 1032 bytes at most (zlib's documentation). A file that promises more is truncated or lies. */
const MAX_DEFLATE_RATIO = 1032
/**
 * How large the content of a compressed file may be: this many bytes whatever the size of the file, or a ratio that images reach (MNIST
 * has 5, drawings of thin lines have 50). What exceeds both is taken for a bomb: a few megabytes that would take gigabytes of memory.
 */
const MAX_FREE_INFLATION_BYTES = 256 * 1024 ** 2
const MAX_PLAUSIBLE_RATIO = 100
const GUNZIP_CHUNK_BYTES = 256 * 1024
const ZLIB_ERROR = /^Z_/
/** The errors of a pipeline whose middle stream ends before its first one. */
const EARLY_END = /^(ABORT_ERR|ERR_STREAM_PREMATURE_CLOSE)$/

/** The images of an IDX file. */
export interface IdxImages {
  /** Grey values 0 to 255, row-major `[count, height, width]`. */
  readonly pixels: Uint8Array
  readonly count: number
  readonly height: number
  readonly width: number
}

/** Takes the bytes of a file piece by piece, as a hash of node:crypto does. Not that type, because the typings need no @types/node. */
interface ByteSink {
  update(bytes: Uint8Array): unknown
}

/** How to read an IDX file, beyond its path. */
export interface IdxReadOptions {
  /** Receives every byte of an uncompressed file in order, for a checksum. */
  readonly hash?: ByteSink
}

interface IdxArray {
  readonly data: Uint8Array<ArrayBuffer>
  readonly type: number
  readonly dimensions: readonly number[]
}

/** What an IDX file must hold, as errors name it. */
interface IdxKind {
  readonly name: string
  /** The usual number of dimensions. */
  readonly rank: number
  /** Whether other types and numbers of dimensions are accepted: it is for the caller to make sense of them. */
  readonly isAny?: true
}

const IMAGES: IdxKind = { name: 'images', rank: 3 }
const LABELS: IdxKind = { name: 'labels', rank: 1 }
/** The most dimensions of a file of any kind: N images with a colour channel. */
const MAX_RANK = 4

/**
 * Reads an IDX file of images (unsigned bytes, three dimensions), plain or gzip-compressed. The first bytes tell which it is, not the name:
 * some download tools decompress a file and keep `.gz`.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for content that is not exactly that, `ERR_FILE_SYSTEM` when the system refuses,
 *   `ERR_OUT_OF_MEMORY`.
 */
export async function readIdxImages(file: string, options: IdxReadOptions = {}): Promise<IdxImages> {
  const { data, dimensions } = await readIdx(file, IMAGES, options)
  const [count, height, width] = dimensions as [number, number, number]
  return { pixels: data, count, height, width }
}

/**
 * Reads an IDX file of labels (unsigned bytes, one dimension), plain or gzip-compressed.
 *
 * @returns One label for each sample, 0 to 255.
 * @throws TorchRnnError As {@link readIdxImages}.
 */
export async function readIdxLabels(file: string, options: IdxReadOptions = {}): Promise<Uint8Array> {
  return (await readIdx(file, LABELS, options)).data
}

/**
 * Reads an IDX file of images or labels of any type, with up to four dimensions: QMNIST has labels of eight 32-bit columns.
 *
 * @throws TorchRnnError As {@link readIdxImages}.
 */
export async function readIdxArray(file: string, of: 'images' | 'labels'): Promise<NumericArray> {
  const { data, type, dimensions } = await readIdx(file, { ...(of === 'images' ? IMAGES : LABELS), isAny: true }, {})
  return { bytes: data, type: elementType(type), shape: [...dimensions], isLittleEndian: false }
}

async function readIdx(path: string, kind: IdxKind, options: IdxReadOptions): Promise<IdxArray> {
  return withRegularFile(path, async (file) => {
    if (file.size === 0) throw invalidFile(path, `an IDX file of ${kind.name}`, 'an empty file')
    if (file.size > MAX_DATASET_BYTES + headerBytes(MAX_RANK))
      throw invalidFile(path, `at most ${MAX_DATASET_BYTES} bytes`, `${file.size} bytes`)
    const start = await readStart(file, CONTENT_SAMPLE_BYTES)
    const isGzip = start[0] === 0x1f && start[1] === 0x8b
    return isGzip ? readCompressed(file, kind) : readPlain(file, kind, start, options.hash)
  })
}

async function readPlain(file: OpenFile, kind: IdxKind, start: Uint8Array, hash?: ByteSink): Promise<IdxArray> {
  const { type, dimensions } = parseHeader(file.path, kind, start)
  const header = start.subarray(0, headerBytes(dimensions.length))
  const expected = header.length + dataBytes(type, dimensions)
  if (file.size !== expected) {
    throw invalidFile(
      file.path,
      `${expected} bytes for ${dimensions.join(' x ')} ${kind.name}`,
      `${file.size} bytes`,
      sizeAdvice(file.size < expected),
    )
  }
  const data = allocateBytes(dataBytes(type, dimensions), file.path)
  hash?.update(header)
  for await (const chunk of chunksInto(file, data, header.length)) hash?.update(chunk)
  await expectEnd(file, expected)
  return { data, type, dimensions }
}

async function readCompressed(file: OpenFile, kind: IdxKind): Promise<IdxArray> {
  const gunzip = createGunzip({ chunkSize: GUNZIP_CHUNK_BYTES })
  let array: IdxArray | undefined
  try {
    array = await pipeline(fileChunks(file), gunzip, (pieces: AsyncIterable<Uint8Array>) => collect(file, kind, pieces))
  } catch (error) {
    if (hasCode(error, ZLIB_ERROR)) throw gzipDamage(file, error)
    if (!hasCode(error, EARLY_END)) throw error
  }
  // zlib ends without an error at zero bytes behind the compressed data: only its count of consumed bytes tells.
  if (array === undefined || gunzip.bytesWritten !== file.size) {
    throw invalidFile(file.path, 'nothing after the gzip data', `${file.size - gunzip.bytesWritten} bytes`, sizeAdvice(false))
  }
  return array
}

/** Puts decompressed pieces together: first the header, then exactly the data that it promises. */
async function collect(file: OpenFile, kind: IdxKind, pieces: AsyncIterable<Uint8Array>): Promise<IdxArray> {
  let start = new Uint8Array(0) // All pieces until the header is whole.
  let array: IdxArray | undefined
  let filled = 0
  for await (const piece of pieces) {
    let data = piece
    if (array === undefined) {
      start = Buffer.concat([start, piece])
      if (start.length < headerBytes(rankOf(kind, start))) continue
      array = allocateArray(file, kind, start)
      data = start.subarray(headerBytes(array.dimensions.length))
    }
    if (data.length > array.data.length - filled) throw wrongSize(file, kind, array, 'more bytes', false)
    array.data.set(data, filled)
    filled += data.length
  }
  // A header that is cut short still tells a wrong magic number from a truncated file.
  array ??= allocateArray(file, kind, start)
  if (filled < array.data.length) throw wrongSize(file, kind, array, `${filled} bytes`, true)
  return array
}

/** Takes memory for what a decompressed header promises, where the compressed file can hold it. */
function allocateArray({ path, size }: OpenFile, kind: IdxKind, start: Uint8Array): IdxArray {
  const { type, dimensions } = parseHeader(path, kind, start, ' inside the gzip data')
  const bytes = dataBytes(type, dimensions)
  // A few bytes that promise gigabytes must not take gigabytes.
  if (bytes > size * MAX_DEFLATE_RATIO) {
    throw invalidFile(path, `${bytes} bytes of ${kind.name}`, `${size} compressed bytes, which cannot hold them`, sizeAdvice(true))
  }
  const plausible = Math.max(MAX_FREE_INFLATION_BYTES, size * MAX_PLAUSIBLE_RATIO)
  if (bytes > plausible) {
    const expected = `at most ${plausible} bytes of ${kind.name} in ${size} compressed ones`
    throw invalidFile(path, expected, `dimensions ${dimensions.join(' x ')}`, 'If they are real, decompress the file first.')
  }
  return { data: allocateBytes(bytes, path), type, dimensions }
}

function wrongSize({ path }: OpenFile, kind: IdxKind, { data, dimensions }: IdxArray, actual: string, tooShort: boolean): TorchRnnError {
  const expected = `${data.length} bytes for ${dimensions.join(' x ')} ${kind.name}`
  return invalidFile(path, expected, `${actual} after decompression`, sizeAdvice(tooShort))
}

async function readStart(file: OpenFile, length: number): Promise<Uint8Array> {
  const start = new Uint8Array(Math.min(length, file.size))
  let filled = 0
  for await (const chunk of chunksInto(file, start, 0)) filled += chunk.length
  return start.subarray(0, filled)
}

/**
 * Checks the header of an IDX file and returns its dimensions: at least 1, sides at most MAX_SIDE, together at most MAX_DATASET_BYTES.
 *
 * @param start - The beginning of the file: the header, and possibly more.
 * @param where - Where it was found, for errors.
 */
function parseHeader(path: string, kind: IdxKind, start: Uint8Array, where = ''): Pick<IdxArray, 'type' | 'dimensions'> {
  const length = headerBytes(rankOf(kind, start))
  const header = start.subarray(0, length)
  const [zero0, zero1, type, rank] = header
  const what = `an IDX file of ${kind.name}`
  if ((zero0 ?? 0) !== 0 || (zero1 ?? 0) !== 0) throw otherContent(path, kind, start, where)
  if (type !== undefined && (kind.isAny ? ELEMENT_TYPES[type] === undefined : type !== UNSIGNED_BYTE)) {
    const expected = kind.isAny ? 'of a known type' : 'of type 0x08 (unsigned bytes)'
    throw invalidFile(path, `${what} with elements ${expected}`, `type ${hex([type])} (${ELEMENT_TYPES[type]?.[0] ?? 'unknown'})`)
  }
  if (rank !== undefined && rank !== rankOf(kind, start))
    throw invalidFile(path, `${what} with ${dimensionCount(kind.rank)}`, dimensionCount(rank), rankAdvice(rank))
  if (type === undefined || header.length < length)
    throw invalidFile(path, `a header of ${length} bytes`, `${header.length} bytes`, sizeAdvice(true))
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const count = (length - MAGIC_BYTES) / BYTES_PER_DIMENSION
  const dimensions = Array.from({ length: count }, (_, index) => view.getUint32(MAGIC_BYTES + index * BYTES_PER_DIMENSION))
  const shown = dimensions.join(' x ')
  if (dimensions.includes(0)) throw invalidFile(path, 'dimensions of at least 1', shown)
  // Above 2^53 the product is rounded, but never below the limit.
  if (dataBytes(type, dimensions) > MAX_DATASET_BYTES)
    throw invalidFile(path, `at most ${MAX_DATASET_BYTES} bytes of ${kind.name}`, `dimensions ${shown}`)
  if (dimensions.slice(1).some((side) => side > MAX_SIDE))
    throw invalidFile(path, `images of at most ${MAX_SIDE} x ${MAX_SIDE} pixels`, `dimensions ${shown}`)
  return { type, dimensions }
}

/** The number of dimensions that a header must have: the usual one, or that which it states, where that is possible. */
function rankOf(kind: IdxKind, start: Uint8Array): number {
  const stated = start[MAGIC_BYTES - 1]
  // A file of labels for images, and the other way round, is a mistake more often than a wish.
  const least = kind.rank === LABELS.rank ? LABELS.rank : IMAGES.rank - 1
  const most = kind.rank === LABELS.rank ? LABELS.rank + 1 : MAX_RANK
  return kind.isAny && stated !== undefined && stated >= least && stated <= most ? stated : kind.rank
}

function elementType(type: number): ElementType {
  return (ELEMENT_TYPES[type] as [string, ElementType])[1]
}

function dataBytes(type: number, dimensions: readonly number[]): number {
  return product(dimensions) * ELEMENT_BYTES[elementType(type)]
}

function otherContent(path: string, kind: IdxKind, start: Uint8Array, where: string): TorchRnnError {
  const { name, advice } = recognizeContent(start) ?? { name: hex(start.subarray(0, MAGIC_BYTES)), advice: '' }
  const expected = `an IDX file of ${kind.name}, which starts with ${hex([0, 0, UNSIGNED_BYTE, kind.rank])},`
  return invalidFile(path, expected, `${name}${where}`, advice)
}

function headerBytes(rank: number): number {
  return MAGIC_BYTES + rank * BYTES_PER_DIMENSION
}

function product(dimensions: readonly number[]): number {
  return dimensions.reduce((result, dimension) => result * dimension, 1)
}

function dimensionCount(rank: number): string {
  return rank === 1 ? '1 dimension' : `${rank} dimensions`
}

function rankAdvice(rank: number): string {
  if (rank === LABELS.rank) return 'It looks like a file of labels.'
  return rank === IMAGES.rank ? 'It looks like a file of images.' : ''
}

function sizeAdvice(tooShort: boolean): string {
  return tooShort ? 'The file is truncated; download it again.' : 'The file has trailing bytes; download it again.'
}

function hex(bytes: Iterable<number>): string {
  return Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')
}

// No instanceof Error: a test runner has its own.
function hasCode(error: unknown, pattern: RegExp): error is Error & { code: string } {
  return typeof error === 'object' && error !== null && 'code' in error && pattern.test(String(error.code))
}

function gzipDamage(file: OpenFile, error: Error & { code: string }): TorchRnnError {
  const expected = 'intact gzip data'
  const actual = error.code === 'Z_BUF_ERROR' ? 'a truncated file' : `damaged or trailing bytes (${error.message})`
  const { message } = invalidFile(file.path, expected, actual, 'Download it again.')
  return new TorchRnnError('ERR_INVALID_FILE', message, { expected, actual, cause: error })
}
