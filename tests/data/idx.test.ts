import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { MAX_DATASET_BYTES, readIdxImages, readIdxLabels } from '../../lib/data/idx'
import { expectError } from '../support/expect-error'
import { idxFile as idx } from '../support/idx-file'
import { testOnPosix } from '../support/needs'
import { asOrdinaryUser, openFilesBelow, useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const PIXELS = Array.from({ length: 2 * 3 * 4 }, (_, index) => index * 10)
const IMAGES = idx([2, 3, 4], PIXELS)

function file(name: string, content: Uint8Array): string {
  writeFileSync(path(name), content)
  return path(name)
}

afterEach(() => jest.restoreAllMocks())

describe('a good file', () => {
  test.each([
    ['plain', 'images', IMAGES],
    ['compressed', 'images.gz', gzipSync(IMAGES)],
    ['compressed in two gzip members', 'images.gz', Buffer.concat([gzipSync(IMAGES.subarray(0, 5)), gzipSync(IMAGES.subarray(5))])],
    ['plain but named .gz', 'images.gz', IMAGES],
  ])('of images is read: %s', async (_, name, content) => {
    const images = await readIdxImages(file(name, content))
    expect(images).toEqual({ pixels: Uint8Array.from(PIXELS), count: 2, height: 3, width: 4 })
  })

  test.each([
    ['plain', idx([3], [7, 0, 255])],
    ['compressed', gzipSync(idx([3], [7, 0, 255]))],
  ])('of labels is read: %s', async (_, content) => {
    expect(await readIdxLabels(file('labels', content))).toEqual(Uint8Array.of(7, 0, 255))
  })

  test('larger than one read keeps every byte in order, plain and compressed', async () => {
    const count = 9 * 1024 * 1024 + 5
    const labels = Uint8Array.from({ length: count }, (_, index) => index % 251)
    const content = Buffer.concat([idx([count], []), labels])
    for (const bytes of [content, gzipSync(content, { level: 1 })]) {
      expect(Buffer.compare(await readIdxLabels(file('labels', bytes)), labels)).toBe(0)
    }
  })
})

describe('wrong content', () => {
  const PROMISES_4_GIB = idx([2 ** 16, 2 ** 8, 2 ** 8], [])
  test.each<[string, Buffer, string, string]>([
    ['empty', Buffer.alloc(0), 'an IDX file of images', 'an empty file'],
    ['half a magic number', Buffer.from([0, 0, 8]), 'a header of 16 bytes', '3 bytes'],
    ['half a header', IMAGES.subarray(0, 10), 'a header of 16 bytes', '10 bytes'],
    ['another format', Buffer.from('PNG\n, and quite a few bytes'), '0x00 0x00 0x08 0x03', 'text that begins with "PNG\\n, and'],
    ['unknown bytes', Buffer.from([0x50, 0x4e, 0x47, 1, 0xfe, 2]), '0x00 0x00 0x08 0x03', '0x50 0x4e 0x47 0x01'],
    ['floats', idx([1, 1, 1], [0, 0, 0, 0], 0x0d), 'type 0x08 (unsigned bytes)', 'type 0x0d (32-bit floats)'],
    ['an unknown type', idx([1, 1, 1], [0], 0x55), 'type 0x08 (unsigned bytes)', 'type 0x55 (unknown)'],
    ['labels', idx([20], PIXELS.slice(0, 20)), '3 dimensions', '1 dimension. It looks like a file of labels'],
    ['four dimensions', idx([1, 1, 1, 1], [0]), '3 dimensions', '4 dimensions'],
    ['no images', idx([0, 28, 28], []), 'at least 1', '0 x 28 x 28'],
    ['no columns', idx([1, 28, 0], []), 'at least 1', '1 x 28 x 0'],
    ['an absurd size', idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], []), `at most ${MAX_DATASET_BYTES} bytes`, '4294967295 x'],
    ['one byte over the limit', idx([641, 6_700_417, 1], []), `at most ${MAX_DATASET_BYTES} bytes`, '641 x 6700417 x 1'],
    ['4 GiB promised, none there', PROMISES_4_GIB, '4294967312 bytes for 65536 x 256 x 256 images', '16 bytes. The file is truncated'],
    ['one byte short', IMAGES.subarray(0, -1), '40 bytes for 2 x 3 x 4 images', '39 bytes. The file is truncated'],
    ['one byte long', Buffer.concat([IMAGES, Buffer.of(0)]), '40 bytes', '41 bytes. The file has trailing bytes'],
    ['compressed: empty', gzipSync(''), 'a header of 16 bytes', '0 bytes'],
    ['compressed: another format', gzipSync('PNG\n'), '0x00 0x00 0x08 0x03', 'text that begins with "PNG" inside the gzip data'],
    ['compressed: one byte short', gzipSync(IMAGES.subarray(0, -1)), '24 bytes for 2 x 3 x 4 images', '23 bytes after decompression'],
    ['compressed: one byte long', gzipSync(Buffer.concat([IMAGES, Buffer.of(0)])), '24 bytes', 'more bytes after decompression'],
    ['compressed: 4 GiB promised, none there', gzipSync(PROMISES_4_GIB), '4294967296 bytes of images', 'which cannot hold them'],
    ['compressed: a bomb', gzipSync(Buffer.concat([IMAGES, Buffer.alloc(2 ** 26)])), '24 bytes', 'more bytes after decompression'],
    ['a row too long', idx([1, 1, 65537], []), 'at most 65536 x 65536 pixels', '1 x 1 x 65537'],
    ['too many rows', idx([1, 65537, 1], []), 'at most 65536 x 65536 pixels', '1 x 65537 x 1'],
    ['compressed: cut off', gzipSync(IMAGES).subarray(0, -5), 'intact gzip data', 'a truncated file'],
    ['compressed: the gzip magic number only', Buffer.of(0x1f, 0x8b), 'intact gzip data', 'a truncated file'],
    ['compressed: a damaged byte', damaged(gzipSync(IMAGES)), 'intact gzip data', 'damaged or trailing bytes'],
    ['compressed: garbage behind', Buffer.concat([gzipSync(IMAGES), Buffer.from('garbage')]), '', ''],
    ['compressed: zeros behind', Buffer.concat([gzipSync(IMAGES), Buffer.alloc(9)]), 'nothing after the gzip data', '9 bytes'],
    [
      'compressed: many zeros behind',
      Buffer.concat([gzipSync(IMAGES), Buffer.alloc(2 ** 24)]),
      'nothing after the gzip data',
      '16777216 bytes',
    ],
  ])('%s', async (_, content, expected, found) => {
    const name = file('images', content)
    await expectError(() => readIdxImages(name), 'ERR_INVALID_FILE', `${name}: expected `, expected, found)
    expect(openFilesBelow(path())).toEqual([])
  })

  test('images where labels should be', async () => {
    await expectError(
      () => readIdxLabels(file('x', IMAGES)),
      'ERR_INVALID_FILE',
      '1 dimension',
      '3 dimensions. It looks like a file of images',
    )
  })

  test('a name with line breaks keeps the message on one line', async () => {
    await expectError(() => readIdxLabels(file('a\nb', Buffer.alloc(0))), 'ERR_INVALID_FILE', 'a\\nb')
  })
})

/** Flips one bit of the checksum. */
function damaged(gzip: Buffer): Buffer {
  const copy = Buffer.from(gzip)
  copy[copy.length - 8] = (copy[copy.length - 8] ?? 0) ^ 1
  return copy
}

describe('a file that changes while it is read', () => {
  /** Runs `change` right after the size of the file was read. */
  async function afterStat(name: string, change: () => void): Promise<void> {
    const handle = await open(name)
    const prototype = Object.getPrototypeOf(handle) as FileHandle
    await handle.close()
    const original = prototype.stat
    jest.spyOn(prototype, 'stat').mockImplementationOnce(async function (this: FileHandle) {
      const stats = await original.call(this)
      change()
      return stats
    })
  }

  test.each([
    ['plain', IMAGES],
    ['compressed', gzipSync(IMAGES)],
  ])('shrinking: %s', async (_, content) => {
    const name = file('images', content)
    await afterStat(name, () => truncateSync(name, content.length - 4))
    await expectError(
      () => readIdxImages(name),
      'ERR_INVALID_FILE',
      name,
      `only ${content.length - 4} bytes`,
      'changed while it was being read',
    )
  })

  test.each([
    ['plain', IMAGES],
    ['compressed', gzipSync(IMAGES)],
  ])('growing: %s', async (_, content) => {
    const name = file('images', content)
    await afterStat(name, () => appendFileSync(name, 'more'))
    await expectError(() => readIdxImages(name), 'ERR_INVALID_FILE', name, 'more bytes', 'changed while it was being read')
  })
})

describe('a path that is not a readable file', () => {
  test('missing', async () => {
    await expectError(() => readIdxImages(path('none')), 'ERR_FILE_SYSTEM', `Cannot read ${path('none')}: it does not exist (ENOENT).`)
  })

  test('a part of the path is a file', async () => {
    await expectError(() => readIdxImages(`${file('plain', IMAGES)}/x`), 'ERR_FILE_SYSTEM', 'a part of the path is not a folder (ENOTDIR)')
  })

  test('a null character', async () => {
    await expectError(() => readIdxImages(path('a\0b')), 'ERR_FILE_SYSTEM', 'a\\u0000b', 'null character')
  })

  test('permission denied', async () => {
    const name = file('images', IMAGES)
    chmodSync(name, 0)
    await asOrdinaryUser(() => expectError(() => readIdxImages(name), 'ERR_FILE_SYSTEM', name, 'permission denied (EACCES)'))
  })

  test('a folder', async () => {
    mkdirSync(path('images'))
    await expectError(() => readIdxImages(path('images')), 'ERR_INVALID_FILE', 'expected a regular file but found a folder')
  })

  const onPosix = testOnPosix('special files of Unix')
  onPosix('a FIFO without a writer does not block', async () => {
    execFileSync('mkfifo', [path('fifo')])
    await expectError(() => readIdxImages(path('fifo')), 'ERR_INVALID_FILE', 'expected a regular file but found a FIFO (named pipe)')
  })

  onPosix('an endless device', async () => {
    await expectError(() => readIdxImages('/dev/zero'), 'ERR_INVALID_FILE', 'expected a regular file but found a device')
  })

  onPosix('a socket', async () => {
    const server = createServer()
    await new Promise<void>((done) => server.listen(path('socket'), done))
    await expectError(() => readIdxImages(path('socket')), 'ERR_FILE_SYSTEM', 'socket', 'ENXIO')
    await new Promise((done) => server.close(done))
  })
})
