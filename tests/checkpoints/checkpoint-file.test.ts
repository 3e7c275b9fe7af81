/** Checkpoints on disk: what goes in comes out, bit for bit, and nothing that is not a checkpoint is taken for one. */
import { writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { TorchRnnError } from '../../lib'
import { decodeCheckpoint, encodeCheckpoint, readCheckpoint, type StoredCheckpoint } from '../../lib/checkpoints/checkpoint-file'
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../../lib/formats/safetensors'
import { expectError } from '../support/expect-error'
import { sampleCheckpoint } from '../support/sample-checkpoints'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const KEY = 'torch-rnn-mnist.training'

const SAMPLES: [string, StoredCheckpoint][] = [
  ['before the first batch', sampleCheckpoint({ epochs: 0 })],
  ['after an epoch', sampleCheckpoint({ epochs: 3 })],
  ['within an epoch', sampleCheckpoint({ epochs: 2, batches: 7 })],
  ['with validation', sampleCheckpoint({ epochs: 3, validationLosses: [1 / 3, 0.25, 0.7] })],
  [
    'with every option',
    sampleCheckpoint({
      epochs: 1,
      hyperparameters: {
        ...{ optimizer: 'adamw', betas: [0.8, 0.99], weightDecay: 1e-3, clipGradNorm: 0.3, emaDecay: 0.99, labelSmoothing: 0.1 },
        ...{ accumulationSteps: 2, schedule: 'cosine', augmentShift: 2, shuffle: false },
      },
    }),
  ],
  [
    'of the engine fused',
    (() => {
      const checkpoint = sampleCheckpoint({ epochs: 1 })
      const place = { ...checkpoint.origin.place, engine: 'fused', instructionSet: 'avx2' }
      return { ...checkpoint, origin: { ...checkpoint.origin, place } }
    })(),
  ],
  [
    'with a plateau',
    (() => {
      const checkpoint = sampleCheckpoint({ epochs: 1, validationLosses: [0.1], hyperparameters: { schedule: 'plateau' } })
      return { ...checkpoint, position: { ...checkpoint.position, plateau: { learningRate: 1e-3 / 3, best: null, badEpochs: 4 } } }
    })(),
  ],
]

const FULL = sampleCheckpoint({ epochs: 2, batches: 3, validationLosses: [0.5, 0.25], hyperparameters: { emaDecay: 0.9 } })

test.each(SAMPLES)('a checkpoint %s is read as it was written', async (_, checkpoint) => {
  const bytes = await encodeCheckpoint(checkpoint, 'file')
  writeFileSync(path('file'), bytes)
  expect(await readCheckpoint(path('file'))).toStrictEqual(checkpoint)
  expect(await encodeCheckpoint(checkpoint, 'file')).toEqual(bytes)
})

test("the tensors have PyTorch's names for parameters and optimizer, and the model is described as in its own file", async () => {
  const { tensors, metadata } = decodeSafetensors(await encodeCheckpoint(FULL, 'file'), 'file')
  expect([...tensors.keys()].filter((name) => name.endsWith('FC.bias')).sort()).toEqual([
    'FC.bias',
    'ema.FC.bias',
    'optimizer.exp_avg.FC.bias',
    'optimizer.exp_avg_sq.FC.bias',
  ])
  expect(tensors.size).toBe(4 * 6)
  expect(Object.keys(metadata).sort()).toEqual(['format', 'torch-rnn-mnist', KEY])
  expect(JSON.parse(metadata['torch-rnn-mnist'] as string)).toEqual({
    ...{ inputSize: 2, hiddenSize: 3, numLayers: 1, numClasses: 2 },
    nonlinearity: 'tanh',
  })
})

test.each(['values', 'firstMoment', 'secondMoment', 'average'] as const)('%s that are not finite are never written', async (name) => {
  const damaged = structuredClone(FULL)
  const tensor = damaged.state[name]?.['FC.weight'] as { data: Float32Array }
  tensor.data[2] = Number.NaN
  await expectError(() => encodeCheckpoint(damaged, 'epoch-1'), 'ERR_NOT_FINITE', 'Cannot save the model to epoch-1', 'Nothing was written')
})

/** The bytes of {@link FULL}, with other tensors or metadata. */
async function changed(change: (tensors: Map<string, SafetensorsTensor>, metadata: Record<string, string>) => void): Promise<Uint8Array> {
  const { tensors, metadata } = decodeSafetensors(await encodeCheckpoint(FULL, 'file'), 'file')
  change(tensors, metadata)
  return encodeSafetensors(tensors, metadata)
}

type Json = Record<string, unknown>
/** What the metadata say about the training. */
type Described = Json & Record<'position' | 'history' | 'sums' | 'hyperparameters' | 'model' | 'data' | 'place', Json>

/** The bytes of {@link FULL}, with another description of the training. */
function described(change: (training: Described) => void): Promise<Uint8Array> {
  return changed((_, metadata) => {
    const training = JSON.parse(metadata[KEY] as string) as Described
    change(training)
    metadata[KEY] = JSON.stringify(training)
  })
}

test('a checkpoint from before an option has its default, which is what that version did', async () => {
  const bytes = await described((it) => delete it['hyperparameters']['augmentFlip'])
  expect((await decodeCheckpoint(bytes, 'file')).hyperparameters).toStrictEqual({ ...FULL.hyperparameters, augmentFlip: 0 })
})

const float64 = (...values: number[]) => Buffer.from(Float64Array.from(values).buffer).toString('base64')

/** A control sequence of a terminal that JSON does not escape, and a character that turns the text behind it. */
const HOSTILE = '\u009b2J\u202e'
const SHOWN = '"\\u009b2J\\u202e"'

const DESCRIPTIONS: [string, (training: Described) => void, string][] = [
  ['a later version', (it) => Object.assign(it, { version: 2 }), 'expected a checkpoint of version 1 but found 2. Go on with the version'],
  ['no version', (it) => delete it['version'], 'as the training.version but found nothing'],
  ['an unknown field', (it) => Object.assign(it, { extra: 1 }), 'expected no such field of the training but found "extra"'],
  ['a position in no time', (it) => Object.assign(it['position'], { seconds: null }), 'position.seconds but found null'],
  ['more epochs than asked for', (it) => Object.assign(it['position'], { epochs: 10 }), 'an integer from 0 to 9 as'],
  ['half a batch', (it) => Object.assign(it['position'], { batches: 0.5 }), 'position.batches but found 0.5'],
  ['a best epoch to come', (it) => Object.assign(it['position'], { best: { epoch: 3, loss: 1 } }), 'an integer from 1 to 2 as'],
  ['a best loss that is none', (it) => Object.assign(it['position'], { best: { epoch: 1, loss: '1' } }), 'best.loss but found "1"'],
  ['a plateau that is none', (it) => Object.assign(it['position'], { plateau: [] }), 'an object as the training.position.plateau'],
  ['a short history', (it) => Object.assign(it['history'], { trainLoss: float64(1) }), 'expected 2 values as history.trainLoss'],
  ['an accuracy above 1', (it) => Object.assign(it['history'], { trainAccuracy: float64(0, 2) }), 'found 2 for epoch 2'],
  ['a loss that is none', (it) => Object.assign(it['history'], { trainLoss: float64(1, Number.NaN) }), 'found NaN for epoch 2'],
  ['a validation loss that is none', (it) => Object.assign(it['history'], { validationLoss: float64(1, Infinity) }), 'found Infinity for'],
  ['half an update', (it) => Object.assign(it['history'], { step: float64(1, 1.5) }), 'found 1.5 for epoch 2'],
  [
    'a history that is no base64',
    (it) => Object.assign(it['history'], { seconds: '%' }),
    'numbers in base64 as the training.history.seconds',
  ],
  [
    'more hits than samples',
    (it) => Object.assign(it['sums'], { epochHits: 97 }),
    'an integer from 0 to 96 as the training.sums.epochHits',
  ],
  ['a negative count', (it) => Object.assign(it['sums'], { updates: -1 }), 'the training.sums.updates but found -1'],
  ['an unknown option', (it) => Object.assign(it['hyperparameters'], { dropout: 0.5 }), 'Unknown option "dropout"'],
  ['an unknown option that drives a terminal', (it) => Object.assign(it['hyperparameters'], { [HOSTILE]: 1 }), SHOWN],
  ['an option that drives a terminal', (it) => Object.assign(it['hyperparameters'], { schedule: HOSTILE }), SHOWN],
  ['a field that drives a terminal', (it) => Object.assign(it['place'], { device: HOSTILE }), SHOWN],
  ['an option out of its range', (it) => Object.assign(it['hyperparameters'], { learningRate: -1 }), 'for learningRate but received -1'],
  ['an option of the model out of its range', (it) => Object.assign(it['model'], { seed: 'x' }), 'for seed but received "x"'],
  [
    'another model than its tensors',
    (it) => Object.assign(it['model'], { hiddenSize: 4 }),
    "expected hiddenSize 3 as in the file's description",
  ],
  ['no digest', (it) => Object.assign(it['data']['train'] as Json, { sha256: 'AB' }), 'a SHA-256 as the training.data.train.sha256'],
  ['an empty training set', (it) => Object.assign(it['data']['train'] as Json, { samples: 0 }), 'data.train.samples but found 0'],
  ['a place of two lines', (it) => Object.assign(it['place'], { engine: 'a\nb' }), 'a short text as the training.place.engine'],
  [
    'a number as instruction set',
    (it) => Object.assign(it['place'], { instructionSet: 2 }),
    'a short text as the training.place.instructionSet',
  ],
]

test.each(DESCRIPTIONS)('%s is refused', async (_, change, message) => {
  const bytes = await described(change)
  await expectError(() => decodeCheckpoint(bytes, 'file'), 'ERR_INVALID_FILE', 'file', message)
})

const NAME = 'optimizer.exp_avg.FC.bias'
const TENSORS: [string, (tensors: Map<string, SafetensorsTensor>, metadata: Record<string, string>) => void, string][] = [
  ['no description', (_, metadata) => delete metadata[KEY], 'expected a checkpoint of a training but found none'],
  ['a description that is no JSON', (_, metadata) => Object.assign(metadata, { [KEY]: '{' }), 'valid JSON'],
  ['a missing mean', (tensors) => tensors.delete(NAME), `the parameter ${NAME} [2] but found none of this name`],
  ['a mean of another shape', (tensors) => tensors.set(NAME, { data: new Float32Array(3), shape: [3] }), `${NAME} with shape [2]`],
  ['a missing average', (tensors) => tensors.delete('ema.FC.bias'), 'the parameter ema.FC.bias [2]'],
  [
    'no average where there must be one',
    (tensors) => {
      for (const name of [...tensors.keys()].filter((key) => key.startsWith('ema.'))) tensors.delete(name)
    },
    'an average of the parameters (ema.*) but found none',
  ],
  [
    'a tensor of another optimizer',
    (tensors) => tensors.set('optimizer.step', { data: new Float32Array(1), shape: [1] }),
    'optimizer.step',
  ],
  ['a tensor of no parameter', (tensors) => tensors.set('other', { data: new Float32Array(1), shape: [1] }), 'also "other"'],
  ['a value that is not finite', (tensors) => tensors.get(NAME)?.data.fill(Number.NEGATIVE_INFINITY), `the first in ${NAME}`],
  ['another architecture', (_, metadata) => Object.assign(metadata, { 'torch-rnn-mnist': '{"nonlinearity":"relu"}' }), 'nonlinearity relu'],
]

test.each(TENSORS)('%s is refused', async (_, change, message) => {
  const bytes = await changed(change)
  await expectError(() => decodeCheckpoint(bytes, 'file'), 'ERR_INVALID_FILE', 'file', message)
})

/** Reads bytes. Fails when the error is another one than that for a damaged file. */
async function readOrRefuse(bytes: Uint8Array): Promise<StoredCheckpoint | undefined> {
  try {
    return await decodeCheckpoint(bytes, 'file')
  } catch (error) {
    if (!(error instanceof TorchRnnError) || error.code !== 'ERR_INVALID_FILE' || /\n/.test(error.message)) throw error
    return undefined
  }
}

/** The paths of all values in JSON, the objects themselves included. */
function pathsIn(value: unknown, at: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [at]
  return [at, ...Object.entries(value).flatMap(([name, part]) => pathsIn(part, [...at, name]))].filter((names) => names.length > 0)
}

test('any other value anywhere in the description is refused, or it is a checkpoint that can be written and read again', async () => {
  const { metadata } = decodeSafetensors(await encodeCheckpoint(FULL, 'file'), 'file')
  const paths = pathsIn(JSON.parse(metadata[KEY] as string))
  expect(paths.length).toBeGreaterThan(50)
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.oneof(fc.jsonValue(), fc.double(), fc.maxSafeInteger()), async (names, value) => {
      const bytes = await described((training) => {
        const parent = names.slice(0, -1).reduce((at, name) => at[name] as Json, training as Json)
        parent[names.at(-1) as string] = value
      })
      const checkpoint = await readOrRefuse(bytes)
      if (checkpoint === undefined) refused += 1
      else expect(await decodeCheckpoint(await encodeCheckpoint(checkpoint, 'file'), 'file')).toStrictEqual(checkpoint)
    }),
    { numRuns: 400, seed: 1 },
  )
  expect(refused).toBeGreaterThan(200)
})

test('of a file that was cut off or damaged, nothing is taken for a checkpoint without being one', async () => {
  const whole = await encodeCheckpoint(FULL, 'file')
  for (let length = 0; length < whole.length; length += 7) expect(await readOrRefuse(whole.subarray(0, length))).toBeUndefined()
  const damage = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 3 }), async (damages) => {
      const bytes = Uint8Array.from(whole)
      for (const [at, bits] of damages) bytes[at] = (bytes[at] as number) ^ bits
      await readOrRefuse(bytes)
    }),
    { numRuns: 300, seed: 1 },
  )
})
