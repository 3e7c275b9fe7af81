/** Which files hold a model, and what of them is the model. */
import { truncateSync, writeFileSync } from 'node:fs'
import { encodeSafetensors, type SafetensorsTensor } from '../../lib/formats/safetensors'
import { parameterShapes } from '../../lib/model/architecture'
import { readModelFile, writeModelFile } from '../../lib/model/model-file'
import { expectError } from '../support/expect-error'
import { describeOnLinux } from '../support/needs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** Numbers that begin with `first` and rise by a quarter. */
function ramp(shape: readonly number[], first = -1): SafetensorsTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  return { data: Float32Array.from({ length: count }, (_, index) => first + index / 4), shape }
}

const ARCHITECTURE = { inputSize: 2, hiddenSize: 3, numLayers: 1, numClasses: 2, nonlinearity: 'relu' } as const
const STATE = new Map([
  ['basic_rnn.weight_ih_l0', ramp([3, 2])],
  ['basic_rnn.weight_hh_l0', ramp([3, 3])],
  ['basic_rnn.bias_ih_l0', ramp([3])],
  ['basic_rnn.bias_hh_l0', ramp([3])],
  ['FC.weight', ramp([2, 3])],
  ['FC.bias', ramp([2])],
])

/** The metadata of {@link ARCHITECTURE}. */
const described = (changes: object) => ({ 'torch-rnn-mnist': JSON.stringify({ ...ARCHITECTURE, ...changes }) })

function stateWithout(name: string, ...more: [string, SafetensorsTensor][]): Map<string, SafetensorsTensor> {
  return new Map([...[...STATE].filter(([key]) => key !== name), ...more])
}

function write(tensors: ReadonlyMap<string, SafetensorsTensor>, metadata: Record<string, string> = {}): string {
  writeFileSync(path('model'), encodeSafetensors(tensors, metadata))
  return path('model')
}

test('a file describes its network and can be read again', async () => {
  const state = new Map([...STATE].map(([name, { data, shape }]) => [name, { data, shape: [...shape] }]))
  await writeModelFile(path('model'), ARCHITECTURE, state)
  expect(await readModelFile(path('model'))).toEqual({ architecture: ARCHITECTURE, state: STATE })
})

test('a file of Python, without our metadata, is recognised by its shapes', async () => {
  expect(await readModelFile(write(STATE, { format: 'pt' }))).toEqual({
    architecture: { ...ARCHITECTURE, nonlinearity: 'tanh' },
    state: STATE,
  })
})

test.each<[string, Map<string, SafetensorsTensor>, Record<string, string>, string[]]>([
  ['no tensors', new Map(), {}, ['basic_rnn.weight_ih_l0', 'no tensors']],
  ['another network', new Map([['conv\n1', ramp([1])]]), {}, ['FC.weight', 'others ("conv\\n1"']],
  ['a missing parameter', stateWithout('FC.bias'), {}, ['the parameter FC.bias [2]', 'none of this name']],
  ['a parameter too many', stateWithout('', ['FC.scale', ramp([1])]), {}, ['only the parameters of 1 layers', 'also "FC.scale"']],
  ['a wrong shape', stateWithout('FC.bias', ['FC.bias', ramp([3])]), {}, ['FC.bias with shape [2]', '[3]']],
  ['a vector as matrix', stateWithout('FC.weight', ['FC.weight', ramp([2])]), {}, ['FC.weight with shape [2, 3]', '[2]']],
  [
    'a second layer without the first one',
    stateWithout('', ['basic_rnn.weight_ih_l7', ramp([3, 3])]),
    {},
    ['basic_rnn.weight_ih_l1', 'none of this name'],
  ],
  ['an architecture that the tensors are not', STATE, described({ hiddenSize: 4 }), ['[4, 2]', '[3, 2]']],
  ['an architecture without sense', STATE, described({ numLayers: 0 }), ['no model that can be built', '1 to 64']],
  ['an architecture with an unknown part', STATE, described({ dropout: 1 }), ['no model that can be built', '"dropout"']],
  ['an architecture that is no JSON', STATE, { 'torch-rnn-mnist': '{' }, ['valid JSON']],
  ['an absurd architecture', STATE, described({ hiddenSize: 16384, numLayers: 64 }), ['[16384, 2]']],
])('a file is refused: %s', async (_, tensors, metadata, parts) => {
  const name = write(tensors, metadata)
  await expectError(() => readModelFile(name), 'ERR_INVALID_FILE', name, ...parts)
})

test('a file that is missing, or a folder, is refused', async () => {
  await expectError(() => readModelFile(path('none')), 'ERR_FILE_SYSTEM', 'does not exist (ENOENT)')
  await expectError(() => readModelFile(path()), 'ERR_INVALID_FILE', 'a regular file', 'a folder')
})

test('metadata may state a part of the network; the rest follows from the shapes', async () => {
  const file = write(STATE, { 'torch-rnn-mnist': '{"nonlinearity":"relu"}' })
  expect((await readModelFile(file)).architecture).toEqual(ARCHITECTURE)
})

describe('a checkpoint', () => {
  /** The same tensors with other values, under names with a prefix. */
  function under(prefix: string, first: number): [string, SafetensorsTensor][] {
    return Array.from(STATE, ([name, { shape }]) => [`${prefix}${name}`, ramp(shape, first)])
  }
  const MOMENTS = [...under('optimizer.exp_avg.', 10), ...under('optimizer.exp_avg_sq.', 20)]
  const TRAINING = { ...described({}), 'torch-rnn-mnist.training': '{"epoch":3}' }
  const averages = under('ema.', 30)
  const average = new Map(averages.map(([name, tensor]) => [name.slice('ema.'.length), tensor]))

  test('is the model of its parameters; what the optimizer keeps is left out', async () => {
    expect(await readModelFile(write(stateWithout('', ...MOMENTS), TRAINING))).toEqual({ architecture: ARCHITECTURE, state: STATE })
  })

  test('is the model of their average where it has one', async () => {
    const file = write(stateWithout('', ...MOMENTS, ...averages), TRAINING)
    expect(await readModelFile(file)).toEqual({ architecture: ARCHITECTURE, state: average })
  })

  test.each<[string, Map<string, SafetensorsTensor>, string[]]>([
    ['half an average', stateWithout('', ...averages.slice(1)), ['the parameter ema.basic_rnn.weight_ih_l0 [3, 2]', 'none of this name']],
    ['an average of another shape', stateWithout('', ...averages, ['ema.FC.bias', ramp([3])]), ['ema.FC.bias with shape [2]', '[3]']],
    ['an average too many', stateWithout('', ...averages, ['ema.FC.scale', ramp([1])]), ['also "ema.FC.scale"']],
    ['an average without parameters', new Map(averages), ['the parameters basic_rnn.weight_ih_l0 and FC.weight']],
    ['a parameter that is missing', stateWithout('FC.bias', ...averages, ...MOMENTS), ['the parameter FC.bias [2]', 'none of this name']],
    ['another prefix', stateWithout('', ['swa.FC.bias', ramp([2])]), ['also "swa.FC.bias"']],
  ])('is refused with %s', async (_, tensors, parts) => {
    const file = write(tensors, TRAINING)
    await expectError(() => readModelFile(file), 'ERR_INVALID_FILE', file, ...parts)
  })

  test('is refused when a moment is damaged, although it is left out', async () => {
    const bytes = Buffer.from(encodeSafetensors(stateWithout('', ...MOMENTS), TRAINING))
    const text = bytes
      .toString('latin1')
      .replace('"optimizer.exp_avg.FC.bias":{"dtype":"F32"', '"optimizer.exp_avg.FC.bias":{"dtype":"I32"')
    writeFileSync(path('model'), text, 'latin1')
    await expectError(() => readModelFile(path('model')), 'ERR_INVALID_FILE', 'optimizer.exp_avg.FC.bias', '"I32"')
  })
})

describeOnLinux('a file with much more data than memory', () => {
  const HUGE = 2 ** 42 // Four terabytes, of which a sparse file takes nothing.

  /** A file with one more tensor, of zeros, that ends at byte HUGE of the data. */
  function writeHuge(tensors: ReadonlyMap<string, SafetensorsTensor>, name: string): string {
    const file = Buffer.from(encodeSafetensors(tensors))
    const dataStart = 8 + Number(file.readBigUInt64LE())
    const begin = file.length - dataStart
    const entries = JSON.parse(file.toString('utf8', 8, dataStart)) as Record<string, unknown>
    entries[name] = { dtype: 'F32', shape: [(HUGE - begin) / 4], data_offsets: [begin, HUGE] }
    const json = Buffer.from(JSON.stringify(entries))
    file.writeBigUInt64LE(BigInt(json.length))
    writeFileSync(path('huge'), Buffer.concat([file.subarray(0, 8), json, file.subarray(dataStart)]))
    truncateSync(path('huge'), 8 + json.length + HUGE)
    return path('huge')
  }

  test('is refused by its header', async () => {
    const other = writeHuge(STATE, 'other')
    await expectError(() => readModelFile(other), 'ERR_INVALID_FILE', 'only the parameters of 1 layers', 'also "other"')
    const bias = writeHuge(stateWithout('FC.bias'), 'FC.bias')
    await expectError(() => readModelFile(bias), 'ERR_INVALID_FILE', 'the parameter FC.bias with shape [2]')
  })

  test('is read where the data is of an optimizer', async () => {
    expect((await readModelFile(writeHuge(STATE, 'optimizer.exp_avg.FC.bias'))).state).toEqual(STATE)
  })

  test('is refused where the network itself is too large', async () => {
    const shapes = parameterShapes({ ...ARCHITECTURE, hiddenSize: 16384, numLayers: 8 })
    let end = 0
    const entries = Array.from(shapes, ([name, shape]) => {
      const begin = end
      end += shape.reduce((product, size) => product * size, 4)
      return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
    })
    const json = Buffer.from(JSON.stringify(Object.fromEntries(entries)))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(json.length))
    writeFileSync(path('huge'), Buffer.concat([length, json]))
    truncateSync(path('huge'), 8 + json.length + end)
    await expectError(
      () => readModelFile(path('huge')),
      'ERR_INVALID_FILE',
      `a network of at most ${4 * 1024 ** 3} bytes`,
      `one of ${end} bytes`,
    )
  })
})
