import { TorchRnnError } from '../errors'
import { recognizeContent } from '../files/content-kind'
import { invalidFile } from '../files/regular-file'
import { quoteValue } from '../text/unprintable'
import { DTYPE_BYTES, type Dtype, isDtype, toFloat32 } from './dtype'
import { parseJsonObject } from './strict-json'

/** The format allows 100 MB of JSON. 16 MiB is enough for MAX_ENTRIES tensors, and for metadata such as the history of a training. */
const MAX_HEADER_BYTES = 16 * 1024 * 1024
/**
 * Tensors, and texts of the metadata, at most. A checkpoint of the deepest network here has 1032 tensors. A header with as many of both stays
 * below what parseJsonObject takes, so that what was written can be read.
 */
const MAX_ENTRIES = 4096
const MAX_DIMENSIONS = 16
/** What a file begins with: the length of its header. */
export const LENGTH_BYTES = 8
const ALIGNMENT = 8
/** A header begins with it. */
const OPENING_BRACE = 0x7b
const METADATA = '__metadata__'

/** A tensor of a safetensors file. */
export interface SafetensorsTensor {
  /** Row-major values; their count is the product of `shape`. */
  readonly data: Float32Array
  /** Sizes of the dimensions, outermost first; empty for a single value. */
  readonly shape: readonly number[]
}

/** What a safetensors file holds. */
export interface SafetensorsContent {
  /** In the order of the data in the file. */
  readonly tensors: Map<string, SafetensorsTensor>
  /** Free text by name, without a prototype: a missing name is always undefined. */
  readonly metadata: Record<string, string>
}

/** A tensor as the header of a file describes it. */
export interface SafetensorsEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** The first of its bytes, counted from the end of the header. */
  readonly begin: number
  /** The byte behind its last one. */
  readonly end: number
}

/** The header of a file. */
export interface SafetensorsHeader {
  /** In the order of the data in the file, which they cover completely and without overlap. */
  readonly entries: readonly SafetensorsEntry[]
  /** As in {@link SafetensorsContent}. */
  readonly metadata: Record<string, string>
}

/**
 * Writes tensors in the safetensors format (https://github.com/huggingface/safetensors), as float32.
 *
 * The same content always gives the same bytes, whatever the order of insertion: names are sorted by their UTF-8 bytes, as the
 * Python package sorts tensors of one type, and so are the metadata. The header is padded with spaces so that the data starts
 * at a multiple of 8 bytes.
 *
 * @param metadata - Free text by name; left out of the file when empty.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT` for names or metadata that the format cannot hold, and for more of them than
 *   {@link decodeSafetensors} takes; `ERR_INVALID_SHAPE` when a shape and its data disagree; `ERR_OUT_OF_MEMORY`.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const sorted = [...tensors].sort(([a], [b]) => compareUtf8(a, b))
  const fields: string[] = []
  const texts = Object.entries(metadata).sort(([a], [b]) => compareUtf8(a, b))
  checkCount('tensors', sorted.length)
  checkCount('texts in its metadata', texts.length)
  if (texts.length > 0) fields.push(`"${METADATA}":{${texts.map(encodeText).join(',')}}`)
  let offset = 0
  for (const [name, tensor] of sorted) {
    checkTensor(name, tensor)
    const end = offset + tensor.data.byteLength
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: 'F32', shape: tensor.shape, data_offsets: [offset, end] })}`)
    offset = end
  }
  const header = encodeHeader(`{${fields.join(',')}}`)
  const file = allocate(LENGTH_BYTES + header.length + offset)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, LENGTH_BYTES)
  let position = LENGTH_BYTES + header.length
  for (const [, { data }] of sorted) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), position)
    position += data.byteLength
  }
  return file
}

/**
 * Reads the safetensors format. F32 comes as it is; F64, F16 and BF16 are converted to float32 (F64 is rounded, and becomes
 * infinite beyond the range of float32). NaN and infinities are values like others.
 *
 * @param bytes - A whole file. Copied; safe to reuse afterwards.
 * @param file - The name that errors show.
 * @throws TorchRnnError `ERR_INVALID_FILE` for anything that the format forbids, other element types and more than 4096 tensors.
 */
export function decodeSafetensors(bytes: Uint8Array, file: string): SafetensorsContent {
  const dataStart = LENGTH_BYTES + decodeHeaderLength(bytes, bytes.length, file)
  const { entries, metadata } = decodeHeader(bytes.subarray(LENGTH_BYTES, dataStart), bytes.length - dataStart, file)
  const tensors = new Map<string, SafetensorsTensor>()
  for (const { name, dtype, shape, begin, end } of entries) {
    // A copy is aligned, which the bytes of a file need not be.
    const copy = new Uint8Array(bytes.subarray(dataStart + begin, dataStart + end))
    tensors.set(name, { data: toFloat32(copy.buffer, dtype), shape })
  }
  return { tensors, metadata }
}

/**
 * Reads how many bytes the header takes; it follows the {@link LENGTH_BYTES} of its length.
 *
 * @param start - The file, or its first `CONTENT_SAMPLE_BYTES`.
 * @param fileBytes - The size of the file.
 * @throws TorchRnnError `ERR_INVALID_FILE`, also for a file that is something else.
 */
export function decodeHeaderLength(start: Uint8Array, fileBytes: number, file: string): number {
  // Before anything is computed from the bytes of something else.
  const other = start[LENGTH_BYTES] === OPENING_BRACE ? undefined : recognizeContent(start)
  if (other !== undefined) throw invalidFile(file, 'a safetensors file', other.name, other.advice)
  if (fileBytes < LENGTH_BYTES) {
    throw invalidFile(file, 'a safetensors file, at least 8 bytes,', fileBytes === 0 ? 'an empty file' : `${fileBytes} bytes`)
  }
  const length = new DataView(start.buffer, start.byteOffset, start.byteLength).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER_BYTES)) {
    throw invalidFile(
      file,
      `a safetensors header of at most ${MAX_HEADER_BYTES} bytes`,
      `a header length of ${length}`,
      'Is it a safetensors file?',
    )
  }
  const rest = fileBytes - LENGTH_BYTES
  if (Number(length) > rest) throw invalidFile(file, `a header of ${length} bytes`, `${rest} bytes`, 'The file is truncated.')
  return Number(length)
}

/**
 * Reads and checks a header.
 *
 * @param dataBytes - How many bytes follow it.
 * @throws TorchRnnError `ERR_INVALID_FILE` as {@link decodeSafetensors}.
 */
export function decodeHeader(json: Uint8Array, dataBytes: number, file: string): SafetensorsHeader {
  const header = parseJsonObject(json, file)
  const names = Object.keys(header).filter((name) => name !== METADATA)
  if (names.length > MAX_ENTRIES) throw invalidFile(file, `at most ${MAX_ENTRIES} tensors`, `${names.length}`)
  const entries = names.map((name) => parseEntry(name, header[name], file))
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end)
  checkLayout(entries, dataBytes, file)
  return { entries, metadata: parseMetadata(Object.hasOwn(header, METADATA) ? header[METADATA] : {}, file) }
}

function parseEntry(name: string, value: unknown, file: string): SafetensorsEntry {
  const tensor = `tensor ${quoteValue(name)}`
  const [dtype, shape, offsets] = ['dtype', 'shape', 'data_offsets'].map((key) => ownValue(value, key))
  if (!isDtype(dtype)) throw invalidFile(file, `${tensor} with dtype ${Object.keys(DTYPE_BYTES).join(', ')}`, quoteValue(dtype))
  if (!isSizes(shape) || shape.length > MAX_DIMENSIONS) {
    throw invalidFile(file, `${tensor} with a shape of at most ${MAX_DIMENSIONS} integers, 0 or more,`, quoteValue(shape))
  }
  if (!isSizes(offsets) || offsets.length !== 2) throw invalidFile(file, `${tensor} with data_offsets [begin, end]`, quoteValue(offsets))
  const [begin, end] = offsets as [number, number]
  const expected = countValues(shape) * DTYPE_BYTES[dtype]
  if (!Number.isSafeInteger(expected))
    throw invalidFile(file, `${tensor} of fewer than 2^53 bytes`, `shape ${quoteValue(shape)} of ${dtype}`)
  if (end - begin !== expected) {
    throw invalidFile(
      file,
      `${tensor} with ${expected} bytes for shape ${quoteValue(shape)} of ${dtype}`,
      `data_offsets ${quoteValue(offsets)}`,
    )
  }
  return { name, dtype, shape, begin, end }
}

/** Checks that the tensors, sorted by place, cover the data completely and without overlap, as the format demands. */
function checkLayout(entries: readonly SafetensorsEntry[], dataBytes: number, file: string): void {
  let position = 0
  for (const { name, begin, end } of entries) {
    if (begin !== position) {
      throw invalidFile(
        file,
        `tensor ${quoteValue(name)} to begin at byte ${position} of the data`,
        `${begin}`,
        begin < position ? 'Tensors overlap.' : 'There is a gap.',
      )
    }
    position = end
  }
  if (position !== dataBytes) {
    throw invalidFile(
      file,
      `${position} bytes of data`,
      `${dataBytes}`,
      position > dataBytes ? 'The file is truncated.' : 'The file has trailing bytes.',
    )
  }
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw invalidFile(file, `an object as ${METADATA}`, quoteValue(value))
  const metadata = Object.create(null) as Record<string, string>
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalidFile(file, `text as ${METADATA} ${quoteValue(key)}`, quoteValue(text))
    metadata[key] = text
  }
  return metadata
}

function checkCount(what: string, count: number): void {
  if (count <= MAX_ENTRIES) return
  throw new TorchRnnError('ERR_INVALID_ARGUMENT', `A safetensors file holds at most ${MAX_ENTRIES} ${what} here, but there are ${count}.`)
}

function checkTensor(name: string, { data, shape }: SafetensorsTensor): void {
  checkText(name, 'A tensor name')
  if (name === METADATA) throw new TorchRnnError('ERR_INVALID_ARGUMENT', `A tensor cannot be named ${METADATA}.`)
  if (!isSizes(shape) || shape.length > MAX_DIMENSIONS || countValues(shape) !== data.length) {
    throw new TorchRnnError(
      'ERR_INVALID_SHAPE',
      `Tensor ${quoteValue(name)} holds ${data.length} values but its shape is ${quoteValue(shape)}.`,
    )
  }
}

function encodeText([key, text]: [string, string]): string {
  checkText(key, 'A metadata name')
  checkText(text, `Metadata ${quoteValue(key)}`)
  return `${JSON.stringify(key)}:${JSON.stringify(text)}`
}

function checkText(text: unknown, what: string): void {
  // A lone surrogate has no UTF-8; two names could become one.
  if (typeof text === 'string' && Buffer.from(text).toString() === text) return
  throw new TorchRnnError('ERR_INVALID_ARGUMENT', `${what} must be well-formed text but is ${quoteValue(text)}.`)
}

function encodeHeader(json: string): Uint8Array {
  const bytes = Buffer.byteLength(json)
  const padding = (ALIGNMENT - ((LENGTH_BYTES + bytes) % ALIGNMENT)) % ALIGNMENT
  if (bytes + padding > MAX_HEADER_BYTES) {
    throw new TorchRnnError(
      'ERR_INVALID_ARGUMENT',
      `Names and metadata take ${bytes} bytes; a safetensors header holds at most ${MAX_HEADER_BYTES}.`,
    )
  }
  return Buffer.from(json + ' '.repeat(padding))
}

function allocate(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes)
  } catch (cause) {
    throw new TorchRnnError('ERR_OUT_OF_MEMORY', `No memory for a safetensors file of ${bytes} bytes.`, { cause })
  }
}

function ownValue(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined
}

/** JSON can write -0, which is no size. */
function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0 && !Object.is(size, -0))
}

/** The product of the sizes; infinite when it is no exact number, also on the way to a zero: other readers overflow there. */
function countValues(shape: readonly number[]): number {
  return shape.reduce((count, size) => (count * size <= Number.MAX_SAFE_INTEGER ? count * size : Number.POSITIVE_INFINITY), 1)
}

function compareUtf8(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
