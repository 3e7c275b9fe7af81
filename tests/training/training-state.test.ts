/** The seam of a training: ranges of batches, and the whole state taken and given back between them. */
import type { NativeBatchRange, NativeImageRnn, NativeOptimizer, NativeProgress, NativeTrainingState } from '../../lib/addon/binding'
import { toNativeDataset } from '../../lib/data/native-data'
import { createNativeModel, PLAIN_ADAM } from '../support/native-models'
import { divergingDataset, smallDataset } from '../support/sample-models'

/** Seven batches, the last one smaller. */
const BATCHES = 7
const DATA = smallDataset(50)

/** Every option that an update can have. */
const ALL: NativeOptimizer = { optimizer: 'adamw', betas: [0.8, 0.99], weightDecay: 0.1, momentum: 0.95, clipGradNorm: 0.1, emaDecay: 0.9 }
const GROUPS: Partial<NativeBatchRange> = { accumulationSteps: 2, labelSmoothing: 0.1 }

async function start(model: NativeImageRnn, optimizer = PLAIN_ADAM, keepState = false): Promise<void> {
  await model.startTraining(toNativeDataset(DATA), null, optimizer, { call: 1, batchSize: 8, keepState })
}

function train(model: NativeImageRnn, first: number, last: number, changes: Partial<NativeBatchRange> = {}) {
  const learningRates = Float64Array.from({ length: last - first }, (_, index) => 1e-3 * (1 + first + index)) // A rate of its own for each.
  const range: NativeBatchRange = {
    ...{ call: 1, epoch: 0, first, learningRates, batchSize: 8, shuffle: true, logInterval: 10 },
    ...{ accumulationSteps: 1, labelSmoothing: 0, augmentation: null },
    ...changes,
  }
  return model.trainBatches(toNativeDataset(DATA), range, null)
}

test.each(['fused', 'torch'] as const)(
  'with %s, an epoch goes on in another model, from its state after any batch, bit for bit',
  async (engine) => {
    const whole = createNativeModel({ engine, seed: 1 })
    await start(whole)
    const { loss, accuracy } = await train(whole, 0, BATCHES)
    const expected = await whole.trainingState()
    expect(expected).toMatchObject({ updates: BATCHES, epochSamples: 50 })
    for (const cut of [1, 4, 6]) {
      const [first, second] = [createNativeModel({ engine, seed: 1 }), createNativeModel({ engine, seed: 1 })]
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
  },
)

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

test('with every option, an epoch goes on from its state after any group, bit for bit, and the model holds the average', async () => {
  const whole = createNativeModel({ seed: 1 })
  await start(whole, ALL)
  await train(whole, 0, BATCHES, GROUPS)
  const expected = await whole.trainingState()
  expect(expected).toMatchObject({ updates: 4, epochBatches: BATCHES, epochSamples: 50 })
  expect(expected.average).not.toEqual(expected.values)
  expect(await whole.stateDict()).toEqual(expected.average)
  for (const cut of [2, 6]) {
    const [first, second] = [createNativeModel({ seed: 1 }), createNativeModel({ seed: 2 })]
    await start(first, ALL)
    await train(first, 0, cut, GROUPS)
    const state = await first.trainingState()
    expect(state.epochBatches).toBe(cut)
    await start(second, ALL)
    await second.loadTrainingState(state)
    expect(await second.stateDict()).toEqual(state.average)
    await first.dispose()
    // The order of the samples follows from the seed, so the rest of the epoch belongs to a model with the same one.
    const third = createNativeModel({ seed: 1 })
    await start(third, ALL)
    await third.loadTrainingState(await second.trainingState())
    await train(third, cut, BATCHES, GROUPS)
    expect(await third.trainingState()).toEqual(expected)
    await Promise.all([second.dispose(), third.dispose()])
  }
  await whole.dispose()
})

test('a call that is stopped in the middle of a group leaves the state of the last update', async () => {
  const [stopped, expected] = [createNativeModel(), createNativeModel()]
  await start(stopped, ALL)
  const onProgress = ({ batch }: NativeProgress, settle: (failure: number) => void) => {
    if (batch === 3) stopped.stop({ call: 1 })
    settle(0)
  }
  const learningRates = new Float64Array(BATCHES).fill(1e-3)
  const range = { call: 1, epoch: 0, first: 0, learningRates, batchSize: 8, shuffle: true, logInterval: 1, augmentation: null }
  const groups = { accumulationSteps: 2, labelSmoothing: 0 }
  await expect(stopped.trainBatches(toNativeDataset(DATA), { ...range, ...groups }, onProgress)).rejects.toMatchObject({
    code: 'ERR_ABORTED',
  })
  const state = await stopped.trainingState()
  const batches = state.epochBatches
  // The stop is heard while the third batch is reported, or when the fourth has made the group whole.
  expect([2, 4]).toContain(batches)
  await start(expected, ALL)
  await expected.trainBatches(toNativeDataset(DATA), { ...range, ...groups, learningRates: learningRates.subarray(0, batches) }, null)
  expect(state).toEqual(await expected.trainingState())
  await Promise.all([stopped.dispose(), expected.dispose()])
})

test('a training that diverges ends with ERR_NOT_FINITE, and its state is the last one that was finite', async () => {
  const model = createNativeModel({ nonlinearity: 'relu' })
  await start(model)
  const learningRates = new Float64Array(8).fill(100)
  const range = { call: 1, epoch: 0, first: 0, learningRates, batchSize: 1, shuffle: false, logInterval: 10, augmentation: null }
  const training = model.trainBatches(toNativeDataset(divergingDataset()), { ...range, accumulationSteps: 1, labelSmoothing: 0 }, null)
  await expect(training).rejects.toMatchObject({
    code: 'ERR_NOT_FINITE',
    message: expect.stringMatching(/ of batch [2-8] is not finite \(.*\)\. Lower the learning rate or clip the gradients\.$/),
  })
  const { values, firstMoment, secondMoment } = await model.trainingState()
  for (const { data } of [values, firstMoment, secondMoment].flatMap((state) => Object.values(state))) {
    expect(data.every(Number.isFinite)).toBe(true)
  }
  await model.dispose()
})

test('a training keeps the state of the one before where that is asked for', async () => {
  const model = createNativeModel()
  await start(model, ALL, true) // There is none before.
  await train(model, 0, BATCHES)
  const before = await model.trainingState()
  await start(model, ALL, true)
  expect(await model.trainingState()).toEqual({ ...before, epochBatches: 0, epochLoss: 0, epochHits: 0, epochSamples: 0 })
  await start(model, PLAIN_ADAM, true) // Without an average, the model gets the parameters.
  expect(await model.stateDict()).toEqual(before.values)
  await start(model)
  expect(await model.trainingState()).toMatchObject({ updates: 0, average: null })
  await model.dispose()
})

test('parameters that are loaded are trained from then on, and averaged', async () => {
  const [model, other] = [createNativeModel({ seed: 1 }), createNativeModel({ seed: 2 })]
  await start(model, ALL)
  await train(model, 0, BATCHES)
  const parameters = await other.stateDict()
  await model.loadStateDict(parameters)
  expect(await model.trainingState()).toMatchObject({ values: parameters, average: parameters, updates: BATCHES })
  await Promise.all([model.dispose(), other.dispose()])
})

describe('the addon itself refuses', () => {
  let model: NativeImageRnn
  beforeAll(async () => {
    model = createNativeModel()
    await start(model)
  })
  afterAll(() => model.dispose())

  const NUMBERS = [Number.NaN, Number.POSITIVE_INFINITY, -1e-9, '1', null]
  const OPTIMIZERS: readonly Record<string, unknown>[] = [
    ...['sgd', undefined, 1].map((optimizer) => ({ optimizer })),
    ...[undefined, 0.9, [0.9], [0.9, 0.999, 0.5], [0.9, 1], [-0.1, 0.9], [0.9, '0.9'], new Float64Array([0.9, 0.9])].map((betas) => ({
      betas,
    })),
    ...[...NUMBERS, undefined, 100.5].map((weightDecay) => ({ weightDecay })),
    ...[...NUMBERS, undefined, 1].map((momentum) => ({ momentum })),
    ...[...NUMBERS, undefined].map((clipGradNorm) => ({ clipGradNorm })),
    ...[...NUMBERS, 1].map((emaDecay) => ({ emaDecay })),
  ]
  test.each(OPTIMIZERS)('the optimizer %p', (changes) => {
    const optimizer = { ...PLAIN_ADAM, ...changes } as NativeOptimizer
    expect(() => model.startTraining(toNativeDataset(DATA), null, optimizer, { call: 1, batchSize: 8, keepState: false })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  const RANGES: readonly Record<string, unknown>[] = [
    ...[0, 1.5, -1, 1e7, undefined, '2'].map((accumulationSteps) => ({ accumulationSteps })),
    ...[...NUMBERS, 1.001, undefined].map((labelSmoothing) => ({ labelSmoothing })),
    ...[[Number.NaN], [-1], [100.1], [Number.POSITIVE_INFINITY]].map((rates) => ({ learningRates: Float64Array.from(rates) })),
    ...[[0.1], new Float32Array(1), undefined].map((learningRates) => ({ learningRates })),
  ]
  test.each(RANGES)('the range %p', (changes) => {
    expect(() => train(model, 0, 1, changes as Partial<NativeBatchRange>)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    )
  })

  test('a range that cuts a group, or leaves a gap', async () => {
    await expect(train(model, 0, 3, GROUPS)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
    await expect(train(model, 2, 4)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  test('states that no training can have', async () => {
    const state = await model.trainingState()
    const spoil = (number: number, arrays: NativeTrainingState['values']) => ({
      ...arrays,
      'FC.bias': { data: Float32Array.of(0, number, 0), shape: [3] },
    })
    for (const bad of [
      { values: spoil(Number.NaN, state.values) },
      { firstMoment: spoil(Number.POSITIVE_INFINITY, state.firstMoment) },
      { secondMoment: spoil(-1, state.secondMoment) },
      { average: state.values },
      { epochSamples: 1 },
      { epochHits: 1 },
    ]) {
      await expect(model.loadTrainingState({ ...state, ...bad })).rejects.toMatchObject({ code: 'ERR_INVALID_DATA' })
    }
    for (const bad of [{ epochBatches: -1 }, { epochLoss: Number.NaN }, { average: 1 }, { average: undefined }]) {
      expect(() => model.loadTrainingState({ ...state, ...bad } as NativeTrainingState)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
      )
    }
    expect(await model.trainingState()).toEqual(state)
  })
})
