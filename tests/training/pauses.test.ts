/** Trainings that pause for checkpoints, and that go on from one: the same numbers as without a pause, bit for bit. */
import type { TrainHyperparameters } from '../../lib/options/options'
import type { CheckpointKeeper } from '../../lib/training/checkpoint'
import type { BatchEvent } from '../../lib/training/events'
import { expectError } from '../support/expect-error'
import { MemoryKeeper, type PausedSettings, trainPaused, useSessions } from '../support/paused-trainings'
import { smallDataset } from '../support/sample-models'

const createSession = useSessions()

/** Seven batches an epoch, the last one smaller; twenty-one in all. */
const DATA = smallDataset(50)
const PLAIN: TrainHyperparameters = { epochs: 3, batchSize: 8, logInterval: 2 }

/** Every kind of training that a pause could disturb. */
const ADAMW: TrainHyperparameters = { ...PLAIN, optimizer: 'adamw', clipGradNorm: 0.1, labelSmoothing: 0.1, betas: [0.8, 0.9] }
const KINDS: Record<string, TrainHyperparameters> = {
  plain: PLAIN,
  'with AdamW, clipping and smoothing': ADAMW,
  'with an average and groups of batches': { ...ADAMW, emaDecay: 0.5, accumulationSteps: 3, schedule: 'cosine', validationSplit: 0.1 },
  'with a schedule and validation': { ...PLAIN, schedule: 'one-cycle', learningRate: 0.01, validationSplit: 10 },
  'with plateau': { ...PLAIN, schedule: 'plateau', plateauPatience: 0, gamma: 0.5, learningRate: 0.05, validationSplit: 10 },
}

const train = (settings: PausedSettings) => trainPaused(createSession(), DATA, settings)

describe.each(Object.entries(KINDS))('a training %s', (_, hyperparameters) => {
  test('is the same with pauses and without', async () => {
    const whole = await train({ hyperparameters })
    const batches: CheckpointKeeper['every'][] = [{ batches: 1 }, { batches: 3 }, { batches: 100 }, { epochs: 1 }, { epochs: 2 }]
    for (const every of batches) {
      const { history, state } = await train({ hyperparameters, keeper: new MemoryKeeper(every) })
      expect({ history, state }).toEqual({ history: whole.history, state: whole.state })
    }
  })

  test('goes on from every cut to the same end', async () => {
    const keeper = new MemoryKeeper({ batches: 1 })
    const { history, state } = await train({ hyperparameters, keeper })
    expect(keeper.checkpoints.size).toBe(history.epochs.at(-1)?.step)
    expect(keeper.checkpoints.size).toBeGreaterThan(5)
    for (const start of keeper.checkpoints.values()) {
      const resumed = await train({ hyperparameters, start })
      expect({ history: resumed.history, state: resumed.state }).toEqual({ history, state })
    }
  })
})

test.each<[CheckpointKeeper['every'], string[]]>([
  [{ batches: 4 }, ['0.4', '1.1', '1.5', '2.2', '2.6', '3.0']],
  [{ batches: 7 }, ['1.0', '2.0', '3.0']],
  [{ batches: 10 }, ['1.3', '2.6', '3.0']],
  [{ batches: 1000 }, ['3.0']],
  [{ epochs: 1 }, ['1.0', '2.0', '3.0']],
  [{ epochs: 2 }, ['2.0', '3.0']],
])('a checkpoint is kept every %j, and at the end', async (every, expected) => {
  const keeper = new MemoryKeeper(every)
  const { events } = await train({ hyperparameters: PLAIN, keeper })
  expect([...keeper.checkpoints.keys()]).toEqual(expected)
  expect(events.filter((event) => event.startsWith('checkpoint'))).toEqual(expected.map((name) => `checkpoint ${name}`))
})

test('a resumed training pauses where the whole one does', async () => {
  const every = { batches: 4 }
  const whole = new MemoryKeeper(every)
  await train({ hyperparameters: PLAIN, keeper: whole })
  const resumed = new MemoryKeeper(every)
  await train({ hyperparameters: PLAIN, keeper: resumed, start: whole.get('1.1') })
  expect([...resumed.checkpoints.keys()]).toEqual(['1.5', '2.2', '2.6', '3.0'])
})

test('batch events do not depend on pauses, except for their times', async () => {
  const batchesOf = async (keeper?: CheckpointKeeper) => {
    const batches: BatchEvent[] = []
    const onBatch = (event: BatchEvent) => void batches.push({ ...event, seconds: 0, samplesPerSecond: 0 })
    await train({ hyperparameters: PLAIN, keeper, onBatch })
    return batches
  }
  const whole = await batchesOf()
  expect(whole.filter(({ epoch }) => epoch === 1).map(({ batch }) => batch)).toEqual([2, 4, 6, 7])
  expect(await batchesOf(new MemoryKeeper({ batches: 3 }))).toEqual(whole)
})

describe('a checkpoint is refused that', () => {
  test.each<[string, TrainHyperparameters, string, string]>([
    ['is beyond the epochs', { ...PLAIN, epochs: 1 }, '2.3', 'within 1 epochs of 7 batches'],
    ['is beyond the batches', { ...PLAIN, batchSize: 25 }, '0.6', 'within 3 epochs of 2 batches'],
    ['is in the middle of an update', { ...PLAIN, accumulationSteps: 2 }, '0.3', 'updates of 2 batches'],
    ['has no plateau', { ...PLAIN, schedule: 'plateau', validationSplit: 1 }, '1.0', 'a state of the schedule plateau'],
  ])('%s', async (_, hyperparameters, name, part) => {
    const keeper = new MemoryKeeper({ batches: 1 })
    await train({ hyperparameters: PLAIN, keeper })
    await expectError(() => train({ hyperparameters, start: keeper.get(name) }), 'ERR_INVALID_DATA', part)
  })

  test('has another history, fewer updates, other sums, or a best epoch to come', async () => {
    const keeper = new MemoryKeeper({ epochs: 1 })
    await train({ hyperparameters: PLAIN, keeper })
    const { position, state, hyperparameters } = keeper.get('2.0')
    const refused = [
      { position: { ...position, history: position.history.slice(1) }, state, hyperparameters },
      { position, state: { ...state, updates: 13 }, hyperparameters },
      { position: { ...position, batches: 7 }, state: { ...state, updates: 21, epochBatches: 0, epochSamples: 0 }, hyperparameters },
      { position: { ...position, best: { epoch: 3, loss: 1 } }, state, hyperparameters },
    ]
    for (const start of refused) await expectError(() => train({ hyperparameters: PLAIN, start }), 'ERR_INVALID_DATA', 'in the checkpoint')
  })
})
