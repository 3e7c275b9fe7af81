/** `summary`, `forward` and `hook`: looking into a network, trained or not. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type ImageRNN, loadMnist, SaveFeatures } from '../../lib'
import { statisticsByStep } from '../../lib/model/state-statistics'
import { drawSummary, summarize } from '../../lib/model/summary'
import { eventsOf, eventsOfType, linesOf, TINY_DATA, useCommandLine } from '../support/command-line'
import { expectClose } from '../support/expect-close'
import { argmaxPerRow, useModels } from '../support/sample-models'
import { TINY_TEST_SAMPLES } from '../support/tiny-mnist'
import { SAME_PLACE, useTinyModels } from '../support/tiny-model'

const { path, run, succeed } = useCommandLine()
const createModel = useTinyModels()
const createFresh = useModels()

const FILE = 'digits.safetensors'
const WITH_MODEL = [...TINY_DATA, ...SAME_PLACE, '--model', FILE]
const TUTORIAL = { inputSize: 28, hiddenSize: 150, numLayers: 3, numClasses: 10, nonlinearity: 'tanh' } as const

/** The network that a command makes when there is none to read. */
function freshModel(seed: number): ImageRNN {
  return createFresh({ ...TUTORIAL, seed })
}

async function expectUsageError(args: readonly string[], part: string): Promise<void> {
  const { code, stdout, stderr } = await run(args)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(part)
  expect(stderr).toContain(`Try: rnn-mnist-train ${args[0]} --help`)
  expect(linesOf(stderr)).toHaveLength(2)
}

describe('summary', () => {
  // Commands that need no libtorch must work without it, on a machine where nothing else works yet.
  const env = { LIBTORCH: join(__dirname, 'no-such-folder') }

  test('prints the same table for a file as for its model', async () => {
    const { model } = await createModel(path('data'), path(FILE), { nonlinearity: 'relu' })
    const stdout = await succeed(['summary', '--model', FILE], { env })
    expect(stdout).toBe(`Model: ${FILE}\n${model.summary()}\n`)
    expect(await succeed(['summary', '--model', FILE, '--quiet'], { env })).toBe(`${model.summary()}\n`)
  })

  test('takes the newest run', async () => {
    mkdirSync(path('runs', 'a'), { recursive: true })
    const file = join('runs', 'a', 'model.safetensors')
    const { model } = await createModel(path('data'), path(file))
    expect(await succeed(['summary'], { env })).toBe(`Model: ${file}\n${model.summary()}\n`)
  })

  test("shows the tutorial's network before the first run, and any other by flags", async () => {
    expect(await succeed(['summary'], { env })).toBe(`Model: never trained\n${drawSummary(summarize(TUTORIAL))}\n`)
    await createModel(path('data'), path(FILE))
    const flags = ['--hidden-size', '7', '--num-layers', '1', '--nonlinearity', 'relu', '--input-size', '5', '--num-classes', '3']
    const network = { hiddenSize: 7, numLayers: 1, nonlinearity: 'relu', inputSize: 5, numClasses: 3 } as const
    expect(await succeed(['summary', ...flags], { env })).toBe(`Model: never trained\n${drawSummary(summarize(network))}\n`)
    expect((await succeed(['summary', '--hidden-size', '150'], { env })).split('\n')[0]).toBe('Model: never trained') // the default, but given
  })

  test('prints layers, shapes and parameters with --json', async () => {
    const { model } = await createModel(path('data'), path(FILE))
    const stdout = await succeed(['summary', '--model', FILE, '--json'], { env })
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'summary', 'done'])
    const { inputSize, hiddenSize, numLayers, numClasses, nonlinearity } = model.options
    expect(eventsOfType(stdout, 'start')).toEqual([
      expect.objectContaining({
        ...{ command: 'summary', model: FILE, parameters: model.parameterCount },
        options: { inputSize, hiddenSize, numLayers, numClasses, nonlinearity },
      }),
    ])
    const [first, second, linear] = [16 * 28 + 16 * 16 + 32, 16 * 16 * 2 + 32, 170]
    expect(eventsOfType(stdout, 'summary')).toEqual([
      {
        type: 'summary',
        layers: [
          { name: 'basic_rnn, layer 0', type: 'RNN, tanh', outputShape: ['T', 'N', 16], parameters: first },
          { name: 'basic_rnn, layer 1', type: 'RNN, tanh', outputShape: ['T', 'N', 16], parameters: second },
          { name: 'FC', type: 'Linear', outputShape: ['N', 10], parameters: linear },
        ],
        parameters: first + second + linear,
        bytes: 4 * (first + second + linear),
      },
    ])
  })

  test('refuses a file together with an architecture, and a file that is no model', async () => {
    await expectUsageError(
      ['summary', '--model', FILE, '--num-layers', '2'],
      "'--num-layers <integer>' cannot be used with option '--model <file>'",
    )
    await expectUsageError(['summary', '--num-layers', '0'], 'Expected an integer from 1 to 64.')
    expect(await run(['summary', '--model', 'nowhere'], { env })).toMatchObject({
      code: 1,
      stderr: 'Error: Cannot read nowhere: it does not exist (ENOENT). Check the path.\n',
    })
    const { stdout, code } = await run(['summary', '--model', 'nowhere', '--json'], { env })
    expect({ code, events: eventsOf(stdout) }).toMatchObject({
      code: 1,
      events: [{ type: 'start' }, { type: 'error', code: 'ERR_FILE_SYSTEM' }],
    })
  })
})

describe('forward', () => {
  test("prints the logits of the batch's first images, as the library computes them", async () => {
    const { model, data } = await createModel(path('data'), path(FILE))
    const logits = await model.forward(data.test.images(0, 50))
    const stdout = await succeed(['forward', ...WITH_MODEL, '--batch-size', '50', '--rows', '3', '--json'])
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'logits', 'done'])
    expect(eventsOfType(stdout, 'start')).toMatchObject([
      { command: 'forward', model: FILE, device: 'cpu', testSamples: TINY_TEST_SAMPLES },
    ])
    expect(eventsOfType(stdout, 'logits')).toEqual([
      {
        ...{ type: 'logits', trained: true, shape: [50, 10] },
        rows: [0, 10, 20].map((start) => Array.from(logits.data.subarray(start, start + 10))),
        labels: Array.from(data.test.labelsOf(0, 3)),
        answers: argmaxPerRow(logits).slice(0, 3),
      },
    ])
  })

  test('prints two rows with four decimals and the shape', async () => {
    const { model, data } = await createModel(path('data'), path(FILE))
    const logits = await model.forward(data.test.images())
    const lines = linesOf(await succeed(['forward', ...WITH_MODEL]))
    expect(lines.slice(0, 4).map((line) => line.split(':')[0])).toEqual(['Network', 'Device', 'Data', 'Model'])
    const text = lines.slice(4)
    const [labels, answers] = [data.test.labelsOf(0, 2), argmaxPerRow(logits)]
    expect(text.filter((line) => !line.startsWith(' '))).toEqual([
      `Logits: shape [${TINY_TEST_SAMPLES}, 10], the first 2 rows`, // The test set is smaller than a batch of 128.
      ...[0, 1].map((image) => `Image ${image}, label ${labels[image]}, answer ${answers[image]}:`),
    ])
    const numbers = text.filter((line) => line.startsWith(' ')).flatMap((line) => line.trim().split(/\s+/))
    expect(numbers).toEqual(Array.from(logits.data.subarray(0, 20), (logit) => logit.toFixed(4)))
    expect(text.filter((line) => line.length > 60)).toEqual([])
    expect(linesOf(await succeed(['forward', ...WITH_MODEL, '--quiet']))).toEqual(text)
  })

  test('shows no more rows than the batch has', async () => {
    await createModel(path('data'), path(FILE))
    const stdout = await succeed(['forward', ...WITH_MODEL, '--batch-size', '1', '--rows', '5', '--quiet'])
    expect(linesOf(stdout)).toEqual([
      'Logits: shape [1, 10], the first row',
      expect.stringMatching(/^Image 0/),
      expect.any(String),
      expect.any(String),
    ])
  })

  test('before the first run it uses a new network from the seed, and the output says so', async () => {
    const { test: tiny } = await loadMnist({ dir: path('data') })
    const args = ['forward', ...TINY_DATA, ...SAME_PLACE]
    for (const seed of [1, 7]) {
      const logits = await freshModel(seed).forward(tiny.images())
      const stdout = await succeed([...args, '--seed', String(seed), '--json'])
      const [event] = eventsOfType(stdout, 'logits')
      expect(event).toMatchObject({ trained: false, shape: [TINY_TEST_SAMPLES, 10] })
      expect(event?.rows.flat()).toEqual(Array.from(logits.data.subarray(0, 20)))
      expect(eventsOfType(stdout, 'start')[0]).not.toHaveProperty('model')
    }
    const lines = linesOf(await succeed([...args, '--seed', '7']))
    expect(lines[3]).toBe('Model: never trained, fresh from seed 7 (there is no run yet)')
    expect(linesOf(await succeed([...args, '--quiet']))[0]).toBe(
      `Logits of a network never trained: shape [${TINY_TEST_SAMPLES}, 10], the first 2 rows`,
    )
  })

  test('a named file must exist', async () => {
    expect(await run(['forward', ...TINY_DATA, '--model', 'nowhere'])).toMatchObject({
      ...{ code: 1, stdout: '' },
      stderr: 'Error: Cannot read nowhere: it does not exist (ENOENT). Check the path.\n',
    })
    await expectUsageError(['forward', '--rows', '0'], 'Expected an integer from 1 to 65536.')
  })
})

describe('hook', () => {
  async function statesOf(model: ImageRNN, count: number): Promise<SaveFeatures['features']> {
    const { test: tiny } = await loadMnist({ dir: path('data') })
    using activations = new SaveFeatures(model)
    await model.forward(tiny.images(0, count))
    return activations.features
  }

  test("prints the tutorial's shapes for 128 images", async () => {
    const { stdout, code } = await run(['hook', ...SAME_PLACE, '--quiet'])
    expect(code).toBe(0)
    expect(linesOf(stdout).slice(0, 5)).toEqual([
      'Features of a network never trained',
      'features[0].shape = [28, 128, 150]',
      'features[0][-1].shape = [128, 150]',
      'features[1].shape = [3, 128, 150]',
      '',
    ])
  })

  test.each(['tanh', 'relu'] as const)('prints the spread of the states of a %s network after each row', async (nonlinearity) => {
    const { model } = await createModel(path('data'), path(FILE), { nonlinearity, numLayers: 1 })
    const [states] = await statesOf(model, 50)
    const stdout = await succeed(['hook', ...WITH_MODEL, '--batch-size', '50', '--json'])
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'features', 'done'])
    expect(eventsOfType(stdout, 'start')).toMatchObject([{ command: 'hook', model: FILE }])
    const shapes = [
      [28, 50, 16],
      [1, 50, 16],
    ]
    const [event] = eventsOfType(stdout, 'features')
    expect(event).toMatchObject({ trained: true, module: 'basic_rnn', nonlinearity, shapes })
    expect(event?.steps?.map(({ step }) => step)).toEqual(Array.from({ length: 28 }, (_, step) => step))
    for (const { step, mean, standardDeviation, saturation } of event?.steps ?? []) {
      const values = Array.from(states?.data.subarray(step * 50 * 16, (step + 1) * 50 * 16) ?? [])
      const average = values.reduce((sum, value) => sum + value, 0) / values.length
      const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length - average ** 2
      const saturated = values.filter((value) => (nonlinearity === 'tanh' ? Math.abs(value) > 0.99 : value === 0))
      expectClose([mean, standardDeviation, saturation], [average, Math.sqrt(variance), saturated.length / values.length], { atol: 1e-9 })
    }
    // A column of zeros would prove nothing.
    expect(event?.steps?.some(({ saturation }) => saturation > 0)).toBe(true)
  })

  test.each([
    ['tanh', '|h|>0.99'],
    ['relu', 'h=0'],
  ] as const)('prints a table for %s in 60 columns, and what its last column means', async (nonlinearity, column) => {
    const { model } = await createModel(path('data'), path(FILE), { nonlinearity })
    const [states] = await statesOf(model, TINY_TEST_SAMPLES)
    if (states === undefined) throw new Error('The hook has not run.')
    const stdout = await succeed(['hook', ...WITH_MODEL])
    const lines = linesOf(stdout).slice(4)
    expect(lines.slice(0, 5)).toEqual([
      `features[0].shape = [28, ${TINY_TEST_SAMPLES}, 16]`,
      `features[0][-1].shape = [${TINY_TEST_SAMPLES}, 16]`,
      `features[1].shape = [2, ${TINY_TEST_SAMPLES}, 16]`,
      '',
      "The top layer's states after each row of the images:",
    ])
    const [head, ...rows] = lines.slice(5, 34).map((line) => line.trim().split(/\s+/))
    expect(head).toEqual(['Step', 'Mean', 'Std', column])
    expect(rows).toEqual(
      statisticsByStep(states, nonlinearity).map(({ step, mean, standardDeviation, saturation }) => [
        String(step),
        mean.toFixed(4),
        standardDeviation.toFixed(4),
        `${(saturation * 100).toFixed(2)}%`,
      ]),
    )
    expect(lines.slice(34).join(' ')).toMatch(`${column}: share of the states h`)
    expect(stdout).toMatch(/^[\x20-\x7e\n]*$/)
    expect(lines.filter((line) => line.length > 60)).toEqual([])
  })

  test.each(['', 'FC'])("shows only the shape of the output of module '%s'", async (module) => {
    await createModel(path('data'), path(FILE))
    const args = ['hook', ...WITH_MODEL, '--module', module, '--batch-size', '9']
    expect(linesOf(await succeed([...args, '--quiet']))).toEqual(['features[0].shape = [9, 10]'])
    const [event] = eventsOfType(await succeed([...args, '--json']), 'features')
    expect(event).toEqual({ type: 'features', trained: true, module, nonlinearity: 'tanh', shapes: [[9, 10]] })
  })

  test('refuses an unknown module', async () => {
    await expectUsageError(['hook', '--module', 'rnn'], "Expected basic_rnn, FC, or '' for the whole model.")
  })
})

test.each(['evaluate', 'summary', 'forward', 'hook'])('%s refuses an empty path', async (command) => {
  // An unset variable in a script gives an empty path.
  await expectUsageError([command, '--model', ''], 'Expected the path of a file.')
})

/** `| tail -n 2 | head -n 1`, which the help recommends, must find the result. */
test.each([
  ['forward', 'logits'],
  ['hook', 'features'],
])('the last line but one of %s --json is its result', async (command, type) => {
  expect(eventsOf(await succeed([command, ...TINY_DATA, ...SAME_PLACE, '--json'])).at(-2)).toMatchObject({ type })
})
