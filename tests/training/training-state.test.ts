/** The seam of a training: ranges of batches, and the whole state taken and given back between them. */
import type { NativeBatchRange, NativeImageRnn, NativeTrainingState } from '../../lib/addon/binding'
import { toNativeDataset } from '../../lib/data/native-data'
import { createNativeModel, PLAIN_ADAM } from '../support/native-models'
import { smallDataset } from '../support/sample-models'

/** Seven batches, the last one smaller. */
const BATCHES = 7
const DATA = smallDataset(50)

async function start(model: NativeImageRnn): Promise<void> {
  await model.startTraining(toNativeDataset(DATA), null, PLAIN_ADAM, { call: 1, batchSize: 8, keepState: false })
}

function train(model: NativeImageRnn, first: number, last: number) {
  const learningRates = Float64Array.from({ length: last - first }, (_, index) => 1e-3 * (1 + first + index)) // A rate of its own for each.
  const range: NativeBatchRange = {
    ...{ call: 1, epoch: 0, first, learningRates, batchSize: 8, shuffle: true, logInterval: 10 },
    ...{ accumulationSteps: 1, labelSmoothing: 0, augmentation: null },
  }
  return model.trainBatches(toNativeDataset(DATA), range, null)
}

test('an epoch goes on in another model, from its state after any batch, bit for bit', async () => {
  const whole = createNativeModel({ seed: 1 })
  await start(whole)
  const { loss, accuracy } = await train(whole, 0, BATCHES)
  const expected = await whole.trainingState()
  expect(expected).toMatchObject({ updates: BATCHES, epochSamples: 50 })
  for (const cut of [1, 4, 6]) {
    const [first, second] = [createNativeModel({ seed: 1 }), createNativeModel({ seed: 1 })]
    await start(first)
    expect(await train(first, 0, cut)).toMatchObject({ batch: cut, batches: BATCHES })
    const state: NativeTrainingState = await first.trainingState()
    await start(second)
    await second.loadTrainingState(state)
    expect(await train(second, cut, BATCHES)).toMatchObject({ batch: BATCHES, samples: 50, loss, accuracy })
    expect(await second.trainingState()).toEqual(expected)
    await Promise.all([first.dispose(), second.dispose()])
  }
  await whole.dispose()
})

test('a state that does not fit is refused, and changes nothing', async () => {
  const model = createNativeModel({ seed: 1 })
  await start(model)
  await train(model, 0, 2)
  const state = await model.trainingState()
  const { ['FC.bias']: _, ...firstMoment } = state.firstMoment
  await expect(model.loadTrainingState({ ...state, firstMoment })).rejects.toMatchObject({ code: 'ERR_INVALID_DATA' })
  expect(() => model.loadTrainingState({ ...state, updates: -1 })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }))
  expect(await model.trainingState()).toEqual(state)
  await model.dispose()
})

test('a range that the data does not have is refused', async () => {
  const model = createNativeModel({ seed: 1 })
  await start(model)
  await expect(train(model, 0, BATCHES + 1)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  await model.dispose()
})
