/** `runs`: what was trained, as tables and as JSON. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventsOf, linesOf, onlyEvent, TINY_RUN, useCommandLine } from '../support/command-line'
import { runPython } from '../support/python'
import { writeSampleRun } from '../support/sample-runs'

const { path, run, succeed } = useCommandLine()

beforeEach(async () => {
  const validated = [0.5, 0.25].map((validationLoss) => ({ validationLoss, validationAccuracy: 1 - validationLoss }))
  await writeSampleRun(path('runs', 'small'), { created: '2026-01-01T10:00:00Z', epochs: validated })
  const failed = { isDone: false, epochs: [{ trainLoss: Number.NaN }], end: { state: 'failed', code: 'ERR_NOT_FINITE' } } as const
  await writeSampleRun(path('runs', 'large'), { created: '2026-01-02T10:00:00Z', options: { hiddenSize: 8, epochs: 30 }, ...failed })
})

describe('list', () => {
  test('has a line for each run, with numbers below each other', async () => {
    expect(linesOf(await succeed(['runs', 'list']))).toEqual([
      'Run    Started (UTC)     Network     State                    Epochs  Validation     Test  Time',
      'small  2026-01-01 10:00  1 x 4 tanh  done                        2/2     75.00 %  75.00 %   22s',
      'large  2026-01-02 10:00  1 x 8 tanh  failed (ERR_NOT_FINITE)    1/30                        10s',
    ])
  })

  test('warns of folders that are no runs, and goes on', async () => {
    mkdirSync(path('runs', 'empty'))
    const { code, stdout, stderr } = await run(['runs', 'list', '--json'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'warning', 'runs', 'done'])
    expect(onlyEvent(stdout, 'warning').message).toMatch(/^runs.empty is no run/)
    expect(onlyEvent(stdout, 'runs').runs).toMatchObject([
      { name: 'small', state: 'done', hiddenSize: 4, epochs: 2, epochsDone: 2, bestEpoch: 2, validationAccuracy: 0.75, testAccuracy: 0.75 },
      { name: 'large', state: 'failed', failure: 'ERR_NOT_FINITE', epochs: 30, epochsDone: 1, seconds: 10 },
    ])
  })

  test('says what to do where there are none', async () => {
    expect(await succeed(['runs', 'list', '--runs', 'other'])).toBe('There are no runs in other. Train: rnn-mnist-train\n')
  })
})

describe('show', () => {
  test('has everything of a run', async () => {
    const lines = linesOf(await succeed(['runs', 'show', 'small']))
    expect(lines).toEqual(
      expect.arrayContaining([
        'State     done',
        'Network   1 x 4 tanh neurons, 146 parameters',
        'Data      bundled MNIST, 1000 training and 16 test images',
        'Epochs    2 of 2',
        'hiddenSize  4',
        'Epoch  Step     Rate    Loss  Accuracy  Val. loss  Val. accuracy',
        '    1    10  0.00100  2.0000   50.00 %     0.5000        50.00 %',
        '  * 2    20  0.00100  1.0000   66.67 %     0.2500        75.00 %',
        'Test Loss : 0.5000 | Test Accuracy : 75.00 %',
        '    0     0.7000  0.8750  0.7778        8',
      ]),
    )
  })

  test('shows the newest run by default', async () => {
    const stdout = await succeed(['runs', 'show', '--json'])
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'run', 'done'])
    const event = onlyEvent(stdout, 'run')
    expect(event).toMatchObject({
      name: 'large',
      options: { hiddenSize: 8 },
      history: [{ epoch: 1, trainLoss: null, nonFinite: ['trainLoss'] }],
    })
    expect(event).not.toHaveProperty('perClass')
  })
})

describe('compare', () => {
  test('shows the options that differ, and the epochs side by side', async () => {
    const lines = linesOf(await succeed(['runs', 'compare', 'small', join('runs', 'large')]))
    expect(lines).toEqual([
      '   Run    Network     State                    Validation     Test  Time',
      'A  small  1 x 4 tanh  done                        75.00 %  75.00 %   22s',
      'B  large  1 x 8 tanh  failed (ERR_NOT_FINITE)                        10s',
      '',
      'Option      A   B',
      'hiddenSize  4   8',
      'epochs      2  30',
      '',
      'Loss',
      'Epoch       A    B',
      '    1  2.0000  NaN',
      '    2  1.0000',
      '',
      'Accuracy',
      'Epoch        A        B',
      '    1  50.00 %  50.00 %',
      '    2  66.67 %',
      '',
      'Validation loss',
      'Epoch       A  B',
      '    1  0.5000',
      '    2  0.2500',
      '',
      'Validation accuracy',
      'Epoch        A  B',
      '    1  50.00 %',
      '    2  75.00 %',
      '',
      'Learning rate',
      'Epoch        A        B',
      '    1  0.00100  0.00100',
      '    2  0.00100',
    ])
  })

  test('gives another program the same in lists', async () => {
    const event = onlyEvent(await succeed(['runs', 'compare', 'small', 'large', '--json']), 'comparison')
    expect(event.runs.map(({ name }) => name)).toEqual(['small', 'large'])
    expect(event.options).toEqual({ hiddenSize: [4, 8], epochs: [2, 30] })
    expect(event.epochs).toMatchObject([
      { epoch: 1, trainAccuracy: [0.5, 0.5], nonFinite: ['trainLoss'] },
      { epoch: 2, trainLoss: [1, null] },
    ])
  })

  test.each([[['small']], [[]]])('of %j is refused', async (names) => {
    const { code, stderr } = await run(['runs', 'compare', ...names])
    expect(code).toBe(names.length === 0 ? 2 : 1)
    expect(stderr).toMatch(
      names.length === 0 ? /missing required argument/ : /Expected two or more runs to compare but received one: small\./,
    )
  })
})

test('export makes an archive by default, and replaces none', async () => {
  const event = onlyEvent(await succeed(['runs', 'export', 'small', '--json']), 'runs-export')
  expect(event).toMatchObject({ output: 'small.zip', kind: 'archive' })
  const before = readFileSync(path('small.zip'))
  const { code, stderr } = await run(['runs', 'export', 'small'])
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'Error: Cannot write small.zip: it is there already. Choose another name, or add --force.\n',
  })
  await succeed(['runs', 'export', 'small', '--force'])
  expect(readFileSync(path('small.zip')).equals(before)).toBe(true)
})

describe('a wrong command line', () => {
  test.each([
    [['runs'], 'Usage: rnn-mnist-train runs'],
    [['runs', 'lst'], 'Did you mean list?'],
    [['runs', 'show', 'a', 'b'], 'too many arguments'],
    [['runs', 'show', '--epochs', '3'], "unknown option '--epochs'"],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await run(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain(message)
  })
})

test('a training is such a run: TensorBoard reads its values, a model card says how good it is', async () => {
  await succeed([...TINY_RUN, '--epochs', '2', '--run', join('runs', 'real')])
  const shown = onlyEvent(await succeed(['runs', 'show', 'real', '--json']), 'run')
  expect(shown).toMatchObject({ state: 'done', data: 'data', epochsDone: 2, history: [{ step: 10 }, { step: 20 }] })
  const { scalars } = JSON.parse(
    await runPython([join(__dirname, '..', 'runs', 'read_event_files.py'), path('runs', 'real')], { packages: 'tensorboard' }),
  )
  expect(scalars['loss/train']).toEqual(shown.history.map(({ step, trainLoss }) => [step, Math.fround(trainLoss)]))
  expect(scalars['accuracy/test']).toEqual([[20, Math.fround(shown.testAccuracy ?? 0)]])
  expect(scalars.learning_rate).toEqual([10, 20].map((step) => [step, Math.fround(0.001)]))
  const percent = ((shown.testAccuracy ?? 0) * 100).toFixed(2)
  expect(readFileSync(path('runs', 'real', 'README.md'), 'utf8')).toContain(`| Test accuracy | ${percent} % |`)
  expect(readdirSync(path('runs')).sort()).toEqual(['large', 'real', 'small'])
})
