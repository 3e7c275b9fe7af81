/**
 * Hundreds of generated, damaged archives and tables. Each is refused in words, or read as what it says. What a checksum or a size covers is
 * never read otherwise than it was written. And files that promise, or hold, far more than they should take no memory.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, gunzipSync, gzipSync } from 'node:zlib'
import { buf as crc32 } from 'crc-32'
import fc from 'fast-check'
import { type LoadImagesOptions, loadImages, TorchRnnError } from '../../lib'
import { byteMutation, mutants, severalOf } from '../support/byte-mutations'
import { expectError } from '../support/expect-error'
import { idxFile } from '../support/idx-file'
import { useTemporaryFolder } from '../support/temporary-folder'

const FIXTURES = join(__dirname, '..', 'fixtures', 'data')
const RUNS = mutants(1500)
const LIMIT_MS = 120_000
const GIGABYTE = 1024 ** 3

const path = useTemporaryFolder()
const mutations = severalOf(byteMutation)

/** What is read, as numbers; undefined when it is refused with the right error. */
async function readOrRefuse(options: LoadImagesOptions): Promise<number[] | undefined> {
  try {
    const { train, test: aside } = await loadImages({ ...options, testSplit: 1 })
    return [...train.shape, ...train.images().data, ...train.labels, ...aside.images().data, ...aside.labels]
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    expect(['ERR_INVALID_FILE', 'ERR_INVALID_DATA']).toContain(error.code)
    expect(error.message).not.toMatch(/[\n\r]/)
    return undefined
  }
}

async function mutate(original: Buffer, name: string, options: (file: string) => LoadImagesOptions): Promise<void> {
  const file = path(name)
  writeFileSync(file, original)
  expect(await readOrRefuse(options(file))).toBeDefined()
  const property = fc.asyncProperty(mutations, async (change) => {
    writeFileSync(file, change(original))
    await readOrRefuse(options(file))
  })
  await fc.assert(property, RUNS)
}

test.each(['keras', 'medmnist', 'sequences-short'])(
  'an archive of arrays, %s',
  async (name) => {
    const isShort = name === 'sequences-short'
    const original = isShort
      ? npz({ 'x.npy': npy('<f4', [3, 2, 2], Buffer.alloc(48)), 'y.npy': npy('|u1', [3], Buffer.from([0, 1, 0])) })
      : readFileSync(join(FIXTURES, 'npz', `${name}.npz`))
    await mutate(original, 'mutant.npz', (data) => ({ data }))
  },
  LIMIT_MS,
)

test(
  'an array by itself',
  async () => {
    const labels = path('labels.npy')
    writeFileSync(labels, npy('<i8', [3], Buffer.from(BigInt64Array.of(0n, 1n, 1n).buffer)))
    const original = npy('|u1', [3, 2, 2], Buffer.from(Array.from({ length: 12 }, (_, index) => index)))
    await mutate(original, 'mutant.npy', (trainImages) => ({ trainImages, trainLabels: labels }))
  },
  LIMIT_MS,
)

test(
  'a table',
  async () => {
    const original = Buffer.from('label,a,b,c,d\n0,1,2,3,4\n1,5,6,7,8\n1,255,0,"9",10.0\n')
    await mutate(original, 'mutant.csv', (data) => ({ data }))
  },
  LIMIT_MS,
)

test(
  'a compressed table is read as it was written, or not at all',
  async () => {
    const original = gzipSync(Array.from({ length: 40 }, (_, row) => `${row % 3},${row},2,3,4\n`).join(''))
    const property = fc.asyncProperty(mutations, async (change) => {
      const bytes = change(original)
      fc.pre(bytes[0] === 0x1f && bytes[1] === 0x8b)
      writeFileSync(path('mutant.csv.gz'), bytes)
      const read = await readOrRefuse({ data: path('mutant.csv.gz'), format: 'csv' })
      if (read === undefined) return
      writeFileSync(path('plain.csv'), gunzipSync(bytes)) // Two files in a row are a whole one, too.
      expect(read).toEqual(await readOrRefuse({ data: path('plain.csv') }))
    })
    await fc.assert(property, RUNS)
  },
  LIMIT_MS,
)

test(
  'any bytes',
  async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      for (const name of ['any.npz', 'any.csv']) {
        writeFileSync(path(name), bytes)
        await readOrRefuse({ data: path(name) })
      }
    })
    await fc.assert(property, RUNS)
  },
  LIMIT_MS,
)

test(
  'any table is read as its numbers say',
  async () => {
    const cell = fc.nat(255)
    const table = fc.array(fc.tuple(fc.nat(4), fc.array(cell, { minLength: 4, maxLength: 4 })), { minLength: 4, maxLength: 12 })
    const style = fc.record({
      end: fc.constantFrom('\n', '\r\n'),
      delimiter: fc.constantFrom(',', ';', '\t'),
      isLast: fc.boolean(),
      gap: fc.boolean(),
    })
    const property = fc.asyncProperty(table, style, async (rows, { end, delimiter, isLast, gap }) => {
      fc.pre(new Set(rows.map(([label]) => label)).size > 1)
      const lines = rows.map(([label, pixels]) => (isLast ? [...pixels, label] : [label, ...pixels]).join(delimiter))
      writeFileSync(path('any.csv'), `${lines.join(end)}${gap ? end + end : ''}`)
      const column = isLast ? '5' : '1'
      const { train, test: aside } = await loadImages({
        data: path('any.csv'),
        labelColumn: column,
        firstLabel: 0,
        testSplit: 1,
        splitSeed: 3,
      })
      const found = [train, aside].flatMap((part) =>
        Array.from({ length: part.length }, (_, index) => `${part.labels[index]}:${part.images(index, index + 1).data}`),
      )
      expect(found.sort()).toEqual(rows.map(([label, pixels]) => `${label}:${pixels}`).sort())
    })
    await fc.assert(property, mutants(300))
  },
  LIMIT_MS,
)

/** An array as NumPy writes it. */
function npy(descr: string, shape: number[], data: Uint8Array): Buffer {
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`.padEnd(
    117,
  )
  const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0])
  return Buffer.concat([start, Buffer.from(`${header}\n`), data])
}

function inFortranOrder(array: Buffer): Buffer {
  return Buffer.from(array.toString('latin1').replace('False', 'True '), 'latin1')
}

/** An archive of stored or, where a size is stated, deflated files. */
function npz(files: Readonly<Record<string, Buffer>>, deflated: Readonly<Record<string, { data: Buffer; size: number }>> = {}): Buffer {
  const parts: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  const add = (name: string, data: Buffer, size: number, method: number, crc: number) => {
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(method, 4)
    common.writeInt32LE(crc, 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(size, 18)
    common.writeUInt16LE(name.length, 22)
    const place = Buffer.alloc(14)
    place.writeUInt32LE(offset, 10)
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), data])
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\0', 'latin1'), common, place, Buffer.from(name)]))
    parts.push(local)
    offset += local.length
  }
  for (const [name, data] of Object.entries(files)) add(name, data, data.length, 0, crc32(data))
  for (const [name, { data, size }] of Object.entries(deflated)) add(name, data, size, 8, 0)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(directory.length, 8)
  end.writeUInt16LE(directory.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...parts, ...directory, end])
}

describe('what promises too much', () => {
  const LABELS = npy('|u1', [3], Buffer.from([0, 1, 0]))

  /** Runs `attempt`, and checks that the process takes no more than 200 MB for it. */
  async function withoutMemory(attempt: () => Promise<unknown>): Promise<void> {
    const before = process.memoryUsage().rss
    await attempt()
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 ** 2)
  }

  test.each<[string, () => Buffer, string]>([
    [
      'more than its data can hold',
      () => npz({ 'y.npy': LABELS }, { 'x.npy': { data: deflateRawSync(Buffer.alloc(1000)), size: 2 * GIGABYTE } }),
      'cannot hold',
    ],
    ['zeros without end', () => npz({ 'y.npy': LABELS }, { 'x.npy': { data: zeros(GIGABYTE), size: GIGABYTE } }), 'compressed ones'],
    [
      'more zeros than it promises',
      () => npz({ 'y.npy': LABELS }, { 'x.npy': { data: zeros(GIGABYTE / 2), size: 128 + 12 } }),
      'but found more',
    ],
    [
      'an array larger than its file',
      () => npz({ 'y.npy': LABELS, 'x.npy': npy('|u1', [3, 30_000, 30_000], Buffer.alloc(12)) }),
      '2700000000 bytes',
    ],
    [
      'an array beyond all bounds',
      () => npz({ 'y.npy': LABELS, 'x.npy': npy('<f8', [3, 2 ** 40, 2 ** 40], Buffer.alloc(12)) }),
      'at most 4294967296 bytes',
    ],
    ['pickled objects', () => npz({ 'y.npy': LABELS, 'x.npy': npy('|O', [3], Buffer.alloc(12)) }), 'pickled objects'],
    [
      'an array in Fortran order',
      () => npz({ 'y.npy': LABELS, 'x.npy': inFortranOrder(npy('|u1', [3, 2, 2], Buffer.alloc(12))) }),
      'Fortran order',
    ],
  ])('an archive with %s', async (_, archive, message) => {
    writeFileSync(path('bomb.npz'), archive())
    await withoutMemory(async () => expectError(() => loadImages({ data: path('bomb.npz') }), 'ERR_INVALID_FILE', message))
  })

  /** Deflated zeros, made from one piece that repeats. */
  function zeros(count: number): Buffer {
    const piece = deflateRawSync(Buffer.alloc(2 ** 24), { finishFlush: 2 }) // Z_SYNC_FLUSH: more can follow.
    return Buffer.concat([...Array.from({ length: count / 2 ** 24 }, () => piece), deflateRawSync(Buffer.alloc(0))])
  }

  test.each<[string, () => Buffer | string, string]>([
    ['a first line without end', () => '1,'.repeat(4 * 1024 ** 2), 'lines of at most'],
    ['a later line without end', () => `${'0,1,2,3,4\n'.repeat(3)}${'1'.repeat(5 * 1024 ** 2)}`, 'lines of at most'],
    ['a label without end', () => `${'0,1,2,3,4\n'.repeat(3)}${'x'.repeat(1000)},1,2,3,4\n`, 'a label of at most'],
    ['a gigabyte of lines in a megabyte', () => gzipBomb(), 'compressed ones'],
    ['too many labels', () => Array.from({ length: 300 }, (_, row) => `name${row},1,2,3,4\n`).join(''), 'at most 256 different labels'],
    ['a pixel of 256', () => '0,1,2,3,256\n1,1,2,3,4\n', 'a pixel from 0 to 255 in column 5 in line 1 but found 256'],
    ['a pixel below 0', () => '0,1,2,3,4\n1,1,-2,3,4\n', 'a pixel from 0 to 255 in column 3 in line 2 but found "-"'],
    ['a missing pixel', () => '0,1,2,3,4\n1,1,,3,4\n', 'in column 3 in line 2 but found nothing'],
    ['a short row', () => '0,1,2,3,4\n1,1,3,4\n', '5 columns, as in the first row, in line 2 but found 4'],
    ['a long row', () => '0,1,2,3,4\n1,1,3,4,5,6\n', '5 columns, as in the first row, in line 2 but found 6'],
    ['images that are no squares', () => '0,1,2,3\n1,4,5,6\n', 'pixels of a square image but found 3'],
    ['a header alone', () => 'label,a,b,c,d\n', 'at least one row'],
  ])('a table with %s', async (_, table, message) => {
    writeFileSync(path('bomb.csv'), table())
    await withoutMemory(async () => expectError(() => loadImages({ data: path('bomb.csv') }), 'ERR_INVALID_FILE', message))
  })

  function gzipBomb(): Buffer {
    const member = gzipSync('0,1,2,3,4\n'.repeat(2 ** 20))
    return Buffer.concat(Array.from({ length: 100 }, () => member))
  }

  test('labels of a type of eight bytes that claim gigabytes', async () => {
    const head = (type: number, sizes: number[]) => idxFile(sizes, [], type)
    writeFileSync(path('train-labels-idx1-int'), head(0x0c, [2 ** 30]))
    writeFileSync(path('train-images-idx3-double'), head(0x0e, [2 ** 30, 28, 28]))
    await withoutMemory(async () => expectError(() => loadImages({ data: path() }), 'ERR_INVALID_FILE', '4294967304 bytes'))
  })

  test('a folder that links to itself, and very many files', async () => {
    mkdirSync(path('many'))
    for (let index = 0; index < 20_000; index += 1) writeFileSync(path('many', `${index}.txt`), '')
    symlinkSync('.', path('many', 'loop'))
    await withoutMemory(async () =>
      expectError(() => loadImages({ data: path('many') }), 'ERR_INVALID_FILE', 'IDX files named as those of MNIST'),
    )
  })
})
