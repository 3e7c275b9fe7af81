/** Validation during training. */
import { type EpochEvent, ImageDataset, type ImageRNN } from '../../lib'
import { expectError } from '../support/expect-error'
import { smallDataset, useModels } from '../support/sample-models'

const createModel = useModels()
const DATA = smallDataset(60)
const OPTIONS = { epochs: 3, batchSize: 8 } as const

async function logitsOf(model: ImageRNN): Promise<number[]> {
  return Array.from((await model.forward(DATA.images())).data)
}

test('measures the validation data after each epoch, and does not learn from it', async () => {
  const [model, plain] = [createModel(), createModel()]
  const validationData = smallDataset(20).slice(5, 20)
  const evaluations: number[][] = []
  const { epochs } = await model.train(DATA, {
    ...OPTIONS,
    validationData,
    onEpoch: async () => {
      const { loss, accuracy } = await model.evaluate(validationData)
      evaluations.push([loss, accuracy])
    },
  })
  expect(epochs.map(({ validationLoss, validationAccuracy }) => [validationLoss, validationAccuracy])).toEqual(evaluations)
  expect(evaluations).toHaveLength(3)
  await plain.train(DATA, OPTIONS)
  expect(await logitsOf(model)).toEqual(await logitsOf(plain))
})

test('sets samples aside by the seed of the model: a count or a share', async () => {
  const withoutTimes = ({ seconds: _, samplesPerSecond: __, ...event }: EpochEvent) => event
  const train = async (seed: number, validationSplit: number) => {
    const { epochs } = await createModel({ seed }).train(DATA, { ...OPTIONS, validationSplit })
    return epochs.map(withoutTimes)
  }
  const [rest, validationData] = DATA.randomSplit([45, 15], { seed: 5 })
  if (rest === undefined) throw new Error('two parts')
  const { epochs } = await createModel({ seed: 5 }).train(rest, { ...OPTIONS, ...(validationData && { validationData }) })
  expect(await train(5, 15)).toEqual(epochs.map(withoutTimes))
  expect(await train(5, 0.25)).toEqual(epochs.map(withoutTimes))
  expect(await train(6, 15)).not.toEqual(epochs.map(withoutTimes))
})

test('reports nothing about validation without it', async () => {
  const { epochs } = await createModel().train(DATA, OPTIONS)
  for (const event of epochs) expect(Object.keys(event)).not.toContain('validationLoss')
})

test.each([
  [[60, 61, 0.001, 0.999], 'from 1 to 59'],
  [[0, 1.5, -1, Number.NaN, '5'], 'an integer from 1'],
])('refuses to set any of %p of sixty samples aside', async (splits, expected) => {
  for (const split of splits) {
    const options = { validationSplit: split as number }
    await expectError(() => createModel().train(DATA, options), 'ERR_INVALID_OPTION', 'validationSplit', expected)
  }
})

test('refuses both at once, and what is no data set', async () => {
  const model = createModel()
  await expectError(() => model.train(DATA, { validationData: DATA, validationSplit: 5 }), 'ERR_INVALID_OPTION', 'both')
  await expectError(() => model.train(DATA, { validationData: {} as never }), 'ERR_INVALID_ARGUMENT', 'ImageDataset')
})

test('refuses validation data that does not fit the model, before it learns', async () => {
  const model = createModel({ numClasses: 2 })
  const before = await logitsOf(model)
  const { data, shape } = DATA.images(0, 3)
  const fitting = new ImageDataset({ images: data, shape, labels: [0, 1, 0] })
  await expectError(() => model.train(fitting, { ...OPTIONS, validationData: DATA }), 'ERR_INVALID_DATA', 'validationData', 'numClasses')
  const narrow = new ImageDataset({ images: new Uint8Array(6), shape: [1, 2, 3], labels: [0] })
  await expectError(() => model.train(fitting, { ...OPTIONS, validationData: narrow }), 'ERR_INVALID_SHAPE', 'validationData', 'inputSize')
  expect(await logitsOf(model)).toEqual(before)
})
