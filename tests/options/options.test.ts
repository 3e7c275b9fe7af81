import { findLearningRate, ImageRNN } from '../../lib'
import { describeAllowed } from '../../lib/options/checks'
import { LEARNING_RATE_TEST_OPTIONS } from '../../lib/options/learning-rate-test'
import { HYPERPARAMETERS, MODEL_OPTIONS, NETWORK_CHOICES, OPTIONS } from '../../lib/options/options'
import type { AnyOptionSpec, OptionTable } from '../../lib/options/specs'
import { expectError } from '../support/expect-error'
import { smallDataset, smallOptions, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

/** A value of a type that TypeScript would refuse. */
function wrong<T>(value: unknown): T {
  return value as T
}

/** Wrong values by kind of option, each as an error shows it. */
const WRONG_VALUES: Record<string, [unknown, string][]> = {
  integer: [
    ['5', '"5" (string)'],
    [1.5, '1.5 (number)'],
    [Number.NaN, 'NaN (number)'],
    [Number.POSITIVE_INFINITY, 'Infinity (number)'],
    [-1, '-1 (number)'],
    [null, 'null'],
    [5n, '5 (bigint)'],
  ],
  number: [
    ['0.1', '"0.1" (string)'],
    [Number.NaN, 'NaN (number)'],
    [-0.001, '-0.001 (number)'],
  ],
  pair: [
    [[0.9], '[0.9]'],
    [[0.9, -1], '[0.9, -1]'],
    [0.9, '0.9 (number)'],
  ],
  part: [
    [0, '0 (number)'],
    [1.5, '1.5 (number)'],
    ['5', '"5" (string)'],
  ],
  boolean: [
    [1, '1 (number)'],
    ['true', '"true" (string)'],
  ],
  choice: [
    ['Tanh', '"Tanh" (string)'],
    ['', '"" (string)'],
    [['tanh'], 'an array of 1'],
  ],
  text: [
    ['gpu', '"gpu" (string)'],
    ['cuda:x', '"cuda:x" (string)'],
    [0, '0 (number)'],
  ],
}

/** Every wrong value of every option of a table: name, value, what is allowed, and how an error shows the value. */
function wrongOptions(table: OptionTable): [string, unknown, string, string][] {
  return Object.entries(table).flatMap(([name, spec]) => {
    const values = WRONG_VALUES[spec.kind] ?? []
    const outside = outsideOf(spec).map((value): [unknown, string] => [value, `${value} (number)`])
    return [...values, ...outside].map(([value, shown]): [string, unknown, string, string] => [name, value, describeAllowed(spec), shown])
  })
}

/** The nearest numbers that a spec does not allow any more. */
function outsideOf(spec: AnyOptionSpec): number[] {
  if (spec.kind !== 'integer' && spec.kind !== 'number') return []
  const step = spec.kind === 'integer' ? 1 : 0.001
  return [spec.above, spec.below, spec.max === undefined ? undefined : spec.max + step].filter((value) => value !== undefined)
}

test('no two groups have an option of the same name', () => {
  const names = Object.values(OPTIONS).flatMap((group) => Object.keys(group))
  expect(new Set(names).size).toBe(names.length)
})

test('the training data determines the image size and the number of classes, and nothing else', () => {
  const network = Object.keys({ ...OPTIONS.architecture, ...OPTIONS.initialisation })
  expect(network.filter((name) => !(name in NETWORK_CHOICES))).toEqual(['inputSize', 'numClasses'])
})

describe('the options of a model', () => {
  test("are the tutorial's network by default", () => {
    using model = new ImageRNN()
    expect(model.options).toEqual({
      inputSize: 28,
      hiddenSize: 150,
      numLayers: 3,
      numClasses: 10,
      nonlinearity: 'tanh',
      recurrentInit: 'identity',
      device: 'auto',
      engine: 'auto',
      seed: 1,
      threads: 0,
      precision: 'float32',
    })
    expect(model.device).toMatch(/^(cpu|cuda:\d+)$/)
    expect(model.engine).toBe(model.device === 'cpu' ? 'fused' : 'torch')
    expect(model.disposed).toBe(false)
  })

  test('are kept as given and immutable, and undefined means the default', () => {
    const given = smallOptions({ nonlinearity: 'relu', recurrentInit: 'uniform', seed: Number.MAX_SAFE_INTEGER })
    using model = new ImageRNN({ ...given, engine: wrong(undefined) })
    expect(model.options).toEqual({ ...given, engine: 'auto', precision: 'float32' })
    expect(Object.isFrozen(model.options)).toBe(true)
    expect(model.device).toBe('cpu')
  })

  test.each(wrongOptions(MODEL_OPTIONS))('%s: %p is refused', async (name, value, expected, actual) => {
    const error = await expectError(() => new ImageRNN({ [name]: value }), 'ERR_INVALID_OPTION', name, expected, actual)
    expect(error).toMatchObject({ expected, actual })
  })

  test.each(['hiddenSize', 'inputSize', 'numLayers', 'numClasses'])('%s: 0 is refused', async (name) => {
    await expectError(() => new ImageRNN({ [name]: 0 }), 'ERR_INVALID_OPTION', name, 'from 1 to', '0 (number)')
  })

  test('with an unknown key are refused, and the known ones are listed', async () => {
    const parts = ['"hiddensize"', 'ImageRNN', 'hiddenSize', 'numLayers']
    const error = await expectError(() => new ImageRNN(wrong({ hiddensize: 3 })), 'ERR_INVALID_OPTION', ...parts)
    expect(error.actual).toBe('hiddensize')
  })

  test.each([[5], ['small'], [null], [[28]]])('%p instead of an object is refused', async (options) => {
    await expectError(() => new ImageRNN(wrong(options)), 'ERR_INVALID_OPTION', 'the options of ImageRNN', 'an object')
  })

  test('with a device that the machine lacks are refused', async () => {
    await expectError(() => new ImageRNN({ device: 'cuda:99' }), 'ERR_DEVICE_UNAVAILABLE', 'cuda:99')
  })

  test('of load are only those that do not affect the parameters', async () => {
    await createModel().save(path('model.safetensors'))
    const load = () => ImageRNN.load(path('model.safetensors'), wrong({ hiddenSize: 9 }))
    await expectError(load, 'ERR_INVALID_OPTION', '"hiddenSize"', 'ImageRNN.load', 'threads')
    await expectError(() => ImageRNN.load(wrong(5)), 'ERR_INVALID_ARGUMENT', 'path', '5 (number)')
    await expectError(() => ImageRNN.load(path('none')), 'ERR_FILE_SYSTEM', 'none')
  })
})

test.each(wrongOptions(LEARNING_RATE_TEST_OPTIONS))('of findLearningRate, %s: %p is refused', async (name, value, expected, actual) => {
  const find = () => findLearningRate(createModel(), smallDataset(3), { [name]: value })
  const error = await expectError(find, 'ERR_INVALID_OPTION', name, expected, actual)
  expect(error).toMatchObject({ expected, actual })
})

describe('the options of train', () => {
  test.each(wrongOptions(HYPERPARAMETERS))('%s: %p is refused', async (name, value, expected, actual) => {
    const train = () => createModel().train(smallDataset(3), { [name]: value })
    const error = await expectError(train, 'ERR_INVALID_OPTION', name, expected, actual)
    expect(error).toMatchObject({ expected, actual })
  })

  test.each([
    ['onBatch', 5, 'a function'],
    ['onEpoch', {}, 'a function'],
    ['onEpoch', null, 'a function'],
    ['onCheckpoint', 'x', 'a function'],
    ['signal', {}, 'an AbortSignal'],
    ['signal', null, 'an AbortSignal'],
  ])('%s: %p is refused', async (name, value, expected) => {
    await expectError(() => createModel().train(smallDataset(3), { [name]: value }), 'ERR_INVALID_OPTION', name, expected)
  })

  test('with an unknown key are refused, and a refused training leaves the model free', async () => {
    const model = createModel()
    const before = await model.stateDict()
    await expectError(
      () => model.train(smallDataset(3), wrong({ lr: 1 })),
      'ERR_INVALID_OPTION',
      '"lr"',
      'train',
      'learningRate',
      'onEpoch',
    )
    expect(await model.stateDict()).toEqual(before)
    expect((await model.train(smallDataset(3), { epochs: 1 })).epochs).toHaveLength(1)
  })
})
