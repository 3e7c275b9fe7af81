/** What a training reports, and what its result depends on. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { BatchEvent, EpochEvent, ImageRNN, TrainOptions } from '../../lib'
import { expectClose } from '../support/expect-close'
import { smallDataset, useModels } from '../support/sample-models'

const createModel = useModels()

/** Ten samples in batches of four: two full batches and a smaller one. */
const TEN = smallDataset(10)
const BATCHES = { batchSize: 4, logInterval: 1 } as const
const SIZES = [4, 4, 2]

interface Told {
  readonly batches: BatchEvent[]
  readonly epochs: EpochEvent[]
  /** Batch and epoch events, in the order in which they came. */
  readonly all: (BatchEvent | EpochEvent)[]
}

/** Trains and keeps all events. */
async function trainAndListen(model: ImageRNN, options: TrainOptions, dataset = TEN): Promise<Told> {
  const told: Told = { batches: [], epochs: [], all: [] }
  await model.train(dataset, {
    ...options,
    onBatch: (event) => {
      told.batches.push(event)
      told.all.push(event)
    },
    onEpoch: (event) => {
      told.epochs.push(event)
      told.all.push(event)
    },
  })
  return told
}

/** The loss of each single sample in the order of training, with constant weights. */
async function lossesInOrder(model: ImageRNN, options: TrainOptions): Promise<number[]> {
  const { batches } = await trainAndListen(model, { batchSize: 1, logInterval: 1, learningRate: 0, ...options })
  return batches.map(({ batchLoss }) => batchLoss)
}

function sorted(numbers: number[]): number[] {
  return numbers.toSorted((a, b) => a - b)
}

describe('batch events', () => {
  test('count batches and samples, the smaller last batch too', async () => {
    const { batches } = await trainAndListen(createModel(), { ...BATCHES, epochs: 2 })
    const counts = batches.map(({ epoch, epochs, batch, batches: all, samples }) => [epoch, epochs, batch, all, samples])
    expect(counts).toEqual([
      [1, 2, 1, 3, 4],
      [1, 2, 2, 3, 8],
      [1, 2, 3, 3, 10],
      [2, 2, 1, 3, 4],
      [2, 2, 2, 3, 8],
      [2, 2, 3, 3, 10],
    ])
  })

  test.each([
    [1, [1, 2, 3]],
    [2, [2, 3]],
    [3, [3]],
    [10, [3]],
  ])('come every %p batches and after the last one', async (logInterval, expected) => {
    const { batches } = await trainAndListen(createModel(), { batchSize: 4, logInterval, epochs: 2 })
    expect(batches.map(({ batch }) => batch)).toEqual([...expected, ...expected])
  })

  test('give means over samples, not over batches', async () => {
    const { batches } = await trainAndListen(createModel(), { ...BATCHES, epochs: 1 })
    let loss = 0
    for (const [index, event] of batches.entries()) {
      loss += event.batchLoss * (SIZES[index] ?? 0)
      expectClose([event.trainLoss], [loss / event.samples], { rtol: 1e-12 }) // The same sum, in doubles.
      const hits = event.trainAccuracy * event.samples
      expectClose([hits], [Math.round(hits)], { atol: 1e-9 })
      expect(event.trainAccuracy).toBeLessThanOrEqual(1)
    }
  })

  test('give the loss before the update of the batch', async () => {
    const { batches } = await trainAndListen(createModel(), { ...BATCHES, epochs: 1, shuffle: false })
    const model = createModel()
    const first = await model.evaluate(TEN.slice(0, 4))
    await model.train(TEN.slice(0, 4), { batchSize: 4, epochs: 1, shuffle: false })
    const second = await model.evaluate(TEN.slice(4, 8))
    const losses = batches.map(({ batchLoss }) => batchLoss)
    expectClose(losses.slice(0, 2), [first.loss, second.loss], { rtol: 1e-6 })
  })

  test('give time and speed since the start of the epoch', async () => {
    const { batches } = await trainAndListen(createModel(), { ...BATCHES, epochs: 1 })
    const times = batches.map(({ seconds }) => seconds)
    expect(times).toEqual(sorted(times))
    for (const { seconds, samples, samplesPerSecond } of batches) {
      expect(seconds).toBeGreaterThan(0)
      expect(samplesPerSecond).toBe(samples / seconds)
    }
  })

  test('wait for each other: the next one comes when the promise of the last is fulfilled', async () => {
    const steps: string[] = []
    await createModel().train(TEN, {
      ...BATCHES,
      epochs: 2,
      onBatch: async ({ epoch, batch }) => {
        steps.push(`${epoch}.${batch} begins`)
        await new Promise((resolve) => setImmediate(resolve))
        steps.push(`${epoch}.${batch} ends`)
      },
      onEpoch: ({ epoch }) => void steps.push(`epoch ${epoch}`),
    })
    const batch = (name: string) => [`${name} begins`, `${name} ends`]
    const epoch = (number: number) => [...[1, 2, 3].flatMap((count) => batch(`${number}.${count}`)), `epoch ${number}`]
    expect(steps).toEqual([...epoch(1), ...epoch(2)])
  })
})

describe('epoch events', () => {
  test('close each epoch with its means, and make up the history', async () => {
    const epochs: EpochEvent[] = []
    const batches: BatchEvent[] = []
    const history = await createModel().train(TEN, {
      ...BATCHES,
      epochs: 3,
      onBatch: (event) => void batches.push(event),
      onEpoch: (event) => void epochs.push(event),
    })
    expect(history.epochs).toEqual(epochs)
    expect(epochs.map(({ type, epoch, epochs: all }) => [type, epoch, all])).toEqual([1, 2, 3].map((epoch) => ['epoch', epoch, 3]))
    const lastBatches = batches.filter(({ batch }) => batch === 3)
    const means = (event: BatchEvent | EpochEvent) => [event.trainLoss, event.trainAccuracy]
    expect(epochs.map(means)).toEqual(lastBatches.map(means))
    for (const { seconds, samplesPerSecond } of epochs) expect(samplesPerSecond).toBe(10 / seconds)
  })

  test('come after the batches of their epoch, and the next epoch waits for them', async () => {
    const { all } = await trainAndListen(createModel(), { ...BATCHES, epochs: 2 })
    expect(all.map(({ type, epoch }) => `${type} ${epoch}`)).toEqual([
      ...Array(3).fill('batch 1'),
      'epoch 1',
      ...Array(3).fill('batch 2'),
      'epoch 2',
    ])
    const model = createModel()
    const seen: boolean[] = []
    let isWaiting = false
    await model.train(TEN, {
      ...BATCHES,
      epochs: 3,
      onBatch: () => void seen.push(isWaiting),
      onEpoch: async () => {
        isWaiting = true
        await new Promise((resolve) => setImmediate(resolve))
        isWaiting = false
      },
    })
    expect(seen).toEqual(Array(9).fill(false))
  })

  test('count one batch when it is larger than the dataset', async () => {
    const { batches, epochs } = await trainAndListen(createModel(), { batchSize: 65536, epochs: 1 })
    expect(batches).toMatchObject([{ batch: 1, batches: 1, samples: 10 }])
    expect(epochs[0]?.trainLoss).toBe(batches[0]?.batchLoss)
  })

  test('are the same in the result of train without a callback', async () => {
    const quiet = await createModel().train(TEN, { batchSize: 4, epochs: 2 })
    const { epochs } = await trainAndListen(createModel(), { ...BATCHES, epochs: 2 })
    expect(quiet.epochs.map(({ trainLoss }) => trainLoss)).toEqual(epochs.map(({ trainLoss }) => trainLoss))
  })
})

test('callbacks run in the asynchronous context of the call to train', async () => {
  const storage = new AsyncLocalStorage<string>()
  const seen: (string | undefined)[] = []
  const look = async () => {
    seen.push(storage.getStore())
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(storage.getStore())
  }
  await storage.run('caller', () => createModel().train(TEN, { epochs: 2, onBatch: look, onEpoch: look }))
  expect(seen).toEqual(Array(8).fill('caller'))
})

describe('the order of the samples', () => {
  test('is that of the dataset without shuffle, in every epoch', async () => {
    const model = createModel()
    const losses = await lossesInOrder(model, { shuffle: false, epochs: 2 })
    const expected: number[] = []
    for (let sample = 0; sample < 10; sample += 1) expected.push((await model.evaluate(TEN.slice(sample, sample + 1))).loss)
    expectClose(losses.slice(0, 10), expected, { rtol: 1e-6 })
    expect(losses.slice(10)).toEqual(losses.slice(0, 10))
    expect(new Set(losses).size).toBe(10) // Otherwise the order could not be seen.
  })

  test('is new in each epoch with shuffle, and covers every sample', async () => {
    const plain = await lossesInOrder(createModel(), { shuffle: false, epochs: 1 })
    const losses = await lossesInOrder(createModel(), { epochs: 3 })
    const epochs = [0, 10, 20].map((start) => losses.slice(start, start + 10))
    for (const epoch of epochs) expect(sorted(epoch)).toEqual(sorted(plain))
    expect(new Set([plain, ...epochs].map(String)).size).toBe(4)
  })

  test('depends on the seed alone', async () => {
    const [model, same, other] = [createModel({ seed: 1 }), createModel({ seed: 1 }), createModel({ seed: 2 })]
    await other.loadStateDict(await model.stateDict())
    const [losses, again, others] = await Promise.all([model, same, other].map((each) => lossesInOrder(each, { epochs: 2 })))
    expect(again).toEqual(losses)
    expect(others).not.toEqual(losses)
    expect(sorted(others ?? [])).toEqual(sorted(losses ?? []))
  })
})

describe('the result of a training', () => {
  test.each([1, 2])('is the same, bit for bit, with the same seed and %p threads', async (threads) => {
    const [first, second] = [createModel({ seed: 7, threads }), createModel({ seed: 7, threads })]
    const options = { epochs: 3, batchSize: 4, logInterval: 1 }
    const [one, other] = [await trainAndListen(first, options), await trainAndListen(second, options)]
    expect(one.batches.map(({ batchLoss }) => batchLoss)).toEqual(other.batches.map(({ batchLoss }) => batchLoss))
    expect(await first.stateDict()).toEqual(await second.stateDict())
  })

  test('does not depend on callbacks', async () => {
    const [quiet, watched] = [createModel(), createModel()]
    await quiet.train(TEN, { batchSize: 4, epochs: 3 })
    await trainAndListen(watched, { ...BATCHES, epochs: 3 })
    expect(await watched.stateDict()).toEqual(await quiet.stateDict())
  })

  test('is different with another learning rate, and nothing changes with 0', async () => {
    const before = await createModel().stateDict()
    const after = async (learningRate: number) => {
      const model = createModel()
      await model.train(TEN, { batchSize: 4, epochs: 1, learningRate })
      return model.stateDict()
    }
    expect(await after(0)).toEqual(before)
    const [small, large] = [await after(0.001), await after(0.01)]
    for (const [name, { data }] of before) {
      // Adam's steps are of about the size of the learning rate, whatever the gradient is.
      const steps = [small, large].map((state) =>
        Math.max(...data.map((value, index) => Math.abs((state.get(name)?.data[index] ?? 0) - value))),
      )
      expect(steps[0]).toBeGreaterThan(1e-4)
      expect(steps[0]).toBeLessThan(0.004) // Three updates.
      expect(steps[1]).toBeGreaterThan(steps[0] ?? 0)
    }
  })

  test('continues from the weights of the previous training', async () => {
    const model = createModel()
    const { epochs: first } = await model.train(TEN, { batchSize: 4, epochs: 20, learningRate: 0.01 })
    const { epochs: second } = await model.train(TEN, { batchSize: 4, epochs: 1, learningRate: 0.01 })
    expect(second[0]?.epoch).toBe(1)
    expect(second[0]?.trainLoss).toBeLessThan(first[0]?.trainLoss ?? 0)
  })
})
