/** The arrays of every result are JavaScript's own: they can be transferred, belong to the realm of the caller, and share no memory. */
import type { ImageRNN, Tensor } from '../../lib'
import { native } from '../../lib/addon/native'
import { allocateResult } from '../../lib/addon/result-arrays'
import { expectError } from '../support/expect-error'
import { createNativeModel, PLAIN_ADAM } from '../support/native-models'
import { smallDataset, smallImages, useModels } from '../support/sample-models'

const createModel = useModels()

type NumberArray = Float32Array | Float64Array | Uint8Array

async function hookArrays(model: ImageRNN): Promise<NumberArray[]> {
  const tensors: Tensor[] = []
  for (const module of ['', 'basic_rnn', 'FC'] as const) {
    model.registerForwardHook(module, ({ inputs, outputs }) => void tensors.push(...inputs, ...outputs))
  }
  await model.train(smallDataset(3), { epochs: 1 })
  expect(tensors).toHaveLength(8)
  return tensors.map(({ data }) => data)
}

const RESULTS: [string, (model: ImageRNN) => Promise<NumberArray[]>][] = [
  ['forward', async (model) => [(await model.forward(smallImages(2))).data]],
  ['stateDict', async (model) => Array.from((await model.stateDict()).values(), ({ data }) => data)],
  ['a forward hook', hookArrays],
  [
    'predict',
    async (model) => {
      const { classes, probabilities } = await model.predict(smallImages(2))
      return [classes, probabilities.data]
    },
  ],
]

describe.each(RESULTS)('the arrays of %s', (_, arraysOf) => {
  // Each test file of jest runs in a vm context, whose Float32Array is not that of the main context.
  test('belong to the realm of the caller', async () => {
    for (const array of await arraysOf(createModel())) {
      expect(array instanceof Float32Array || array instanceof Uint8Array).toBe(true)
      expect(array.buffer).toBeInstanceOf(ArrayBuffer)
    }
  })

  test('can be transferred, each alone', async () => {
    const arrays = await arraysOf(createModel())
    expect(new Set(arrays.map(({ buffer }) => buffer)).size).toBe(arrays.length)
    for (const [index, array] of arrays.entries()) {
      const content = [...array]
      expect(content.length).toBeGreaterThan(0)
      expect(array.byteLength).toBe(array.buffer.byteLength) // Nothing else is kept or transferred with it.
      const received = structuredClone(array, { transfer: [array.buffer as ArrayBuffer] })
      expect(array).toHaveLength(0)
      expect([...received]).toEqual(content)
      for (const other of arrays.slice(index + 1)) expect(other.length).toBeGreaterThan(0)
    }
  })
})

test('objects and lists around the arrays belong to the realm of the caller too', async () => {
  const model = createModel()
  const events: unknown[] = []
  model.registerForwardHook('FC', (event) => void events.push(event, event.inputs, event.outputs))
  const logits = await model.forward(smallImages(2))
  const { confusionMatrix } = await model.evaluate(smallDataset(6))
  const prediction = await model.predict(smallImages(2))
  const [event, ...lists] = events
  for (const object of [logits, prediction, event]) expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
  for (const list of [logits.shape, prediction.probabilities.shape, confusionMatrix, ...confusionMatrix, ...lists.slice(0, 2)]) {
    expect(list).toBeInstanceOf(Array)
  }
})

test('errors of the addon belong to the realm of the caller', async () => {
  const model = createModel()
  const failures = [
    () => model.forward({ data: new Uint8Array(3), shape: [1, 4, 5] }), // Found in the call.
    () => model.loadStateDict(new Map()), // Found on the computing thread.
  ]
  for (const failure of failures) await expect(failure()).rejects.toBeInstanceOf(Error)
})

test('the arrays of a training state can be transferred', async () => {
  const model = createNativeModel()
  const [images] = [smallDataset(3).images()]
  const storage = new (native().ImageStorage)(images, { data: new Uint8Array(3), shape: [3] })
  await model.startTraining(new (native().Dataset)(storage, { first: 0, count: 3 }), null, PLAIN_ADAM, {
    call: 1,
    batchSize: 0,
    keepState: false,
  })
  const { values, firstMoment, secondMoment } = await model.trainingState()
  for (const { data } of [values, firstMoment, secondMoment].flatMap((state) => Object.values(state))) {
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] })
    expect(data).toHaveLength(0)
  }
  await model.dispose()
})

describe('without memory for a result', () => {
  // No machine has this much, so that JavaScript itself refuses it.
  const TOO_MUCH = [2 ** 45, 8]

  test('the error says so', async () => {
    await expectError(() => allocateResult('float32', TOO_MUCH), 'ERR_OUT_OF_MEMORY', '[35184372088832, 8]')
  })

  test('the call that it belongs to rejects, whether for its own result or for an event of a hook', async () => {
    const model = createNativeModel({}, () => allocateResult('float32', TOO_MUCH))
    const forward = () => model.forward(smallImages(1), { call: 1, batchSize: 0 })
    await expect(forward()).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' })
    await expect(model.stateDict()).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY' })
    const called: unknown[] = []
    model.setForwardHook('FC', (event) => void called.push(event))
    await expect(forward()).rejects.toMatchObject({ code: 'ERR_OUT_OF_MEMORY', message: expect.stringContaining('[35184372088832, 8]') })
    expect(called).toEqual([])
    await model.dispose()
  })

  test('an allocator that gives something else is refused', async () => {
    for (const wrong of [undefined, {}, { data: new Float32Array(2), shape: [] }, { data: new Float64Array(3), shape: [] }]) {
      const model = createNativeModel({}, () => wrong as Tensor)
      await expect(model.forward(smallImages(1), { call: 1, batchSize: 0 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
      await model.dispose()
    }
  })
})

test('more classes than a byte can number are told apart by the addon', async () => {
  const model = createNativeModel({ numClasses: 300 })
  const state = await model.stateDict()
  state['FC.weight']?.data.fill(0)
  state['FC.bias']?.data.fill(0).fill(1, 299)
  await model.loadStateDict(state)
  expect([...(await model.predict(smallImages(2), { call: 1, batchSize: 0 })).classes.data]).toEqual([299, 299])
  await model.dispose()
})
