/** `lr-find`: its text, events and table, and how it ends early. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { findLearningRate, ImageRNN, loadMnist, RECIPES } from '../../lib'
import { eventsOf, eventsOfType, lastEvent, linesOf, onlyEvent, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { testOnPosix } from '../support/needs'

const { path, run, start, succeed } = useCommandLine()

const FIND = ['lr-find', ...TINY_RUN, '--steps', '40']
/** With these, the loss grows without bounds before the last step. */
const DIVERGING = ['--nonlinearity', 'relu', '--num-layers', '8', '--end-learning-rate', '100']

describe('what it reports', () => {
  test('with --json: a start, the steps, the result, a done; and the numbers are those of the library', async () => {
    const stdout = await succeed([...FIND, '--label-smoothing', '0.1', '--json'])
    const events = eventsOf(stdout)
    expect(events.map(({ type }) => type)).toEqual(['start', ...Array.from({ length: 40 }, () => 'step'), 'lr-find', 'done'])
    expect(events[0]).toMatchObject({
      command: 'lr-find',
      device: 'cpu',
      trainSamples: 300,
      options: { hiddenSize: 16, startLearningRate: 1e-5, endLearningRate: 1, steps: 40, batchSize: 32, labelSmoothing: 0.1 },
    })
    const { train } = await loadMnist({ dir: path('data') })
    using model = new ImageRNN({ hiddenSize: 16, numLayers: 1, device: 'cpu', threads: 1 })
    const { curve, valley, steepest, ended } = await findLearningRate(model, train, { steps: 40, batchSize: 32, labelSmoothing: 0.1 })
    const suggestion = Number(valley?.toPrecision(2))
    const flags = '--data data --label-smoothing 0.1 --hidden-size 16 --num-layers 1 --batch-size 32'.split(' --')
    const found = onlyEvent(stdout, 'lr-find')
    expect(found).toEqual({ type: 'lr-find', ended, steps: 40, suggestion, valley, steepest, command: expect.any(String), curve })
    for (const flag of flags) expect(found.command).toContain(flag)
    expect(found.command).toMatch(new RegExp(`^rnn-mnist-train --.* --learning-rate ${suggestion}$`))
    expect(found.command).not.toMatch(/--steps|--json/)
    expect(eventsOfType(stdout, 'step').map(({ type, step, steps, seconds, ...point }) => point)).toEqual(curve)
  })

  test('as text: what it tests, the suggestion, and a command line that trains with it', async () => {
    const stdout = await succeed(FIND)
    expect(stdout).toContain('Learning rates: from 0.00001 to 1 in 40 steps')
    expect(stdout).not.toContain('▲') // The drawing is for terminals.
    const [, suggestion = ''] = /Suggestion +(\S+) \(valley: /.exec(stdout) ?? []
    const [, words = ''] = /Go on with +rnn-mnist-train (.*?)(?: *│)?\n/.exec(stdout) ?? []
    const args = words.split(' ')
    expect(args.slice(-2)).toEqual(['--learning-rate', suggestion])
    const trained = await succeed([...args, '--epochs', '1', '--run', 'run', '--json'])
    expect(eventsOf(trained)[0]).toMatchObject({ options: { learningRate: Number(suggestion), hiddenSize: 16, batchSize: 32 } })
  })

  test('with --quiet the result alone', async () => {
    const lines = linesOf(await succeed([...FIND, '--quiet']))
    expect(lines.filter((line) => !/^([┌└│]|Suggestion|Steepest|Lowest loss|Steps|Go on with)/.test(line))).toEqual([])
    expect(lines.join('\n')).toContain('Suggestion')
  })

  test('with --csv the curve as a table', async () => {
    const stdout = await succeed([...FIND, '--csv', 'curve.csv', '--json'])
    const { curve, file } = onlyEvent(stdout, 'lr-find')
    expect(file).toBe('curve.csv')
    const [heading, ...rows] = linesOf(readFileSync(path('curve.csv'), 'utf8'))
    expect(heading).toBe('step,learningRate,loss,smoothedLoss')
    expect(rows.map((row) => row.split(',').map(Number))).toEqual(
      curve.map(({ learningRate, loss, smoothedLoss }, index) => [index + 1, learningRate, loss, smoothedLoss]),
    )
    expect(await succeed([...FIND, '--csv', 'curve.csv'])).toMatch(/Curve +curve\.csv/)
  })
})

describe('what it trains', () => {
  test('a recipe: with its network and hyperparameters, and the command line names it', async () => {
    const stdout = await succeed(['lr-find', ...TINY_DATA, '--recipe', 'accurate', '--hidden-size', '16', '--steps', '20', '--json'])
    const { optimizer, clipGradNorm, augmentShift } = RECIPES.accurate.training
    const [first] = eventsOf(stdout)
    expect(first).toMatchObject({ options: { nonlinearity: 'relu', hiddenSize: 16, optimizer, clipGradNorm, augmentShift } })
    expect(first).not.toHaveProperty('options.schedule')
    expect(onlyEvent(stdout, 'lr-find').command).toContain('--recipe accurate --hidden-size 16')
  })

  test('a trained model, which it leaves as it is', async () => {
    await succeed([...TINY_RUN, '--epochs', '5', '--learning-rate', '0.01', '--run', 'run'])
    const file = 'run/model.safetensors'
    const before = readFileSync(path(file))
    const firstLoss = async (args: readonly string[]) => onlyEvent(await succeed([...args, '--json']), 'lr-find').curve[0]?.loss ?? 0
    expect(await firstLoss([...FIND, '--model', file])).toBeLessThan(await firstLoss(FIND))
    expect(readFileSync(path(file))).toEqual(before)
    expect(await succeed([...FIND, '--model', file])).toContain(`Start: ${file}\n`)
  })
})

describe('how it ends', () => {
  test('early where the loss grows too much, which is no failure', async () => {
    const stdout = await succeed([...FIND, ...DIVERGING, '--steps', '80', '--json'])
    const { curve, ended, suggestion } = onlyEvent(stdout, 'lr-find')
    expect(ended).toBe('diverged')
    expect(curve.length).toBeLessThan(80)
    expect(suggestion).toBeGreaterThan(1e-5)
    expect(await succeed([...FIND, ...DIVERGING, '--steps', '80'])).toMatch(/Steps +\d+ of 80, until the loss grew too much/)
  })

  test('with a warning where it grows too soon for a suggestion', async () => {
    const { code, stdout, stderr } = await run([...FIND, ...DIVERGING, '--start-learning-rate', '50'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/Suggestion +none/)
    expect(stdout).not.toContain('Go on with')
    expect(stderr).toMatch(/^Warning: The loss grew too soon for a suggestion, after \d+ steps?\. Give a lower --start-learning-rate\.\n$/)
  })

  testOnPosix('signals that a program can handle')('by Ctrl-C with what was measured, and 130', async () => {
    const program = start(['lr-find', ...TINY_RUN, '--batch-size', '1', '--steps', '100000', '--csv', 'curve.csv', '--json'])
    await program.line(/"step":3,/)
    program.signal('SIGINT')
    const { code, stdout, stderr } = await program.ended
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
    const found = onlyEvent(stdout, 'lr-find')
    expect(found.ended).toBe('stopped')
    expect(found.curve).toHaveLength(eventsOfType(stdout, 'step').length)
    expect(linesOf(readFileSync(path('curve.csv'), 'utf8'))).toHaveLength(found.curve.length + 1)
    expect(lastEvent(stdout, 'error').code).toBe('ERR_INTERRUPTED')
  })

  test('with 2 where the range does not rise', async () => {
    const { code, stderr } = await run([...FIND, '--start-learning-rate', '0.1', '--end-learning-rate', '0.01'])
    expect(code).toBe(2)
    expect(stderr).toContain('an --end-learning-rate above the --start-learning-rate, 0.1,')
  })

  test('before it trains where the table cannot be written, or the model contradicts the flags', async () => {
    mkdirSync(path('folder'))
    const refused = await run([...FIND, '--csv', 'folder', '--json'])
    expect(refused.code).toBe(1)
    expect(eventsOf(refused.stdout).map(({ type }) => type)).toEqual(['start', 'error'])
    expect(lastEvent(refused.stdout, 'error').message).toContain('Cannot write folder')
    await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run'])
    const other = await run([...FIND, '--model', 'run/model.safetensors', '--hidden-size', '17'])
    expect(other.code).toBe(2)
    expect(other.stderr).toContain('--hidden-size 17 contradicts --model')
    const same = await run([...FIND, '--model', 'run/model.safetensors', '--csv', './run/model.safetensors'])
    expect(same).toMatchObject({ code: 1, stderr: expect.stringContaining('it is the file of the model') })
  })

  test('and leaves no run', async () => {
    await succeed(FIND)
    expect(existsSync(path('runs'))).toBe(false)
  })
})
