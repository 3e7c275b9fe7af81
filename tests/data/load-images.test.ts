/** Data sets in the formats in which people download them. The fixtures come from tests/fixtures/data/make_data.py. */
import { cpSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type ImageDataset, type LoadImagesOptions, loadImages } from '../../lib'
import { expectError } from '../support/expect-error'
import { useTemporaryFolder } from '../support/temporary-folder'

const FIXTURES = join(__dirname, '..', 'fixtures', 'data')
const SIDE = 28

const path = useTemporaryFolder()

/** Fixtures are only read: what is kept beside data goes into a copy. */
function fixture(...names: string[]): string {
  return join(FIXTURES, ...names)
}

/** What make_data.py puts into image i of a part, upright. */
function pixelsOf(index: number, rows = SIDE, columns = SIDE): number[] {
  return Array.from({ length: rows * columns }, (_, place) => (31 * index + 7 * Math.floor(place / columns) + (place % columns)) % 256)
}

function expectImages(dataset: ImageDataset, scale = 1): void {
  for (let index = 0; index < dataset.length; index += 1) {
    const expected = pixelsOf(index).map((value) => Math.fround(value / scale))
    expect(Array.from(dataset.images(index, index + 1).data)).toEqual(expected)
  }
}

describe('EMNIST', () => {
  const { length: digits } = '0123456789'
  test.each([
    ['balanced', 47, ['0', '1'], 't', ''],
    ['byclass', 62, ['0', '1'], 'z', ''],
    ['bymerge', 47, ['0', '1'], 't', ''],
    ['digits', digits, ['0', '1'], '9', ''],
    ['letters', 26, ['A/a', 'B/b'], 'Z/z', ', labels from 1'],
    ['mnist', digits, ['0', '1'], '9', ''],
  ])('%s', async (subset, classes, firstNames, lastName, labels) => {
    const { train, test, description, reading } = await loadImages({ data: fixture('emnist'), subset })
    expect(description).toBe(`EMNIST ${subset}: transposed${labels}`)
    expect([train.shape, test.shape]).toEqual([
      [6, SIDE, SIDE],
      [3, SIDE, SIDE],
    ])
    expect(train.numClasses).toBe(classes)
    expect(test.numClasses).toBe(classes)
    expect(train.classNames?.slice(0, 2)).toEqual(firstNames)
    expect(train.classNames?.at(-1)).toBe(lastName)
    expect(Array.from(train.labels)).toEqual(Array.from({ length: 6 }, (_, index) => (5 * index) % classes))
    for (const part of [train, test]) expectImages(part)
    expect(reading).toMatchObject({ format: 'idx', subset, orientation: 'transposed', firstLabel: labels === '' ? 0 : 1 })
  })

  test('is not chosen for the user among the six', async () => {
    const names = ['"emnist-balanced"', '"emnist-mnist"', 'subset (--subset)']
    await expectError(() => loadImages({ data: fixture('emnist') }), 'ERR_INVALID_FILE', 'expected one data set but found 6', ...names)
    await expectError(() => loadImages({ data: fixture('emnist'), subset: 'b' }), 'ERR_INVALID_FILE', 'found 3 of')
    const { description } = await loadImages({ data: fixture('emnist'), subset: 'digit' })
    expect(description).toBe('EMNIST digits: transposed')
  })

  test('lies as the user says', async () => {
    const data = { data: fixture('emnist'), subset: 'letters' }
    const { train, description } = await loadImages({ ...data, orientation: 'upright', firstLabel: 0, labelNames: lettersWithUnused() })
    expect(description).toBe('EMNIST letters')
    expect(Array.from(train.images(1, 2).data.subarray(0, 3))).toEqual([31, 38, 45])
    expect(train.labels[0]).toBe(1)
    expect(train.classNames?.slice(0, 2)).toEqual(['none', 'letter 1'])
  })

  function lettersWithUnused(): string {
    return ['none', ...Array.from({ length: 26 }, (_, index) => `letter ${index + 1}`)].join(',')
  }

  test('with a first label that some labels do not reach', async () => {
    const options = { data: fixture('emnist'), subset: 'digits', firstLabel: 1 }
    await expectError(() => loadImages(options), 'ERR_INVALID_FILE', 'expected labels from 1 but found 0 for sample 0')
  })
})

test.each<[string, LoadImagesOptions, string, number[], number[]]>([
  ["KMNIST in torchvision's folder", { data: fixture('kmnist') }, 'KMNIST: in KMNIST/raw', [20], [10]],
  ["MNIST in torchvision's folder", { data: fixture('torchvision') }, 'IDX files: in MNIST/raw', [20], [10]],
  ["Kaggle's folder for each file", { data: fixture('kaggle') }, 'IDX files', [20], [10]],
  ['a dot before idx', { data: pathToFileURL(fixture('dots')) }, 'IDX files', [20], [10]],
  ['QMNIST, with labels of eight columns', { data: fixture('qmnist') }, 'QMNIST', [12], [6]],
  ['arrays of Keras', { data: fixture('npz', 'keras.npz') }, 'NumPy arrays', [6], [3]],
  [
    'compressed arrays of MedMNIST, with labels of one column',
    { data: fixture('npz', 'medmnist.npz') },
    'NumPy arrays: its validation part is not used',
    [6],
    [6],
  ],
  ['an archive for each array', { data: fixture('npz', 'kmnist') }, 'KMNIST', [10], [10]],
  ['a table with the places of pixels as names', { data: fixture('csv', 'mnist') }, 'CSV', [12], [4]],
  ['a table without names, transposed', { data: fixture('csv', 'emnist') }, 'EMNIST letters (CSV): transposed, labels from 1', [6], [3]],
])('%s', async (_, options, description, trainCount, testCount) => {
  const loaded = await loadImages(options)
  expect(loaded.description).toBe(description)
  expect([loaded.train.length, loaded.test.length]).toEqual([...trainCount, ...testCount])
  for (const part of [loaded.train, loaded.test]) expectImages(part)
})

test("Kuzushiji's classes have names", async () => {
  const { train } = await loadImages({ data: fixture('kmnist') })
  expect(train.classNames?.join('')).toBe('おきすつなはまやれを')
})

test("QMNIST's labels are those of the first column", async () => {
  const { train } = await loadImages({ data: fixture('qmnist') })
  expect(Array.from(train.labels)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
})

describe('IDX of other types and ranks', () => {
  test.each(['int32', 'flat', 'channel', 'float32', 'float64'])('%s', async (subset) => {
    const { train, test: aside } = await loadImages({ data: fixture('idx-types'), subset, testSplit: 1 })
    expect(aside.length).toBe(1)
    const isFloat = subset.startsWith('float')
    const whole = await loadImages({ data: fixture('idx-types'), subset, testSplit: 1, splitSeed: 2 })
    const samples = [train, aside, whole.train, whole.test].flatMap((part) =>
      Array.from({ length: part.length }, (_, index) => part.images(index, index + 1).data),
    )
    const expected = [0, 1, 2, 3].map((index) => String(pixelsOf(index).map((value) => (isFloat ? Math.fround(value / 255) : value))))
    for (const sample of samples) {
      expect(sample.BYTES_PER_ELEMENT).toBe(isFloat ? 4 : 1)
      expect(expected).toContain(String(Array.from(sample)))
    }
  })
})

test('sequences of different length, with names of their classes', async () => {
  const { train, test: aside, description } = await loadImages({ data: fixture('npz', 'sequences.npz') })
  expect(description).toBe('NumPy arrays: floats as they are, sequences of different length, 1 set aside as the test set')
  expect(train.classNames).toEqual(['walk', 'run', 'läuft'])
  const samples = [train, aside].flatMap((part) =>
    Array.from({ length: part.length }, (_, index) => [part.images(index, index + 1).data[0], part.labels[index], part.lengths?.[index]]),
  )
  const expected = [5, 4, 3, 2, 1, 5].map((length, index) => [Math.fround((15 * index - 40) / 10), index % 3, length])
  expect(samples.sort((one, other) => Number(one[0]) - Number(other[0]))).toEqual(expected)
})

test('single files, each of its own kind', async () => {
  const { train, test: aside } = await loadImages({
    trainImages: fixture('npy', 'train-images.npy'),
    trainLabels: fixture('npy', 'train-labels.npy'),
    testImages: fixture('csv', 'mnist', 'mnist_test.csv'),
  })
  expect(Array.from(train.labels)).toEqual([0, 1, 2, 0])
  expect(Array.from(aside.labels)).toEqual([0, 1, 2, 3])
  for (const part of [train, aside]) expectImages(part)
})

test.each<[string, LoadImagesOptions, string[]]>([
  ['beside a folder', { data: 'x', trainImages: 'y' }, ['trainImages', 'no path beside data']],
  ['of labels alone', { trainLabels: 'x' }, ['trainImages', 'beside trainLabels']],
  ['of a test part alone', { testImages: 'x' }, ['trainImages', 'beside testImages']],
  ['of test labels without images', { trainImages: 'x', testLabels: 'y' }, ['testImages']],
  ['without a name', { data: '' }, ['data', 'file or folder']],
])('files %s are refused', async (_, options, parts) => {
  await expectError(() => loadImages(options), 'ERR_INVALID_OPTION', ...parts)
})

test('a table with names, quotes, a byte order mark, and the label last', async () => {
  const { train, test: aside, description } = await loadImages({ data: fixture('csv', 'named.csv.gz') })
  expect(description).toBe('CSV: 2 set aside as the test set')
  expect(train.classNames).toEqual(['cat, or "kitten"', 'dog'])
  expect(Array.from(aside.labels).sort()).toEqual([0, 1])
  expect(Array.from(train.labels.subarray(0, 4))).toHaveLength(4)
})

test('a test table without labels is left out', async () => {
  const { description, train } = await loadImages({ data: fixture('csv', 'digit-recognizer') })
  expect(description).toBe('CSV: test.csv has no labels, 2 set aside as the test set')
  expect(train.length).toBe(18)
})

describe('a test part that is set aside', () => {
  const load = (options: LoadImagesOptions) => loadImages({ data: fixture('csv', 'digit-recognizer'), ...options })

  test('has the same share of each class', async () => {
    const { test: aside } = await load({ testSplit: 0.5 })
    expect(Array.from(aside.labels).sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('follows from its own seed', async () => {
    const [one, same, other] = await Promise.all([load({ testSplit: 5 }), load({ testSplit: 5 }), load({ testSplit: 5, splitSeed: 2 })])
    const pixels = ({ test: aside }: { test: ImageDataset }) => String(aside.images().data)
    expect(pixels(same)).toBe(pixels(one))
    expect(pixels(other)).not.toBe(pixels(one))
  })

  test.each([0.001, 20])('of %p samples is refused', async (testSplit) => {
    await expectError(() => load({ testSplit }), 'ERR_INVALID_DATA', 'testSplit', '20 samples')
  })
})

test('a link that leads back makes no second data set', async () => {
  cpSync(fixture('emnist'), path('emnist'), { recursive: true })
  symlinkSync('.', path('emnist', 'loop'))
  const { description } = await loadImages({ data: path('emnist'), subset: 'letters' })
  expect(description).toBe('EMNIST letters: transposed, labels from 1')
})

test('names from a file replace those of the data', async () => {
  cpSync(fixture('emnist'), path('emnist'), { recursive: true })
  const labelNames = path('emnist', 'emnist-byclass-mapping.txt')
  await expectError(() => loadImages({ data: path('emnist'), subset: 'letters', labelNames: 'a,b' }), 'ERR_INVALID_FILE', 'a name for each')
  const { train } = await loadImages({ data: path('emnist'), subset: 'letters', labelNames })
  expect(train.classNames).toHaveLength(61)
  expect(train.classNames?.slice(0, 2)).toEqual(['1', '2'])
})

test('what is not recognised is answered with what was found', async () => {
  await expectError(() => loadImages({ data: __dirname }), 'ERR_INVALID_FILE', 'IDX files named as those of MNIST', 'augmentation.test.ts')
  cpSync(fixture('torchvision', 'MNIST', 'raw', 'train-images-idx3-ubyte'), path('odd', 'pictures.bin'))
  cpSync(fixture('kmnist', 'KMNIST', 'raw', 'train-labels-idx1-ubyte.gz'), path('odd', 'classes.bin'))
  const found = 'found "classes.bin" (IDX, 20 labels), "pictures.bin" (IDX, 20 images of 28 x 28)'
  await expectError(() => loadImages({ data: path('odd') }), 'ERR_INVALID_FILE', found, '--train-images')
  const idx = fixture('emnist', 'emnist-letters-train-images-idx3-ubyte.gz')
  await expectError(() => loadImages({ data: idx }), 'ERR_INVALID_FILE', 'found one IDX file', '--train-images')
  await expectError(() => loadImages({ data: fixture('qmnist'), format: 'csv' }), 'ERR_INVALID_FILE', 'data of the format csv', 'IDX files')
})
