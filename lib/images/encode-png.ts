/**
 * Pixels as a PNG image, by zlib alone: sharp takes longer to load than all pictures of a report take to draw, and is not needed for images that
 * come from here.
 */
import { promisify } from 'node:util'
import { crc32, deflate } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const CHANNELS = 4
const BITS = 8
/** PNG's number for red, green, blue and opacity. */
const COLOUR_TYPE = 6

/** @param pixels - Red, green, blue and opacity of each pixel, row by row. */
export async function encodePng(pixels: Uint8Array, width: number, height: number): Promise<Buffer> {
  const header = Buffer.alloc(13) // The last three bytes, 0, are the only compression, the usual filters and no interlacing.
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([BITS, COLOUR_TYPE], 8)
  const size = CHANNELS * width
  const rows = Buffer.alloc(height * (1 + size)) // Before each row, 0: it is not filtered. Where each pixel is a value, filters do not help.
  for (let row = 0; row < height; row += 1) rows.set(pixels.subarray(row * size, (row + 1) * size), row * (1 + size) + 1)
  const compressed = await promisify(deflate)(rows, { level: 9 })
  return Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', compressed), chunk('IEND', Buffer.alloc(0))])
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}
