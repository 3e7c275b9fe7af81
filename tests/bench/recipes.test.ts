/** The accuracy of recipes over seeds: what is trained, kept, and computed from it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RECIPES } from '../../lib'
import { runModule } from '../support/bootstrap-modules'
import { expectClose } from '../support/expect-close'
import { REPOSITORY, runNode, startNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { TINY_NETWORK, TINY_TEST_SAMPLES, TINY_TRAIN_SAMPLES, writeTinyMnist } from '../support/tiny-mnist'

const path = useTemporaryFolder()
const BENCH = join(REPOSITORY, 'scripts', 'bench', 'run.mjs')

interface Run {
  command: string[]
  recipe: object
  options: { nonlinearity: string; seed: number }
  epochs: { trainLoss: number }[]
  trainSamples: number
  testSamples: number
  testAccuracy: number
  seconds: number
}

/** The arguments of a benchmark that trains a tiny network on tiny data for two epochs. */
function tiny(seeds: string, ...options: string[]): string[] {
  const data = ['--data', writeTinyMnist(path('data')), '--json', path('results.json')]
  return [BENCH, 'recipes', '--seeds', seeds, ...data, ...options, '--', ...TINY_NETWORK, '--epochs', '2']
}

function readResults() {
  return JSON.parse(readFileSync(path('results.json'), 'utf8'))
}

test('it trains by the command, compares in pairs, and repeats nothing that its file has', async () => {
  const change = ['--change', 'smooth=--nonlinearity tanh --label-smoothing 0.1']
  expect(await runNode(tiny('1,3', ...change))).toMatchObject({ code: 0 })
  const { runs, summary, tables, method } = readResults()
  const order = (runs as Run[]).map(({ options }) => [options.seed, options.nonlinearity])
  expect(order).toEqual([1, 3].flatMap((seed) => ['relu', 'tanh'].map((nonlinearity) => [seed, nonlinearity])))
  for (const run of runs as Run[]) {
    const { testAccuracy: accuracy, testSamples, trainSamples } = run
    expect(run.recipe).toEqual(JSON.parse(JSON.stringify(RECIPES.accurate)))
    expect([run.epochs.length, trainSamples, testSamples]).toEqual([2, TINY_TRAIN_SAMPLES, TINY_TEST_SAMPLES])
    expect(accuracy >= 0 && accuracy <= 1 && run.seconds > 0).toBe(true)
  }
  const [relu1, tanh1, relu3, tanh3] = (runs as Run[]).map(({ testAccuracy }) => testAccuracy) as [number, number, number, number]
  const [accurate, smooth] = summary
  const differences = [tanh1 - relu1, tanh3 - relu3] as const
  expectClose([accurate.mean, smooth.mean], [(relu1 + relu3) / 2, (tanh1 + tanh3) / 2], { rtol: 1e-12 })
  expectClose([smooth.difference.mean], [(differences[0] + differences[1]) / 2], { atol: 1e-12 })
  expectClose([smooth.difference.standardError], [Math.abs(differences[0] - differences[1]) / 2], { atol: 1e-12 })
  expect(tables[1][0]).toContain('difference from accurate in pairs of one seed')
  expect(tables[1][1].slice(0, 2)).toEqual(['smooth', '--nonlinearity tanh --label-smoothing 0.1'])
  expect(tables[2][0]).toEqual(['by seed, %', '1', '3'])
  expect(method).toContain('Seeds: 1, 3. Flags of all trainings: --hidden-size 16')

  expect(await runNode(tiny('1-2', ...change))).toMatchObject({ code: 0 })
  const more = readResults()
  expect(more.runs.slice(0, 4)).toEqual(runs)
  expect((more.runs as Run[]).slice(4).map(({ options }) => options.seed)).toEqual([2, 2])
  expect(more.method).toContain('Seeds: 1 to 2.')
})

test('what was trained before Ctrl-C is kept', async () => {
  const program = startNode(tiny('1-900'))
  await program.line(/^seed 1: accurate/)
  program.signal('SIGINT')
  expect(await program.ended).toMatchObject({ code: 130 })
  const { runs, tables } = readResults()
  expect(runs[0]).toMatchObject({ options: { seed: 1 }, testSamples: TINY_TEST_SAMPLES })
  expect(tables).toBeUndefined()
})

test('with validation images, these count and not the test set', async () => {
  expect(await runNode([...tiny('1'), '--validation-split', '40'])).toMatchObject({ code: 0 })
  const { runs, summary, tables } = readResults()
  const [{ validationAccuracy }] = runs[0].epochs.slice(-1)
  expect(validationAccuracy * 40).toBeCloseTo(Math.round(validationAccuracy * 40), 9)
  expect(summary[0].accuracies).toEqual([validationAccuracy])
  expect(tables[0][0][0]).toBe('validation accuracy after the last epoch, %')
})

test('a training that diverges is a result, but has no accuracy', async () => {
  const change = ['--change', 'wild=--learning-rate 100 --clip-grad-norm 1e9']
  const outcome = await runNode(tiny('1', ...change))
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.stdout).toMatch(/^seed 1: accurate \d+\.\d\d % \(\d+ s\); wild diverged \(\d+ s\)$/m)
  const { runs, tables } = readResults()
  expect(runs[1]).toMatchObject({ diverged: true, options: { learningRate: 100 } })
  expect(runs[1]).not.toHaveProperty('testAccuracy')
  expect(tables[0][2].slice(0, 4)).toEqual(['wild', '1 of 1 diverged', '', ''])
  expect(tables[1][1].slice(2)).toEqual(['1 of 1 diverged', '', '', ''])
  expect(tables[2][2]).toEqual(['wild', ''])
})

test('a single seed has no error, and a single recipe no comparison', async () => {
  const text = `
    const run = (testAccuracy) => ({ testAccuracy, seconds: 2, epochs: [{ trainLoss: 9 }, { trainLoss: 0.5 }] })
    const [a, b] = [{ name: 'a', own: ['--recipe', 'a'] }, { name: 'b', own: ['--x', '1'] }]
    const one = summarize([a], [[run(0.98), run(0.99)]])
    const two = summarize([a, b], [[run(0.98)], [run(0.975)]])
    console.log(JSON.stringify([tablesOf(one, [1, 2], 'test'), tablesOf(two, [4], 'test')]))
  `
  const head = ['test accuracy after the last epoch, %', 'mean', 'standard deviation', 'training loss', 'seconds, start to exit']
  const compared = ['change', 'flags', 'mean, %', 'difference from a in pairs of one seed', 'its standard error', 'its 95 % interval (t)']
  expect(await runModule(['../bench/recipes.mjs'], text)).toEqual([
    [
      [head, ['a', '98.50', '0.71', '0.5000', '2.0']],
      [
        ['by seed, %', '1', '2'],
        ['a', '98.00', '99.00'],
      ],
    ],
    [
      [head, ['a', '98.00', '', '0.5000', '2.0'], ['b', '97.50', '', '0.5000', '2.0']],
      [compared, ['b', '--x 1', '97.50', '-0.50', '', '']],
      [
        ['by seed, %', '4'],
        ['a', '98.00'],
        ['b', '97.50'],
      ],
    ],
  ])
})

test('what cannot be meant is refused before anything is trained', async () => {
  for (const [wrong, message] of [
    [['--seeds', '3-1'], 'such as 1-5,8'],
    [['--seeds', '1-3,2'], 'each seed once'],
    [['--recipes', 'quick-and-dirty'], 'Expected some of'],
    [['--change', 'tanh'], 'a name, = and flags'],
    [['--change', 'other=--data elsewhere'], 'without --data'],
    [['--', '--seed', '3'], 'without --seed'],
    [['--', '--run=here'], 'without --run'],
  ] as const) {
    const { code, stderr, stdout } = await runNode([BENCH, 'recipes', ...wrong])
    expect({ wrong, code, stdout }).toEqual({ wrong, code: 2, stdout: '' })
    expect(stderr).toContain(message)
  }
})

test('the reason of a failed training is told, and other files are no results', async () => {
  const failed = await runNode([...tiny('1'), '--hidden-sizes', '3'])
  expect(failed).toMatchObject({ code: 1 })
  expect(failed.stderr).toContain("unknown option '--hidden-sizes'")
  const { machine } = readResults()
  for (const [content, message] of [
    ['{"benchmark": "accuracy", "runs": []}', 'holds something else'],
    [JSON.stringify({ benchmark: 'recipes', runs: [], machine: { ...machine, cpu: 'another processor' } }), 'is of another machine'],
  ] as const) {
    writeFileSync(path('results.json'), content)
    const { code, stderr } = await runNode(tiny('1'))
    expect(code).toBe(1)
    expect(stderr).toContain(message)
    expect(readFileSync(path('results.json'), 'utf8')).toBe(content)
  }
})
