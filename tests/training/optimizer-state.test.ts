/** Whether the optimizer of one training goes on in the next. */
import type { TrainOptions } from '../../lib'
import { expectError } from '../support/expect-error'
import { MemoryKeeper, trainPaused, useSessions } from '../support/paused-trainings'
import { smallDataset, useModels } from '../support/sample-models'

const createModel = useModels()
const createSession = useSessions()

const DATA = smallDataset(20)
const OPTIONS = { batchSize: 8, shuffle: false, optimizer: 'adamw', emaDecay: 0.5 } as const

async function stateAfter(...trainings: TrainOptions[]) {
  const model = createModel()
  for (const training of trainings) await model.train(DATA, { ...OPTIONS, ...training })
  return await model.stateDict()
}

test('two trainings of one epoch, the second of which keeps the optimizer, are one of two epochs', async () => {
  const [one, two] = [{ epochs: 1 }, { epochs: 2 }]
  const whole = await stateAfter(two)
  expect(await stateAfter(one, { ...one, optimizerState: 'keep' })).toEqual(whole)
  expect(await stateAfter(one, one)).not.toEqual(whole)
  expect(await stateAfter(one, { ...one, optimizerState: 'fresh' })).toEqual(await stateAfter(one, one))
})

test('with no training before, it is a fresh one', async () => {
  const keep = { epochs: 2, optimizerState: 'keep' } as const
  expect(await stateAfter(keep)).toEqual(await stateAfter({ epochs: 2 }))
})

test('the orders of the samples are not repeated', async () => {
  const shuffled = { epochs: 1, shuffle: true }
  expect(await stateAfter(shuffled, { ...shuffled, optimizerState: 'keep' })).toEqual(await stateAfter({ ...shuffled, epochs: 2 }))
})

test('a training that keeps it can be paused, and goes on from there', async () => {
  const hyperparameters = { ...OPTIONS, epochs: 2 }
  const [session, other] = [createSession(), createSession()]
  const keeper = new MemoryKeeper({ batches: 1 })
  await trainPaused(session, DATA, { hyperparameters })
  const { history, state } = await trainPaused(session, DATA, { hyperparameters, options: { optimizerState: 'keep' }, keeper })
  expect(state.updates).toBe(12)
  expect(history.epochs.map(({ step }) => step)).toEqual([3, 6])
  expect([...keeper.checkpoints.keys()]).toEqual(['0.1', '0.2', '1.0', '1.1', '1.2', '2.0'])
  for (const start of keeper.checkpoints.values()) {
    const resumed = await trainPaused(other, DATA, { hyperparameters, start })
    expect({ history: resumed.history, state: resumed.state }).toEqual({ history, state })
  }
})

test('after a training that was done and is resumed, the orders of its epochs are not repeated', async () => {
  const hyperparameters = { ...OPTIONS, shuffle: true, epochs: 2 }
  const [session, other] = [createSession(), createSession()]
  const keeper = new MemoryKeeper({ epochs: 1 })
  await trainPaused(session, DATA, { hyperparameters, keeper })
  await trainPaused(other, DATA, { hyperparameters, start: keeper.get('2.0') })
  const next = { hyperparameters: { ...hyperparameters, epochs: 1 }, options: { optimizerState: 'keep' } } as const
  expect((await trainPaused(other, DATA, next)).state).toEqual((await trainPaused(session, DATA, next)).state)
})

test('any other word is refused', async () => {
  const options = { optimizerState: 'reset' } as unknown as TrainOptions
  await expectError(() => createModel().train(DATA, options), 'ERR_INVALID_OPTION', 'optimizerState', 'fresh, keep')
})
