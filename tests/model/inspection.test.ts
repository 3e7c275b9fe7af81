/** Inspection of a model: its summary, parameters, features, device, and disposal. */
import { ImageRNN, SaveFeatures } from '../../lib'
import { deferred } from '../support/deferred'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset, smallImages, smallOptions, useModels } from '../support/sample-models'

const createModel = useModels()
const { rows: T, hiddenSize: H, numLayers: L } = SMALL

describe('summary', () => {
  test('has a line for each layer, with shapes and parameters that add up', async () => {
    const model = createModel()
    const lines = model.summary().split('\n')
    expect(lines).toEqual([
      'Model: "ImageRNN"',
      '┌────────────────────────────────┬──────────────┬─────────┐',
      '│ Layer (type)                   │ Output shape │ Param # │',
      '├────────────────────────────────┼──────────────┼─────────┤',
      '│ basic_rnn, layer 0 (RNN, tanh) │ [T, N, 6]    │      78 │',
      '│ basic_rnn, layer 1 (RNN, tanh) │ [T, N, 6]    │      84 │',
      '│ FC (Linear)                    │ [N, 3]       │      21 │',
      '└────────────────────────────────┴──────────────┴─────────┘',
      'Total params: 183 (0.71 KiB)',
    ])
    expect(model.parameterCount).toBe(183)
    const sizes = Array.from((await model.stateDict()).values(), ({ data }) => data.length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(183)
  })

  test("counts the tutorial's network", () => {
    const model = createModel({ inputSize: 28, hiddenSize: 150, numLayers: 3, numClasses: 10 })
    expect(model.parameterCount).toBe(119_110)
    expect(model.summary()).toContain('119,110')
  })
})

describe('SaveFeatures', () => {
  test('keeps the outputs of the latest pass, also after it is closed', async () => {
    const model = createModel()
    const activations = new SaveFeatures(model)
    expect(activations.features).toEqual([])
    await model.forward(smallImages(2))
    await model.forward(smallImages(7))
    activations.close()
    activations.close()
    await model.forward(smallImages(3))
    expect(activations.features.map(({ shape }) => shape)).toEqual([
      [T, 7, H],
      [L, 7, H],
    ])
    // The top layer's state after the last row is its last state.
    const [states, last] = activations.features
    expect(states?.data.slice(-7 * H)).toEqual(last?.data.slice(-7 * H))
  })

  test('observes the given module, and closes with `using`', async () => {
    const model = createModel()
    let features: SaveFeatures
    {
      using activations = new SaveFeatures(model, 'FC')
      features = activations
      expect((await model.forward(smallImages(2))).data).toEqual(features.features[0]?.data)
    }
    const before = features.features
    await model.forward(smallImages(2))
    expect(features.features).toBe(before)
    await expectError(() => new SaveFeatures(model, 'rnn' as never), 'ERR_INVALID_ARGUMENT', 'basic_rnn')
  })
})

describe('to', () => {
  test('returns the model itself, on the device, with the same results', async () => {
    const model = createModel()
    const logits = await model.forward(smallImages(3))
    expect(await model.to('cpu')).toBe(model)
    expect(model.device).toBe('cpu')
    expect(await model.forward(smallImages(3))).toEqual(logits)
    await model.train(smallDataset(10), { epochs: 1 })
  })

  test('refuses other names', async () => {
    const model = createModel()
    for (const device of ['gpu', 'cuda:', 'cuda:x', '', undefined]) {
      await expectError(() => model.to(device as string), 'ERR_INVALID_OPTION', 'auto, cpu, cuda or cuda:N')
    }
  })

  test('refuses a missing device, and says which there are', async () => {
    const model = createModel()
    const error = await expectError(() => model.to('cuda:999'), 'ERR_DEVICE_UNAVAILABLE', 'cuda:999 was asked for', 'this machine has')
    expect(error.stack).toContain('inspection.test.ts')
    expect(model.device).toBe('cpu')
  })

  test('is busy during training', async () => {
    const model = createModel()
    await model.train(smallDataset(10), {
      epochs: 1,
      onEpoch: async () => void (await expectError(() => model.to('cpu'), 'ERR_BUSY', 'being trained')),
    })
    await model.to('cpu')
  })
})

describe('asyncDispose', () => {
  test('waits until the running call has ended', async () => {
    const model = new ImageRNN(smallOptions())
    const settled: string[] = []
    const underWay = deferred()
    // An epoch of seconds. Once it has started, a call that reads must wait for its end.
    const training = model.train(smallDataset(20_000), { epochs: 1000, batchSize: 1, onBatch: () => underWay.resolve() })
    const failure = expectError(() => training, 'ERR_DISPOSED').then(() => settled.push('training'))
    await underWay.promise
    const waiting = expectError(() => model.stateDict(), 'ERR_DISPOSED').then(() => settled.push('stateDict'))
    await model[Symbol.asyncDispose]()
    expect(model.disposed).toBe(true)
    await Promise.all([failure, waiting])
    expect(settled).toContain('training')
    await expectError(() => model.forward(smallImages(1)), 'ERR_DISPOSED')
  })

  test('works again, after dispose, and on a model that never computed', async () => {
    const idle = new ImageRNN(smallOptions())
    await idle[Symbol.asyncDispose]()
    await idle[Symbol.asyncDispose]()
    const used = new ImageRNN(smallOptions())
    await used.forward(smallImages(1))
    used.dispose()
    await used[Symbol.asyncDispose]()
  })

  test('ends a block with `await using`', async () => {
    let model: ImageRNN
    {
      await using scoped = new ImageRNN(smallOptions())
      model = scoped
      await model.forward(smallImages(1))
    }
    expect(model.disposed).toBe(true)
  })
})
