/**
 * A checkpoint on disk: a safetensors file with the parameters by PyTorch's names, what the optimizer keeps for each (`optimizer.exp_avg.*`,
 * `optimizer.exp_avg_sq.*`), their average (`ema.*`) where there is one, and in the metadata everything else that a training goes on from.
 */
import type { NativeArray, NativeTrainingState } from '../addon/binding'
import type { DataIdentity } from '../data/identity'
import { TorchRnnError } from '../errors'
import { readFileChecked } from '../files/durable-file'
import { invalidFile, showPath } from '../files/regular-file'
import { JsonFields } from '../formats/json-fields'
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../formats/safetensors'
import { parseJsonObject } from '../formats/strict-json'
import type { Architecture } from '../model/architecture'
import {
  AVERAGE_PREFIX,
  architectureMetadata,
  checkFinite,
  checkParameters,
  MAX_FILE_BYTES,
  OPTIMIZER_PREFIX,
  readArchitecture,
  tensorsBelow,
} from '../model/model-file'
import { describeNotFinite, findNotFinite } from '../model/not-finite'
import { resolveOptions } from '../options/checks'
import { HYPERPARAMETERS, MODEL_OPTIONS, OPTIONS, type ResolvedModelOptions } from '../options/options'
import type { OptionTable, Resolved } from '../options/specs'
import type { TrainingCheckpoint, TrainingPosition } from '../training/checkpoint'
import { fromHistoryColumns, toHistoryColumns } from './history-columns'

const TRAINING_KEY = 'torch-rnn-mnist.training'
/** Rises when a reader of before would misunderstand a file. */
const FORMAT_VERSION = 1
const FIRST_MOMENT_PREFIX = `${OPTIMIZER_PREFIX}exp_avg.`
const SECOND_MOMENT_PREFIX = `${OPTIMIZER_PREFIX}exp_avg_sq.`

/** What a training computes with. Another one of these gives other roundings. */
export interface ComputingPlace {
  /** As resolved: "cpu" or "cuda:0". */
  readonly device: string
  readonly engine: string
  /** CPU threads of one operation. */
  readonly threads: number
  readonly precision: string
  /** The instruction set that libtorch chose: "AVX2". */
  readonly cpuCapability: string
  /** The version of libtorch. */
  readonly libtorch: string
}

/** What a training was started with, besides its hyperparameters. */
export interface TrainingOrigin {
  readonly model: ResolvedModelOptions
  readonly data: {
    readonly train: DataIdentity
    readonly validation: DataIdentity | null
  }
  readonly place: ComputingPlace
  /** The version of this package. */
  readonly packageVersion: string
}

/** What a file holds. */
export interface StoredCheckpoint extends TrainingCheckpoint {
  readonly origin: TrainingOrigin
}

/**
 * The bytes of a file.
 *
 * @param file - The file that errors name.
 * @throws TorchRnnError `ERR_NOT_FINITE`; `ERR_INVALID_ARGUMENT` when the history has become too long for a file, after some 190,000 epochs;
 *   `ERR_OUT_OF_MEMORY`.
 */
export async function encodeCheckpoint({ origin, ...checkpoint }: StoredCheckpoint, file: string): Promise<Uint8Array> {
  const { position, hyperparameters, state } = checkpoint
  const { values, firstMoment, secondMoment, average, ...sums } = state
  const tensors = new Map<string, SafetensorsTensor>([
    ...prefixed('', values),
    ...prefixed(FIRST_MOMENT_PREFIX, firstMoment),
    ...prefixed(SECOND_MOMENT_PREFIX, secondMoment),
    ...prefixed(AVERAGE_PREFIX, average ?? {}),
  ])
  await checkFinite(tensors, file)
  const { history, ...where } = position
  const described = { version: FORMAT_VERSION, position: where, history: toHistoryColumns(history), sums, hyperparameters, ...origin }
  return encodeSafetensors(tensors, { ...architectureMetadata(origin.model), [TRAINING_KEY]: JSON.stringify(described) })
}

function prefixed(prefix: string, arrays: Readonly<Record<string, NativeArray>>): [string, SafetensorsTensor][] {
  return Object.entries(arrays).map(([name, tensor]) => [`${prefix}${name}`, tensor])
}

/**
 * Reads a checkpoint and checks that it is whole: each tensor, each value of the metadata.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readCheckpoint(file: string): Promise<StoredCheckpoint> {
  return await decodeCheckpoint(await readFileChecked(file, MAX_FILE_BYTES), file)
}

/** As {@link readCheckpoint}, from the bytes of a file. */
export async function decodeCheckpoint(bytes: Uint8Array, file: string): Promise<StoredCheckpoint> {
  const { tensors, metadata } = decodeSafetensors(bytes, file)
  const text = metadata[TRAINING_KEY]
  if (text === undefined) {
    throw invalidFile(file, 'a checkpoint of a training', 'none', 'To train a model of a file further, start a training with it.')
  }
  const fields = new JsonFields(parseJsonObject(Buffer.from(text), file), 'the training', file)
  const version = fields.integer('version', { min: 1 })
  if (version !== FORMAT_VERSION) {
    throw invalidFile(
      file,
      `a checkpoint of version ${FORMAT_VERSION}`,
      `${version}`,
      'Go on with the version of torch-rnn-mnist that wrote it.',
    )
  }
  const hyperparameters = readOptions(fields, 'hyperparameters', HYPERPARAMETERS, file) as TrainingCheckpoint['hyperparameters']
  const position = readPosition(fields, hyperparameters.epochs, file)
  const sums = readSums(fields.object('sums'))
  const origin = readOrigin(fields, file)
  fields.end()
  const parameters = new Map([...tensors].filter(([name]) => !name.startsWith(OPTIMIZER_PREFIX) && !name.startsWith(AVERAGE_PREFIX)))
  checkArchitecture(readArchitecture(parameters, metadata, file), origin.model, file)
  const state = { ...(await readTensors(tensors, parameters, origin.model, file)), ...sums }
  const hasAverage = state.average !== null
  if (hasAverage !== (hyperparameters.emaDecay !== undefined)) {
    throw invalidFile(file, hasAverage ? 'a value of hyperparameters.emaDecay' : 'an average of the parameters (ema.*)', 'none')
  }
  return { position, hyperparameters, state, origin }
}

function readPosition(fields: JsonFields, epochsAskedFor: number, file: string): TrainingPosition {
  const where = fields.object('position')
  const epochs = where.integer('epochs', { max: epochsAskedFor })
  const batches = where.integer('batches')
  const seconds = where.number('seconds', { min: 0 })
  const firstModelEpoch = where.integer('firstModelEpoch')
  const best = where.has('best') ? readBest(where.object('best'), epochs) : undefined
  const plateau = where.has('plateau') ? readPlateau(where.object('plateau')) : undefined
  where.end()
  const history = fromHistoryColumns(fields.object('history'), epochs, epochsAskedFor, file)
  return { epochs, batches, seconds, firstModelEpoch, history, ...(best && { best }), ...(plateau && { plateau }) }
}

function readBest(fields: JsonFields, epochs: number): { epoch: number; loss: number } {
  const best = { epoch: fields.integer('epoch', { min: 1, max: epochs }), loss: fields.number('loss') }
  fields.end()
  return best
}

function readPlateau(fields: JsonFields): NonNullable<TrainingPosition['plateau']> {
  const learningRate = fields.number('learningRate', { min: 0 })
  const best = fields.any('best') === null ? null : fields.number('best')
  const badEpochs = fields.integer('badEpochs')
  fields.end()
  return { learningRate, best, badEpochs }
}

function readSums(fields: JsonFields): Pick<NativeTrainingState, 'updates' | 'epochBatches' | 'epochLoss' | 'epochHits' | 'epochSamples'> {
  const updates = fields.integer('updates')
  const epochBatches = fields.integer('epochBatches')
  const epochSamples = fields.integer('epochSamples')
  const epochHits = fields.integer('epochHits', { max: epochSamples })
  const epochLoss = fields.number('epochLoss')
  fields.end()
  return { updates, epochBatches, epochLoss, epochHits, epochSamples }
}

function readOrigin(fields: JsonFields, file: string): TrainingOrigin {
  const model = readOptions(fields, 'model', MODEL_OPTIONS, file) as ResolvedModelOptions
  const data = fields.object('data')
  const validation = data.any('validation') === null ? null : readIdentity(data.object('validation'))
  const train = readIdentity(data.object('train'))
  data.end()
  const place = fields.object('place')
  const text = (name: string) => place.text(name, SHORT_TEXT, 'a short text')
  const origin = {
    model,
    data: { train, validation },
    place: {
      ...{ device: text('device'), engine: text('engine'), threads: place.integer('threads'), precision: text('precision') },
      ...{ cpuCapability: text('cpuCapability'), libtorch: text('libtorch') },
    },
    packageVersion: fields.text('packageVersion', SHORT_TEXT, 'a short text'),
  }
  place.end()
  return origin
}

/** One line: it is shown in warnings. */
const SHORT_TEXT = /^[\x20-\x7e]{1,60}$/

function readIdentity(fields: JsonFields): DataIdentity {
  const samples = fields.integer('samples', { min: 1 })
  const sha256 = fields.text('sha256', /^[0-9a-f]{64}$/, 'a SHA-256')
  fields.end()
  return { samples, sha256 }
}

/** Options that a later version adds have their defaults, which are what this version did. Unknown ones are refused. */
function readOptions<Table extends OptionTable>(fields: JsonFields, name: string, table: Table, file: string): Resolved<Table> {
  try {
    return resolveOptions(table, fields.any(name), `${name} in ${showPath(file)}`)
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw new TorchRnnError('ERR_INVALID_FILE', `${showPath(file)} holds no usable checkpoint. ${error.message}`, { cause: error })
  }
}

function checkArchitecture(found: Architecture, model: ResolvedModelOptions, file: string): void {
  const names = Object.keys(OPTIONS.architecture) as (keyof Architecture)[]
  const other = names.find((name) => found[name] !== model[name])
  if (other === undefined) return
  throw invalidFile(file, `${other} ${found[other]} as in the file's description of the model`, `${model[other]} in that of the training`)
}

async function readTensors(
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  values: ReadonlyMap<string, SafetensorsTensor>,
  architecture: Architecture,
  file: string,
): Promise<Pick<NativeTrainingState, 'values' | 'firstMoment' | 'secondMoment' | 'average'>> {
  const read = (prefix: string, found = tensorsBelow(prefix, tensors)) => {
    checkParameters(found, architecture, file, prefix)
    return Object.fromEntries([...found].map(([name, { data, shape }]) => [name, { data, shape: [...shape] }]))
  }
  const known = [FIRST_MOMENT_PREFIX, SECOND_MOMENT_PREFIX]
  const other = [...tensors.keys()].find((name) => name.startsWith(OPTIMIZER_PREFIX) && !known.some((prefix) => name.startsWith(prefix)))
  if (other !== undefined) throw invalidFile(file, `only ${known.map((prefix) => `${prefix}*`).join(' and ')}`, JSON.stringify(other))
  const state = {
    values: read('', new Map(values)),
    firstMoment: read(FIRST_MOMENT_PREFIX),
    secondMoment: read(SECOND_MOMENT_PREFIX),
    average: tensorsBelow(AVERAGE_PREFIX, tensors).size === 0 ? null : read(AVERAGE_PREFIX),
  }
  const notFinite = await findNotFinite(tensors)
  if (notFinite !== undefined) throw invalidFile(file, 'finite numbers', describeNotFinite(notFinite))
  const negative = Object.entries(state.secondMoment).find(([, { data }]) => data.some((value) => value < 0))
  if (negative !== undefined) throw invalidFile(file, `means of squares as ${SECOND_MOMENT_PREFIX}${negative[0]}`, 'a number below 0')
  return state
}
