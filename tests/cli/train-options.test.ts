/** `train` with validation samples, early stopping, recipes, and a trained model to start from. */
import { existsSync, readFileSync } from 'node:fs'
import { ImageRNN, loadMnist, RECIPES } from '../../lib'
import { eventsOf, eventsOfType, lastEvent, linesOf, onlyEvent, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { TINY_TEST_SAMPLES, TINY_TRAIN_SAMPLES } from '../support/tiny-mnist'

const { path, run, succeed } = useCommandLine()

const RUN = [...TINY_RUN, '--run', 'run']

/** The file of the model, as numbers. */
async function weightsOf(file: string): Promise<unknown> {
  using model = await ImageRNN.load(path(file), { device: 'cpu' })
  return await model.stateDict()
}

describe('--validation-split', () => {
  test('shows loss and accuracy on the samples that it sets aside', async () => {
    const lines = linesOf(await succeed([...RUN, '--epochs', '2', '--validation-split', '60']))
    expect(lines).toContain(`Data: 240 training, 60 validation and ${TINY_TEST_SAMPLES} test images`)
    const mean = (name: string) => `${name} : \\d\\.\\d{4}`
    const share = (name: string) => `${name} : \\d+\\.\\d\\d %`
    const epoch = [mean('Loss'), share('Train Accuracy'), mean('Validation Loss'), share('Validation Accuracy')].join(' \\| ')
    expect(lines.filter((line) => new RegExp(`^Epoch : 0\\d \\| ${epoch}$`).test(line))).toHaveLength(2)
    expect(lines.filter((line) => /^│ Best epoch {6}0[01] +│$/.test(line))).toHaveLength(1)
  })

  test('takes a share, and gives numbers for programs', async () => {
    const stdout = await succeed([...RUN, '--epochs', '1', '--validation-split', '0.2', '--json'])
    expect(onlyEvent(stdout, 'start')).toMatchObject({
      ...{ trainSamples: TINY_TRAIN_SAMPLES, validationSamples: 60 },
      options: { validationSplit: 0.2 },
    })
    const { validationLoss, validationAccuracy = Number.NaN, learningRate, step } = onlyEvent(stdout, 'epoch')
    expect(validationLoss).toBeGreaterThan(0)
    expect(validationAccuracy * 60).toBeCloseTo(Math.round(validationAccuracy * 60), 6)
    expect({ learningRate, step }).toEqual({ learningRate: 0.001, step: 8 })
    for (const event of eventsOfType(stdout, 'batch')) expect(event.learningRate).toBe(0.001)
    expect(lastEvent(stdout, 'done')).toMatchObject({ ended: 'completed', bestEpoch: 1 })
  })

  test.each([
    ['0', 2, 'Expected an integer from 1 or a share between 0 and 1.'],
    ['1.5', 2, 'Expected an integer from 1 or a share between 0 and 1.'],
    ['300', 1, 'leaves samples on both sides, for --validation-split but'],
  ])('%s is refused, and leaves no folder', async (value, code, message) => {
    const outcome = await run([...RUN, '--validation-split', value])
    expect(outcome).toMatchObject({ code, stderr: expect.stringContaining(message) })
    expect(existsSync(path('run'))).toBe(false)
  })
})

describe('--normalize', () => {
  test('gives the network the mean and deviation of the training images, which it keeps', async () => {
    await succeed([...RUN, '--epochs', '1', '--normalize'])
    const { normalization, options } = JSON.parse(readFileSync(path('run', 'config.json'), 'utf8'))
    expect(normalization.mean).toHaveLength(28)
    expect(options.normalization).toEqual(normalization)
    using model = await ImageRNN.load(path('run', 'model.safetensors'), { device: 'cpu' })
    expect(model.options.normalization).toEqual(normalization)
    expect(readFileSync(path('run', 'README.md'), 'utf8')).toMatch(/npx rnn-mnist-train .*--normalize/)
    // The run goes on with it, and other commands use it.
    await succeed(['train', '--resume', '--run', 'run', '--epochs', '2', '--quiet'])
    await succeed(['train', ...TINY_DATA, '--model', path('run', 'model.safetensors'), '--normalize', '--epochs', '1', '--run', 'next'])
  })

  test('leaves out the samples that are set aside', async () => {
    await succeed([...RUN, '--epochs', '1', '--normalize', '--validation-split', '60', '--seed', '7'])
    const { train } = await loadMnist({ dir: path('data') })
    const [learned] = train.randomSplit([TINY_TRAIN_SAMPLES - 60, 60], { seed: 7 })
    const { normalization } = JSON.parse(readFileSync(path('run', 'config.json'), 'utf8'))
    expect(normalization).toEqual(await learned?.normalization())
    expect(normalization).not.toEqual(await train.normalization())
  })

  test('contradicts a model that has none', async () => {
    await succeed([...RUN, '--epochs', '1'])
    const args = ['train', ...TINY_DATA, '--model', path('run', 'model.safetensors'), '--normalize', '--epochs', '1', '--run', 'next']
    expect(await run(args)).toMatchObject({ code: 2, stderr: expect.stringContaining('--normalize contradicts --model') })
  })
})

describe('early stopping', () => {
  const RESTLESS = [...RUN, '--epochs', '30', '--learning-rate', '0.1', '--validation-split', '100']

  test('ends the run and saves the best epoch', async () => {
    const stdout = await succeed([...RESTLESS, '--early-stopping-patience', '2', '--output', 'copy.safetensors', '--json'])
    const losses = eventsOfType(stdout, 'epoch').map(({ validationLoss = Number.NaN }) => validationLoss)
    expect(losses.length).toBeLessThan(30)
    const bestEpoch = losses.indexOf(Math.min(...losses)) + 1
    expect(bestEpoch).toBe(losses.length - 2)
    expect(lastEvent(stdout, 'done')).toMatchObject({ ended: 'early-stopping', bestEpoch })
    expect(eventsOfType(stdout, 'model').slice(-2)).toMatchObject([{ epoch: bestEpoch }, { epoch: bestEpoch, file: 'copy.safetensors' }])
    await succeed([...RESTLESS.map((word) => (word === 'run' ? 'short' : word)), '--epochs', String(bestEpoch)])
    expect(await weightsOf('run/model.safetensors')).toEqual(await weightsOf('short/model.safetensors'))
    expect(await weightsOf('copy.safetensors')).toEqual(await weightsOf('short/model.safetensors'))
  })

  test.each([
    ['--early-stopping-patience', '3'],
    ['--schedule', 'plateau'],
  ])('%s %s is refused without validation samples, and leaves no folder', async (...flags) => {
    const { code, stdout } = await run([...RUN, ...flags, '--json'])
    expect(code).toBe(1)
    expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_NO_VALIDATION', message: expect.stringContaining('--validation-split') })
    expect(existsSync(path('run'))).toBe(false)
  })
})

describe('--recipe', () => {
  test('takes the place of the defaults, but not of what the user gives', async () => {
    await succeed([...RUN, '--recipe', 'accurate', '--epochs', '1', '--optimizer', 'adam', '--batch-size', '64'])
    const { options } = JSON.parse(readFileSync(path('run', 'config.json'), 'utf8'))
    const { model, training } = RECIPES.accurate
    const { weightDecay, ...others } = training
    expect(weightDecay).toBeGreaterThan(0)
    expect(options).toMatchObject({ ...model, ...others, epochs: 1, optimizer: 'adam', batchSize: 64, hiddenSize: 16 })
    expect(options).not.toHaveProperty('weightDecay') // That of the recipe's optimizer, which is something else than Adam's.
  })

  test('is explained by --help', async () => {
    const help = await succeed(['train', '--help'])
    for (const name of Object.keys(RECIPES)) expect(help).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    for (const heading of ['Training', 'Optimizer', 'Learning rate', 'Network', 'Output']) expect(help).toContain(`\n\n${heading}:\n  --`)
    const [, accurate = ''] = help.split(/^ {2}accurate /m)
    for (const [flag, value] of [
      ['--schedule', 'warmup-cosine'],
      ['--optimizer', 'muon'],
    ])
      expect(accurate.replaceAll(/\s+/g, ' ')).toContain(`${flag} ${value}`)
  })

  test('an unknown one is refused, and so are options without effect', async () => {
    expect(await run([...RUN, '--recipe', 'fast'])).toMatchObject({ code: 2, stderr: expect.stringContaining('tutorial, quick, accurate') })
    expect(await run([...RUN, '--step-size', '3'])).toMatchObject({
      code: 2,
      stderr: 'Error: --step-size has no effect without the schedule step. Leave it out, or choose that.\n',
    })
    expect(await run([...RUN, '--no-restore-best'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--no-restore-best has no effect without --early-stopping-patience.'),
    })
    expect(existsSync(path('run'))).toBe(false)
  })
})

describe('--model', () => {
  beforeEach(async () => {
    using model = new ImageRNN({ hiddenSize: 16, numLayers: 1, device: 'cpu', seed: 5 })
    await model.save(path('start.safetensors'))
  })

  const GO_ON = [...TINY_DATA, '--batch-size', '32', '--threads', '1', '--device', 'cpu', '--run', 'run', '--model', 'start.safetensors']

  test('goes on from a trained model, whose network it takes', async () => {
    const stdout = await succeed([...GO_ON, '--epochs', '1', '--learning-rate', '0', '--json'])
    expect(onlyEvent(stdout, 'start')).toMatchObject({
      model: 'start.safetensors',
      parameters: 906,
      options: { hiddenSize: 16, numLayers: 1 },
    })
    expect(await weightsOf('run/model.safetensors')).toEqual(await weightsOf('start.safetensors')) // With a rate of 0.
    const lines = linesOf(await succeed([...GO_ON, '--epochs', '1', '--run', 'other']))
    expect(lines).toContain('Start: start.safetensors')
    expect(await weightsOf('other/model.safetensors')).not.toEqual(await weightsOf('start.safetensors'))
  })

  test('agrees with flags that say the same, and with a recipe for another network', async () => {
    const flags = ['--hidden-size', '16', '--nonlinearity', 'tanh', '--recipe', 'accurate', '--epochs', '1']
    const stdout = await succeed([...GO_ON, ...flags, '--json'])
    expect(onlyEvent(stdout, 'start')).toMatchObject({ options: { nonlinearity: 'tanh', optimizer: RECIPES.accurate.training.optimizer } })
  })

  test.each([
    [['--hidden-size', '17'], '--hidden-size 17 contradicts --model: that network has 16.'],
    [['--nonlinearity', 'relu'], '--nonlinearity relu contradicts --model: that network has tanh.'],
    [['--recurrent-init', 'identity'], '--recurrent-init identity contradicts --model: that network is trained already.'],
  ])('contradicts %j', async (flags, message) => {
    expect(await run([...GO_ON, ...flags])).toMatchObject({ code: 2, stderr: `Error: ${message}\n` })
    expect(existsSync(path('run'))).toBe(false)
  })

  test('has to fit the images', async () => {
    using model = new ImageRNN({ inputSize: 5, device: 'cpu' })
    await model.save(path('narrow.safetensors'))
    const { code, stdout } = await run([...GO_ON, '--model', 'narrow.safetensors', '--json'])
    expect(code).toBe(1)
    expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_INVALID_FILE', message: expect.stringContaining('28 pixels') })
    expect(eventsOf(stdout)).toHaveLength(2)
    expect(existsSync(path('run'))).toBe(false)
  })
})
