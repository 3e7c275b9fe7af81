/** What `inspect` shows: compared with PyTorch's numbers, with the other calls, and with the losses of changed networks; and what it refuses. */
import { ImageRNN, type Inspection, loadMnist, type Tensor } from '../../lib'
import { deferred } from '../support/deferred'
import { expectClose, norm } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { formulaWeights, REFERENCE_BATCH, reference } from '../support/reference-numbers'
import { SMALL, smallDataset, smallImages, smallOptions, useModels } from '../support/sample-models'

const createModel = useModels()
const { rows: T, hiddenSize: H, numLayers: L, numClasses: C } = SMALL

/** One index of the first axis. */
function at({ data, shape }: Tensor, index: number): Tensor {
  const rest = shape.slice(1)
  const size = rest.reduce((product, each) => product * each, 1)
  return { data: data.subarray(index * size, (index + 1) * size), shape: rest }
}

function normPerRow(tensor: Tensor): number[] {
  return Array.from({ length: tensor.shape[0] ?? 0 }, (_, row) => norm(at(tensor, row).data))
}

describe.each(['tanh', 'relu'] as const)('of a %s network', (nonlinearity) => {
  test("the states are PyTorch's, and the last probabilities those of predict", async () => {
    const { train } = await loadMnist()
    const images = train.images(0, REFERENCE_BATCH)
    const model = createModel({ inputSize: 28, hiddenSize: 150, numLayers: 3, numClasses: 10, nonlinearity })
    await model.loadStateDict(formulaWeights())
    const { hiddenStates, probabilities } = await model.inspect(images)
    expect(hiddenStates.shape).toEqual([3, 28, REFERENCE_BATCH, 150])
    expect(probabilities.shape).toEqual([28, REFERENCE_BATCH, 10])
    const expected = reference[nonlinearity]
    expectClose(normPerRow(at(hiddenStates, 2)), expected.outputNormPerStep, { rtol: 1e-4 })
    const lastStates = [0, 1, 2].map((layer) => norm(at(at(hiddenStates, layer), 27).data))
    expectClose(lastStates, expected.finalStateNormPerLayer, { rtol: 1e-4 })
    const shown = expected.outputSample0LastStep
    expectClose(at(at(hiddenStates, 2), 27).data.subarray(0, shown.length), shown, { atol: 1e-5, rtol: 1e-5 })
    // With ReLU, the logits of these weights reach the hundreds, so that their rounding shows.
    const { probabilities: predicted } = await model.predict(images)
    expectClose(at(probabilities, 27).data, predicted.data, { atol: nonlinearity === 'tanh' ? 1e-6 : 1e-3 })
  })
})

test('every row is what a shorter image would have ended with', async () => {
  const model = createModel()
  const { data } = smallImages(1)
  const { hiddenStates, probabilities } = await model.inspect({ data, shape: [T, 5] })
  expect(hiddenStates.shape).toEqual([L, T, 1, H])
  for (let rows = 1; rows <= T; rows += 1) {
    const shorter = { data: data.subarray(0, rows * 5), shape: [rows, 5] as const }
    const inside = await model.inspect(shorter)
    expectClose(at(at(hiddenStates, L - 1), rows - 1).data, at(at(inside.hiddenStates, L - 1), rows - 1).data, { atol: 1e-6 })
    expectClose(at(probabilities, rows - 1).data, (await model.predict(shorter)).probabilities.data, { atol: 1e-6 })
  }
})

describe('the gradient norms', () => {
  test('come with labels only, and are the only difference', async () => {
    const model = createModel()
    const plain = await model.inspect(smallImages(3))
    expect(Object.keys(plain)).toEqual(['hiddenStates', 'probabilities'])
    const { gradientNorms, ...rest } = await model.inspect(smallImages(3), { labels: [0, 1, 2] })
    expect(gradientNorms?.shape).toEqual([L, T, 3])
    expect(rest).toEqual(plain)
  })

  // The linear layer alone follows on the top layer's last state, so that the derivative is easily said: W' (p - one-hot).
  test('of the last row are those of the linear layer', async () => {
    const model = createModel()
    const labels = [2, 0, 1]
    const { gradientNorms, probabilities } = await model.inspect(smallImages(3), { labels: new Uint8Array(labels) })
    const weight = (await model.stateDict()).get('FC.weight') as Tensor
    const expected = labels.map((label, image) => {
      const errors = Array.from(at(at(probabilities, T - 1), image).data, (probability, index) => probability - (index === label ? 1 : 0))
      return norm(
        Array.from({ length: H }, (_, unit) => errors.reduce((sum, error, c) => sum + error * (weight.data[c * H + unit] ?? 0), 0)),
      )
    })
    expectClose(at(at(gradientNorms as Tensor, L - 1), T - 1).data, expected, { rtol: 1e-5 })
    // The lower layers' last states act through the layers above them.
    expect(Math.min(...at(at(gradientNorms as Tensor, 0), T - 1).data)).toBeGreaterThan(0)
  })

  test('are the same for bytes and for floats, whoever stands beside an image', async () => {
    const model = createModel({ nonlinearity: 'relu' })
    const { data, shape } = smallImages(4)
    const floats = { data: Float32Array.from(data, (byte) => Math.fround(byte / 255)), shape }
    const labels = [0, 1, 2, 1]
    const all = await model.inspect(smallImages(4), { labels })
    expect(await model.inspect(floats, { labels })).toEqual(all)
    const third = await model.inspect({ data: data.subarray(2 * T * 5, 3 * T * 5), shape: [1, T, 5] }, { labels: labels.slice(2, 3) })
    const ofThird = (all.gradientNorms?.data ?? []).filter((_, index) => index % 4 === 2)
    expectClose(ofThird, third.gradientNorms?.data ?? [], { rtol: 1e-5, atol: 1e-7 })
  })
})

test('forward hooks do not see it, and it changes nothing', async () => {
  const model = createModel()
  const before = await model.stateDict()
  let passes = 0
  model.registerForwardHook('', () => {
    passes += 1
  })
  await model.inspect(smallImages(2), { labels: [0, 1] })
  expect(passes).toBe(0)
  expect(await model.stateDict()).toEqual(before)
})

test('the engine does not matter', async () => {
  const insides: Inspection[] = []
  for (const engine of ['torch', 'fused'] as const)
    insides.push(await createModel({ engine }).inspect(smallImages(3), { labels: [0, 1, 2] }))
  expect(insides[1]).toEqual(insides[0])
})

test('its arrays can be transferred, each alone, and belong to the realm of the caller', async () => {
  const inside = await createModel().inspect(smallImages(2), { labels: [0, 1] })
  expect(Object.getPrototypeOf(inside)).toBe(Object.prototype)
  for (const { data, shape } of Object.values<Tensor>({ ...inside })) {
    expect(shape).toBeInstanceOf(Array)
    expect(data).toBeInstanceOf(Float32Array)
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] })
    expect(data).toHaveLength(0)
  }
})

describe('an abort', () => {
  test('ends it, and the model goes on', async () => {
    const model = createModel()
    const controller = new AbortController()
    const running = model.inspect(smallImages(5000), { labels: new Uint8Array(5000), signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(running).rejects.toThrow('enough')
    await expect(model.inspect(smallImages(2), { signal: AbortSignal.abort('no reason') })).rejects.toBe('no reason')
    expect((await model.inspect(smallImages(2))).probabilities.shape).toEqual([T, 2, C])
  })

  test('ends it at once while it waits for its turn', async () => {
    const model = createModel()
    const [reached, released] = [deferred(), deferred()]
    model.registerForwardHook('', () => {
      reached.resolve()
      return released.promise
    })
    const first = model.forward(smallImages(1))
    await reached.promise
    const controller = new AbortController()
    const waiting = model.inspect(smallImages(1), { signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    released.resolve()
    await first
  })
})

test('a disposal ends it', async () => {
  const model = new ImageRNN(smallOptions())
  const running = model.inspect(smallImages(5000))
  model.dispose()
  await expectError(() => running, 'ERR_DISPOSED')
  await expectError(() => model.inspect(smallImages(1)), 'ERR_DISPOSED')
})

test('it has its turn between the epochs of a training, and is refused inside a hook', async () => {
  const model = createModel({ engine: 'torch' })
  const shapes: number[][] = []
  const onEpoch = async () => void shapes.push((await model.inspect(smallImages(1))).hiddenStates.shape)
  await model.train(smallDataset(6), { epochs: 2, onEpoch })
  expect(shapes).toEqual([
    [L, T, 1, H],
    [L, T, 1, H],
  ])
  model.registerForwardHook('FC', () => model.inspect(smallImages(1)).then(() => undefined))
  await expectError(() => model.forward(smallImages(1)), 'ERR_BUSY', 'inspect')
})

describe('it refuses', () => {
  const model = () => createModel()

  test('images that do not fit', async () => {
    await expectError(() => model().inspect({ data: new Uint8Array(8), shape: [1, 2, 4] }), 'ERR_INVALID_SHAPE', '[N, T, 5]')
    await expectError(() => model().inspect({ data: new Uint8Array(8), shape: [1, 2, 5] }), 'ERR_INVALID_SHAPE', '10 values')
    await expectError(() => model().inspect(undefined as never), 'ERR_INVALID_ARGUMENT', 'images')
    const data = new Float32Array(10).fill(Number.NaN, 7)
    await expectError(() => model().inspect({ data, shape: [1, 2, 5] }), 'ERR_INVALID_DATA', 'index 7')
  })

  test('labels that do not fit', async () => {
    const inspect = (labels: ArrayLike<number>) => () => model().inspect(smallImages(2), { labels })
    await expectError(inspect([0]), 'ERR_INVALID_SHAPE', '2', '1')
    await expectError(inspect([0, 3]), 'ERR_INVALID_DATA', 'labels[1]', '0 to 2')
    await expectError(inspect([0.5, 1]), 'ERR_INVALID_DATA', 'labels[0]')
    await expectError(inspect(3 as never), 'ERR_INVALID_ARGUMENT', 'labels')
    await expectError(inspect(null as never), 'ERR_INVALID_ARGUMENT', 'labels')
  })

  test('options that there are not', async () => {
    await expectError(() => model().inspect(smallImages(1), { batchSize: 1 } as never), 'ERR_INVALID_OPTION', 'labels, signal')
    await expectError(
      () => model().inspect(smallImages(1), { signal: {} as AbortSignal }),
      'ERR_INVALID_OPTION',
      'an AbortSignal for signal',
    )
  })

  test('more states than a result may hold, before it computes', async () => {
    const large = createModel({ inputSize: 1, hiddenSize: 1024, numLayers: 1 })
    const images = { data: new Uint8Array(2 ** 18 + 1), shape: [1, 2 ** 18 + 1, 1] as const }
    await expectError(() => large.inspect(images), 'ERR_INVALID_SHAPE', '268435456', 'Inspect fewer at a time')
  })
})

test('parameters that are not finite give numbers that are not, as forward does', async () => {
  const model = createModel()
  const state = await model.stateDict()
  state.get('FC.bias')?.data.fill(Number.NaN)
  await model.loadStateDict(state)
  const { hiddenStates, probabilities, gradientNorms } = await model.inspect(smallImages(1), { labels: [1] })
  expect(probabilities.data.every(Number.isNaN)).toBe(true)
  expect(gradientNorms?.data.every(Number.isNaN)).toBe(true)
  expect(hiddenStates.data.every(Number.isFinite)).toBe(true)
})
