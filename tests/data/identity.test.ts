/** Data sets are named by what they hold, not by where it lies. */
import { createHash } from 'node:crypto'
import { ImageDataset } from '../../lib'
import { identifyDataset } from '../../lib/data/identity'
import { smallDataset, smallImages } from '../support/sample-models'

/** As {@link smallDataset}, with a change. */
function changed(change: {
  images?: (data: Uint8Array) => void
  labels?: (labels: Uint8Array) => void
  float?: boolean
  lengths?: number[]
}): ImageDataset {
  const { data, shape } = smallImages(10)
  const labels = Uint8Array.from({ length: 10 }, (_, index) => index % 3)
  const images = Uint8Array.from(data)
  change.images?.(images)
  change.labels?.(labels)
  const { lengths } = change
  return new ImageDataset({ lengths, images: change.float === true ? Float32Array.from(images) : images, shape, labels, numClasses: 3 })
}

const identity = async (dataset: ImageDataset) => (await identifyDataset(dataset)).sha256

test('the identity is a SHA-256 over the shape and the digests of the parts', async () => {
  const dataset = smallDataset(10)
  const part = createHash('sha256').update(dataset.images().data).update(dataset.labels).digest()
  const whole = createHash('sha256').update('{"shape":[10,4,5],"elements":"uint8"}').update(part).digest('hex')
  expect(await identifyDataset(dataset)).toEqual({ samples: 10, sha256: whole })
})

test('a data set in many parts is hashed to its end', async () => {
  const count = 9000 // 1000 bytes each: three parts.
  const images = new Uint8Array(count * 1000).map((_, index) => index >> 8)
  const init = { images, shape: [count, 10, 100] as [number, number, number], labels: new Uint8Array(count), numClasses: 2 }
  const before = await identity(new ImageDataset(init))
  expect(await identity(new ImageDataset(init))).toBe(before)
  images[images.length - 1] = 1
  expect(await identity(new ImageDataset(init))).not.toBe(before)
})

test('the same samples are the same data set, whatever part of whichever storage they are', async () => {
  const whole = await identity(smallDataset(10))
  expect(await identity(smallDataset(20).slice(0, 10))).toBe(whole)
  // Dealt out at random, and so a list of samples: the same as a data set of copies.
  const [part] = smallDataset(20).randomSplit([10, 10], { seed: 3 }) as [ImageDataset, ImageDataset]
  const copies = new ImageDataset({ images: part.images().data, shape: part.shape, labels: part.labels, numClasses: 3 })
  expect(await identity(part)).toBe(await identity(copies))
  expect(await identity(copies)).not.toBe(whole)
})

test('lengths are a part of it', async () => {
  const lengths = Array.from({ length: 10 }, (_, sample) => (sample % 4) + 1)
  const dataset = changed({ lengths })
  const part = createHash('sha256').update(dataset.images().data).update(dataset.labels).update(Int32Array.from(lengths)).digest()
  const head = '{"shape":[10,4,5],"elements":"uint8","lengths":"int32"}'
  expect(await identity(dataset)).toBe(createHash('sha256').update(head).update(part).digest('hex'))
  expect(await identity(changed({ lengths: lengths.with(9, 1) }))).not.toBe(await identity(dataset))
})

test.each([
  ['a pixel', changed({ images: (data) => data.fill(7, 199) })],
  ['a label', changed({ labels: (labels) => labels.fill(2, 9) })],
  ['the type of the elements', changed({ float: true })],
  ['that there are lengths', changed({ lengths: new Array(10).fill(4) })],
  ['the number of samples', smallDataset(9)],
  ['the shape of the images', new ImageDataset({ images: smallImages(10).data, shape: [10, 5, 4], labels: smallDataset(10).labels })],
])('%s changes it', async (_, dataset) => {
  expect(await identity(dataset)).not.toBe(await identity(smallDataset(10)))
})
