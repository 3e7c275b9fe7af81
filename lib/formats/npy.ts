/** NumPy's format of arrays (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html). Pickled objects are never read. */
import { allocateBytes, invalidFile } from '../files/regular-file'
import { quoteValue } from '../text/unprintable'

/** An element of an array: a number of a kind and a number of bits, or a text. */
export type NpyType =
  | 'bool'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'float16'
  | 'float32'
  | 'float64'
  | 'text'

/** An array of numbers, or of texts of a fixed length. */
export interface NpyArray {
  readonly type: NpyType
  /** Characters of a text; 1 for numbers. */
  readonly width: number
  readonly shape: readonly number[]
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly isLittleEndian: boolean
}

/** What a header says. */
interface NpyHeader extends Omit<NpyArray, 'bytes'> {
  /** Of all elements. */
  readonly byteLength: number
}

/** NumPy's names of types that are read. */
const DTYPE_NAMES: Readonly<Record<string, Exclude<NpyType, 'text'>>> = {
  b1: 'bool',
  u1: 'uint8',
  i1: 'int8',
  u2: 'uint16',
  i2: 'int16',
  u4: 'uint32',
  i4: 'int32',
  u8: 'uint64',
  i8: 'int64',
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
}

const MAGIC = '\x93NUMPY'
/** Magic, version, and the longer one of the two kinds of length. */
const PREFIX_BYTES = 12
/** numpy itself refuses to parse longer ones. */
const MAX_HEADER_BYTES = 10_000
const MAX_DIMENSIONS = 8
/** Characters of texts are UTF-32. */
const CHARACTER_BYTES = 4

const HEADER = /^\{\s*'descr':\s*'([^']{1,20})',\s*'fortran_order':\s*(True|False)\s*,\s*'shape':\s*\(([\d,\sL]*)\),?\s*\}\s*$/

/**
 * Puts the pieces of an array's file together.
 *
 * @param size - Of the whole file in bytes, which the header must agree with before memory is taken.
 * @param maxBytes - The most that the elements may take.
 * @param name - What the array is, for errors: its file, and its name where that holds several.
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_OUT_OF_MEMORY`.
 */
export async function collectNpy(pieces: AsyncIterable<Uint8Array>, size: number, maxBytes: number, name: string): Promise<NpyArray> {
  let start: Buffer = Buffer.alloc(0) // All pieces until the header is whole.
  let array: NpyArray | undefined
  let filled = 0
  for await (const piece of pieces) {
    let data = piece
    if (array === undefined) {
      start = Buffer.concat([start, piece])
      const length = headerLength(start, name)
      if (length === undefined || start.length < length) continue
      array = allocate(parseHeader(start.subarray(0, length), name), size - length, maxBytes, name)
      data = start.subarray(length)
    }
    if (data.length > array.bytes.length - filled) throw invalidFile(name, `${array.bytes.length} bytes of elements`, 'more')
    array.bytes.set(data, filled)
    filled += data.length
  }
  if (array === undefined) throw invalidFile(name, 'a NumPy array (.npy)', 'a file that ends in its header')
  if (filled < array.bytes.length) throw invalidFile(name, `${array.bytes.length} bytes of elements`, `${filled}`, 'The file is truncated.')
  return array
}

function allocate({ byteLength, ...header }: NpyHeader, rest: number, maxBytes: number, name: string): NpyArray {
  const shown = `the shape (${header.shape.join(', ')}) of ${header.type}`
  if (byteLength > maxBytes) throw invalidFile(name, `at most ${maxBytes} bytes`, shown)
  if (byteLength !== rest) throw invalidFile(name, `${byteLength} bytes for ${shown}`, `${rest}`, 'The file is damaged.')
  return { ...header, bytes: allocateBytes(byteLength, name) }
}

/** The bytes before the elements; undefined until enough of them are there. */
function headerLength(start: Buffer, name: string): number | undefined {
  if (start.length < PREFIX_BYTES) return undefined
  if (start.toString('latin1', 0, MAGIC.length) !== MAGIC)
    throw invalidFile(name, 'a NumPy array (.npy)', quoteValue(start.toString('latin1', 0, 8)))
  const version = start[MAGIC.length] as number
  if (version < 1 || version > 3) throw invalidFile(name, 'version 1 to 3 of the format .npy', `version ${version}`)
  const [prefix, length] = version === 1 ? [10, start.readUInt16LE(8)] : [12, start.readUInt32LE(8)]
  if (length > MAX_HEADER_BYTES) throw invalidFile(name, `a header of at most ${MAX_HEADER_BYTES} bytes`, `${length} bytes`)
  return prefix + length
}

function parseHeader(bytes: Buffer, name: string): NpyHeader {
  const text = bytes.toString('latin1', bytes.indexOf('{'))
  const [, descr = '', order, sizes = ''] = HEADER.exec(text) ?? []
  if (order === undefined) {
    const advice = text.includes('[') ? 'Save one array for each field.' : ''
    throw invalidFile(name, 'a header of an array of numbers', quoteValue(text.trim()), advice)
  }
  const [, sign = '', kind = '', digits = ''] = /^([<>|=])([a-zA-Z])(\d*)$/.exec(descr) ?? []
  if (kind === 'O') throw invalidFile(name, 'an array of numbers', 'pickled objects', 'Save the array with a numeric dtype.')
  const type = kind === 'U' ? 'text' : DTYPE_NAMES[`${kind}${digits}`]
  if (type === undefined) throw invalidFile(name, 'an array of numbers', `the dtype ${quoteValue(descr)}`)
  const shape = sizes.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size.trim().replace(/L$/, ''))]))
  if (!shape.every(Number.isSafeInteger) || shape.length > MAX_DIMENSIONS) throw invalidFile(name, 'a shape of integers', quoteValue(sizes))
  if (order === 'True' && shape.length > 1) {
    throw invalidFile(name, 'an array in C order', 'Fortran order', 'Save numpy.ascontiguousarray(array).')
  }
  const width = type === 'text' ? Number(digits) : 1
  const elementBytes = type === 'text' ? CHARACTER_BYTES * width : Number(digits)
  const byteLength = shape.reduce((product, size) => product * size, elementBytes)
  return { type, width, shape, byteLength, isLittleEndian: sign !== '>' }
}

/** The texts of an array, without the zeros that fill them up. */
export function npyTexts({ bytes, width, isLittleEndian }: NpyArray): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = bytes.length / (CHARACTER_BYTES * width)
  return Array.from({ length: count }, (_, text) => {
    const codes = Array.from({ length: width }, (__, index) => view.getUint32(CHARACTER_BYTES * (text * width + index), isLittleEndian))
    return codes.map((code) => (code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '')).join('')
  })
}
