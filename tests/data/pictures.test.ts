/** Folders of pictures by class: sizes, ink, splits, broken pictures, and the cache beside them. */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LoadImagesOptions, loadImages } from '../../lib'
import { identifyDataset } from '../../lib/data/identity'
import { writePng } from '../../lib/images/png-file'
import { expectError } from '../support/expect-error'
import { asOrdinaryUser, useTemporaryFolder } from '../support/temporary-folder'

const FIXTURES = join(__dirname, '..', 'fixtures', 'data')
const path = useTemporaryFolder()

beforeEach(() => {
  for (const name of ['pictures', 'numbered']) cpSync(join(FIXTURES, name), path(name), { recursive: true })
})

const load = (options: LoadImagesOptions = {}) => loadImages({ data: path('pictures'), ...options })
const caches = (folder = 'pictures') => readdirSync(path(folder)).filter((name) => name.endsWith('.cache'))

/** What is darker is no ink: the paper of the pictures is a light grey. */
const PAPER = 50

/** Where the ink of an image is, as a share of its height. */
function centreOf(image: ArrayLike<number>, columns: number): number {
  let [sum, weighted] = [0, 0]
  for (let place = 0; place < image.length; place += 1) {
    const ink = Math.max(0, (image[place] as number) - PAPER)
    sum += ink
    weighted += ink * (Math.floor(place / columns) + 0.5)
  }
  return weighted / sum / (image.length / columns)
}

test('PNG, JPEG and WebP of several sizes become images of one size, light on dark', async () => {
  const { train, test: aside, description } = await load()
  expect(description).toBe('pictures by class: 28 x 28, dark on light, inverted')
  expect([train.shape, aside.shape]).toEqual([
    [6, 28, 28],
    [4, 28, 28],
  ])
  expect(train.classNames).toEqual(['high', 'low'])
  for (const part of [train, aside]) {
    for (const [index, label] of part.labels.entries()) {
      const { data } = part.images(index, index + 1)
      // 0.3 or 0.7 of the picture's height, and nearer to the middle where there is a border.
      if (label === 0) expect(centreOf(data, 28)).toBeLessThan(0.4)
      else expect(centreOf(data, 28)).toBeGreaterThan(0.6)
      expect(data[0]).toBeLessThan(20) // Paper.
      expect(Math.max(...data)).toBeGreaterThan(220) // Ink.
    }
  }
})

test.each<[LoadImagesOptions['fit'], (rows: number[]) => void]>([
  // A picture of 56 x 40 in a square: a border above and below; the middle alone; or the whole, drawn out.
  ['contain', (columns) => expect(columns.slice(0, 2)).toEqual([0, 0])],
  ['stretch', (columns) => expect(columns[0]).toBeGreaterThan(5)],
  ['cover', (columns) => expect(columns[0]).toBeGreaterThan(5)],
])('fit %s', async (fit, expectRows) => {
  const { train, reading } = await load({ fit, imageSize: '20', ink: 'dark' })
  expect(reading).toMatchObject({ fit, imageSize: '20x20', ink: 'dark', format: 'pictures' })
  const wide = train.images(2, 3).data // The paper of grey 240 is 15 where there is picture, and 0 in the border.
  expectRows([0, 1, 2].map((row) => wide[row * 20 + 10] as number))
})

test('ink is not turned when the user says that it is light', async () => {
  const [dark, light] = [await load(), await load({ ink: 'light' })]
  const [one, other] = [dark, light].map(({ train }) => train.images(0, 1).data) as [Uint8Array, Uint8Array]
  expect(Array.from(other, (value) => 255 - value).slice(10 * 28, 11 * 28)).toEqual(Array.from(one.slice(10 * 28, 11 * 28)))
  expect(light.description).toBe('pictures by class: 28 x 28, light on dark')
})

test('classes that are numbers count, and a test part is set aside', async () => {
  const { train, test: aside, description } = await loadImages({ data: path('numbered') })
  expect(description).toBe('pictures by class: 28 x 28, light on dark, 3 set aside as the test set')
  expect(train.classNames).toEqual(['9', '10', '11'])
  expect(Array.from(aside.labels).sort()).toEqual([0, 1, 2])
  const brightest = Math.max(...train.images().data, ...aside.images().data)
  expect(brightest).toBe(255) // Pictures of the right size are taken as they are.
})

test('without train/, the folders are the classes; val/ stands in for test/', async () => {
  const { train } = await loadImages({ data: path('pictures', 'train') })
  expect(train.classNames).toEqual(['high', 'low'])
  cpSync(path('pictures', 'test'), path('pictures', 'val'), { recursive: true })
  rmSync(path('pictures', 'test'), { recursive: true })
  expect((await load()).description).toContain('val is the test part')
})

describe('a broken picture', () => {
  const BROKEN = ['pictures', 'train', 'low', '1.jpg'] as const
  beforeEach(() => truncateSync(path(...BROKEN), 300))

  test('is named and refused', async () => {
    writeFileSync(path('pictures', 'test', 'low', '0.png'), 'no picture')
    await expectError(load, 'ERR_INVALID_FILE', path(...BROKEN), '--skip-broken')
    expect(caches()).toEqual([])
  })

  test('is left out if asked, also from the cache', async () => {
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { train, description } = await load({ skipBroken: true })
      expect(train.length).toBe(5)
      expect(Array.from(train.labels)).toEqual([0, 0, 0, 1, 1])
      expect(description).toContain(`1 broken picture left out (${path(...BROKEN)})`)
      expect(caches()).toHaveLength(1)
    }
    await expectError(load, 'ERR_INVALID_FILE', path(...BROKEN))
  })
})

describe('the cache', () => {
  const cacheFile = () => path('pictures', caches()[0] as string)
  const identify = async () => (await identifyDataset((await load()).train)).sha256

  test('gives the same images, and progress all the same', async () => {
    const first = await identify()
    const steps: number[] = []
    const { train } = await load({ onProgress: ({ done, total }) => steps.push(done / total) })
    expect((await identifyDataset(train)).sha256).toBe(first)
    expect(steps).toHaveLength(10)
    expect(steps.at(-1)).toBe(1)
  })

  test.each<[string, () => void]>([
    ['changed', () => flip(1000)],
    ['of other pictures', () => flip(40)],
    ['cut off', () => truncateSync(cacheFile(), 5000)],
    [
      'a folder',
      () => {
        rmSync(cacheFile())
        mkdirSync(path('pictures', '.torch-rnn-mnist-28x28-contain-dark.cache'))
      },
    ],
  ])('is not trusted when it is %s', async (_, spoil) => {
    const first = await identify()
    spoil()
    expect(await identify()).toBe(first)
  })

  function flip(position: number): void {
    const bytes = readFileSync(cacheFile())
    bytes[position] = (bytes[position] as number) ^ 1
    writeFileSync(cacheFile(), bytes)
  }

  test('follows a picture that changes, whatever its time and size', async () => {
    const { train } = await loadImages({ data: path('numbered') })
    const before = (await identifyDataset(train)).sha256
    await writePng(path('numbered', '9', '03.png'), { width: 28, height: 28, pixels: new Uint8Array(784).fill(9) })
    expect((await identifyDataset((await loadImages({ data: path('numbered') })).train)).sha256).not.toBe(before)
  })

  test('is left out where the folder takes none', async () => {
    chmodSync(path('pictures'), 0o555)
    await asOrdinaryUser(async () => expect((await load()).train.length).toBe(6))
    expect(caches()).toEqual([])
    chmodSync(path('pictures'), 0o755)
  })
})

test('an abort ends the reading with its reason', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const reading = load({ signal: controller.signal, onProgress: () => controller.abort(reason) })
  await expect(reading).rejects.toBe(reason)
})

describe('another arrangement is refused', () => {
  test.each<[string, () => void, string[]]>([
    [
      'a class of the test part alone',
      () => cpSync(path('pictures', 'test', 'low'), path('pictures', 'test', 'other'), { recursive: true }),
      ['"other"'],
    ],
    ['a class without pictures', () => mkdirSync(path('pictures', 'train', 'empty')), ['train/empty', 'found nothing']],
    ['one class', () => rmSync(path('pictures', 'train', 'low'), { recursive: true }), ['at least 2 classes', 'only "high"']],
    ['a loop of links', () => symlinkSync('..', path('pictures', 'train', 'loop')), ['train/loop', 'the folder']],
    ['a link to itself', () => symlinkSync('loop', path('pictures', 'train', 'loop')), ['ELOOP']],
  ])('%s', async (_, spoil, parts) => {
    spoil()
    const failure = await load().catch((error: unknown) => error)
    for (const part of parts) expect(String(failure)).toContain(part)
  })

  test('more than 256 classes', async () => {
    for (let label = 0; label < 257; label += 1) cpSync(path('numbered', '9', '00.png'), path('many', `c${label}`, '0.png'))
    await expectError(() => loadImages({ data: path('many') }), 'ERR_INVALID_FILE', 'at most 256 classes', '257')
  })
})
