/** `findLearningRate`: what it trains with, how it ends, and that the model stays as it is. */
import {
  type BatchEvent,
  findLearningRate,
  ImageDataset,
  type ImageRNN,
  type LearningRateStep,
  type LearningRateTestOptions,
  RECIPES,
} from '../../lib'
import { deferred } from '../support/deferred'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { divergingDataset, smallDataset, smallImages, useModels } from '../support/sample-models'

const createModel = useModels()

/** Images with a column more than the models take. */
const WIDER = new ImageDataset({ images: new Uint8Array(4 * 4 * 6), shape: [4, 4, 6], labels: new Uint8Array(4), numClasses: 3 })
/** Three batches of four. */
const DATA = smallDataset(12)
const TEST = { batchSize: 4, steps: 10 } as const
/** A range so narrow that every step has the same rate, but for rounding. */
const RATE = 0.01
const ONE_RATE = { startLearningRate: RATE, endLearningRate: RATE * (1 + 1e-12) } as const

function lossesOf({ curve }: Awaited<ReturnType<typeof findLearningRate>>): number[] {
  return curve.map(({ loss }) => loss)
}

/** The losses of a training's batches. */
async function trainingLosses(model: ImageRNN, data: typeof DATA, epochs: number, options: object = {}): Promise<number[]> {
  const losses: number[] = []
  const onBatch = ({ batchLoss }: BatchEvent) => void losses.push(batchLoss)
  await model.train(data, { epochs, batchSize: 4, logInterval: 1, learningRate: RATE, onBatch, ...options })
  return losses
}

/** What the promise rejects with. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise])
  return outcome.status === 'rejected' ? outcome.reason : 'no rejection'
}

describe('what it trains with', () => {
  test('the rate grows by the same factor from step to step, from end to end', async () => {
    const { curve, ended } = await findLearningRate(createModel(), DATA, { ...TEST, startLearningRate: 1e-4, endLearningRate: 1e-1 })
    expect(ended).toBe('completed')
    // Nine steps for three powers of ten.
    expectClose(
      curve.map(({ learningRate }) => learningRate),
      Array.from({ length: 10 }, (_, step) => 10 ** (-4 + step / 3)),
      { rtol: 1e-12 },
    )
  })

  test('the defaults are 200 steps from 0.00001 to 1', async () => {
    const { curve } = await findLearningRate(createModel(), DATA, { batchSize: 4 })
    expect(curve[0]?.learningRate).toBe(1e-5)
    expect((curve[1]?.learningRate ?? 0) / 1e-5).toBeCloseTo(1e5 ** (1 / 199), 12)
  })

  test.each<[string, LearningRateTestOptions]>([
    ['by default', {}],
    ['with other hyperparameters', { optimizer: 'adamw', betas: [0.8, 0.9], weightDecay: 0.1, labelSmoothing: 0.2, clipGradNorm: 0.1 }],
    ['with changed images, in their order', { augmentShift: 1, shuffle: false }],
  ])('with one rate the losses are those of a training, through several passes, %s', async (_, options) => {
    const losses = lossesOf(await findLearningRate(createModel(), DATA, { ...TEST, ...ONE_RATE, ...options }))
    expectClose(losses, (await trainingLosses(createModel(), DATA, 4, options)).slice(0, 10), { rtol: 1e-6 })
  })

  test('a step is an update of several batches, with their mean loss', async () => {
    const sixteen = smallDataset(16)
    const losses = lossesOf(await findLearningRate(createModel(), sixteen, { ...TEST, ...ONE_RATE, accumulationSteps: 2 }))
    const batches = await trainingLosses(createModel(), sixteen, 5, { accumulationSteps: 2 })
    const means = Array.from({ length: 10 }, (_, step) => ((batches[2 * step] as number) + (batches[2 * step + 1] as number)) / 2)
    expectClose(losses, means, { rtol: 1e-6 })
  })

  test('samples that make no whole step are left out of a pass, unless there are no others', async () => {
    const options = { ...TEST, ...ONE_RATE, shuffle: false }
    const whole = lossesOf(await findLearningRate(createModel(), smallDataset(12), options))
    expect(lossesOf(await findLearningRate(createModel(), smallDataset(14), options))).toEqual(whole)
    const few = lossesOf(await findLearningRate(createModel(), smallDataset(3), options))
    expectClose(few, await trainingLosses(createModel(), smallDataset(3), 10, { shuffle: false }), { rtol: 1e-6 })
  })

  test('the parameters of the model are where it starts from, and the same test gives the same curve', async () => {
    const model = createModel()
    const first = await findLearningRate(model, DATA, TEST)
    expect(await findLearningRate(model, DATA, TEST)).toEqual(first)
    await model.train(DATA, { epochs: 3, learningRate: 0.05 })
    expect((await findLearningRate(model, DATA, TEST)).curve[0]?.loss).toBeLessThan(first.curve[0]?.loss ?? 0)
  })

  test('the suggestion is the valley', async () => {
    const { suggestion, valley, steepest, curve } = await findLearningRate(createModel(), DATA, { ...TEST, steps: 40 })
    const rates = curve.map(({ learningRate }) => learningRate)
    expect(suggestion).toBe(valley)
    expect(rates).toContain(suggestion)
    expect(rates).toContain(steepest)
  })
})

describe('the model stays as it is', () => {
  const { optimizer, clipGradNorm } = RECIPES.accurate.training

  /** The parameters after two trainings, the second of which goes on with the optimizer of the first; between them, perhaps a test. */
  async function stateAfterTrainings(between: (model: ImageRNN) => Promise<unknown>) {
    const model = createModel()
    await model.train(DATA, { epochs: 2, batchSize: 4, optimizer, clipGradNorm, emaDecay: 0.9 })
    const before = await model.stateDict()
    await between(model)
    expect(await model.stateDict()).toEqual(before)
    await model.train(DATA, { epochs: 2, batchSize: 4, optimizer, clipGradNorm, emaDecay: 0.9, optimizerState: 'keep' })
    return await model.stateDict()
  }

  test.each<[string, (model: ImageRNN) => Promise<unknown>]>([
    ['after a whole test', (model) => findLearningRate(model, DATA, TEST)],
    ['after an abort', (model) => reasonOf(abortedAt(model, 3))],
    [
      'after an error of the callback',
      (model) => reasonOf(findLearningRate(model, DATA, { ...TEST, onStep: () => Promise.reject(new Error('mine')) })),
    ],
    ['after data that does not fit', (model) => reasonOf(findLearningRate(model, WIDER, TEST))],
  ])('parameters, optimizer and the order of the next epoch, %s', async (_, between) => {
    expect(await stateAfterTrainings(between)).toEqual(await stateAfterTrainings(async () => {}))
  })

  test('and can be used meanwhile', async () => {
    const model = createModel()
    const shapes: (readonly number[])[] = []
    await findLearningRate(model, DATA, {
      ...TEST,
      onStep: async () => void shapes.push((await model.forward(smallImages(2))).shape),
    })
    expect(shapes).toEqual(Array.from({ length: 10 }, () => [2, 3]))
  })

  test('its hooks do not see the test, and cannot start one', async () => {
    const model = createModel()
    let passes = 0
    const handle = model.registerForwardHook('FC', () => {
      passes += 1
    })
    await findLearningRate(model, DATA, TEST)
    expect(passes).toBe(0)
    handle.remove()
    model.registerForwardHook('FC', () => findLearningRate(model, DATA, TEST).then(() => {}))
    await expectError(() => model.forward(smallImages(2)), 'ERR_BUSY', 'hook')
  })
})

function abortedAt(model: ImageRNN, step: number): Promise<unknown> {
  const controller = new AbortController()
  const onStep = (event: LearningRateStep) => {
    if (event.step === step) controller.abort()
  }
  return findLearningRate(model, DATA, { ...TEST, signal: controller.signal, onStep })
}

describe('how it ends', () => {
  test('where the smoothed loss is more than four times its lowest value', async () => {
    const steps: LearningRateStep[] = []
    const options = {
      ...TEST,
      steps: 60,
      startLearningRate: 1e-3,
      endLearningRate: 100,
      onStep: (step: LearningRateStep) => void steps.push(step),
    }
    const { curve, ended, suggestion } = await findLearningRate(createModel(), DATA, options)
    expect(ended).toBe('diverged')
    expect(curve.length).toBeLessThan(60)
    const smoothed = curve.map(({ smoothedLoss }) => smoothedLoss)
    const isOver = smoothed.map((loss, index) => loss > 4 * Math.min(...smoothed.slice(0, index + 1)))
    expect(isOver.indexOf(true)).toBe(curve.length - 1)
    expect(suggestion).toBeGreaterThan(1e-3)
    expect(steps).toEqual(curve.map((point, index) => ({ step: index + 1, steps: 60, ...point })))
  })

  test('where numbers are not finite any more, which is no error', async () => {
    const model = createModel({ nonlinearity: 'relu' })
    const { curve, ...rest } = await findLearningRate(model, divergingDataset(), { steps: 20, startLearningRate: 50, endLearningRate: 100 })
    expect(rest).toEqual({ ended: 'diverged' }) // Too soon for suggestions.
    expect(curve.length).toBeGreaterThan(0)
    expect(curve.every(({ loss, smoothedLoss }) => Number.isFinite(loss) && Number.isFinite(smoothedLoss))).toBe(true)
  })

  test('with an error where not even the first step can be measured', async () => {
    const model = createModel()
    const state = await model.stateDict()
    state.get('FC.bias')?.data.fill(Number.NaN)
    await model.loadStateDict(state)
    await expectError(() => findLearningRate(model, DATA, TEST), 'ERR_NOT_FINITE')
  })

  test('after an abort with its reason, at once or in the middle', async () => {
    const reason = new Error('enough')
    expect(await reasonOf(findLearningRate(createModel(), DATA, { ...TEST, signal: AbortSignal.abort(reason) }))).toBe(reason)
    expect(await reasonOf(abortedAt(createModel(), 3))).toMatchObject({ name: 'AbortError' })
  })

  test('after an abort while it waits for a training of the model', async () => {
    const model = createModel()
    const [reached, released] = [deferred(), deferred()]
    const onBatch = () => {
      reached.resolve()
      return released.promise
    }
    const training = model.train(DATA, { epochs: 1, onBatch })
    await reached.promise
    const controller = new AbortController()
    const test = reasonOf(findLearningRate(model, DATA, { ...TEST, signal: controller.signal }))
    controller.abort()
    expect(await test).toBe(controller.signal.reason)
    released.resolve()
    await training
  })

  test('with what the callback throws', async () => {
    const thrown = new Error('mine')
    const onStep = () => {
      throw thrown
    }
    expect(await reasonOf(findLearningRate(createModel(), DATA, { ...TEST, onStep }))).toBe(thrown)
  })
})

describe('what it refuses', () => {
  test.each<[object, string[]]>([
    [{ startLearningRate: 0.1, endLearningRate: 0.1 }, ['endLearningRate', 'above the startLearningRate, 0.1,', '0.1 (number)']],
    [{ endLearningRate: 1e-6 }, ['endLearningRate', '0.00001', '0.000001 (number)']],
    [{ learningRate: 0.1 }, ['"learningRate"', 'findLearningRate', 'startLearningRate']],
    [{ schedule: 'cosine' }, ['"schedule"', 'findLearningRate']],
    [{ onStep: 5 }, ['onStep', 'a function', '5 (number)']],
    [{ signal: {} }, ['signal', 'an AbortSignal']],
  ])('%j', async (options, parts) => {
    await expectError(() => findLearningRate(createModel(), DATA, options), 'ERR_INVALID_OPTION', ...parts)
  })

  test('anything that is no model, or no data for it', async () => {
    await expectError(() => findLearningRate({} as ImageRNN, DATA), 'ERR_INVALID_ARGUMENT', 'model', 'an ImageRNN', 'an object')
    await expectError(() => findLearningRate(createModel(), WIDER), 'ERR_INVALID_SHAPE')
    const model = createModel()
    model.dispose()
    await expectError(() => findLearningRate(model, DATA), 'ERR_DISPOSED')
  })
})
