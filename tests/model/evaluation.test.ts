/** The results of predict and evaluate, compared with those of forward and with numbers computed by hand. */
import { findMistakes, ImageDataset } from '../../lib'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { argmaxPerRow, SMALL, smallDataset, smallImages, useModels } from '../support/sample-models'

const createModel = useModels()

/** A model with the same output for every image: logits 0, 2 and 1 for the three classes. */
async function createConstantModel() {
  const model = createModel()
  const state = await model.stateDict()
  state.get('FC.weight')?.data.fill(0)
  state.get('FC.bias')?.data.set([0, 2, 1])
  await model.loadStateDict(state)
  return model
}

describe('predict', () => {
  test('gives the softmax of the logits, and the most probable classes', async () => {
    const model = createModel()
    const { data, shape } = await model.forward(smallImages(7))
    const { classes, probabilities } = await model.predict(smallImages(7))
    expect(Array.from(classes)).toEqual(argmaxPerRow({ data, shape }))
    expect(probabilities.shape).toEqual([7, SMALL.numClasses])
    const expected = Array.from({ length: 7 }, (_, image) => softmax(data.subarray(image * 3, image * 3 + 3))).flat()
    expectClose(probabilities.data, expected, { atol: 1e-6 }) // float32
  })

  test('takes a single image, and gives the lowest of equal classes', async () => {
    const model = createModel()
    const state = await model.stateDict()
    state.get('FC.weight')?.data.fill(0)
    state.get('FC.bias')?.data.fill(0.5)
    await model.loadStateDict(state)
    const { classes, probabilities } = await model.predict({ data: new Uint8Array(20), shape: [4, 5] })
    expect(Array.from(classes)).toEqual([0])
    expectClose(probabilities.data, [1 / 3, 1 / 3, 1 / 3], { atol: 1e-7 })
  })
})

describe('evaluate', () => {
  test('measures each class as by hand', async () => {
    const model = await createConstantModel()
    const { data, shape } = smallImages(6)
    const dataset = new ImageDataset({ images: data, shape, labels: [0, 0, 0, 1, 2, 2], numClasses: 3 })
    const { accuracy, loss, samples, confusionMatrix, perClass } = await model.evaluate(dataset)
    expect(samples).toBe(6)
    expect(accuracy).toBe(1 / 6)
    // Rows are labels, columns predictions; class 1 is always predicted.
    expect(confusionMatrix).toEqual([
      [0, 3, 0],
      [0, 1, 0],
      [0, 2, 0],
    ])
    const logSum = Math.log(1 + Math.exp(2) + Math.exp(1))
    expectClose([loss], [(3 * logSum + (logSum - 2) + 2 * (logSum - 1)) / 6], { rtol: 1e-6 }) // float32
    expect(perClass).toEqual([
      { label: 0, precision: 0, recall: 0, f1: 0, support: 3 }, // Never predicted: the precision is 0.
      { label: 1, precision: 1 / 6, recall: 1, f1: (2 * (1 / 6)) / (1 / 6 + 1), support: 1 },
      { label: 2, precision: 0, recall: 0, f1: 0, support: 2 },
    ])
  })

  test('counts a class without samples as 0', async () => {
    const model = await createConstantModel()
    const { data, shape } = smallImages(2)
    const { perClass } = await model.evaluate(new ImageDataset({ images: data, shape, labels: [1, 1], numClasses: 3 }))
    expect(perClass[2]).toEqual({ label: 2, precision: 0, recall: 0, f1: 0, support: 0 })
    expect(perClass[1]).toEqual({ label: 1, precision: 1, recall: 1, f1: 1, support: 2 })
  })

  test('agrees with predict', async () => {
    const model = createModel()
    const dataset = smallDataset(50)
    const { classes, probabilities } = await model.predict(dataset.images())
    const { accuracy, loss, confusionMatrix } = await model.evaluate(dataset)
    const labels = Array.from(dataset.labels)
    expect(accuracy).toBe(labels.filter((label, index) => classes[index] === label).length / 50)
    for (const [label, row] of confusionMatrix.entries()) {
      for (const [answer, count] of row.entries()) {
        expect(count).toBe(labels.filter((actual, index) => actual === label && classes[index] === answer).length)
      }
    }
    const losses = labels.map((label, index) => -Math.log(probabilities.data[index * 3 + label] ?? 0))
    expectClose([loss], [losses.reduce((sum, value) => sum + value, 0) / 50], { rtol: 1e-5 }) // float32
  })
})

describe('mistakes', () => {
  const dataset = smallDataset(50)

  /** Those of the prediction, the surest first; of equally sure ones, the first. */
  async function expected(model: ReturnType<typeof createModel>) {
    const { classes, probabilities } = await model.predict(dataset.images())
    const all = Array.from(dataset.labels, (label, sample) => {
      const answer = classes[sample] as number
      return { sample, label, answer, probability: probabilities.data[3 * sample + answer] as number }
    })
    return all.filter(({ label, answer }) => label !== answer).sort((one, other) => other.probability - one.probability)
  }

  test('are told where they are asked for', async () => {
    const model = createModel()
    const wrong = await expected(model)
    expect(wrong.length).toBeGreaterThan(5)
    for (const [mistakes, batchSize] of [
      [5, undefined],
      [50, 7],
    ] as const) {
      const evaluation = await model.evaluate(dataset, { mistakes, batchSize })
      expect(evaluation.mistakes).toEqual(
        wrong.slice(0, mistakes).map((mistake) => ({ ...mistake, probability: expect.closeTo(mistake.probability, 6) })),
      )
      expect(evaluation.accuracy).toBe((50 - wrong.length) / 50)
    }
    expect(await model.evaluate(dataset)).not.toHaveProperty('mistakes')
    await expectError(() => model.evaluate(dataset, { mistakes: -1 }), 'ERR_INVALID_OPTION', 'an integer from 0 to 10000', '-1')
  })

  test('are none where everything is right, and come in the order of the data where all are equally sure', async () => {
    const model = await createConstantModel()
    const { data, shape } = smallImages(4)
    const of = (labels: number[]) => new ImageDataset({ images: data, shape, labels, numClasses: 3 })
    expect((await model.evaluate(of([1, 1, 1, 1]), { mistakes: 3 })).mistakes).toEqual([])
    const { mistakes = [] } = await model.evaluate(of([0, 1, 2, 0]), { mistakes: 3 })
    expect(mistakes.map(({ sample, label, answer }) => [sample, label, answer])).toEqual([
      [0, 0, 1],
      [2, 2, 1],
      [3, 0, 1],
    ])
  })

  test('have their images from findMistakes', async () => {
    const model = createModel()
    const [first, ...others] = await findMistakes(model, dataset, { count: 3 })
    expect(others).toHaveLength(2)
    const [wanted] = (await model.evaluate(dataset, { mistakes: 1 })).mistakes ?? []
    const { data, shape } = dataset.images(wanted?.sample, (wanted?.sample ?? 0) + 1)
    expect(first).toEqual({ ...wanted, image: { data, shape: shape.slice(1) } })
    await expectError(() => findMistakes(model, dataset, { count: 121 }), 'ERR_INVALID_OPTION', 'an integer from 1 to 120', '121')
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(findMistakes(model, dataset, { signal })).rejects.toThrow('enough')
  })
})

function softmax(logits: Float32Array): number[] {
  const exponentials = Array.from(logits, Math.exp)
  const sum = exponentials.reduce((total, value) => total + value, 0)
  return exponentials.map((value) => value / sum)
}
