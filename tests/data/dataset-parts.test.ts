/** Data sets made from other data sets, and from single IDX files. */
import { writeFile } from 'node:fs/promises'
import { ImageDataset, loadIdx } from '../../lib'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const PIXELS = SMALL.rows * SMALL.inputSize

/** The first pixel identifies a sample of {@link numbered}. */
function numbered(count: number): ImageDataset {
  const images = Float32Array.from({ length: count * PIXELS }, (_, index) => Math.floor(index / PIXELS))
  const labels = Uint8Array.from({ length: count }, (_, index) => index % 3)
  return new ImageDataset({ images, shape: [count, SMALL.rows, SMALL.inputSize], labels, numClasses: 3 })
}

function numbersOf(dataset: ImageDataset): number[] {
  const { data } = dataset.images()
  return Array.from({ length: dataset.length }, (_, index) => data[index * PIXELS] ?? -1)
}

describe('slice', () => {
  test('keeps images, labels and the number of classes', () => {
    const part = numbered(10).slice(3, 7)
    expect(part.shape).toEqual([4, SMALL.rows, SMALL.inputSize])
    expect(numbersOf(part)).toEqual([3, 4, 5, 6])
    expect(Array.from(part.labels)).toEqual([0, 1, 2, 0])
    expect(part.numClasses).toBe(3)
    expect(numbersOf(part.slice(1, 2))).toEqual([4])
    expect(numbersOf(numbered(3).slice())).toEqual([0, 1, 2])
  })

  test.each([
    [-1, 5],
    [0, 0],
    [0, 11],
    [10, 11],
    [4, 4],
    [0.5, 3],
  ])('refuses samples %p to %p of ten', async (start, end) => {
    await expectError(() => numbered(10).slice(start, end), 'ERR_INVALID_ARGUMENT')
  })
})

describe('randomSplit', () => {
  test('gives out every sample once, with its label', () => {
    const parts = numbered(100).randomSplit([60, 30, 10], { seed: 3 })
    expect(parts.map(({ length }) => length)).toEqual([60, 30, 10])
    const numbers = parts.flatMap(numbersOf)
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, index) => index))
    expect(numbers).not.toEqual(numbers.toSorted((a, b) => a - b))
    for (const part of parts) {
      expect(Array.from(part.labels)).toEqual(numbersOf(part).map((number) => number % 3))
      expect(part.numClasses).toBe(3)
    }
  })

  test('depends on the seed', () => {
    const split = (seed?: number) => numbersOf(numbered(50).randomSplit([25, 25], seed === undefined ? {} : { seed })[0] as ImageDataset)
    expect(split(7)).toEqual(split(7))
    expect(split(7)).not.toEqual(split(8))
    expect(split()).toEqual(split(1))
  })

  test('takes shares, and distributes the remainder of rounding as PyTorch does', () => {
    const sizes = (lengths: number[]) =>
      smallDataset(10)
        .randomSplit(lengths)
        .map(({ length }) => length)
    expect(sizes([0.5, 0.5])).toEqual([5, 5])
    expect(sizes([0.33, 0.33, 0.34])).toEqual([4, 3, 3]) // 3, 3, 3 and one left
    expect(sizes([0.1, 0.2, 0.7])).toEqual([1, 2, 7]) // whose sum in binary is not 1
  })

  test.each([[[]], [[5, 6]], [[10, 0]], [[0.5, 0.4]], [[0.5, 5]], [[-1, 11]], [['5', '5']], ['10']])(
    'refuses %p for ten samples',
    async (lengths) => {
      await expectError(() => smallDataset(10).randomSplit(lengths as number[]), 'ERR_INVALID_ARGUMENT', 'whose sum is 10')
    },
  )

  test('refuses shares so small that a part would be empty', async () => {
    await expectError(() => smallDataset(10).randomSplit([0.99, 0.01]), 'ERR_INVALID_ARGUMENT')
  })

  test('refuses unknown options', async () => {
    await expectError(() => smallDataset(4).randomSplit([2, 2], { sed: 1 } as object), 'ERR_INVALID_OPTION', 'sed')
  })
})

describe('loadIdx', () => {
  async function writePair(count: number, labels: number[]): Promise<{ images: string; labels: string }> {
    const files = { images: path('images'), labels: path('labels') }
    const pixels = Array.from({ length: count * 6 }, (_, index) => index)
    await writeFile(files.images, Buffer.from([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, 3, ...pixels]))
    await writeFile(files.labels, Buffer.from([0, 0, 8, 1, 0, 0, 0, labels.length, ...labels]))
    return files
  }

  test('reads images of any size with their labels', async () => {
    const dataset = await loadIdx(await writePair(3, [4, 0, 2]))
    expect(dataset.shape).toEqual([3, 2, 3])
    expect(dataset.numClasses).toBe(5)
    expect(Array.from(dataset.labels)).toEqual([4, 0, 2])
    expect(Array.from(dataset.images(2, 3).data)).toEqual([12, 13, 14, 15, 16, 17])
  })

  test('takes the number of classes that it is given', async () => {
    const files = await writePair(2, [1, 0])
    expect((await loadIdx({ ...files, numClasses: 26 })).numClasses).toBe(26)
    await expectError(() => loadIdx({ ...files, numClasses: 1 }), 'ERR_INVALID_DATA', 'labels[0]')
  })

  test('refuses files that do not fit together', async () => {
    const files = await writePair(3, [1, 0])
    await expectError(() => loadIdx(files), 'ERR_INVALID_FILE', '3 labels', 'found 2')
    await expectError(() => loadIdx({ ...files, labels: files.images }), 'ERR_INVALID_FILE')
    await expectError(() => loadIdx({ ...files, images: path('nothing') }), 'ERR_FILE_SYSTEM', 'nothing')
    await expectError(() => loadIdx({ images: files.images } as never), 'ERR_INVALID_OPTION', 'labels')
    await expectError(() => loadIdx({ ...files, classes: 3 } as never), 'ERR_INVALID_OPTION', 'classes')
    await expectError(() => loadIdx(undefined as never), 'ERR_INVALID_OPTION', 'images')
  })
})
