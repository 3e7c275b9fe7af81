/** What a training with augmentation sees: the addon's images against the definition, and against what reaches the network. */
import { ImageDataset, loadMnist } from '../../lib'
import type { NativeAugmentation } from '../../lib/addon/binding'
import { native } from '../../lib/addon/native'
import { augmentedImages } from '../../lib/data/augmented-images'
import { toNativeDataset } from '../../lib/data/native-data'
import { philox4x32 } from '../../lib/data/philox'
import type { ResolvedAugmentation } from '../../lib/training/augmentation'
import { toAugmentation, USUAL_AUGMENTATION } from '../../lib/training/augmentation'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { smallDataset, useModels } from '../support/sample-models'

const createModel = useModels()

const USUAL: NativeAugmentation = { shift: 2, rotation: 10, scale: 0.1, shear: 5, flip: 0.5 }
const STRONG: ResolvedAugmentation = { augmentShift: 1.5, augmentRotation: 180, augmentScale: 0.5, augmentShear: 30, augmentFlip: 0.9 }

function range(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, sample) => sample)
}

/** Numbers between -1 and 1 for a sample: those of the purpose 4 of Philox. */
function uniformNumbers(seed: number, epoch: number, sample: number): number[] {
  const words = [0, 1].flatMap((part) => philox4x32([2 * sample + part, 0, epoch, 4 << 16], [seed, 0]))
  return words.map((word) => (word + 0.5) / 2 ** 31 - 1)
}

/** The change of an image by the definition, in double precision: the forward matrix, inverted, and the four pixels around each position. */
function changeByDefinition(image: ArrayLike<number>, side: number, numbers: readonly number[], largest: NativeAugmentation): number[] {
  const [turn = 0, right = 0, down = 0, size = 0, lean = 0, flip = 0] = numbers
  const [angle, shear] = [largest.rotation * turn, largest.shear * lean].map((degrees) => (degrees * Math.PI) / 180) as [number, number]
  const scale = 1 + largest.scale * size
  const [cos, sin, tan] = [scale * Math.cos(angle), scale * Math.sin(angle), Math.tan(shear)]
  const mirror = (flip + 1) / 2 < largest.flip ? -1 : 1
  const [a, b, c, d] = [cos * mirror, -cos * tan - sin, sin * mirror, -sin * tan + cos]
  const determinant = a * d - b * c
  const pixel = (x: number, y: number) => (x >= 0 && y >= 0 && x < side && y < side ? (image[y * side + x] as number) : 0)
  return Array.from({ length: side * side }, (_, index) => {
    const u = (index % side) - (side - 1) / 2 - largest.shift * right
    const v = Math.floor(index / side) - (side - 1) / 2 - largest.shift * down
    const x = (d * u - b * v) / determinant + (side - 1) / 2
    const y = (a * v - c * u) / determinant + (side - 1) / 2
    const [left, top] = [Math.floor(x), Math.floor(y)]
    const between = (first: number, second: number, share: number) => first + share * (second - first)
    const upper = between(pixel(left, top), pixel(left + 1, top), x - left)
    return between(upper, between(pixel(left, top + 1), pixel(left + 1, top + 1), x - left), y - top)
  })
}

test('images of MNIST change by the definition', async () => {
  const { train } = await loadMnist()
  for (const [seed, epoch, augmentation] of [
    [1, 0, USUAL],
    [7, 3, toAugmentation(STRONG) as NativeAugmentation],
  ] as const) {
    const samples = Uint32Array.of(0, 1, 17, 59_999)
    const { data, shape } = augmentedImages(train, samples, { seed, epoch, augmentation })
    expect(shape).toEqual([4, 28, 28])
    samples.forEach((sample, index) => {
      const image = Array.from(train.images(sample, sample + 1).data, (byte) => byte / 255)
      const wanted = changeByDefinition(image, 28, uniformNumbers(seed, epoch, sample), augmentation)
      // The same in float32, with positions exact to 2^-32 pixels and weights of 24 bits.
      expectClose(data.subarray(index * 784, (index + 1) * 784), wanted, { atol: 1e-6 }, [28, 28])
    })
  }
})

test('without changes, they are the bytes divided by 255, exactly', () => {
  const dataset = smallDataset(50)
  const { data } = augmentedImages(dataset, range(50), { seed: 1, epoch: 0, augmentation: null })
  expect(data).toEqual(Float32Array.from(dataset.images().data, (byte) => Math.fround(byte / 255)))
})

test('options of zero are no augmentation', () => {
  const none = { augmentShift: 0, augmentRotation: 0, augmentScale: 0, augmentShear: 0, augmentFlip: 0 }
  expect(toAugmentation(none)).toBeNull()
  for (const name of Object.keys(none)) expect(toAugmentation({ ...none, [name]: 0.5 })).not.toBeNull()
  expect(USUAL_AUGMENTATION).toEqual({ ...none, augmentShift: 1.5, augmentRotation: 8, augmentScale: 0.08 }) // As RECIPES.accurate.
})

test('a flip of 1 mirrors every image exactly, and one of 0.5 about half of them, without a change of the other draws', async () => {
  const { train } = await loadMnist()
  const [count, none] = [1000, { shift: 0, rotation: 0, scale: 0, shear: 0, flip: 0 }]
  const seen = (augmentation: NativeAugmentation | null) => {
    const { data } = augmentedImages(train, range(count), { seed: 1, epoch: 0, augmentation })
    return Array.from({ length: count }, (_, sample) => data.subarray(sample * 784, (sample + 1) * 784))
  }
  const plain = seen(null)
  const mirrored = plain.map((image) => image.map((_, pixel) => image[pixel - (pixel % 28) + 27 - (pixel % 28)] as number))
  expect(seen({ ...none, flip: 1 })).toEqual(mirrored)
  const some = seen({ ...none, flip: 0.5 })
  const isMirrored = range(count).map((sample) => ((uniformNumbers(1, 0, sample)[5] as number) < 0 ? 1 : 0))
  expect(some).toEqual(Array.from(isMirrored, (flip, sample) => (flip === 1 ? mirrored : plain)[sample]))
  expect(isMirrored.reduce((sum, flip) => sum + flip, 0) / count).toBeCloseTo(0.5, 1)
  // An image that is not mirrored changes as it does without flips.
  const [moved, both] = [seen({ ...none, shift: 2 }), seen({ ...none, shift: 2, flip: 0.5 })]
  for (const sample of range(count)) if (isMirrored[sample] === 0) expect(both[sample]).toEqual(moved[sample])
})

/** Trains with a hook on the whole network. Returns the images that it saw, in training and in evaluation. */
async function imagesSeen(dataset: ImageDataset, changes: object) {
  const model = createModel({ seed: 3 })
  const seen: { training: number[]; evaluation: number[] } = { training: [], evaluation: [] }
  model.registerForwardHook('', ({ inputs, training }) => {
    seen[training ? 'training' : 'evaluation'].push(...(inputs[0]?.data ?? []))
  })
  await model.train(dataset, { epochs: 2, batchSize: 8, shuffle: false, ...STRONG, ...changes })
  return { ...seen, model }
}

test('are what the network sees in each epoch, while validation and evaluation see the images as they are', async () => {
  const [dataset, others] = [smallDataset(50), smallDataset(20).slice(7)]
  const { model, ...seen } = await imagesSeen(dataset, { validationData: others })
  const expected = [0, 1].flatMap((epoch) =>
    Array.from(augmentedImages(dataset, range(50), { seed: 3, epoch, augmentation: toAugmentation(STRONG) }).data),
  )
  expect(seen.training).toEqual(expected)
  expect(expected.slice(0, 1000)).not.toEqual(expected.slice(1000))
  const plain = Array.from(others.images().data, (byte) => Math.fround(byte / 255))
  expect(seen.evaluation).toEqual([...plain, ...plain])
  await model.evaluate(others)
  expect(seen.evaluation).toEqual([...plain, ...plain, ...plain])
})

test('follow the index in the training set, whatever storage, order or batch a sample is in', async () => {
  const dataset = smallDataset(50)
  const [part = dataset] = dataset.randomSplit([30, 20], { seed: 5 })
  const { data: images, shape } = part.images()
  const copy = new ImageDataset({ images, shape, labels: part.labels, numClasses: part.numClasses })
  const pass = { seed: 9, epoch: 4, augmentation: USUAL }
  const { data } = augmentedImages(part, range(30), pass)
  expect(augmentedImages(copy, range(30), pass).data).toEqual(data)
  const pixels = data.length / 30
  expect(augmentedImages(part, Uint32Array.of(20, 3), pass).data).toEqual(
    Float32Array.of(...data.subarray(20 * pixels, 21 * pixels), ...data.subarray(3 * pixels, 4 * pixels)),
  )
})

test('the same seed trains the same network, and another augmentation another one', async () => {
  const weights = async (changes: object) => {
    const { model } = await imagesSeen(smallDataset(50), { shuffle: true, ...changes })
    return (await model.stateDict()).get('FC.weight')?.data
  }
  const first = await weights({})
  expect(await weights({})).toEqual(first)
  expect(await weights({ augmentShear: 0 })).not.toEqual(first)
  expect(await weights({ augmentFlip: 0 })).not.toEqual(first)
})

test.each<[string, object]>([
  ['augmentShift', { augmentShift: 1001 }],
  ['augmentRotation', { augmentRotation: -1 }],
  ['augmentScale', { augmentScale: 1 }],
  ['augmentShear', { augmentShear: 90 }],
  ['augmentFlip', { augmentFlip: 1.5 }],
  ['augmentFlip', { augmentFlip: -0.5 }],
])('a wrong %s is refused', async (name, options) => {
  await expectError(() => createModel().train(smallDataset(8), options), 'ERR_INVALID_OPTION', name)
})

describe('the addon refuses', () => {
  const dataset = smallDataset(4)
  const into = () => ({ data: new Float32Array(40), shape: [2, 4, 5] })
  const options = { samples: Uint32Array.of(3, 0), seed: 1, epoch: 0, augmentation: USUAL }
  const augment = (changes: object, result: unknown = into()) =>
    native().augment(toNativeDataset(dataset), { ...options, ...changes }, result as ReturnType<typeof into>)

  test.each<[string, object, unknown, string]>([
    ['a sample that the data lacks', { samples: Uint32Array.of(0, 4) }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['samples of another type', { samples: [0, 1] }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['a missing augmentation', { augmentation: undefined }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['a number out of range', { augmentation: { ...USUAL, scale: 0.95 } }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['a probability above 1', { augmentation: { ...USUAL, flip: 1.5 } }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['a number that is none', { augmentation: { ...USUAL, shear: Number.NaN } }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['an epoch that is too large', { epoch: 2 ** 48 }, undefined, 'ERR_INVALID_ARGUMENT'],
    ['a result of another shape', {}, { data: new Float32Array(40), shape: [2, 5, 4] }, 'ERR_INVALID_SHAPE'],
    ['a result of bytes', {}, { data: new Uint8Array(40), shape: [2, 4, 5] }, 'ERR_INVALID_SHAPE'],
  ])('%s', (_, changes, result, code) => {
    expect(() => augment(changes, result)).toThrow(expect.objectContaining({ code }))
  })

  test('nothing of what is right', () => {
    const result = into()
    augment({}, result)
    expect(result.data).toEqual(augmentedImages(dataset, options.samples, options).data)
  })
})
