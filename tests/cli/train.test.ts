import { readdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { decodeSafetensors } from '../../lib/formats/safetensors'
import { OPTIONS } from '../../lib/options/options'
import { eventsOf, eventsOfType, lastEvent, linesOf, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { RUN_FILES } from '../support/run-files'
import { TINY_TEST_SAMPLES, TINY_TRAIN_SAMPLES } from '../support/tiny-mnist'

/** Those that the engine fused chooses by itself. */
const INSTRUCTION_SET = /^(avx512|avx2|neon|portable)$/

const { path, run, succeed } = useCommandLine()

function text(...names: string[]): string {
  return readFileSync(path(...names), 'utf8')
}

function records(...names: string[]): Record<string, unknown>[] {
  return linesOf(text(...names)).map((line) => JSON.parse(line) as Record<string, unknown>)
}

function onlyRun(): string {
  const names = readdirSync(path('runs'))
  expect(names).toHaveLength(1)
  return join('runs', names[0] as string)
}

describe('a run folder', () => {
  test('is created by default, is named by the UTC time and holds the files of a run', async () => {
    const before = Date.now()
    await succeed([...TINY_RUN, '--epochs', '1'])
    const folder = onlyRun()
    const [, date, hour, minute, second] = /^runs.(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)Z$/.exec(folder) ?? []
    const named = Date.parse(`${date}T${hour}:${minute}:${second}Z`)
    expect(named).toBeGreaterThan(before - 1000) // The name has whole seconds.
    expect(named).toBeLessThanOrEqual(Date.now())
    expect(readdirSync(path(folder)).sort()).toEqual(RUN_FILES)
  })

  test('is not shared by two runs that begin in the same second', async () => {
    await Promise.all([1, 2, 3].map(() => succeed([...TINY_RUN, '--epochs', '1'])))
    const runs = readdirSync(path('runs'))
    expect(runs).toHaveLength(3)
    for (const run of runs) expect(readdirSync(path('runs', run)).sort()).toEqual(RUN_FILES)
  })

  test('that several runs choose at once belongs to one of them; the others are refused', async () => {
    const args = [...TINY_RUN, '--epochs', '3', '--run', 'run']
    const outcomes = await Promise.all([1, 2, 3].map((seed) => run([...args, '--seed', String(seed)])))
    expect(outcomes.map(({ code }) => code).sort()).toEqual([0, 1, 1])
    for (const { code, stderr } of outcomes)
      if (code === 1) expect(stderr).toMatch(/^Error: run (holds a run already|is in use by another run)/)
    expect(readdirSync(path('run')).sort()).toEqual(RUN_FILES)
    const { seed } = JSON.parse(text('run', 'config.json')).options
    expect(outcomes.map(({ code }) => code).indexOf(0) + 1).toBe(seed)
    expect(records('run', 'metrics.jsonl').map(({ type }) => type)).toEqual(['epoch', 'epoch', 'epoch', 'evaluation'])
  })

  test('is where --run says, in folders that do not exist yet', async () => {
    await succeed([...TINY_RUN, '--epochs', '1', '--run', join('some', 'where')])
    expect(readdirSync(path('some', 'where')).sort()).toEqual(RUN_FILES)
    expect(readdirSync(path()).sort()).toEqual(['data', 'some'])
  })

  test('has the configuration as resolved: flags, defaults, versions and device', async () => {
    await succeed([...TINY_RUN, '--epochs', '1', '--seed', '7', '--learning-rate', '2e-3', '--no-shuffle', '--run', 'run'])
    const { libtorch, ...versions } = JSON.parse(text('run', 'config.json')).versions
    expect(libtorch).toMatch(/^\d+\.\d+\.\d+$/)
    expect(versions).toEqual({
      'torch-rnn-mnist': JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')).version,
      node: process.versions.node,
    })
    expect(JSON.parse(text('run', 'config.json'))).toMatchObject({
      command: 'train',
      ...{ input_size: 28, hidden_size: 16, num_layers: 1, num_classes: 10, nonlinearity: 'tanh' },
      ...{ trainSamples: TINY_TRAIN_SAMPLES, testSamples: TINY_TEST_SAMPLES },
      device: 'cpu',
      engine: 'fused',
      instructionSet: expect.stringMatching(INSTRUCTION_SET),
      threads: 1,
      data: 'data',
      options: {
        ...{ hiddenSize: 16, numLayers: 1, numClasses: 10, inputSize: 28, seed: 7 },
        ...{ epochs: 1, batchSize: 32, learningRate: 0.002, shuffle: false },
        nonlinearity: OPTIONS.architecture.nonlinearity.default,
        recurrentInit: OPTIONS.initialisation.recurrentInit.default,
        logInterval: OPTIONS.training.logInterval.default,
      },
    })
  })

  test('has each epoch and the final evaluation; times are separate from what a seed reproduces', async () => {
    await succeed([...TINY_RUN, '--epochs', '3', '--run', 'run'])
    const metrics = records('run', 'metrics.jsonl')
    expect(metrics.map(({ type }) => type)).toEqual(['epoch', 'epoch', 'epoch', 'evaluation'])
    expect(metrics.slice(0, 3).map(({ epoch }) => epoch)).toEqual([1, 2, 3])
    expect(metrics.slice(0, 3).map(({ step }) => step)).toEqual([10, 20, 30]) // 300 samples in batches of 32
    const columns = ['epoch', 'step', 'learningRate', 'trainLoss', 'trainAccuracy']
    const rows = metrics.slice(0, 3).map((record) => columns.map((name) => record[name]).join())
    expect(linesOf(text('run', 'metrics.csv'))).toEqual([columns.join(), ...rows])
    expect(Object.keys(metrics[0] ?? {})).toEqual(['type', ...columns])
    expect(metrics[3]).toMatchObject({ dataset: 'test', samples: TINY_TEST_SAMPLES })
    expect(metrics[3]).not.toHaveProperty('seconds')

    const timing = records('run', 'timing.jsonl')
    expect(timing.map(({ type }) => type)).toEqual(['epoch', 'epoch', 'epoch', 'evaluation'])
    for (const { seconds, samplesPerSecond } of timing.slice(0, 3)) {
      expect(seconds).toBeGreaterThan(0)
      expect(Number(seconds) * Number(samplesPerSecond)).toBeCloseTo(TINY_TRAIN_SAMPLES, 3)
    }
  })

  test('has the weights only, by their names in PyTorch', async () => {
    await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run'])
    const { tensors } = decodeSafetensors(readFileSync(path('run', 'model.safetensors')), 'model')
    expect(Object.fromEntries(Array.from(tensors, ([name, { shape }]) => [name, shape]))).toEqual({
      'basic_rnn.weight_ih_l0': [16, 28],
      'basic_rnn.weight_hh_l0': [16, 16],
      'basic_rnn.bias_ih_l0': [16],
      'basic_rnn.bias_hh_l0': [16],
      'FC.weight': [10, 16],
      'FC.bias': [10],
    })
  })
})

test('training learns: in the end it fits most of the samples', async () => {
  // Of a flag given twice, the last one counts.
  await succeed([...TINY_RUN, '--hidden-size', '64', '--epochs', '30', '--learning-rate', '0.003', '--run', 'run'])
  const epochs = records('run', 'metrics.jsonl').filter(({ type }) => type === 'epoch')
  expect(epochs[0]?.['trainAccuracy']).toBeLessThan(0.4)
  expect(epochs.at(-1)?.['trainAccuracy']).toBeGreaterThan(0.75) // seeds 1 to 4: 0.83 to 0.90
  expect(epochs.at(-1)?.['trainLoss']).toBeLessThan(Number(epochs[0]?.['trainLoss']) / 2)
})

test('the same seed gives the same metrics and model, byte for byte; another seed gives others', async () => {
  await succeed([...TINY_RUN, '--epochs', '3', '--run', 'first'])
  await succeed([...TINY_RUN, '--epochs', '3', '--run', 'second', '--json', '--log-interval', '1']) // How it is shown changes nothing.
  await succeed([...TINY_RUN, '--epochs', '3', '--run', 'other', '--seed', '2'])
  for (const name of ['metrics.csv', 'model.safetensors']) {
    expect(readFileSync(path('second', name)).equals(readFileSync(path('first', name)))).toBe(true)
    expect(readFileSync(path('other', name)).equals(readFileSync(path('first', name)))).toBe(false)
  }
  expect(text('second', 'metrics.jsonl')).toBe(text('first', 'metrics.jsonl'))
})

test('--output saves the model a second time', async () => {
  await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run', '--output', 'copy.safetensors'])
  expect(readFileSync(path('copy.safetensors')).equals(readFileSync(path('run', 'model.safetensors')))).toBe(true)
})

describe('text on stdout', () => {
  test('shows network, device, data, run, and the epochs as the tutorial does: from 00, accuracies in percent', async () => {
    const lines = linesOf(await succeed([...TINY_RUN, '--epochs', '2', '--run', 'run']))
    const epochs = records('run', 'metrics.jsonl').slice(0, 2)
    const shown = epochs.map(
      ({ trainLoss, trainAccuracy }, index) =>
        `Epoch : 0${index} | Loss : ${Number(trainLoss).toFixed(4)} | Train Accuracy : ${(Number(trainAccuracy) * 100).toFixed(2)} %`,
    )
    const parameters = 16 * 28 + 16 * 16 + 2 * 16 + 10 * 16 + 10
    expect(lines).toEqual([
      `Network: 1 x 16 tanh neurons, ${parameters} parameters`,
      expect.stringMatching(/^Device: cpu, 1 thread, engine fused \((avx512|avx2|neon|portable)\)$/),
      `Data: ${TINY_TRAIN_SAMPLES} training and ${TINY_TEST_SAMPLES} test images`,
      'Run: run',
      ...shown,
      expect.stringMatching(/^Test Loss : \d\.\d{4} \| Test Accuracy : \d+\.\d\d %$/),
      '┌──────────────────────────────────────────┐',
      expect.stringMatching(/^│ Test accuracy {3}\d+\.\d\d % +│$/),
      expect.stringMatching(/^│ Time {12}\d+s +│$/),
      '│ Model, metrics  run                      │',
      expect.stringMatching(/^│ Pictures {8}run.report\.html {10}│$/),
      '│ Try next        rnn-mnist-train evaluate │',
      '│                 rnn-mnist-train hook     │',
      '│                 rnn-mnist-train --help   │',
      '└──────────────────────────────────────────┘',
    ])
  })

  test('is only the result with --quiet', async () => {
    const trained = linesOf(await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run', '--quiet']))
    expect(trained).toEqual([expect.stringMatching(/^Test Loss : \d\.\d{4} \| Test Accuracy : \d+\.\d\d %$/)])
    const model = ['--model', join('run', 'model.safetensors')]
    expect(linesOf(await succeed(['evaluate', ...TINY_DATA, ...model, '--quiet']))).toEqual(trained)
  })
})

describe('--json', () => {
  /** Keys of an object and of all objects in it. */
  function keysOf(value: unknown): string[] {
    if (typeof value !== 'object' || value === null) return []
    return Object.entries(value).flatMap(([key, part]) => [...(Array.isArray(value) ? [] : [key]), ...keysOf(part)])
  }

  test('prints the events of a training in order, one a line, and nothing else', async () => {
    const stdout = await succeed([...TINY_RUN, '--epochs', '2', '--log-interval', '4', '--run', 'run', '--output', 'copy', '--json'])
    const batches = ['batch', 'batch', 'batch'] // After batches 4, 8 and 10, the last.
    const epoch = [...batches, 'epoch', 'model', 'checkpoint']
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', ...epoch, ...epoch, 'model', 'evaluation', 'report', 'done'])
    for (const key of eventsOf(stdout).flatMap(keysOf)) expect(key).toMatch(/^[a-z][a-zA-Z0-9]*$/)
    expect(eventsOfType(stdout, 'batch').map(({ epoch, batch }) => [epoch, batch])).toEqual([
      [1, 4],
      [1, 8],
      [1, 10],
      [2, 4],
      [2, 8],
      [2, 10],
    ])
    const model = join('run', 'model.safetensors')
    expect(eventsOfType(stdout, 'model').map(({ epoch, file }) => [epoch, file])).toEqual([
      [1, model],
      [2, model],
      [2, 'copy'],
    ])
    expect(eventsOfType(stdout, 'checkpoint').map(({ epoch, file }) => [epoch, file])).toEqual(
      [1, 2].map((epoch) => [epoch, join('run', 'checkpoints', `epoch-0000${epoch}.safetensors`)]),
    )
  })

  test('has options and parameters at the start, and the fields that programs rely on', async () => {
    const stdout = await succeed([...TINY_RUN, '--epochs', '2', '--run', 'run', '--json'])
    expect(eventsOfType(stdout, 'start')).toEqual([
      expect.objectContaining({
        ...{ command: 'train', device: 'cpu', engine: 'fused', threads: 1, parameters: 906, run: 'run' },
        ...{ trainSamples: TINY_TRAIN_SAMPLES, testSamples: TINY_TEST_SAMPLES },
        instructionSet: expect.stringMatching(INSTRUCTION_SET),
        options: JSON.parse(text('run', 'config.json')).options,
      }),
    ])
    const epochs = eventsOfType(stdout, 'epoch')
    expect(epochs.map(({ epoch, epochs }) => [epoch, epochs])).toEqual([
      [1, 2],
      [2, 2],
    ])
    for (const { trainLoss, trainAccuracy, seconds, samplesPerSecond } of epochs) {
      expect(trainLoss).toBeGreaterThan(0)
      expect(trainAccuracy * TINY_TRAIN_SAMPLES).toBeCloseTo(Math.round(trainAccuracy * TINY_TRAIN_SAMPLES), 6) // a share, not percent
      expect(trainAccuracy).toBeLessThan(1)
      expect(seconds * samplesPerSecond).toBeCloseTo(TINY_TRAIN_SAMPLES, 3)
    }
    const [evaluation] = eventsOfType(stdout, 'evaluation')
    const { testAccuracy, testLoss, seconds, run } = lastEvent(stdout, 'done')
    expect({ testAccuracy, testLoss, run }).toEqual({ testAccuracy: evaluation?.accuracy, testLoss: evaluation?.loss, run: 'run' })
    expect(seconds).toBeGreaterThan(epochs.reduce((sum, epoch) => sum + epoch.seconds, 0))
  })

  test('is the same with --quiet', async () => {
    const stdout = await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run', '--json', '--quiet'])
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual([
      ...['start', 'batch', 'epoch', 'model', 'checkpoint', 'evaluation', 'report', 'done'],
    ])
  })
})

describe('evaluate', () => {
  const MEASURE = ['evaluate', ...TINY_DATA, '--threads', '1', '--device', 'cpu', '--json']

  test('gives the same numbers for a saved model as its training did', async () => {
    const trained = await succeed([...TINY_RUN, '--epochs', '3', '--run', 'run', '--json'])
    const model = join('run', 'model.safetensors')
    const evaluated = await succeed([...MEASURE, '--model', model])
    expect(eventsOf(evaluated).map(({ type }) => type)).toEqual(['start', 'evaluation', 'done'])
    const [[before], [after]] = [eventsOfType(trained, 'evaluation'), eventsOfType(evaluated, 'evaluation')]
    expect({ ...after, seconds: 0 }).toEqual({ ...before, seconds: 0 })
    expect(after?.confusionMatrix.flat().reduce((sum, count) => sum + count)).toBe(TINY_TEST_SAMPLES)
    const [start] = eventsOfType(evaluated, 'start')
    expect(start).toMatchObject({ command: 'evaluate', model, testSamples: TINY_TEST_SAMPLES, parameters: 906 })
    expect(start).not.toHaveProperty('run')
    const { testAccuracy, testLoss } = lastEvent(evaluated, 'done')
    expect({ testAccuracy, testLoss }).toEqual({ testAccuracy: before?.accuracy, testLoss: before?.loss })
  })

  test('takes the model that was saved last, unless one is named', async () => {
    const runs = [join('runs', 'a'), join('runs', 'b')]
    for (const [seed, run] of runs.entries()) await succeed([...TINY_RUN, '--epochs', '1', '--seed', String(seed), '--run', run])
    const models = runs.map((run) => join(run, 'model.safetensors'))
    for (const newest of models) {
      // The order of the names does not matter.
      for (const model of models) utimesSync(path(model), new Date(2001, 1, 1), new Date(2001, 1, model === newest ? 3 : 2))
      expect(statSync(path(newest)).mtime).toEqual(new Date(2001, 1, 3))
      expect(eventsOfType(await succeed(MEASURE), 'start')).toMatchObject([{ model: newest }])
    }
  })
})
