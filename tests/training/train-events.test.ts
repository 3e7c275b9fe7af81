/** A training as a stream of events: order, pace, and how it ends when its reader leaves. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { getEventListeners } from 'node:events'
import type { EpochEvent, ImageRNN, TrainEventsOptions, TrainingEvent } from '../../lib'
import { expectError } from '../support/expect-error'
import { smallDataset, smallImages, useModels } from '../support/sample-models'
import { withoutHanging } from '../support/without-hanging'

const createModel = useModels()

const TWELVE = smallDataset(12)
/** Three batches per epoch, in the order of the dataset. */
const BATCHES = { batchSize: 4, logInterval: 1, shuffle: false, epochs: 2 } as const

const withoutTimes = (event: TrainingEvent) => ({ ...event, seconds: 0, samplesPerSecond: 0 })
const nameOf = (event: TrainingEvent) => `${event.type} ${event.epoch}${event.type === 'batch' ? `.${event.batch}` : ''}`

async function read(model: ImageRNN, options: TrainEventsOptions = {}): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = []
  for await (const event of model.trainEvents(TWELVE, { ...BATCHES, ...options })) events.push(event)
  return events
}

/** Checks that the model is as after one of `counts` batches of an epoch, and can be used and trained. */
async function expectUsable(model: ImageRNN, ...counts: number[]): Promise<void> {
  const states = counts.map(async (count) => {
    const other = createModel()
    if (count > 0) await other.train(TWELVE.slice(0, 4 * count), { ...BATCHES, epochs: 1 })
    return await other.stateDict()
  })
  expect(await Promise.all(states)).toContainEqual(await model.stateDict())
  expect((await model.forward(smallImages(2))).shape).toEqual([2, 3])
  expect((await model.train(TWELVE, BATCHES)).epochs).toHaveLength(2)
}

test('yields what train reports, in order, and trains the same', async () => {
  const [model, other] = [createModel(), createModel()]
  const reported: TrainingEvent[] = []
  const onEvent = (event: TrainingEvent) => void reported.push(event)
  const history = await other.train(TWELVE, { ...BATCHES, onBatch: onEvent, onEpoch: onEvent })
  const stream = model.trainEvents(TWELVE, BATCHES)
  const events: TrainingEvent[] = []
  let step = await stream.next()
  for (; step.done !== true; step = await stream.next()) events.push(step.value)
  expect(events.map(withoutTimes)).toEqual(reported.map(withoutTimes))
  const names = (epoch: number) => [...[1, 2, 3].map((batch) => `batch ${epoch}.${batch}`), `epoch ${epoch}`]
  expect(events.map(nameOf)).toEqual([...names(1), ...names(2)])
  expect(step.value).toEqual({ epochs: events.filter(({ type }) => type === 'epoch'), ended: 'completed' })
  expect(step.value.epochs).toHaveLength(history.epochs.length)
  expect(await model.stateDict()).toEqual(await other.stateDict())
})

test('starts and checks nothing before the first event is asked for', async () => {
  const model = createModel()
  const before = await model.stateDict()
  const options = { epochs: -1 }
  const [stream, wrong] = [model.trainEvents(TWELVE, BATCHES), model.trainEvents(TWELVE, options)]
  await model.loadStateDict(before) // It is not being trained.
  expect((await stream.return({ epochs: [], ended: 'completed' })).done).toBe(true)
  await expectError(() => wrong.next(), 'ERR_INVALID_OPTION', 'epochs')
  await expectUsable(model, 0)
})

test('refuses the callbacks of train, whose events it yields', async () => {
  const options = { onEpoch: () => {} } as TrainEventsOptions
  await expectError(() => read(createModel(), options), 'ERR_INVALID_OPTION', '"onEpoch"', 'trainEvents')
})

describe('a reader that leaves', () => {
  const leave: [string, (stream: AsyncIterable<TrainingEvent>, at: string) => Promise<void>][] = [
    [
      'by break',
      async (stream, at) => {
        for await (const event of stream) if (nameOf(event) === at) break
      },
    ],
    [
      'by return',
      async (stream, at) => {
        for await (const event of stream) if (nameOf(event) === at) return
      },
    ],
    [
      'by an error',
      async (stream, at) => {
        const error = new Error('deliberate')
        const reading = async () => {
          for await (const event of stream) if (nameOf(event) === at) throw error
        }
        await expect(reading()).rejects.toBe(error)
      },
    ],
  ]

  test.each(leave)('%s at a batch stops the training after the running one', async (_, leaveAt) => {
    const model = createModel()
    await withoutHanging(leaveAt(model.trainEvents(TWELVE, { ...BATCHES, epochs: 1000 }), 'batch 1.1'))
    await expectUsable(model, 1, 2)
  })

  test.each(leave)('%s at an epoch leaves the model as it was then', async (_, leaveAt) => {
    const model = createModel()
    await withoutHanging(leaveAt(model.trainEvents(TWELVE, { ...BATCHES, epochs: 1000 }), 'epoch 1'))
    await expectUsable(model, 3)
  })

  test('at the last epoch has seen the whole training', async () => {
    const model = createModel()
    for await (const event of model.trainEvents(TWELVE, { ...BATCHES, epochs: 1 })) if (event.type === 'epoch') break
    await expectUsable(model, 3)
  })
})

describe('errors are thrown from the loop', () => {
  test('of the options, of the data, and of a model that is being trained', async () => {
    const model = createModel()
    await expectError(() => read(model, { epochs: 0 }), 'ERR_INVALID_OPTION', 'epochs')
    await expectError(() => read(model, { earlyStoppingPatience: 1 }), 'ERR_NO_VALIDATION')
    await expectError(() => read(createModel({ numClasses: 2 })), 'ERR_INVALID_DATA', 'numClasses')
    const stream = model.trainEvents(TWELVE, BATCHES)
    await stream.next()
    await expectError(() => read(model), 'ERR_BUSY', 'trainEvents')
    await expectError(() => model.train(TWELVE), 'ERR_BUSY', 'train')
    await stream.return({ epochs: [], ended: 'completed' })
    await expectUsable(model, 1, 2)
  })

  test('after an abort, the reason of its signal', async () => {
    const model = createModel()
    const controller = new AbortController()
    const names: string[] = []
    const reading = async () => {
      for await (const event of model.trainEvents(TWELVE, { ...BATCHES, epochs: 1000, signal: controller.signal })) {
        names.push(nameOf(event))
        controller.abort('enough')
      }
    }
    await expect(withoutHanging(reading())).rejects.toBe('enough')
    expect(names[0]).toBe('batch 1.1')
    expect(names.length).toBeLessThan(4)
    await expectUsable(model, 1, 2)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  test('after the model was disposed of', async () => {
    const model = createModel()
    const reading = async () => {
      for await (const _ of model.trainEvents(TWELVE, { ...BATCHES, epochs: 1000 })) model.dispose()
    }
    await expectError(() => withoutHanging(reading()), 'ERR_DISPOSED')
  })
})

describe('the pace', () => {
  test('is that of a slow reader: the training is at most one event ahead', async () => {
    const model = createModel()
    const states: unknown[] = []
    const handle = model.registerForwardHook('FC', () => void states.push('pass'))
    for await (const event of model.trainEvents(TWELVE, { ...BATCHES, epochs: 3 })) {
      if (event.type !== 'batch') continue
      for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      const done = 3 * (event.epoch - 1) + event.batch
      // The next batch runs meanwhile, but its event, and so the batch after it, waits.
      expect(states.length).toBeGreaterThanOrEqual(done)
      expect(states.length).toBeLessThanOrEqual(done + 1)
    }
    handle.remove()
    expect(states).toHaveLength(9)
  })

  test('lets the reader use the model after an epoch', async () => {
    const [model, other] = [createModel(), createModel()]
    const losses: number[] = []
    for await (const event of model.trainEvents(TWELVE, BATCHES)) {
      if (event.type === 'epoch') losses.push((await model.evaluate(TWELVE)).loss)
    }
    const expected: number[] = []
    await other.train(TWELVE, { ...BATCHES, onEpoch: async () => void expected.push((await other.evaluate(TWELVE)).loss) })
    expect(losses).toEqual(expected)
  })

  test('does not hang where the reader waits within an epoch for a call of the model, which comes after the epoch', async () => {
    const model = createModel()
    const names: string[] = []
    const states: unknown[] = []
    const reading = async () => {
      for await (const event of model.trainEvents(TWELVE, BATCHES)) {
        names.push(nameOf(event))
        if (names.length === 1) states.push(await model.stateDict())
      }
    }
    await withoutHanging(reading())
    expect(names).toHaveLength(8)
    const other = createModel()
    await other.train(TWELVE, { ...BATCHES, epochs: 1 })
    expect(states).toEqual([await other.stateDict()])
  })
})

test('two readers of one stream share its events', async () => {
  const model = createModel()
  const stream = model.trainEvents(TWELVE, BATCHES)
  const readAll = async () => {
    const names: string[] = []
    for await (const event of stream) names.push(nameOf(event))
    return names
  }
  const shares = await withoutHanging(Promise.all([readAll(), readAll()]))
  expect(shares.flat().sort()).toEqual((await read(createModel())).map(nameOf).sort())
  for (const share of shares) expect(share.length).toBeGreaterThan(0)
})

test('the loop keeps the asynchronous context of its reader', async () => {
  const storage = new AsyncLocalStorage<string>()
  const seen = new Set<string | undefined>()
  await storage.run('reader', async () => {
    for await (const _ of createModel().trainEvents(TWELVE, BATCHES)) seen.add(storage.getStore())
  })
  expect([...seen]).toEqual(['reader'])
})

test('an epoch event has the rate of its last update and the updates so far, a batch event the rate of its batch', async () => {
  const options = { ...BATCHES, schedule: 'step', stepSize: 1, gamma: 0.5, learningRate: 0.01, accumulationSteps: 2 } as const
  const events = await read(createModel(), options)
  const epochs = events.filter((event): event is EpochEvent => event.type === 'epoch')
  expect(epochs.map(({ step, learningRate }) => [step, learningRate])).toEqual([
    [2, 0.01],
    [4, 0.005],
  ])
  const rates = events.flatMap((event) => (event.type === 'batch' ? [event.learningRate] : []))
  expect(rates).toEqual([0.01, 0.01, 0.01, 0.005, 0.005, 0.005])
})
