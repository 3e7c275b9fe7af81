/** Arrays as files hold them, and what they mean as images and labels. */
import { setImmediate } from 'node:timers/promises'
import { invalidFile, showPath } from '../files/regular-file'
import { halfToNumber } from '../formats/dtype'

/** Bytes of an element of each type. */
export const ELEMENT_BYTES = {
  bool: 1,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  uint64: 8,
  int64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
} as const

export type ElementType = keyof typeof ELEMENT_BYTES

/** An array of a file, row-major. */
export interface NumericArray {
  readonly type: ElementType
  readonly shape: readonly number[]
  /** The elements. They belong to whoever has the array, and may be changed in place. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly isLittleEndian: boolean
}

/** Images with a shape `[N, T, F]`: bytes 0 to 255, or floats. */
export interface ImageArray {
  readonly images: Uint8Array | Float32Array
  readonly shape: readonly [number, number, number]
}

/** Values that are converted in one go: some milliseconds. */
const SLICE_VALUES = 2 ** 20
const MAX_BYTE = 255
const QMNIST_COLUMNS = 8

/**
 * Takes an array for images: integers from 0 to 255 become bytes, floats float32.
 *
 * @param size - Rows and columns, for an array of rows of pixels. Absent: a square.
 * @throws TorchRnnError `ERR_INVALID_FILE` for sizes or values that are none of images.
 */
export async function toImages(array: NumericArray, file: string, size: readonly [number, number] | undefined): Promise<ImageArray> {
  const shape = imageShape(array.shape, file, size)
  return { images: array.type.startsWith('float') ? await toFloats(array) : await toBytes(array, file), shape }
}

function imageShape(shape: readonly number[], file: string, size: readonly [number, number] | undefined): [number, number, number] {
  const [count = 0, ...rest] = shape
  // One channel of grey says nothing.
  const sides =
    rest.length === 3 && rest.includes(1) ? rest.filter((_, index) => index !== (rest[0] === 1 ? 0 : rest.lastIndexOf(1))) : rest
  if (sides.length === 1) return [count, ...sidesOf(sides[0] as number, file, size)]
  if (sides.length !== 2) {
    const advice = sides.includes(3) || sides.includes(4) ? 'Colours are not read: convert the images to grey first.' : ''
    throw invalidFile(file, 'images [N, T, F]: N images of T rows and F columns', `the shape [${shape.join(', ')}]`, advice)
  }
  return [count, ...(sides as [number, number])]
}

/**
 * Rows and columns of an image of so many pixels.
 *
 * @param size - As the user wants them. Absent: a square.
 * @throws TorchRnnError `ERR_INVALID_FILE` when there are other numbers of pixels.
 */
export function sidesOf(pixels: number, file: string, size: readonly [number, number] | undefined): [number, number] {
  const side = Math.round(Math.sqrt(pixels))
  const [rows, columns] = size ?? [side, side]
  if (rows * columns === pixels) return [rows, columns]
  const expected = size === undefined ? 'pixels of a square image' : `${rows} x ${columns} pixels an image`
  throw invalidFile(file, expected, `${pixels}`, 'Give the size of an image by imageSize (--image-size 32x24).')
}

async function toFloats(array: NumericArray): Promise<Float32Array> {
  const { bytes, type, isLittleEndian } = array
  const isAligned = bytes.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0
  if (type === 'float32' && isLittleEndian && isAligned) return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const count = bytes.length / ELEMENT_BYTES[type]
  // In place where a value gets smaller or stays: there may be gigabytes.
  const isInPlace = type !== 'float16' && isAligned
  const floats = isInPlace ? new Float32Array(bytes.buffer, bytes.byteOffset, count) : new Float32Array(count)
  const read = readerOf(array)
  await inSlices(count, (index) => {
    floats[index] = read(index)
  })
  return floats
}

async function toBytes(array: NumericArray, file: string): Promise<Uint8Array> {
  const { bytes, type } = array
  if (type === 'uint8') return bytes
  const read = readerOf(array)
  const factor = type === 'bool' ? MAX_BYTE : 1
  const count = bytes.length / ELEMENT_BYTES[type]
  await inSlices(count, (index) => {
    const value = read(index) * factor
    if (value < 0 || value > MAX_BYTE) throw invalidFile(file, 'pixels from 0 to 255', `${value} (${type})`)
    bytes[index] = value
  })
  return bytes.subarray(0, count)
}

/**
 * Takes an array for labels, one for each sample: integers, the first of QMNIST's eight columns, or rows with a single 1 (one-hot).
 *
 * @returns The labels as the file has them, 0 to 255.
 * @throws TorchRnnError `ERR_INVALID_FILE` for sizes or values that are none of labels.
 */
export async function toLabels(array: NumericArray, file: string): Promise<Uint8Array> {
  const { shape, type } = array
  const [count = 0, columns = 1] = shape
  if (shape.length > 2 || shape.length === 0) throw invalidFile(file, 'labels [N], one for each sample,', `the shape [${shape.join(', ')}]`)
  const read = readerOf(array)
  const isTable = columns > 1 && !(columns === QMNIST_COLUMNS && type === 'int32')
  const labels = new Uint8Array(count)
  await inSlices(count, (index) => {
    const label = isTable ? onlyOne(read, index, columns, file) : read(index * columns)
    if (!Number.isInteger(label) || label < 0 || label > MAX_BYTE) {
      throw invalidFile(file, 'labels that are integers from 0 to 255', `${label} for sample ${index}`)
    }
    labels[index] = label
  })
  return labels
}

function onlyOne(read: (index: number) => number, row: number, columns: number, file: string): number {
  let found: number | undefined
  for (let column = 0; column < columns; column += 1) {
    const value = read(row * columns + column)
    if (value === 0) continue
    if (value !== 1 || found !== undefined)
      throw invalidFile(file, 'labels in one column, or rows with a single 1,', `another row (${row})`)
    found = column
  }
  if (found === undefined) throw invalidFile(file, 'labels in one column, or rows with a single 1,', `a row without any (${row})`)
  return found
}

/** Reads single values. Integers of 64 bits that no double can hold come out rounded, far above all that is allowed. */
export function readerOf({ bytes, type, isLittleEndian }: NumericArray): (index: number) => number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  switch (type) {
    case 'bool':
    case 'uint8':
      return (index) => view.getUint8(index)
    case 'int8':
      return (index) => view.getInt8(index)
    case 'uint16':
      return (index) => view.getUint16(2 * index, isLittleEndian)
    case 'int16':
      return (index) => view.getInt16(2 * index, isLittleEndian)
    case 'uint32':
      return (index) => view.getUint32(4 * index, isLittleEndian)
    case 'int32':
      return (index) => view.getInt32(4 * index, isLittleEndian)
    case 'uint64':
      return (index) => Number(view.getBigUint64(8 * index, isLittleEndian))
    case 'int64':
      return (index) => Number(view.getBigInt64(8 * index, isLittleEndian))
    case 'float16':
      return (index) => halfToNumber(view.getUint16(2 * index, isLittleEndian))
    case 'float32':
      return (index) => view.getFloat32(4 * index, isLittleEndian)
    case 'float64':
      return (index) => view.getFloat64(8 * index, isLittleEndian)
  }
}

async function inSlices(count: number, visit: (index: number) => void): Promise<void> {
  for (let first = 0; first < count; first += SLICE_VALUES) {
    const end = Math.min(first + SLICE_VALUES, count)
    for (let index = first; index < end; index += 1) visit(index)
    if (end < count) await setImmediate()
  }
}

/** Swaps rows and columns of each image, in place. @returns The shape that the images have then. */
export async function transposeImages({ images, shape }: ImageArray): Promise<ImageArray> {
  const [count, rows, columns] = shape
  const pixels = rows * columns
  const image = images.slice(0, pixels)
  const imagesOfSlice = Math.max(1, Math.floor(SLICE_VALUES / pixels))
  for (let index = 0; index < count; index += 1) {
    const start = index * pixels
    image.set(images.subarray(start, start + pixels))
    let target = start
    for (let column = 0; column < columns; column += 1) {
      for (let row = 0; row < rows; row += 1) {
        images[target] = image[row * columns + column] as number
        target += 1
      }
    }
    if (index % imagesOfSlice === 0) await setImmediate()
  }
  return { images, shape: [count, columns, rows] }
}

/** Checks that there is a label for each image. @throws TorchRnnError `ERR_INVALID_FILE`. */
export function checkCounts(images: number, labels: number, imagesFile: string, labelsFile: string): void {
  if (images === labels) return
  throw invalidFile(labelsFile, `${images} labels, one for each image of ${showPath(imagesFile)},`, `${labels}`)
}
