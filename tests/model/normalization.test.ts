/** A normalization of the input belongs to the model: it has the effect of normalised data, and goes where the model goes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { ImageDataset, ImageRNN, type Normalization } from '../../lib'
import { readModelFile } from '../../lib/model/model-file'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset, smallImages, smallOptions, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()
const { inputSize: F } = SMALL

const NORMALIZATION: Normalization = { mean: [0.1, -0.2, 0, 0.5, 2], std: [0.5, 1, 3, 0.25, 0.125] }
const COUNT = 12

/** What float32 arithmetic makes of images, by hand. */
function normalised(): { data: Float32Array; shape: [number, number, number] } {
  const { data, shape } = smallImages(COUNT)
  const { mean, std } = NORMALIZATION
  const one = (byte: number, index: number) =>
    Math.fround(Math.fround(Math.fround(byte / 255) - Math.fround(mean[index % F] ?? 0)) / Math.fround(std[index % F] ?? 1))
  return { data: Float32Array.from(data, one), shape }
}

describe.each(['torch', 'fused'] as const)('with the engine %s, a model with one', (engine) => {
  test('does what one without does with normalised images', async () => {
    const [model, plain] = [createModel({ engine, normalization: NORMALIZATION }), createModel({ engine })]
    const { data, shape } = normalised()
    const labels = smallDataset(COUNT).labels
    const datasets = [smallDataset(COUNT), new ImageDataset({ images: data, shape, labels, numClasses: 3 })] as const
    const pairs = [
      [model, datasets[0]],
      [plain, datasets[1]],
    ] as const
    const results = []
    for (const [each, dataset] of pairs) {
      const history = await each.train(dataset, { epochs: 2, batchSize: 5, validationSplit: 3 })
      const losses = history.epochs.map(({ trainLoss, validationLoss }) => [trainLoss, validationLoss])
      const { loss } = await each.evaluate(dataset)
      const inside = await each.inspect(dataset.images(), { labels })
      results.push({ losses, loss, inside, logits: await each.forward(dataset.images()), state: await each.stateDict() })
    }
    expect(results[0]).toEqual(results[1])
  })
})

test('a saved model has it, and so has a checkpoint', async () => {
  const model = createModel({ normalization: NORMALIZATION })
  await model.train(smallDataset(COUNT), { epochs: 1, checkpoints: { folder: path('run') } })
  await model.save(path('model.safetensors'))
  await using same = await ImageRNN.load(path('model.safetensors'), { device: 'cpu', threads: 1 })
  expect(same.options.normalization).toEqual(NORMALIZATION)
  expect(await same.forward(smallImages(3))).toEqual(await model.forward(smallImages(3)))
  const resume = { resume: path('run'), epochs: 2 }
  await expectError(() => createModel().train(smallDataset(COUNT), resume), 'ERR_INVALID_OPTION', 'normalization')
  const again = createModel({ normalization: NORMALIZATION })
  expect((await again.train(smallDataset(COUNT), resume)).epochs).toHaveLength(2)
})

test('a file with a wrong one is refused', async () => {
  const model = createModel({ normalization: NORMALIZATION })
  await model.save(path('model.safetensors'))
  const bytes = readFileSync(path('model.safetensors'), 'latin1')
  writeFileSync(path('wrong.safetensors'), bytes.replace('0.125]', '-0.25]'), 'latin1')
  await expectError(() => readModelFile(path('wrong.safetensors')), 'ERR_INVALID_FILE', 'normalization.std')
})

describe('that of a data set', () => {
  test('is the mean and the deviation of each feature', async () => {
    const { data } = smallImages(COUNT)
    const { mean, std } = await smallDataset(COUNT).normalization()
    for (let feature = 0; feature < F; feature += 1) {
      const values = Array.from(
        data.filter((_, index) => index % F === feature),
        (byte) => byte / 255,
      )
      const average = values.reduce((sum, value) => sum + value, 0) / values.length
      const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length
      expectClose([mean[feature] ?? Number.NaN, std[feature] ?? Number.NaN], [average, Math.sqrt(variance)], { rtol: 1e-12 })
    }
    const model = createModel({ normalization: { mean, std } })
    expect(model.options.normalization).toEqual({ mean, std })
  })

  test('counts real rows only, keeps its digits far from 0, and takes 1 for what never changes', async () => {
    const images = Float32Array.of(1e6, 3, 1e6 + 2, 3, 99, 99, 1e6 + 4, 3, -7, -7, -7, -7)
    const dataset = new ImageDataset({ images, shape: [2, 3, 2], labels: [0, 1], lengths: [2, 1] })
    expect(await dataset.normalization()).toEqual({ mean: [1e6 + 2, 3], std: [expect.closeTo(Math.sqrt(8 / 3), 10), 1] })
    expect(await dataset.slice(1).normalization()).toEqual({ mean: [1e6 + 4, 3], std: [1, 1] })
    const [part] = dataset.randomSplit([1, 1]) as [ImageDataset, ImageDataset]
    expect((await part.normalization()).mean).toEqual([part.labels[0] === 0 ? 1e6 + 1 : 1e6 + 4, 3])
  })
})

test.each([
  [{ mean: [0, 0], std: [1, 1] }, 'normalization.mean'],
  [{ mean: [0, 0, 0, 0, 0], std: [1, 1, 1, 1, 0] }, 'normalization.std'],
  [{ mean: [0, 0, 0, 0, Number.NaN], std: [1, 1, 1, 1, 1] }, 'normalization.mean'],
  [{ mean: [0, 0, 0, 0, 0] }, 'normalization.std'],
  [{ mean: 0, std: 1 }, 'normalization.mean'],
  [{ mean: [], std: [], deviation: [] }, 'normalization'],
  ['yes', 'normalization'],
])('%j is refused', async (normalization, name) => {
  await expectError(
    () => new ImageRNN(smallOptions({ normalization: normalization as Normalization })),
    'ERR_INVALID_OPTION',
    `for ${name}`,
  )
})
