/** `Uint8ClampedArray`s, as a canvas gives them, count as bytes. */
import { ImageDataset } from '../../lib'
import { SMALL, smallImages, useModels } from '../support/sample-models'

const createModel = useModels()

const [COUNT, LABELS] = [3, [0, 1, 2]]
const { data, shape } = smallImages(COUNT)
/** A part of a larger buffer, so that its offset counts. */
const clamped = new Uint8ClampedArray([9, 9, 9, ...data, 9]).subarray(3, 3 + data.length)

test('as the images of a model', async () => {
  const model = createModel()
  expect(await model.forward({ data: clamped, shape })).toEqual(await model.forward({ data, shape }))
  expect(await model.predict({ data: clamped, shape })).toEqual(await model.predict({ data, shape }))
})

test('as images and labels of a data set, which gives back plain bytes', async () => {
  const dataset = new ImageDataset({ images: clamped, shape, labels: new Uint8ClampedArray(LABELS) })
  expect(dataset.images()).toEqual({ data, shape })
  expect(dataset.labels).toEqual(Uint8Array.from(LABELS))
  const model = createModel()
  const same = new ImageDataset({ images: data, shape, labels: LABELS })
  const [evaluation, expected] = [await model.evaluate(dataset), await model.evaluate(same)]
  expect({ ...evaluation, seconds: 0 }).toEqual({ ...expected, seconds: 0 })
  expect(evaluation.confusionMatrix).toHaveLength(SMALL.numClasses)
})
