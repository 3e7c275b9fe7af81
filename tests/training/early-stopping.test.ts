/** Early stopping, the best epoch, and going back to it. */
import type { EpochEvent, ImageRNN, TrainOptions } from '../../lib'
import type { TrainHyperparameters } from '../../lib/options/options'
import { expectError } from '../support/expect-error'
import { MemoryKeeper, trainPaused, useSessions } from '../support/paused-trainings'
import { smallDataset, useModels } from '../support/sample-models'

const createModel = useModels()
const createSession = useSessions()

const DATA = smallDataset(60)
/** A rate that is far too high: the validation loss soon rises. */
const RESTLESS = { epochs: 12, batchSize: 8, learningRate: 0.1, validationSplit: 20 } as const

type State = Awaited<ReturnType<ImageRNN['stateDict']>>

/** Trains, and remembers the model after every epoch. */
async function trainAndRemember(options: TrainOptions) {
  const model = createModel()
  const states: State[] = []
  const onEpoch = async () => void states.push(await model.stateDict())
  const history = await model.train(DATA, { ...RESTLESS, ...options, onEpoch })
  return { model, states, history }
}

const lossesOf = (epochs: readonly EpochEvent[]) => epochs.map(({ validationLoss = Number.NaN }) => validationLoss)

/** The epoch with the lowest loss, from 1; the first where several are equal. */
const bestOf = (epochs: readonly EpochEvent[]) => lossesOf(epochs).indexOf(Math.min(...lossesOf(epochs))) + 1

/** After how many epochs a training ends whose losses are these. */
function endOf(losses: readonly number[], patience: number): number {
  const end = losses.findIndex((_, index) => index >= losses.indexOf(Math.min(...losses.slice(0, index + 1))) + patience)
  return end === -1 ? losses.length : end + 1
}

test.each([1, 2, 3])('the training ends after %i epochs without a lower validation loss', async (patience) => {
  const { history: whole } = await trainAndRemember({})
  expect(whole).toMatchObject({ ended: 'completed', bestEpoch: bestOf(whole.epochs) })
  const end = endOf(lossesOf(whole.epochs), patience)
  expect(end).toBeLessThan(RESTLESS.epochs) // Otherwise there is nothing to see.
  const { history } = await trainAndRemember({ earlyStoppingPatience: patience })
  expect(lossesOf(history.epochs)).toEqual(lossesOf(whole.epochs).slice(0, end))
  expect(history).toMatchObject({ ended: 'early-stopping', bestEpoch: bestOf(history.epochs) })
  expect(end - bestOf(history.epochs)).toBe(patience)
})

test.each<[string, TrainHyperparameters]>([
  ['the parameters', {}],
  ['the average of the parameters', { emaDecay: 0.5 }],
])('the model gets %s of the best epoch', async (_, options) => {
  const { model, states, history } = await trainAndRemember({ ...options, earlyStoppingPatience: 2 })
  expect(history.bestEpoch).toBe(history.epochs.length - 2)
  expect(await model.stateDict()).toEqual(states.at(-3))
  const [, validationData] = DATA.randomSplit([40, 20], { seed: 1 })
  if (validationData === undefined) throw new Error('two parts')
  expect((await model.evaluate(validationData)).loss).toBe(Math.min(...lossesOf(history.epochs)))
})

test('without restoreBest it keeps those of the last epoch', async () => {
  const { model, states } = await trainAndRemember({ earlyStoppingPatience: 2, restoreBest: false })
  expect(await model.stateDict()).toEqual(states.at(-1))
})

test('it goes back at the end of all epochs too, and after an end by onEpoch, but not without early stopping', async () => {
  const { history: stopped } = await trainAndRemember({ earlyStoppingPatience: 2 })
  const epochs = bestOf(stopped.epochs) + 1 // The last one is not the best.
  const completed = await trainAndRemember({ epochs, earlyStoppingPatience: 2 })
  expect(completed.history).toMatchObject({ ended: 'completed', bestEpoch: epochs - 1 })
  expect(await completed.model.stateDict()).toEqual(completed.states.at(-2))
  const plain = await trainAndRemember({ epochs })
  expect(plain.history.bestEpoch).toBe(epochs - 1)
  expect(await plain.model.stateDict()).toEqual(plain.states.at(-1))

  const model = createModel()
  const onEpoch = ({ epoch }: EpochEvent) => epoch < epochs
  const history = await model.train(DATA, { ...RESTLESS, earlyStoppingPatience: 5, onEpoch })
  expect(history).toMatchObject({ ended: 'callback', bestEpoch: epochs - 1 })
  expect(await model.stateDict()).toEqual(completed.states.at(-2))
})

test('a resumed training goes back to the best epoch before its pause, and stops where the whole one does', async () => {
  const hyperparameters: TrainHyperparameters = { ...RESTLESS, earlyStoppingPatience: 2, emaDecay: 0.5 }
  const train = (settings: Parameters<typeof trainPaused>[2]) => trainPaused(createSession(), DATA, settings)
  const keeper = new MemoryKeeper({ epochs: 1 })
  const whole = await train({ hyperparameters, keeper })
  const { bestEpoch = 0, epochs } = whole.history
  for (const pause of [bestEpoch - 1, bestEpoch, bestEpoch + 1, epochs.length]) {
    const start = keeper.get(`${pause}.0`)
    const best = pause <= bestEpoch ? undefined : keeper.get(`${bestEpoch}.0`).state
    const resumed = await train({ hyperparameters, start, keeper: new MemoryKeeper({ epochs: 1 }, best) })
    expect({ history: resumed.history, state: resumed.state }).toEqual({ history: whole.history, state: whole.state })
  }
})

test('the best epoch is kept although no checkpoint is due', async () => {
  const keeper = new MemoryKeeper({ epochs: 100 })
  const { history } = await trainPaused(createSession(), DATA, { hyperparameters: RESTLESS, keeper })
  const losses = lossesOf(history.epochs)
  const lowest = losses.flatMap((loss, index) => (loss < Math.min(Number.POSITIVE_INFINITY, ...losses.slice(0, index)) ? [index + 1] : []))
  expect([...keeper.checkpoints.keys()]).toEqual([...new Set([...lowest, RESTLESS.epochs])].map((epoch) => `${epoch}.0`))
})

test('plateau lowers the rate of the next epochs', async () => {
  const model = createModel()
  const { epochs } = await model.train(DATA, { ...RESTLESS, schedule: 'plateau', plateauPatience: 0, gamma: 0.5 })
  const losses = lossesOf(epochs)
  let rate: number = RESTLESS.learningRate
  let best = Number.POSITIVE_INFINITY
  for (const [index, { learningRate }] of epochs.entries()) {
    expect(learningRate).toBe(rate)
    const loss = losses[index] ?? Number.NaN
    if (loss < best * (1 - 1e-4)) best = loss
    else rate *= 0.5
  }
  expect(rate).toBeLessThan(RESTLESS.learningRate / 4)
})

test.each<[string, TrainOptions]>([
  ['early stopping', { earlyStoppingPatience: 1 }],
  ['the schedule plateau', { schedule: 'plateau' }],
])('%s is refused without validation samples', async (_, options) => {
  await expectError(() => createModel().train(DATA, options), 'ERR_NO_VALIDATION', 'validationSplit')
})

test('without validation there is no best epoch', async () => {
  const history = await createModel().train(DATA, { epochs: 2 })
  expect(history).toMatchObject({ ended: 'completed' })
  expect(history).not.toHaveProperty('bestEpoch')
})
