/** `searchHyperparameters`: its events and result, divergence, and how it goes on after an interruption. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import {
  ImageRNN,
  type SearchEvent,
  type SearchOptions,
  type SearchResult,
  searchHyperparameters,
  type TrialEvent,
  type TrialResult,
} from '../../lib'
import { expectError } from '../support/expect-error'
import { divergingDataset, SMALL, smallDataset } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const DATA = smallDataset(60)
/** Trials that take milliseconds, on one thread, so that the numbers are the same on every machine of a kind. */
const OPTIONS = {
  vary: { learningRate: true, nonlinearity: true, schedule: ['constant', 'cosine'] },
  trials: 6,
  model: { hiddenSize: SMALL.hiddenSize, numLayers: 1, device: 'cpu', threads: 1, seed: 7 },
  training: { epochs: 4, batchSize: 16, validationSplit: 20, logInterval: 1 },
} as const satisfies SearchOptions
const HALVING = { ...OPTIONS, strategy: 'halving', eta: 2, trials: 6, seeds: 2 } as const satisfies SearchOptions

interface Outcome {
  readonly events: readonly SearchEvent[]
  readonly result: SearchResult
}

async function search(options: SearchOptions, data = DATA): Promise<Outcome> {
  const events: SearchEvent[] = []
  const running = searchHyperparameters(data, options)
  let step = await running.next()
  for (; step.done !== true; step = await running.next()) events.push(step.value)
  return { events, result: step.value }
}

/** Runs a search until `count` trials are over, and leaves it within the next one. */
async function leaveAfter(count: number, options: SearchOptions): Promise<void> {
  let over = 0
  for await (const event of searchHyperparameters(DATA, options)) {
    if (event.type === 'trial') over += 1
    if (event.type === 'batch' && over === count) return
  }
  throw new Error(`The search had no more than ${over} trials.`)
}

function trialsOf({ events }: Outcome): readonly TrialEvent[] {
  return events.filter((event) => event.type === 'trial')
}

/** A ranking as it is for every run of the same search. */
function withoutTimes({ ranking, ...rest }: SearchResult) {
  return { ...rest, ranking: ranking.map((result) => ({ ...result, seconds: 0 })) }
}

const read = (...names: string[]) => readFileSync(path(...names), 'utf8')

describe('a random search', () => {
  test('trains each trial as train does, and ranks them', async () => {
    const outcome = await search(OPTIONS)
    const trials = trialsOf(outcome)
    expect(trials.map(({ trial, finished, of }) => [trial, finished, of])).toEqual([1, 2, 3, 4, 5, 6].map((trial) => [trial, trial, 6]))
    for (const { values, validationLoss, validationAccuracy, seeds } of trials) {
      const { nonlinearity, ...training } = values as { nonlinearity: 'tanh' }
      using model = new ImageRNN({ ...OPTIONS.model, nonlinearity, inputSize: SMALL.inputSize, numClasses: SMALL.numClasses })
      const { epochs } = await model.train(DATA, { ...OPTIONS.training, ...training })
      expect({ validationLoss, validationAccuracy }).toEqual({
        validationLoss: epochs[3]?.validationLoss,
        validationAccuracy: epochs[3]?.validationAccuracy,
      })
      expect(seeds).toEqual([{ seed: 7, validationLoss, validationAccuracy }])
    }
    const { ranking } = outcome.result
    const accuracies = ranking.map(({ validationAccuracy }) => validationAccuracy as number)
    expect(accuracies).toEqual([...accuracies].sort((one, other) => other - one))
    expect(trials.at(-1)?.best).toEqual(ranking[0])
  })

  test('its events are in order, and say which trial they belong to', async () => {
    const { events } = await search({ ...OPTIONS, trials: 2, training: { ...OPTIONS.training, epochs: 1 } })
    const batches = ['batch', 'batch', 'batch'] // 40 samples in batches of 16.
    expect(events.map(({ type }) => type)).toEqual([
      'searchStart',
      ...['trialStart', ...batches, 'epoch', 'trial'],
      ...['trialStart', ...batches, 'epoch', 'trial'],
    ])
    expect(events[0]).toMatchObject({ device: 'cpu', engine: 'fused', threads: 1, trials: 2, finished: 0, epochs: 2, finishedEpochs: 0 })
    expect(events[0]).not.toHaveProperty('folder')
    expect(events.slice(1).map((event) => ('trial' in event ? event.trial : undefined))).toEqual([...Array(6).fill(1), ...Array(6).fill(2)])
    expect(events.filter(({ type }) => type === 'batch')[0]).toMatchObject({ seed: 7, rung: 1, epoch: 1, epochs: 1, batches: 3 })
  })

  test('the best options train a model on all data', async () => {
    const { best, ranking } = (await search(OPTIONS)).result
    expect(best).toMatchObject({ trial: ranking[0]?.trial, model: { ...OPTIONS.model, inputSize: SMALL.inputSize, numClasses: 3 } })
    expect(best?.training).toMatchObject({ epochs: 4, batchSize: 16, learningRate: ranking[0]?.values['learningRate'] })
    expect(best?.training).not.toHaveProperty('validationSplit')
    using model = new ImageRNN(best?.model)
    const { epochs } = await model.train(DATA, best?.training)
    expect(epochs).toHaveLength(4)
    expect(epochs[0]).not.toHaveProperty('validationLoss')
  })

  test('the best options keep the validation split where they need it', async () => {
    const training = { ...OPTIONS.training, earlyStoppingPatience: 2 }
    const { best } = (await search({ ...OPTIONS, trials: 1, training })).result
    expect(best?.training).toMatchObject({ validationSplit: 20, earlyStoppingPatience: 2 })
    using model = new ImageRNN(best?.model)
    await model.train(DATA, best?.training)
  })

  test('with early stopping, the result is that of the epoch that the training goes back to', async () => {
    const training = { ...OPTIONS.training, epochs: 30, earlyStoppingPatience: 1 }
    const outcome = await search({ ...OPTIONS, vary: { learningRate: [0.5] }, trials: 1, training })
    const losses = outcome.events.flatMap((event) => (event.type === 'epoch' ? [event.validationLoss as number] : []))
    expect(losses.length).toBeLessThan(30)
    expect(trialsOf(outcome)[0]?.validationLoss).toBe(Math.min(...losses))
    expect(Math.min(...losses)).not.toBe(losses.at(-1))
  })

  test('several seeds: the mean and the spread of their trainings', async () => {
    const [one, two] = await Promise.all([search({ ...OPTIONS, trials: 1 }), search({ ...OPTIONS, trials: 1, seeds: 3, metric: 'loss' })])
    const [trial] = trialsOf(two)
    expect(trial?.seeds.map(({ seed }) => seed)).toEqual([7, 8, 9])
    expect(trial?.seeds[0]).toEqual(trialsOf(one)[0]?.seeds[0])
    const losses = trial?.seeds.map(({ validationLoss }) => validationLoss) ?? []
    const mean = losses.reduce((sum, loss) => sum + loss) / 3
    expect(trial?.validationLoss).toBeCloseTo(mean, 12)
    expect(trial?.standardDeviation).toBeCloseTo(Math.sqrt(losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / 2), 12)
  })

  test('a tenth of the samples is set aside unless the options say otherwise', async () => {
    const { validationSplit, ...training } = OPTIONS.training
    const [start, ...others] = (await search({ ...OPTIONS, trials: 1, training: { ...training, batchSize: 54 } })).events
    expect(start?.type).toBe('searchStart')
    expect(others.filter(({ type }) => type === 'batch')[0]).toMatchObject({ batches: 1, samples: 54 })
  })
})

describe('successive halving', () => {
  test('the best of each rung go on, trained anew with more epochs', async () => {
    const outcome = await search(HALVING)
    // By hand: 6 trials, 4 epochs and eta 2 make the rungs 6 of 1, 3 of 2 and 1 of 4.
    const rungs = outcome.events.filter((event) => event.type === 'rung')
    expect(rungs.map(({ rung, rungs: of, epochs, trials }) => [rung, of, epochs, trials.length])).toEqual([
      [1, 3, 1, 6],
      [2, 3, 2, 3],
      [3, 3, 4, 1],
    ])
    const trials = trialsOf(outcome)
    for (const { rung, trials: entrants } of rungs.slice(1)) {
      const before = trials.filter((trial) => trial.rung === rung - 1)
      const isWorse = (one: TrialResult, other: TrialResult) =>
        (other.validationAccuracy as number) - (one.validationAccuracy as number) ||
        (one.validationLoss as number) - (other.validationLoss as number)
      expect(entrants).toEqual(
        [...before]
          .sort(isWorse)
          .slice(0, entrants.length)
          .map(({ trial }) => trial),
      )
    }
    const [last] = outcome.result.ranking
    expect(last).toMatchObject({ rung: 3, epochs: 4 })
    // Anew: the result is that of a whole training with four epochs.
    using model = new ImageRNN(outcome.result.best?.model)
    const { epochs } = await model.train(DATA, { ...outcome.result.best?.training, validationSplit: 20 })
    expect(last?.seeds[0]?.validationLoss).toBe(epochs[3]?.validationLoss)
    expect(outcome.events[0]).toMatchObject({ trials: 10, epochs: 2 * (6 + 3 * 2 + 4) })
  })
})

describe('a trial that diverges', () => {
  const DIVERGING = {
    ...OPTIONS,
    trials: 2,
    model: { ...OPTIONS.model, numLayers: 4 },
    training: { epochs: 3, batchSize: 1, validationSplit: 2 },
  } satisfies SearchOptions
  const data = divergingDataset()

  test('is the worst, says why, and does not end the search', async () => {
    const vary = { learningRate: [100, 1e-3], nonlinearity: ['relu'] } as const
    const outcome = await search({ ...DIVERGING, vary, folder: path('search') }, data)
    const states = outcome.result.ranking.map(({ state, values }) => [state, values['learningRate']])
    expect(states).toEqual([
      ['completed', 1e-3],
      ['diverged', 100],
    ])
    const worst = outcome.result.ranking[1]
    expect(worst?.failure).toMatch(/^Epoch \d: .*not finite/)
    expect(worst).not.toHaveProperty('validationLoss')
    expect(outcome.result.best?.training.learningRate).toBe(1e-3)
    expect(read('search', 'trials.csv')).toMatch(/^\d,1,3,diverged,relu,100,,,$/m)
    const again = await search({ folder: path('search'), resume: true }, data)
    expect(again.result).toEqual(outcome.result)
  })

  test('when all do, there is no best one', async () => {
    const vary = { learningRate: [100, 99], nonlinearity: ['relu'] } as const
    const { result, events } = await search({ ...DIVERGING, vary }, data)
    expect(result.ranking.map(({ state }) => state)).toEqual(['diverged', 'diverged'])
    expect(result).not.toHaveProperty('best')
    for (const event of events) expect(event).not.toHaveProperty('best')
  })

  test('never goes on to another rung', async () => {
    const vary = { learningRate: [100, 99, 98, 1e-3], nonlinearity: ['relu'] } as const
    const options = { ...DIVERGING, vary, trials: 4, strategy: 'halving', eta: 2, minEpochs: 1 } as const
    const { events, result } = await search({ ...options, training: { ...DIVERGING.training, epochs: 2 } }, data)
    const [, second] = events.filter((event) => event.type === 'rung')
    expect(second?.trials).toHaveLength(1) // Two places, but only one trial that can take them.
    expect(result.best?.training.learningRate).toBe(1e-3)
  })
})

describe('a search that goes on', () => {
  test.each([
    ['random', OPTIONS, [0, 3]],
    ['halving', HALVING, [2, 7, 9]],
  ] as const)('%s: ends as one that was never left', async (_, options, stops) => {
    const whole = await search({ ...options, folder: path('whole') })
    for (const [index, stop] of stops.entries()) {
      const before = stops[index - 1] ?? 0
      await leaveAfter(stop - before, { ...options, folder: path('left'), resume: index > 0 })
    }
    const resumed = await search({ folder: path('left'), resume: true })
    expect(resumed.events[0]).toMatchObject({ finished: stops.at(-1) })
    expect(withoutTimes(resumed.result)).toEqual(withoutTimes(whole.result))
    expect(read('left', 'trials.csv')).toBe(read('whole', 'trials.csv'))
    expect(JSON.parse(read('left', 'search.json'))).toEqual(JSON.parse(read('whole', 'search.json')))
    expect(readdirSync(path('left')).sort()).toEqual(['search.json', 'trials.csv', 'trials.jsonl'])
  })

  test('a line that was torn off is dropped, and its trial trained again', async () => {
    const whole = await search({ ...OPTIONS, folder: path('search') })
    const lines = read('search', 'trials.jsonl').split('\n')
    const table = read('search', 'trials.csv')
    writeFileSync(path('search', 'trials.jsonl'), `${lines.slice(0, 3).join('\n')}\n${lines[3]?.slice(0, 40)}`)
    const resumed = await search({ folder: path('search'), resume: true })
    expect(trialsOf(resumed).map(({ trial }) => trial)).toEqual([4, 5, 6])
    expect(withoutTimes(resumed.result)).toEqual(withoutTimes(whole.result))
    expect(read('search', 'trials.csv')).toBe(table)
    expect(read('search', 'trials.jsonl').split('\n')).toHaveLength(7)
  })

  test('a random search can get more trials', async () => {
    const longer = await search({ ...OPTIONS, trials: 8 })
    await search({ ...OPTIONS, folder: path('search') })
    const resumed = await search({ folder: path('search'), resume: true, trials: 8 })
    expect(trialsOf(resumed).map(({ trial }) => trial)).toEqual([7, 8])
    expect(withoutTimes(resumed.result)).toEqual(withoutTimes(longer.result))
    const again = await search({ folder: path('search'), resume: true })
    expect(trialsOf(again)).toEqual([])
    expect(again.result).toEqual(resumed.result)
  })

  test('the options that it began with can be given again, and those that change no result be others', async () => {
    await leaveAfter(1, { ...OPTIONS, folder: path('search') })
    const model = { ...OPTIONS.model, device: 'auto' }
    const training = { ...OPTIONS.training, logInterval: 5 }
    const { result } = await search({ ...OPTIONS, model, training, folder: path('search'), resume: true })
    expect(result.ranking).toHaveLength(6)
  })

  test.each<[string, SearchOptions, string[]]>([
    [
      'another strategy',
      { strategy: 'halving' },
      ['Expected random for strategy, as in the search', 'but received halving. Leave it out.'],
    ],
    ['fewer trials', { trials: 5 }, ['Expected 6 for trials', 'but received 5. They can be raised, but not lowered.']],
    ['another seed', { model: { seed: 8 } }, ['Expected 7 for seed', 'but received 8.']],
    ['other epochs', { training: { epochs: 5 } }, ['Expected 4 for epochs', 'but received 5.']],
    [
      'another range',
      { vary: { learningRate: true } },
      ['for vary', 'learningRate 0.0001 to 0.01 (log); schedule', 'but received learningRate'],
    ],
    ['an unknown option', { training: { lr: 1 } as never }, ['Unknown option "lr"']],
  ])('%s is refused', async (_, options, parts) => {
    await leaveAfter(0, { ...OPTIONS, folder: path('search') })
    await expectError(() => search({ ...options, folder: path('search'), resume: true }), 'ERR_INVALID_OPTION', ...parts)
  })

  test('other data are refused', async () => {
    await leaveAfter(0, { ...OPTIONS, folder: path('search') })
    const attempt = () => search({ folder: path('search'), resume: true }, smallDataset(61))
    await expectError(attempt, 'ERR_INVALID_DATA', 'expected 60 with SHA-256', 'but received 61 with SHA-256')
  })

  test('results that are not of this search are refused', async () => {
    await search({ ...OPTIONS, folder: path('search') })
    const lines = read('search', 'trials.jsonl')
    const [first = ''] = lines.split('\n')
    const damages: [string, string][] = [
      [first.replace('"learningRate":', '"learningRate":1'), 'do not belong to this search.json'],
      [first.replace('"epochs":4', '"epochs":5'), '5 epochs'],
      [first.replace('"trial":1', '"trial":7'), 'an integer from 1 to 6 as record.trial'],
      [first.replace('"seed":7', '"seed":8'), 'an integer from 7 to 7 as seed.seed'],
      [`${first}\n${first}`, 'trial 1 of rung 1 twice'],
      [first.slice(0, 30), 'valid JSON as record'],
    ]
    for (const [content, part] of damages) {
      writeFileSync(path('search', 'trials.jsonl'), `${content}\n`)
      await expectError(() => search({ folder: path('search'), resume: true }), 'ERR_INVALID_FILE', 'trials.jsonl', part)
    }
    writeFileSync(path('search', 'trials.jsonl'), lines)
    writeFileSync(path('search', 'search.json'), read('search', 'search.json').replace('"low": 0.0001', '"low": -1'))
    await expectError(() => search({ folder: path('search'), resume: true }), 'ERR_INVALID_FILE', 'holds no usable search', 'learningRate')
  })
})

describe('the folder', () => {
  test('of another search is not touched', async () => {
    await search({ ...OPTIONS, trials: 1, folder: path('search') })
    const before = read('search', 'trials.jsonl')
    const attempt = () => search({ ...OPTIONS, folder: path('search') })
    await expectError(attempt, 'ERR_FILE_SYSTEM', 'holds a search already', '--resume')
    expect(read('search', 'trials.jsonl')).toBe(before)
  })

  test('belongs to one search at a time', async () => {
    const running = searchHyperparameters(DATA, { ...OPTIONS, folder: path('search') })
    await running.next()
    await expectError(() => search({ folder: path('search'), resume: true }), 'ERR_BUSY', 'is in use by another run')
    await running.return(undefined as never)
    await search({ folder: path('search'), resume: true })
  })

  test('without a search cannot be resumed', async () => {
    await expectError(() => search({ folder: path('nowhere'), resume: true }), 'ERR_FILE_SYSTEM', 'nowhere')
    await expectError(() => search({ resume: true }), 'ERR_INVALID_OPTION', 'the folder of the search that goes on for folder')
  })

  test('is not made for options that are wrong', async () => {
    await expectError(() => search({ ...OPTIONS, trials: 0, folder: path('search') }), 'ERR_INVALID_OPTION', 'trials')
    await expectError(() => search({ ...OPTIONS, vary: { warmup: true }, folder: path('search') }), 'ERR_INVALID_OPTION', 'no effect')
    expect(readdirSync(path())).toEqual([])
  })
})

test('an aborted search throws the reason, and keeps what was finished', async () => {
  const controller = new AbortController()
  const reason = new Error('enough')
  const running = searchHyperparameters(DATA, { ...OPTIONS, folder: path('search'), signal: controller.signal })
  const attempt = async () => {
    for await (const event of running) if (event.type === 'trialStart' && event.trial === 3) controller.abort(reason)
  }
  await expect(attempt()).rejects.toBe(reason)
  expect(read('search', 'trials.jsonl').split('\n')).toHaveLength(3)
  expect(readdirSync(path('search'))).not.toContain('run.lock')
  await expect(search({ ...OPTIONS, signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test.each<[string, SearchOptions, string[]]>([
  ['an unknown key', { trial: 1 } as never, ['Unknown option "trial" (string) for searchHyperparameters']],
  ['an unknown strategy', { strategy: 'grid' as never }, ['one of random, halving for strategy']],
  ['no signal', { signal: 1 as never }, ['an AbortSignal for signal']],
  ['no switch', { resume: 1 as never }, ['true or false for resume']],
  ['a split that leaves nothing', { training: { validationSplit: 60 } }, ['an integer from 1 to 59', 'for validationSplit']],
  ['seeds beyond the last', { model: { seed: Number.MAX_SAFE_INTEGER - 1 }, seeds: 3 }, ['for the last of the seeds', String(2 ** 53)]],
])('%s is refused', async (_, options, parts) => {
  await expectError(() => search(options), 'ERR_INVALID_OPTION', ...parts)
})

test('what is no data set is refused', async () => {
  await expectError(() => search(OPTIONS, {} as never), 'ERR_INVALID_ARGUMENT', 'dataset')
})

test('a search whose last line was torn while nothing else was written begins with its first trial', async () => {
  await leaveAfter(0, { ...OPTIONS, folder: path('search') })
  appendFileSync(path('search', 'trials.jsonl'), '{"trial":1')
  const { events } = await search({ folder: path('search'), resume: true })
  expect(events.filter(({ type }) => type === 'trialStart')[0]).toMatchObject({ trial: 1 })
})
