/** The time to an accuracy: which lengths are trained, what PyTorch is asked for, and what is computed. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RECIPES } from '../../lib'
import { runModule } from '../support/bootstrap-modules'
import { testOnPosix } from '../support/needs'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { TINY_NETWORK, TINY_TEST_SAMPLES, TINY_TRAIN_SAMPLES, writeTinyMnist } from '../support/tiny-mnist'

const path = useTemporaryFolder()
const BENCH = join(REPOSITORY, 'scripts', 'bench', 'run.mjs')

/** A program in place of Python with PyTorch: it keeps what it is asked for, and says that it got every image right. */
function writeStub(samples: number): string {
  const text = `#!${process.execPath}
    const [flag, setting] = process.argv.slice(2)
    if (flag === '-c') console.log(JSON.stringify({ python: ${JSON.stringify(path('python'))}, version: '3', torch: '2.15.0+cu1', cpu: 'AVX2' }))
    else {
      require('node:fs').appendFileSync(${JSON.stringify(path('asked'))}, flag + ' ' + setting + '\\n')
      const epochs = Array.from({ length: JSON.parse(setting).options.epochs }, () => ({ seconds: 0.5, trainLoss: 1, trainAccuracy: 1 }))
      console.log('epoch 1')
      console.log(JSON.stringify({ epochs, trainSamples: ${samples}, testSamples: ${TINY_TEST_SAMPLES}, testAccuracy: 1, testLoss: 0 }))
    }`
  writeFileSync(path('python'), text)
  chmodSync(path('python'), 0o755)
  return path('python')
}

/** The arguments of a benchmark with a tiny network on tiny data. */
function tiny(python: string): string[] {
  const network = TINY_NETWORK.filter((word, index) => word !== '--threads' && TINY_NETWORK[index - 1] !== '--threads')
  const files = ['--data', writeTinyMnist(path('data')), '--json', path('results.json'), '--python', python]
  const setting = ['--seeds', '1-2', '--epochs', '2,1', '--goals', '100,0.5', '--threads', '1']
  return [BENCH, 'time-to-accuracy', ...setting, ...files, '--', ...network]
}

testOnPosix('programs that begin with #!')(
  'it trains longer and longer until the goal, then takes turns with the same recipe',
  async () => {
    const outcome = await runNode(tiny(writeStub(TINY_TRAIN_SAMPLES)))
    expect(outcome).toMatchObject({ code: 0 })
    expect(outcome.stdout).toContain('This PyTorch is built for CUDA')
    const { runs, summary, tables, python } = JSON.parse(readFileSync(path('results.json'), 'utf8'))
    const order = runs.map((run: { program: string; purpose: string; command: string[] }) => {
      return [run.program, run.purpose, ...run.command.slice(-3)].join(' ')
    })
    expect(order).toEqual([
      ...[1, 2].flatMap((epochs) => [1, 2].map((seed) => `torch-rnn-mnist search ${epochs} --seed ${seed}`)),
      ...[1, 2].flatMap((seed) => [`torch-rnn-mnist turns 1 --seed ${seed}`, `PyTorch 2.15.0+cu1 turns 1 --seed ${seed}`]),
    ])
    expect(summary.goals).toEqual([{ goal: 100 }, { goal: 0.5, epochs: 1 }])
    expect([tables[0][1][1], tables[0][2][1], tables[0][2][6]]).toEqual(['not reached', '1', '100.00'])
    expect(python.torch).toBe('2.15.0+cu1')

    const asked = readFileSync(path('asked'), 'utf8').trimEnd().split('\n')
    const settings = asked.map((line) => JSON.parse(line.slice(line.indexOf(' '))))
    for (const line of asked) expect(line).toMatch(/recipe\.py /)
    for (const [index, setting] of settings.entries()) {
      expect(setting).toMatchObject({ seed: index + 1, device: 'cpu', threads: 1, data: path('data') })
      const { epochs: _, batchSize: _given, ...training } = RECIPES.accurate.training
      expect(setting.options).toMatchObject({ ...RECIPES.accurate.model, ...training, epochs: 1, hiddenSize: 16 })
    }
  },
)

testOnPosix('programs that begin with #!')('a program that trained on something else is refused', async () => {
  const { code, stderr } = await runNode(tiny(writeStub(7)))
  expect(code).toBe(1)
  expect(stderr).toContain('Expected the same work but torch-rnn-mnist did 1 x 300 training')
})

test('a goal is reached by the mean of the images, without rounding', async () => {
  const text = `
    const run = (testAccuracy) => ({ testAccuracy, testSamples: 10000 })
    const lengths = [[0.98, 0.9899], [0.9801, 0.9899], [0.999, 0.999]].map((accuracies, index) => ({ epochs: index + 1, runs: accuracies.map(run) }))
    console.log(JSON.stringify(shortest(lengths, [98.5, 98.49, 99.95, 99.9])))
  `
  expect(await runModule(['../bench/time-to-accuracy.mjs'], text)).toEqual([
    { goal: 98.5, epochs: 2 },
    { goal: 98.49, epochs: 1 },
    { goal: 99.95 },
    { goal: 99.9, epochs: 3 },
  ])
})

test('times are compared seed by seed', async () => {
  const text = `
    const run = (seconds, training, testAccuracy) => ({ seconds, testAccuracy, epochs: [{ seconds: training / 2 }, { seconds: training / 2 }] })
    const turns = summarizeTurns([[run(10, 8, 0.98), run(20, 16, 0.99)], [run(30, 16, 0.97), run(40, 64, 0.99)]])
    const alone = summarizeTurns([[run(10, 8, 0.98)]])
    const found = [{ epochs: 2, mean: 0.985, deviation: 0.005, seconds: 15 }]
    const goals = [{ goal: 98.5, epochs: 2 }, { goal: 99 }]
    console.log(JSON.stringify([tablesOf(goals, [{ epochs: 2, ...turns }], found), tablesOf(goals, [{ epochs: 2, ...alone }], found)]))
  `
  const [both, alone] = (await runModule(['../bench/time-to-accuracy.mjs'], text)) as string[][][][]
  expect(both?.map((table) => table.slice(1))).toEqual([
    [
      ['98.5 %', '2', '15.0 (10.0 to 20.0)', '35.0 (30.0 to 40.0)', '2.50 (2.00 to 3.00)', '98.50', '98.00'],
      ['99 %', 'not reached', '', '', '', '', ''],
    ],
    [['2', '12.0 (8.0 to 16.0)', '40.0 (16.0 to 64.0)', '3.00 (2.00 to 4.00)']],
    [['2', '98.50', '0.50', '15.0']],
  ])
  expect(alone?.[0]?.[1]).toEqual(['98.5 %', '2', '10.0 (10.0 to 10.0)', '', '', '98.00', ''])
})

test('lengths and threads are not flags of the recipe', async () => {
  for (const flag of ['--epochs', '--threads']) {
    const { code, stderr } = await runNode([BENCH, 'time-to-accuracy', '--', flag, '3'])
    expect(code).toBe(2)
    expect(stderr).toContain(`without ${flag}`)
  }
})
