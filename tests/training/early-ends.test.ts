/** How a training ends before its last epoch, what is kept then, and that it can be gone on from. */
import type { TrainHyperparameters } from '../../lib/options/options'
import { expectError } from '../support/expect-error'
import { MemoryKeeper, type PausedSettings, trainPaused, useSessions } from '../support/paused-trainings'
import { smallDataset } from '../support/sample-models'

const createSession = useSessions()

/** Seven batches an epoch, the last one smaller. */
const DATA = smallDataset(50)
const PLAIN: TrainHyperparameters = { epochs: 3, batchSize: 8, logInterval: 1, shuffle: false }
const SELDOM = { batches: 1000 }

const train = (settings: PausedSettings, session = createSession()) => trainPaused(session, DATA, settings)

/** Trains until something ends it. Returns what it was and what was kept. */
async function trainUntil(settings: Omit<PausedSettings, 'keeper'>): Promise<{ error: unknown; keeper: MemoryKeeper; events: string[] }> {
  const keeper = new MemoryKeeper(SELDOM)
  const events: string[] = []
  const onEvent: PausedSettings['onEvent'] = async (event) => {
    events.push(event.type === 'checkpoint' ? `checkpoint ${event.file}` : `epoch ${event.epoch}`)
    return await settings.onEvent?.(event)
  }
  const [outcome] = await Promise.allSettled([train({ ...settings, keeper, onEvent })])
  return { error: outcome.status === 'rejected' ? outcome.reason : undefined, keeper, events }
}

const KINDS: Record<string, TrainHyperparameters> = {
  plain: PLAIN,
  'with groups of batches and an average': { ...PLAIN, accumulationSteps: 2, emaDecay: 0.5, schedule: 'cosine' },
}

describe.each(Object.entries(KINDS))('where a training stops early, %s, a checkpoint is kept and gone on from', (_, hyperparameters) => {
  const { accumulationSteps = 1 } = hyperparameters

  async function expectToGoOn(keeper: MemoryKeeper): Promise<void> {
    const [start] = keeper.checkpoints.values()
    const resumed = await train({ hyperparameters, start })
    const whole = await train({ hyperparameters })
    expect({ history: resumed.history, state: resumed.state }).toEqual({ history: whole.history, state: whole.state })
  }

  test.each([1, 2, 3, 6, 7])('after an abort at batch %i of the second epoch', async (at) => {
    const controller = new AbortController()
    const onBatch = ({ epoch, batch }: { epoch: number; batch: number }) => {
      if (epoch === 2 && batch === at) controller.abort('enough')
    }
    const { error, keeper, events } = await trainUntil({ hyperparameters, options: { signal: controller.signal }, onBatch })
    expect(error).toBe('enough')
    const [name = ''] = keeper.checkpoints.keys()
    expect(events).toEqual(['epoch 1', `checkpoint ${name}`])
    // The thread may have been at the next batch already. A group of batches that is not whole does not count.
    const whole = [at, at + 1].map((batches) => (batches >= 7 ? 7 : batches - (batches % accumulationSteps)))
    expect(whole.map((batches) => `1.${batches}`)).toContain(name)
    expect(keeper.get(name).position.seconds > 0).toBe(true)
    await expectToGoOn(keeper)
  })

  test('after an abort between two epochs', async () => {
    const controller = new AbortController()
    const { error, keeper } = await trainUntil({
      hyperparameters,
      options: { signal: controller.signal },
      onEvent: () => controller.abort('enough'),
    })
    expect(error).toBe('enough')
    expect([...keeper.checkpoints.keys()]).toEqual(['1.0'])
    await expectToGoOn(keeper)
  })

  test('after an error of a listener', async () => {
    const failure = new Error('deliberate')
    const { error, keeper } = await trainUntil({
      hyperparameters,
      onEvent: (event) => {
        if (event.type === 'epoch' && event.epoch === 2) throw failure
      },
    })
    expect(error).toBe(failure)
    expect([...keeper.checkpoints.keys()]).toEqual(['2.0'])
    await expectToGoOn(keeper)
  })

  test('after an answer of false, which is no error', async () => {
    const { error, keeper, events } = await trainUntil({ hyperparameters, onEvent: () => false })
    expect(error).toBeUndefined()
    expect(events).toEqual(['epoch 1', 'checkpoint 1.0'])
    await expectToGoOn(keeper)
  })
})

test('an abort during the validation keeps the whole epoch, whose validation is then made up for', async () => {
  const hyperparameters: TrainHyperparameters = { ...PLAIN, validationSplit: 10 }
  const controller = new AbortController()
  const session = createSession()
  const evaluate = session.native.evaluate.bind(session.native)
  Object.defineProperty(session.native, 'evaluate', {
    value: (...args: Parameters<typeof evaluate>) => {
      controller.abort('enough')
      return evaluate(...args)
    },
  })
  const keeper = new MemoryKeeper(SELDOM)
  const training = trainPaused(session, DATA, { hyperparameters, keeper, options: { signal: controller.signal } })
  await expect(training).rejects.toBe('enough')
  expect([...keeper.checkpoints.keys()]).toEqual(['0.5'])
  const resumed = await train({ hyperparameters, start: keeper.get('0.5') })
  const whole = await train({ hyperparameters })
  expect({ history: resumed.history, state: resumed.state }).toEqual({ history: whole.history, state: whole.state })
})

test('an abort before the first update leaves nothing to keep', async () => {
  const controller = new AbortController()
  const onBatch = () => controller.abort('enough')
  // One update, which ends with the epoch.
  const { keeper } = await trainUntil({
    hyperparameters: { ...PLAIN, accumulationSteps: 7 },
    options: { signal: controller.signal },
    onBatch,
  })
  expect(keeper.checkpoints.size).toBe(0)
})

test('a training that diverges says in which epoch, and keeps the last finite state', async () => {
  const hyperparameters: TrainHyperparameters = { ...PLAIN, epochs: 2, learningRate: 1e-3 }
  const keeper = new MemoryKeeper({ batches: 1 })
  await train({ hyperparameters, keeper })
  const { position, state } = keeper.get('1.2')
  // Parameters so large that the loss overflows: as after a training that went wrong.
  const bias = state.values['FC.bias']
  if (bias === undefined) throw new Error('no bias')
  bias.data.fill(3e38, 0, 1).fill(-3e38, 1)
  const failing = new MemoryKeeper(SELDOM)
  const start = { position, hyperparameters: keeper.get('1.2').hyperparameters, state }
  const error = await expectError(() => train({ hyperparameters, keeper: failing, start }), 'ERR_NOT_FINITE', 'Epoch 2: ', 'batch')
  expect(error.stack).toContain(error.message)
  expect(failing.checkpoints.size).toBe(0) // There is one of that position already.
})

test('a listener that fails at the checkpoint after an error does not hide that error', async () => {
  const failure = new Error('deliberate')
  const onEvent: PausedSettings['onEvent'] = (event) => {
    throw event.type === 'epoch' ? failure : new Error('another')
  }
  const { error, events } = await trainUntil({ hyperparameters: PLAIN, onEvent })
  expect(events).toEqual(['epoch 1', 'checkpoint 1.0'])
  expect(error).toBe(failure)
})

test('a keeper that fails ends the training with its error; after another error, that one is reported', async () => {
  const full = new Error('the disk is full')
  class FullKeeper extends MemoryKeeper {
    override keep(): Promise<string> {
      return Promise.reject(full)
    }
  }
  await expect(train({ hyperparameters: PLAIN, keeper: new FullKeeper({ batches: 3 }) })).rejects.toBe(full)
  const error = new Error('deliberate')
  const onEvent = () => Promise.reject(error)
  await expect(train({ hyperparameters: PLAIN, keeper: new FullKeeper({ epochs: 2 }), onEvent })).rejects.toBe(error)
})
