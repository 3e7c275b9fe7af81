import { runInNewContext } from 'node:vm'
import { ImageDataset, ImageRNN, type Tensor, TorchRnnError } from '../../lib'
import type { ImageBatch } from '../../lib/data/image-batch'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset, smallImages, smallOptions, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

/** A value of a type that TypeScript would refuse. */
function wrong<T>(value: unknown): T {
  return value as T
}

describe('forward', () => {
  test('takes [N, T, F] and one image [T, F]', async () => {
    const model = createModel()
    const { data } = smallImages(3)
    const three = await model.forward({ data, shape: [3, SMALL.rows, SMALL.inputSize] })
    expect(three.shape).toEqual([3, SMALL.numClasses])
    const size = SMALL.rows * SMALL.inputSize
    const second = await model.forward({ data: data.slice(size, 2 * size), shape: wrong([SMALL.rows, SMALL.inputSize]) })
    expect(second.shape).toEqual([1, SMALL.numClasses])
    expectClose(second.data, three.data.subarray(3, 6), { atol: 1e-6 }) // A product of another size may sum in another order.
  })

  test('takes any number of rows', async () => {
    const model = createModel()
    const { data } = smallImages(3) // 60 numbers.
    for (const rows of [1, 2, 12]) expect((await model.forward({ data, shape: [12 / rows, rows, 5] })).shape).toEqual([12 / rows, 3])
  })

  test('divides bytes by 255 and leaves floats unchanged', async () => {
    const model = createModel()
    const bytes = smallImages(4)
    const floats = { data: Float32Array.from(bytes.data, (value) => value / 255), shape: bytes.shape }
    const logits = await model.forward(bytes)
    expect(await model.forward(floats)).toEqual(logits)
    const unscaled = { data: Float32Array.from(bytes.data), shape: bytes.shape }
    expect((await model.forward(unscaled)).data).not.toEqual(logits.data)
    expect((await model.forward({ data: new Float32Array(20).fill(-1e30), shape: [1, 4, 5] })).data.every(Number.isFinite)).toBe(true)
  })

  test('reads only its part of a larger buffer, also of shared memory', async () => {
    const model = createModel()
    const images = smallImages(2)
    const expected = await model.forward(images)
    const around = Buffer.alloc(100, 255)
    around.set(images.data, 7)
    expect(await model.forward({ data: around.subarray(7, 47), shape: images.shape })).toEqual(expected)
    const shared = new Uint8Array(new SharedArrayBuffer(50), 10, 40)
    shared.set(images.data)
    expect(await model.forward({ data: shared, shape: images.shape })).toEqual(expected)
  })

  test.each([[Uint8Array], [Float32Array]])("copies: the caller's %p may be changed after the call", async (ArrayType) => {
    const model = createModel()
    const images: ImageBatch = { data: new ArrayType(smallImages(5).data), shape: [5, SMALL.rows, SMALL.inputSize] }
    const expected = await model.forward(images)
    const pending = model.forward(images)
    images.data.fill(1)
    images.shape.fill(1)
    expect(await pending).toEqual(expected)
  })

  test('gives arrays of their own', async () => {
    const model = createModel()
    const first = await model.forward(smallImages(2))
    const expected = [...first.data]
    first.data.fill(7)
    first.shape.fill(7)
    expect([...(await model.forward(smallImages(2))).data]).toEqual(expected)
  })

  const some = new Uint8Array(40)
  test.each<[string, unknown, 'ERR_INVALID_ARGUMENT' | 'ERR_INVALID_SHAPE', string[]]>([
    ['nothing', undefined, 'ERR_INVALID_ARGUMENT', ['images', 'undefined']],
    ['null', null, 'ERR_INVALID_ARGUMENT', ['images', 'null']],
    ['a flat array without a shape', some, 'ERR_INVALID_ARGUMENT', ['images', 'shape', 'a Uint8Array of 40']],
    ['a plain array of data', { data: [1, 2], shape: [1, 1, 2] }, 'ERR_INVALID_ARGUMENT', ['Float32Array']],
    ['doubles', { data: new Float64Array(40), shape: [2, 4, 5] }, 'ERR_INVALID_ARGUMENT', ['Float32Array']],
    ['a DataView', { data: new DataView(some.buffer), shape: [2, 4, 5] }, 'ERR_INVALID_ARGUMENT', ['typed array']],
    ['one dimension', { data: some, shape: [40] }, 'ERR_INVALID_SHAPE', ['[N, T, 5]']],
    ['four dimensions', { data: some, shape: [1, 2, 4, 5] }, 'ERR_INVALID_SHAPE', ['[N, T, 5]']],
    ['another width', { data: some, shape: [2, 5, 4] }, 'ERR_INVALID_SHAPE', ['[N, T, 5]']],
    ['an empty batch', { data: new Uint8Array(0), shape: [0, 4, 5] }, 'ERR_INVALID_SHAPE', ['at least 1']],
    ['no rows', { data: new Uint8Array(0), shape: [2, 0, 5] }, 'ERR_INVALID_SHAPE', ['at least 1']],
    ['too much data', { data: some, shape: [1, 4, 5] }, 'ERR_INVALID_SHAPE', ['20', '40']],
    ['too little data', { data: some, shape: [3, 4, 5] }, 'ERR_INVALID_SHAPE', ['60', '40']],
    ['a negative size', { data: some, shape: [-2, -4, 5] }, 'ERR_INVALID_SHAPE', ['whole numbers']],
    ['half a row', { data: some, shape: [16, 0.5, 5] }, 'ERR_INVALID_SHAPE', ['whole numbers']],
    ['text in the shape', { data: some, shape: ['2', 4, 5] }, 'ERR_INVALID_SHAPE', ['whole numbers']],
    ['an absurd shape', { data: some, shape: [2 ** 40, 2 ** 40, 5] }, 'ERR_INVALID_SHAPE', ['shape']],
  ])('refuses %s, and works on', async (_, images, code, parts) => {
    const model = createModel()
    await expectError(() => model.forward(wrong(images)), code, ...parts)
    expect((await model.forward(smallImages(1))).shape).toEqual([1, 3])
  })
})

describe('datasets that do not fit the model', () => {
  const data = new Uint8Array(24)
  test.each<[string, ImageDataset, 'ERR_INVALID_SHAPE' | 'ERR_INVALID_DATA', string[]]>([
    ['columns', new ImageDataset({ images: data, shape: [2, 2, 6], labels: [0, 1] }), 'ERR_INVALID_SHAPE', ['5 columns', '6']],
    ['labels', new ImageDataset({ images: data.slice(4), shape: [2, 2, 5], labels: [0, 3] }), 'ERR_INVALID_DATA', ['0 to 2', '3']],
  ])('by their %s are refused by train and evaluate', async (_, dataset, code, parts) => {
    const model = createModel()
    await expectError(() => model.evaluate(dataset), code, ...parts)
    await expectError(() => model.train(dataset, { epochs: 1 }), code, ...parts)
    expect((await model.train(smallDataset(3), { epochs: 1 })).epochs).toHaveLength(1)
  })

  test('because they are no datasets are refused', async () => {
    const model = createModel()
    for (const value of [undefined, null, smallImages(3), {}]) {
      await expectError(() => model.evaluate(wrong(value)), 'ERR_INVALID_ARGUMENT', 'an ImageDataset')
      await expectError(() => model.train(wrong(value)), 'ERR_INVALID_ARGUMENT', 'an ImageDataset')
    }
  })
})

describe('state dicts', () => {
  test("have PyTorch's names and shapes, and are copies", async () => {
    const model = createModel()
    const state = await model.stateDict()
    expect(Object.fromEntries([...state].map(([name, { shape }]) => [name, shape]))).toEqual({
      'basic_rnn.weight_ih_l0': [6, 5],
      'basic_rnn.weight_hh_l0': [6, 6],
      'basic_rnn.bias_ih_l0': [6],
      'basic_rnn.bias_hh_l0': [6],
      'basic_rnn.weight_ih_l1': [6, 6],
      'basic_rnn.weight_hh_l1': [6, 6],
      'basic_rnn.bias_ih_l1': [6],
      'basic_rnn.bias_hh_l1': [6],
      'FC.weight': [3, 6],
      'FC.bias': [3],
    })
    for (const { data, shape } of state.values()) expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1))
    const expected = await model.stateDict()
    for (const { data } of state.values()) data.fill(9)
    expect(await model.stateDict()).toEqual(expected)
  })

  test('replace all parameters, in any order of names and from another realm', async () => {
    const [from, to, other] = [createModel({ seed: 1 }), createModel({ seed: 2 }), createModel({ seed: 3 })]
    const state = await from.stateDict()
    await to.loadStateDict(new Map([...state].toReversed()))
    expect(await to.stateDict()).toEqual(state)
    await other.loadStateDict(runInNewContext('new Map(entries)', { entries: [...state] }) as Map<string, Tensor>)
    expect(await other.forward(smallImages(3))).toEqual(await from.forward(smallImages(3)))
  })

  test('are copied when they are loaded', async () => {
    const model = createModel()
    const state = await model.stateDict()
    const expected = await model.stateDict()
    const pending = model.loadStateDict(state)
    for (const { data } of state.values()) data.fill(9)
    await pending
    expect(await model.stateDict()).toEqual(expected)
  })

  const bias = (length: number): Tensor => ({ data: new Float32Array(length), shape: [length] })
  test.each<[string, Record<string, unknown>, 'ERR_INVALID_DATA' | 'ERR_INVALID_SHAPE' | 'ERR_INVALID_ARGUMENT', string[]]>([
    ['a missing name', { 'FC.bias': undefined }, 'ERR_INVALID_DATA', ['FC.bias', 'missing']],
    ['an unknown name', { 'basic_rnn.weight_ih_l2': bias(3) }, 'ERR_INVALID_DATA', ['basic_rnn.weight_ih_l2']],
    ['another length', { 'FC.bias': bias(4) }, 'ERR_INVALID_SHAPE', ['FC.bias', '[3]', '[4]']],
    ['another rank', { 'FC.bias': { ...bias(3), shape: [1, 3] } }, 'ERR_INVALID_SHAPE', ['FC.bias', '[3]', '[1, 3]']],
    ['less data than its shape says', { 'FC.bias': { ...bias(2), shape: [3] } }, 'ERR_INVALID_SHAPE', ['FC.bias', '3', '2']],
    ['doubles', { 'FC.bias': { data: new Float64Array(3), shape: [3] } }, 'ERR_INVALID_ARGUMENT', ['FC.bias', 'Float32Array']],
    ['a number', { 'FC.bias': 3 }, 'ERR_INVALID_ARGUMENT', ['FC.bias', 'an object']],
  ])('with %s are refused, and nothing changes', async (_, changes, code, parts) => {
    const model = createModel()
    const before = await model.stateDict()
    const zeros = [...before].map(([name, { data, shape }]): [string, unknown] => [name, { data: new Float32Array(data.length), shape }])
    const state = Object.entries({ ...Object.fromEntries(zeros), ...changes }).filter(([, value]) => value !== undefined)
    await expectError(() => model.loadStateDict(wrong(new Map(state))), code, ...parts)
    expect(await model.stateDict()).toEqual(before)
  })

  test.each([[undefined], [null], [{}], [[]]])('%p instead of a Map is refused', async (state) => {
    await expectError(() => createModel().loadStateDict(wrong(state)), 'ERR_INVALID_ARGUMENT', 'state', 'a Map')
  })
})

describe('calls', () => {
  test('take effect in their order', async () => {
    const [model, other] = [createModel({ seed: 1 }), createModel({ seed: 2 })]
    const state = await other.stateDict()
    const calls = [model.forward(smallImages(1)), model.loadStateDict(state), model.forward(smallImages(1))] as const
    const [before, , after] = await Promise.all(calls)
    expect(after).toEqual(await other.forward(smallImages(1)))
    expect(after).not.toEqual(before)
  })

  test('fail with a name, a code and the stack of their caller', async () => {
    const model = createModel()
    const misfit = new ImageDataset({ images: new Uint8Array(4), shape: [1, 2, 2], labels: [0] })
    const failures: [string, () => Promise<unknown>][] = [
      [
        'checked in TypeScript',
        function theCaller() {
          return model.forward(wrong(5))
        },
      ],
      [
        'checked by the addon',
        function theCaller() {
          return model.forward({ data: new Uint8Array(4), shape: [1, 2, 2] })
        },
      ],
      [
        'found on the computing thread',
        function theCaller() {
          return model.loadStateDict(new Map())
        },
      ],
      [
        'found in the middle of a training',
        function theCaller() {
          return model.train(misfit)
        },
      ],
    ]
    for (const [where, theCaller] of failures) {
      // Awaited later, when only the recorded stack contains the caller.
      const [outcome] = await Promise.allSettled([theCaller()])
      const error = (outcome as PromiseRejectedResult).reason as TorchRnnError
      expect({ where, isOurs: error instanceof TorchRnnError, name: error.name }).toEqual({ where, isOurs: true, name: 'TorchRnnError' })
      expect(error.code).toMatch(/^ERR_[A-Z_]+$/)
      expect({ where, stack: error.stack }).toEqual({ where, stack: expect.stringContaining(`TorchRnnError: ${error.message}`) })
      expect({ where, stack: error.stack }).toEqual({ where, stack: expect.stringMatching(/theCaller .*image-rnn\.test\.ts/) })
    }
  })
})

describe('dispose', () => {
  const calls: [string, (model: ImageRNN) => unknown][] = [
    ['forward', (model) => model.forward(smallImages(1))],
    ['train', (model) => model.train(smallDataset(1))],
    ['evaluate', (model) => model.evaluate(smallDataset(1))],
    ['stateDict', (model) => model.stateDict()],
    ['loadStateDict', (model) => model.loadStateDict(new Map())],
    ['save', (model) => model.save(path('model.safetensors'))],
    ['threadCount', (model) => model.threadCount()],
    ['registerForwardHook', (model) => model.registerForwardHook('', () => {})],
  ]

  test.each(calls)('makes %s fail', async (_, call) => {
    const model = createModel()
    await model.forward(smallImages(1)) // Its thread runs.
    model.dispose()
    await expectError(() => call(model), 'ERR_DISPOSED', 'disposed')
  })

  test('may come twice, and before any use; the properties of the model stay readable', async () => {
    const model = createModel()
    model.dispose()
    model.dispose()
    expect(model).toMatchObject({ disposed: true, device: 'cpu', options: smallOptions() })
    await expectError(() => model.forward(smallImages(1)), 'ERR_DISPOSED')
  })

  test('happens at the end of a block with `using`', () => {
    const models: ImageRNN[] = []
    {
      using model = new ImageRNN(smallOptions())
      models.push(model)
      expect(model.disposed).toBe(false)
    }
    expect(models[0]?.disposed).toBe(true)
  })

  test('ends the running call and the waiting ones', async () => {
    const model = createModel()
    const reached = new Promise<void>((resolve) => {
      const hook = () => {
        resolve()
        return new Promise<void>(() => {}) // Held in its hook, the call runs for as long as nobody stops it.
      }
      model.registerForwardHook('FC', hook)
    })
    const pending = Promise.allSettled([model.forward(smallImages(1)), model.forward(smallImages(1)), model.stateDict()])
    await reached
    model.dispose()
    const codes = (await pending).map((outcome) => outcome.status === 'rejected' && (outcome.reason as TorchRnnError).code)
    expect(codes).toEqual(['ERR_DISPOSED', 'ERR_DISPOSED', 'ERR_DISPOSED'])
  })

  test('leaves other models and the handles of hooks alone', async () => {
    const [model, other] = [createModel(), createModel()]
    const handle = model.registerForwardHook('', () => {})
    model.dispose()
    handle.remove()
    expect((await other.forward(smallImages(1))).shape).toEqual([1, 3])
  })
})
