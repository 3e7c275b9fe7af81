/** `search`: what it prints, what it keeps, and how it goes on after Ctrl-C and kill -9. */
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { loadMnist } from '../../lib'
import type { RankingEvent } from '../../lib/cli/search/search-texts'
import { eventsOf, eventsOfType, lastEvent, linesOf, MAIN, onlyEvent, TINY_RUN, useCommandLine } from '../support/command-line'
import { testOnPosix } from '../support/needs'
import { runNode, startNode } from '../support/run-program'

const { path, run, start, succeed } = useCommandLine()
const testWithSignals = testOnPosix('signals that a program can handle')
const testWithKill = testOnPosix('SIGKILL')

const BATCH_SIZE = '--batch-size'
/** The network of TINY_RUN, without the batch size, which searches vary. */
const TINY = TINY_RUN.filter((word, index) => word !== BATCH_SIZE && TINY_RUN[index - 1] !== BATCH_SIZE)
const SEARCH = ['search', ...TINY, '--epochs', '2', '--trials', '4', '--search', 'found']

const read = (...names: string[]) => readFileSync(path(...names), 'utf8')

/** A search of one short trial. */
const ONE_TRIAL = ['search', ...TINY, '--epochs', '1', '--trials', '1', '--search', 'one']

/** A ranking as it is for every run of the same search. */
function withoutTimes({ trials, ...rest }: RankingEvent) {
  return { ...rest, trials: trials.map((trial) => ({ ...trial, seconds: 0 })) }
}

function rankingOf(stdout: string) {
  return withoutTimes(onlyEvent(stdout, 'ranking'))
}

describe('what it prints', () => {
  test('each trial, a table, and the command that trains with the best one', async () => {
    const lines = linesOf(await succeed(SEARCH))
    expect(lines.slice(0, 6)).toEqual([
      expect.stringMatching(/^Device: cpu, 1 thread, engine fused/),
      'Data: 270 training and 30 validation images',
      'Trials: 4 of 2 epochs; they vary',
      '  batch-size: 32, 64, 128, 256',
      '  learning-rate: 0.0001 to 0.01 (log)',
      'Search: found',
    ])
    const trials = lines.filter((line) => line.startsWith('Trial '))
    expect(trials).toHaveLength(4)
    for (const [index, line] of trials.entries()) {
      const left = index === 3 ? '' : ', \\d+s left'
      const values = 'batch-size \\d+, learning-rate 0\\.\\d+'
      const pattern = `^Trial ${index + 1}/4 : Accuracy : \\d+\\.\\d\\d % \\| ${values} \\| \\d+s, best \\d+\\.\\d\\d % \\(trial \\d\\)${left}$`
      expect(line).toMatch(new RegExp(pattern))
    }
    const table = lines.slice(lines.findIndex((line) => line.includes('Trial  Accuracy')))
    expect(table[0]).toMatch(/^ {3}Trial {2}Accuracy {2}batch-size {2}learning-rate {2}Time$/)
    expect(table.slice(1, 5).map((line) => line[0])).toEqual(['1', '2', '3', '4'])
    expect(table.slice(5)).toEqual([
      '',
      'Train with the best one on all data:',
      expect.stringMatching(
        /^ {2}rnn-mnist-train --data data --epochs 2 (--batch-size \d+ )?--learning-rate 0\.\d+ --hidden-size 16 --num-layers 1/,
      ),
      'Results: found',
      expect.stringMatching(/^Done in \d+s\.$/),
    ])
  })

  test('--quiet leaves the table and the command', async () => {
    const lines = linesOf(await succeed([...SEARCH, '--quiet']))
    expect(lines).toHaveLength(9)
    expect(lines.at(-1)).toMatch(/^ {2}rnn-mnist-train --data data /)
  })

  test('with rungs, seeds and another metric, the table has columns for them', async () => {
    const flags = ['--strategy', 'halving', '--eta', '2', '--seeds', '2', '--metric', 'loss', '--vary', 'schedule', '--vary', 'warmup']
    const lines = linesOf(await succeed([...SEARCH, ...flags, '--vary', 'batch-size=32', '--vary', 'emaDecay=none,0.9']))
    expect(lines).toContain('Trials: 4 of 1 epoch, then 2 of 2 epochs, each with 2 seeds; they vary')
    expect(lines).toEqual(expect.arrayContaining(['Rung 1 of 2: 4 trials of 1 epoch', 'Rung 2 of 2: 2 trials of 2 epochs']))
    expect(lines).toContain('  ema-decay: none, 0.9')
    expect(lines.filter((line) => / Trial {2}Epochs +Loss +± {2}batch-size +ema-decay +schedule +warmup {2}Time$/.test(line))).toHaveLength(
      1,
    )
    expect(lines.filter((line) => /^\d\/6 Trial \d : Loss : \d+\.\d{4} ± \d+\.\d{4} \| /.test(line))).toHaveLength(6)
  })

  test('--json: every event is a line, and the best options are those of the command', async () => {
    const stdout = await succeed([...SEARCH, '--trials', '2', '--json'])
    const types = eventsOf(stdout).map(({ type }) => type)
    expect(types.filter((type) => type !== 'batch')).toEqual([
      'start',
      ...['trialStart', 'epoch', 'epoch', 'trial'],
      ...['trialStart', 'epoch', 'epoch', 'trial'],
      'ranking',
      'done',
    ])
    expect(eventsOf(stdout)[0]).toMatchObject({
      ...{ command: 'search', device: 'cpu', engine: 'fused', threads: 1, trainSamples: 300, validationSamples: 30 },
      ...{ search: 'found', trials: { total: 2, finished: 0 } },
      options: {
        vary: { batchSize: { choices: [32, 64, 128, 256] }, learningRate: { scale: 'log', low: 1e-4, high: 1e-2 } },
        ...{ strategy: 'random', metric: 'accuracy', seeds: 1, hiddenSize: 16, epochs: 2, validationSplit: 0.1 },
      },
    })
    const { metric, trials, best, command } = onlyEvent(stdout, 'ranking')
    expect(metric).toBe('accuracy')
    expect(trials.map(({ trial }) => trial).sort()).toEqual([1, 2])
    expect(best).toMatchObject({ trial: trials[0]?.trial, training: trials[0]?.values, model: { hiddenSize: 16, numLayers: 1 } })
    expect(command).toContain(`--learning-rate ${trials[0]?.values['learningRate']}`)
    expect(lastEvent(stdout, 'done')).toEqual({ type: 'done', seconds: expect.any(Number), search: 'found' })
  })

  test('the files in the folder', async () => {
    const stdout = await succeed([...SEARCH, '--json'])
    expect(readdirSync(path('found')).sort()).toEqual(['search.json', 'trials.csv', 'trials.jsonl'])
    const trials = eventsOfType(stdout, 'trial').map(({ type, finished, of, best, ...result }) => result)
    expect(linesOf(read('found', 'trials.jsonl')).map((line) => JSON.parse(line))).toEqual(trials)
    const [head, ...rows] = linesOf(read('found', 'trials.csv'))
    expect(head).toBe('trial,rung,epochs,state,batchSize,learningRate,validationAccuracy,validationLoss,standardDeviation')
    expect(rows).toEqual(
      trials.map(({ trial, values, validationAccuracy, validationLoss }) =>
        [trial, 1, 2, 'completed', values['batchSize'], values['learningRate'], validationAccuracy, validationLoss, ''].join(),
      ),
    )
    expect(JSON.parse(read('found', 'search.json'))).toMatchObject({ data: 'data', dataset: { samples: 300 }, place: { device: 'cpu' } })
  })
})

test('a trial is what train does with its options, and the best command runs', async () => {
  const stdout = await succeed([...SEARCH, '--trials', '1', '--vary', 'batch-size=64', '--vary', 'learning-rate', '--seed', '5', '--json'])
  const { command = '' } = onlyEvent(stdout, 'ranking')
  const words = command.split(' ').slice(1)
  const trained = await succeed([...words, '--validation-split', '0.1', '--run', 'run', '--json'])
  const { validationLoss, validationAccuracy } = eventsOfType(trained, 'epoch').at(-1) ?? {}
  expect(onlyEvent(stdout, 'trial')).toMatchObject({ validationLoss, validationAccuracy })
  await succeed([...words, '--run', 'all', '--quiet'])
})

test('without a folder, the results go to searches/, and --resume takes the newest one there', async () => {
  const flags = SEARCH.slice(0, -2)
  await succeed([...flags, '--quiet'])
  const [first = ''] = readdirSync(path('searches'))
  expect(first).toMatch(/^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ$/)
  renameSync(path('searches', first), path('searches', 'older'))
  await succeed([...flags, '--seed', '2', '--quiet'])
  const stdout = await succeed(['search', '--resume', '--json'])
  expect(onlyEvent(stdout, 'start')).toMatchObject({ trials: { total: 4, finished: 4 }, options: { seed: 2 } })
  expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'ranking', 'done'])
})

test('--recipe completes what is neither given nor varied', async () => {
  const flags = ['--recipe', 'accurate', '--vary', 'learning-rate', '--ema-decay', '0.5', '--trials', '1']
  const { options } = onlyEvent(await succeed([...SEARCH, ...flags, '--json']), 'start')
  expect(options).toMatchObject({ nonlinearity: 'relu', optimizer: 'muon', schedule: 'warmup-cosine', emaDecay: 0.5, epochs: 2 })
})

/** Long enough that a signal comes before the end, whatever machine it is. */
const LONG = ['search', ...TINY, '--epochs', '20', '--trials', '5', '--log-interval', '1']
const HALVING = [...LONG, '--strategy', 'halving', '--eta', '2', '--min-epochs', '10', '--seeds', '2', '--vary', 'learning-rate=1e-4..1']

describe('kill -9', () => {
  testWithKill.each([
    ['in a random search', LONG, /"type":"batch".*"trial":3,/],
    ['in the second rung, with another seed', HALVING, /"type":"batch".*"rung":2,"seed":2/],
  ] as const)('%s: the trial runs again, and all ends as if nothing had happened', async (_, args, place) => {
    const whole = await succeed([...args, '--search', 'whole', '--json'])
    const program = start([...args, '--search', 'killed', '--json'])
    await program.line(place)
    await program.kill()
    expect(await program.ended).toMatchObject({ signal: 'SIGKILL' })
    expect(existsSync(path('killed', 'run.lock'))).toBe(true)
    const resumed = await succeed(['search', '--resume', '--search', 'killed', '--json'])
    const { finished = 0, total } = onlyEvent(resumed, 'start').trials ?? {}
    expect(finished).toBeGreaterThanOrEqual(2)
    expect(eventsOfType(resumed, 'trial')).toHaveLength((total ?? 0) - finished)
    expect(rankingOf(resumed)).toEqual(rankingOf(whole))
    expect(read('killed', 'trials.csv')).toBe(read('whole', 'trials.csv'))
    expect(readdirSync(path('killed')).sort()).toEqual(['search.json', 'trials.csv', 'trials.jsonl'])
  })

  testWithKill('between the files of a finished trial: it is not trained again', async () => {
    const whole = await succeed([...SEARCH, '--search', 'whole', '--json'])
    // The first three are those of the beginning: trials.jsonl, search.json and trials.csv. The fifth is the table with two trials.
    const pauses = join(__dirname, '..', 'support', 'pause-at-write.cjs')
    const env = { TORCH_RNN_MNIST_CUDA: '0', NODE_OPTIONS: `--require=${JSON.stringify(pauses)}`, PAUSE_AT: 'rename:5' }
    const program = startNode([MAIN, ...SEARCH, '--search', 'killed', '--json'], { cwd: path(), env })
    await program.line(/^paused at rename .*trials\.csv$/)
    await program.kill()
    await program.ended
    expect([linesOf(read('killed', 'trials.jsonl')).length, linesOf(read('killed', 'trials.csv')).length]).toEqual([2, 1 + 1])
    const resumed = await succeed(['search', '--resume', '--search', 'killed', '--json'])
    expect(onlyEvent(resumed, 'start').trials).toEqual({ total: 4, finished: 2 })
    expect(rankingOf(resumed)).toEqual(rankingOf(whole))
    expect(read('killed', 'trials.csv')).toBe(read('whole', 'trials.csv'))
  })
})

testWithSignals('Ctrl-C ends after the batch, keeps what is finished, and says how to go on', async () => {
  const program = start([...LONG, '--search', 'my search'])
  await program.line(/^Trial 2\/5 /)
  program.signal('SIGINT')
  const { stdout, stderr, ...outcome } = await program.ended
  expect(outcome).toEqual({ code: 130, signal: null })
  const finished = linesOf(stdout).filter((line) => line.startsWith('Trial ')).length
  const command = "rnn-mnist-train search --resume --search 'my search'"
  expect(linesOf(stderr)).toEqual([
    expect.stringContaining('Warning: SIGINT: stopping after this batch.'),
    `Warning: ${finished} of 5 trials are finished, and kept in my search. Go on with: ${command}`,
    'Error: Interrupted by SIGINT',
  ])
  expect(linesOf(read('my search', 'trials.jsonl'))).toHaveLength(finished)
  expect(existsSync(path('my search', 'run.lock'))).toBe(false)
  const resumed = await succeed(['search', '--resume', '--search', 'my search', '--json'])
  expect(onlyEvent(resumed, 'start').trials).toEqual({ total: 5, finished })
})

test('a second process in the folder is refused', async () => {
  const program = start([...LONG, '--epochs', '1000000', '--search', 'found', '--json'])
  await program.line(/"type":"batch"/)
  const { code, stdout } = await run(['search', '--resume', '--search', 'found', '--json'])
  expect(code).toBe(1)
  expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_BUSY', message: expect.stringContaining(`process ${program.pid}`) })
  await program.kill()
})

describe('trials that diverge', () => {
  const DIVERGING = [...SEARCH, '--num-layers', '8', '--nonlinearity', 'relu', '--vary', 'batch-size=16']

  test('are shown so, and the search goes on', async () => {
    const lines = linesOf(await succeed([...DIVERGING, '--trials', '2', '--vary', 'learning-rate=100,1e-4']))
    expect(lines.filter((line) => /^Trial \d\/2 : Accuracy : diverged \| batch-size 16, learning-rate 100 \|/.test(line))).toHaveLength(1)
    expect(lines.filter((line) => /^2 +\d +diverged +16 +100 +\d+s$/.test(line))).toHaveLength(1)
    expect(lines.filter((line) => /^1 +\d +\d+\.\d\d % +16 +0\.0001 +\d+s$/.test(line))).toHaveLength(1)
  })

  test('when all do, it fails, and keeps the results', async () => {
    const { code, stdout } = await run([...DIVERGING, '--trials', '2', '--vary', 'learning-rate=100,90', '--json'])
    expect(code).toBe(1)
    expect(onlyEvent(stdout, 'ranking')).not.toHaveProperty('command')
    expect(eventsOfType(stdout, 'warning')).toEqual([]) // There is nothing to go on with.
    expect(lastEvent(stdout, 'error')).toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringContaining('Every trial has diverged'),
    })
    expect(linesOf(read('found', 'trials.jsonl'))).toHaveLength(2)
  })
})

describe('a wrong command line ends with 2, and makes no folder', () => {
  test.each<[string, string[], string]>([
    ['an unknown option', ['--vary', 'size'], 'A search cannot vary --size. Expected one of --hidden-size, '],
    ['no option', ['--vary', '=3'], 'Expected an option with its values: learning-rate, '],
    ['no number', ['--vary', 'learning-rate=1..x'], 'for the range of --learning-rate but received "x" (string)'],
    ['a choice that there is not', ['--vary', 'optimizer=adam,sgd'], 'one of adam, adamw, muon for --optimizer but received "sgd"'],
    ['none for what must be there', ['--vary', 'batch-size=none'], 'for --batch-size but received null'],
    ['an option twice', ['--vary', 'warmup', '--vary', 'warmup=0.1'], 'each option once for --vary but received warmup twice'],
    ['an option both varied and given', ['--vary', 'hidden-size'], 'Expected --hidden-size or --vary hidden-size but received both.'],
    ['no effect', ['--vary', 'warmup'], '--warmup has no effect without the schedule one-cycle or warmup-cosine.'],
  ])('%s', async (_, flags, message) => {
    const { code, stdout } = await run([...SEARCH, ...flags, '--json'])
    expect(code).toBe(2)
    expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_USAGE', message: expect.stringContaining(message) })
    expect(readdirSync(path())).toEqual(['data'])
  })

  test('flags that contradict the search that goes on', async () => {
    await succeed([...SEARCH, '--quiet'])
    const before = ['search.json', 'trials.jsonl', 'trials.csv'].map((name) => read('found', name))
    const cases: [string[], string][] = [
      [['--seed', '2'], 'Expected 1 for --seed, as in the search found, but received 2.'],
      [['--trials', '3'], 'Expected 4 for --trials, as in the search found, but received 3. They can be raised, but not lowered.'],
      [['--vary', 'warmup'], 'for --vary, as in the search found, but received --warmup 0.02 to 0.4.'],
      [['--epochs', '3'], 'Expected 2 for --epochs'],
      [['--hidden-size', '17'], 'Expected 16 for --hidden-size'],
      [['--recipe', 'accurate'], 'Expected --resume without --recipe but received both.'],
    ]
    for (const [flags, message] of cases) {
      const { code, stdout } = await run(['search', '--resume', '--search', 'found', ...flags, '--json'])
      expect([flags, code]).toEqual([flags, 2])
      expect(lastEvent(stdout, 'error').message).toContain(message)
    }
    expect(['search.json', 'trials.jsonl', 'trials.csv'].map((name) => read('found', name))).toEqual(before)
    // Those that agree, as in a script, do no harm.
    await succeed([...SEARCH, '--resume', '--quiet'])
  })
})

test('what fails for another reason ends with 1', async () => {
  const failures: [string[], string][] = [
    [['search', '--resume'], 'There is no search in searches. Name the folder of one with --search.'],
    [['search', '--resume', '--search', 'nowhere'], 'nowhere'],
    [[...SEARCH, '--validation-split', '300'], 'leaves samples on both sides, for --validation-split'],
    [[...SEARCH, '--search', 'data/train-images-idx3-ubyte'], 'data/train-images-idx3-ubyte'],
  ]
  for (const [args, message] of failures) {
    const { code, stderr } = await run(args)
    expect([args, code, stderr]).toEqual([args, 1, expect.stringContaining(message)])
  }
  await succeed([...SEARCH, '--quiet'])
  expect(await run(SEARCH)).toMatchObject({ code: 1, stderr: expect.stringContaining('found holds a search already. Go on with it') })
  const other = await runNode([MAIN, 'search', '--resume', '--search', 'found', '--device', 'cpu'], { cwd: path() })
  expect(other).toMatchObject({ code: 0 })
})

describe('--normalize', () => {
  test('is that of the samples from which trials learn, kept for --resume and in the command that trains', async () => {
    await succeed([...ONE_TRIAL, '--normalize', '--seed', '7'])
    const { train } = await loadMnist({ dir: path('data') })
    const [learned] = train.randomSplit([0.9, 0.1], { seed: 7 })
    expect(JSON.parse(read('one', 'search.json')).model.normalization).toEqual(await learned?.normalization())
    const resumed = await succeed(['search', '--resume', '--search', 'one', '--normalize', '--trials', '2'])
    expect(resumed).toMatch(/^ {2}rnn-mnist-train .* --normalize$/m)
  })

  test('contradicts a search that goes on without', async () => {
    await succeed(ONE_TRIAL)
    const { code, stderr } = await run(['search', '--resume', '--search', 'one', '--normalize'])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('--normalize contradicts the search') })
  })
})
