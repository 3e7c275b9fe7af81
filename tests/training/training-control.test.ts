/** What can interrupt or run beside a training, and the state of the model afterwards. */
import { getEventListeners } from 'node:events'
import { type BatchEvent, type EpochEvent, ImageRNN, type TrainOptions } from '../../lib'
import { deferred } from '../support/deferred'
import { expectError } from '../support/expect-error'
import { smallDataset, smallImages, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

const TWELVE = smallDataset(12)
/** Three batches per epoch, in the order of the dataset. */
const BATCHES = { batchSize: 4, logInterval: 1, shuffle: false } as const

type State = Awaited<ReturnType<ImageRNN['stateDict']>>

/** A training that is held in its first onBatch. Meanwhile the computing thread does at most the next batch. */
interface HeldTraining {
  readonly training: ReturnType<ImageRNN['train']>
  /** Lets it continue without further stops. */
  readonly release: () => void
}

async function holdTraining(model: ImageRNN, options: TrainOptions = {}): Promise<HeldTraining> {
  const reached = deferred()
  const released = deferred()
  const training = model.train(TWELVE, {
    ...BATCHES,
    epochs: 3,
    ...options,
    onBatch: () => {
      reached.resolve()
      return released.promise
    },
  })
  await Promise.race([reached.promise, training]) // A training that fails at once must not look like one that hangs.
  return { training, release: released.resolve }
}

/** The parameters after a number of batches, from a training of exactly that length. */
async function stateAfterBatches(count: number): Promise<State> {
  const model = createModel()
  if (count > 0) await model.train(TWELVE.slice(0, 4 * count), { ...BATCHES, epochs: 1 })
  return model.stateDict()
}

/** Checks that the model is as after one of `counts` batches, and can be used and trained. */
async function expectUsable(model: ImageRNN, ...counts: number[]): Promise<void> {
  const states = await Promise.all(counts.map(stateAfterBatches))
  expect(states).toContainEqual(await model.stateDict())
  expect((await model.forward(smallImages(2))).shape).toEqual([2, 3])
  expect((await model.train(TWELVE, { ...BATCHES, epochs: 2 })).epochs).toHaveLength(2)
}

/** What a promise rejects with, which need not be an Error. */
async function reasonOf(promise: Promise<unknown>): Promise<unknown> {
  const [outcome] = await Promise.allSettled([promise])
  if (outcome.status === 'fulfilled') throw new Error('Expected a rejection.')
  return outcome.reason
}

describe('a callback that throws', () => {
  const throwing: [string, (error: Error) => () => void | Promise<void>][] = [
    [
      'at once',
      (error) => () => {
        throw error
      },
    ],
    ['by a promise', (error) => () => Promise.reject(error)],
  ]

  test.each(throwing)('%s, onBatch, rejects train with exactly that', async (_, makeCallback) => {
    const model = createModel()
    const error = new Error('deliberate')
    expect(await reasonOf(model.train(TWELVE, { ...BATCHES, onBatch: makeCallback(error) }))).toBe(error)
    await expectUsable(model, 1, 2) // The thread may have been at its second batch.
  })

  test.each(throwing)('%s, onEpoch, rejects train with exactly that', async (_, makeCallback) => {
    const model = createModel()
    const error = new Error('deliberate')
    expect(await reasonOf(model.train(TWELVE, { ...BATCHES, epochs: 5, onEpoch: makeCallback(error) }))).toBe(error)
    await expectUsable(model, 3)
  })

  test('in its last batch event rejects too', async () => {
    const error = new Error('deliberate')
    const onBatch = async ({ batch, batches }: BatchEvent) => {
      if (batch === batches) throw error
    }
    const model = createModel()
    expect(await reasonOf(model.train(TWELVE, { ...BATCHES, epochs: 1, onBatch }))).toBe(error)
    await expectUsable(model, 3)
  })
})

describe('an AbortSignal', () => {
  test('that is already aborted: nothing is trained', async () => {
    const model = createModel()
    const reason = new Error('not today')
    expect(await reasonOf(model.train(TWELVE, { signal: AbortSignal.abort(reason) }))).toBe(reason)
    await expect(model.train(TWELVE, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    await expectUsable(model, 0)
  })

  test.each([['a reason'], [undefined]])('aborted from outside with %p stops after the running batch', async (reason) => {
    const model = createModel()
    const controller = new AbortController()
    const { training } = await holdTraining(model, { signal: controller.signal, epochs: 1000 })
    controller.abort(reason)
    // Although the onBatch that it waits for never finishes.
    expect(await reasonOf(training)).toBe(controller.signal.reason)
    await expectUsable(model, 1, 2)
  })

  test.each(['onBatch', 'onEpoch'] as const)('aborted in %s ends the training', async (name) => {
    const model = createModel()
    const controller = new AbortController()
    const epochs: number[] = []
    const abort = ({ epoch }: { epoch: number }) => {
      epochs.push(epoch)
      controller.abort()
    }
    const training = model.train(TWELVE, { ...BATCHES, epochs: 1000, signal: controller.signal, [name]: abort })
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
    expect(new Set(epochs)).toEqual(new Set([1]))
    await expectUsable(model, ...(name === 'onEpoch' ? [3] : [1, 2, 3]))
  })

  test('aborted in the last onEpoch comes too late: the training is over', async () => {
    const controller = new AbortController()
    const onEpoch = ({ epoch, epochs }: EpochEvent) => {
      if (epoch === epochs) controller.abort()
    }
    const { epochs } = await createModel().train(TWELVE, { ...BATCHES, epochs: 2, signal: controller.signal, onEpoch })
    expect(epochs).toHaveLength(2)
    expect(controller.signal.aborted).toBe(true)
  })

  test('ends a training whose hook never finishes', async () => {
    const model = createModel()
    const controller = new AbortController()
    const reached = deferred()
    const handle = model.registerForwardHook('FC', () => {
      reached.resolve()
      return new Promise(() => {})
    })
    const training = model.train(TWELVE, { ...BATCHES, signal: controller.signal })
    await Promise.race([reached.promise, training])
    controller.abort('enough')
    expect(await reasonOf(training)).toBe('enough')
    handle.remove()
    await expectUsable(model, 0)
  })

  test('that is aborted later, or never, affects no other training', async () => {
    const model = createModel()
    const controller = new AbortController()
    await model.train(TWELVE, { ...BATCHES, epochs: 1, signal: controller.signal })
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    const { training, release } = await holdTraining(model)
    controller.abort()
    release()
    expect((await training).epochs).toHaveLength(3)
  })
})

describe('during a training', () => {
  test('another one and loadStateDict are refused, and it continues undisturbed', async () => {
    const [model, alone] = [createModel(), createModel()]
    const state = await createModel({ seed: 5 }).stateDict()
    const onEpoch = async () => {
      await expectError(() => model.train(TWELVE), 'ERR_BUSY', 'trained')
      await expectError(() => model.loadStateDict(state), 'ERR_BUSY', 'trained')
    }
    const { training, release } = await holdTraining(model, { onEpoch })
    await onEpoch()
    release()
    expect((await training).epochs.map(({ trainLoss }) => trainLoss)).toEqual(
      (await alone.train(TWELVE, { ...BATCHES, epochs: 3 })).epochs.map(({ trainLoss }) => trainLoss),
    )
    await model.loadStateDict(state)
    expect(await model.stateDict()).toEqual(state)
  })

  test('a second training that starts in the same moment is refused', async () => {
    const model = createModel()
    const [first, second] = await Promise.allSettled([model.train(TWELVE, { epochs: 1 }), model.train(TWELVE, { epochs: 1 })])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_BUSY' } })
  })

  test('onEpoch may use the model', async () => {
    const model = createModel()
    const files = [path('1'), path('2')]
    const seen: unknown[][] = []
    await model.train(TWELVE, {
      ...BATCHES,
      epochs: 2,
      onEpoch: async ({ epoch }) => {
        await model.save(files[epoch - 1] ?? '')
        const { loss } = await model.evaluate(TWELVE)
        seen.push([loss, await model.stateDict(), await model.forward(smallImages(2))])
      },
    })
    for (const [index, [loss, state, logits]] of seen.entries()) {
      const alone = createModel()
      await alone.train(TWELVE, { ...BATCHES, epochs: index + 1 })
      expect([(await alone.evaluate(TWELVE)).loss, await alone.stateDict(), await alone.forward(smallImages(2))]).toEqual([
        loss,
        state,
        logits,
      ])
      using saved = await ImageRNN.load(files[index] ?? '', { device: 'cpu' })
      expect(await saved.stateDict()).toEqual(state)
    }
    expect(seen).toHaveLength(2)
  })

  test('calls from outside run between two epochs', async () => {
    const model = createModel()
    const afterEpochs: State[] = []
    const onEpoch = async () => void afterEpochs.push(await model.stateDict())
    const { training, release } = await holdTraining(model, { onEpoch })
    const calls = [model.stateDict(), model.forward(smallImages(2)), model.evaluate(TWELVE), model.save(path('model.safetensors'))] as const
    release()
    const [state, logits, { loss }] = await Promise.all(calls)
    expect((await training).epochs).toHaveLength(3)
    expect(afterEpochs).toHaveLength(3)
    expect(state).toEqual(afterEpochs[0])
    const same = createModel()
    await same.loadStateDict(state)
    expect(await same.forward(smallImages(2))).toEqual(logits)
    expect((await same.evaluate(TWELVE)).loss).toBe(loss)
    using saved = await ImageRNN.load(path('model.safetensors'), { device: 'cpu' })
    expect(await saved.stateDict()).toEqual(state)
  })

  test('onBatch must not call the model, which waits for it', async () => {
    const model = createModel()
    const onBatch = async () => void (await model.evaluate(TWELVE))
    await expectError(() => model.train(TWELVE, { ...BATCHES, onBatch }), 'ERR_BUSY', 'evaluate', 'onBatch')
    await expectUsable(model, 1, 2)
  })

  test('onBatch may use another model', async () => {
    const [model, other] = [createModel(), createModel({ seed: 2 })]
    const expected = await other.evaluate(TWELVE)
    const losses: number[] = []
    const onBatch = async () => void losses.push((await other.evaluate(TWELVE)).loss)
    await model.train(TWELVE, { ...BATCHES, epochs: 1, onBatch })
    expect(losses).toEqual(Array(3).fill(expected.loss))
  })

  test('another model can be trained, and both learn as if alone', async () => {
    const seeds = [1, 2]
    const options = { batchSize: 4, epochs: 20 }
    const lossesOf = async (seed: number) => (await createModel({ seed }).train(TWELVE, options)).epochs.map(({ trainLoss }) => trainLoss)
    const alone: number[][] = []
    for (const seed of seeds) alone.push(await lossesOf(seed))
    expect(await Promise.all(seeds.map(lossesOf))).toEqual(alone)
    expect(alone[0]).not.toEqual(alone[1])
  })

  test('two models are at work at the same time', async () => {
    const [model, other] = [createModel(), createModel()]
    const { training, release } = await holdTraining(model)
    expect((await other.train(TWELVE, { epochs: 2 })).epochs).toHaveLength(2) // If they took turns, this would wait for the held one.
    release()
    expect((await training).epochs).toHaveLength(3)
  })

  test('the event loop keeps running', async () => {
    const model = createModel({ hiddenSize: 200 }) // A batch of 500 takes milliseconds.
    const dataset = smallDataset(10_000)
    let turns = 0
    let isOver = false
    const count = () => {
      turns += 1
      if (!isOver) setImmediate(count)
    }
    const turnsAtEvents: number[] = []
    setImmediate(count)
    const onBatch = () => void turnsAtEvents.push(turns)
    await model.train(dataset, { batchSize: 500, epochs: 1, logInterval: 4, onBatch })
    isOver = true
    const between = turnsAtEvents.slice(1).map((at, index) => at - (turnsAtEvents[index] ?? 0))
    expect(between).toHaveLength(4)
    // A turn takes microseconds. If the batches were computed on this thread, there would be one turn per event.
    for (const turnsBetween of between) expect(turnsBetween).toBeGreaterThan(3)
  }, 240_000) // With a sanitizer on a busy machine it takes more than a minute.
})

describe('dispose', () => {
  test('from outside ends the training after its batch', async () => {
    const model = createModel()
    const { training } = await holdTraining(model, { epochs: 1000 })
    const waiting = Promise.allSettled([model.evaluate(TWELVE)])
    model.dispose()
    await expectError(() => training, 'ERR_DISPOSED', 'disposed')
    expect(await waiting).toMatchObject([{ status: 'rejected', reason: { code: 'ERR_DISPOSED' } }])
    await expectError(() => model.train(TWELVE), 'ERR_DISPOSED')
  })

  test.each(['onBatch', 'onEpoch'] as const)('in %s ends the training', async (name) => {
    const model = createModel()
    const training = model.train(TWELVE, { ...BATCHES, epochs: 1000, [name]: () => model.dispose() })
    await expectError(() => training, 'ERR_DISPOSED', 'disposed')
  })

  test('leaves a training of another model on the same dataset alone', async () => {
    const [model, other] = [createModel(), createModel()]
    const held = await holdTraining(other)
    const { training } = await holdTraining(model)
    model.dispose()
    await expectError(() => training, 'ERR_DISPOSED')
    held.release()
    expect((await held.training).epochs).toHaveLength(3)
  })
})
