/**
 * A checkpoint on disk: a safetensors file with the parameters by PyTorch's names, what the optimizer keeps for each (`optimizer.exp_avg.*`,
 * `optimizer.exp_avg_sq.*`), their average (`ema.*`) where there is one, and in the metadata everything else that a training goes on from.
 */
import { isDeepStrictEqual } from 'node:util'
import type { NativeArray, NativeTrainingState } from '../addon/binding'
import type { DataIdentity } from '../data/identity'
import { TorchRnnError } from '../errors'
import { invalidFile, showPath } from '../files/regular-file'
import { JsonFields } from '../formats/json-fields'
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../formats/safetensors'
import { withSafetensorsFile } from '../formats/safetensors-file'
import { parseJsonObject } from '../formats/strict-json'
import { type Architecture, parameterShapes } from '../model/architecture'
import {
  AVERAGE_PREFIX,
  architectureMetadata,
  checkFinite,
  checkParameters,
  OPTIMIZER_PREFIX,
  readArchitecture,
  tensorsBelow,
} from '../model/model-file'
import { describeNotFinite, findNotFinite } from '../model/not-finite'
import { resolveOptions } from '../options/checks'
import { resolveModelOptions } from '../options/model-options'
import { HYPERPARAMETERS, OPTIONS, type ResolvedModelOptions } from '../options/options'
import type { OptionTable, Resolved } from '../options/specs'
import { quoteValue } from '../text/unprintable'
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
  /** Threads that compute on the CPU. */
  readonly threads: number
  readonly precision: string
  /** That of the engine fused: "avx2"; absent with torch. */
  readonly instructionSet?: string
  /** The instruction set that libtorch chose, which also computes the updates: "AVX2". */
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
 * Reads a checkpoint and checks that it is whole: each tensor, each value of the metadata. A file that is none is refused by its header,
 * before its data takes any memory.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readCheckpoint(file: string): Promise<StoredCheckpoint> {
  return await withSafetensorsFile(file, async ({ entries, metadata, read }) => {
    const described = readDescription(entries, metadata, file)
    const tensors = new Map<string, SafetensorsTensor>()
    for (const [name, entry] of entries) tensors.set(name, await read(entry))
    return await complete(described, tensors, file)
  })
}

/** As {@link readCheckpoint}, from the bytes of a file. */
export async function decodeCheckpoint(bytes: Uint8Array, file: string): Promise<StoredCheckpoint> {
  const { tensors, metadata } = decodeSafetensors(bytes, file)
  return await complete(readDescription(tensors, metadata, file), tensors, file)
}

/** What a file says besides the values of its tensors. */
type Description = Omit<StoredCheckpoint, 'state'> & { readonly sums: Sums }

type Sums = Pick<NativeTrainingState, 'updates' | 'epochBatches' | 'epochLoss' | 'epochHits' | 'epochSamples'>

type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>

/** Reads the metadata, and checks that there is a tensor for everything that they describe, and no other. */
function readDescription(shapes: Shapes, metadata: Readonly<Record<string, string>>, file: string): Description {
  const text = metadata[TRAINING_KEY]
  if (text === undefined) {
    throw invalidFile(file, 'a checkpoint of a training', 'none', 'To train a model of a file further, start a training with it.')
  }
  const fields = new JsonFields(parseJsonObject(Buffer.from(text), file, 'metadata'), 'the training', file)
  const version = fields.integer('version', { min: 1 })
  if (version !== FORMAT_VERSION) {
    const advice = 'Go on with the version of torch-rnn-mnist that wrote it.'
    throw invalidFile(file, `a checkpoint of version ${FORMAT_VERSION}`, `${version}`, advice)
  }
  const hyperparameters = readOptions(fields, 'hyperparameters', HYPERPARAMETERS, file) as TrainingCheckpoint['hyperparameters']
  const position = readPosition(fields, hyperparameters.epochs, file)
  const sums = readSums(fields.object('sums'))
  const origin = readOrigin(fields, file)
  fields.end()
  checkShapes(shapes, metadata, origin.model, file)
  const hasAverage = tensorsBelow(AVERAGE_PREFIX, shapes).size > 0
  if (hasAverage !== (hyperparameters.emaDecay !== undefined)) {
    throw invalidFile(file, hasAverage ? 'a value of hyperparameters.emaDecay' : 'an average of the parameters (ema.*)', 'none')
  }
  return { position, hyperparameters, sums, origin }
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

function readSums(fields: JsonFields): Sums {
  const updates = fields.integer('updates')
  const epochBatches = fields.integer('epochBatches')
  const epochSamples = fields.integer('epochSamples')
  const epochHits = fields.integer('epochHits', { max: epochSamples })
  const epochLoss = fields.number('epochLoss')
  fields.end()
  return { updates, epochBatches, epochLoss, epochHits, epochSamples }
}

function readOrigin(fields: JsonFields, file: string): TrainingOrigin {
  const model = asUsable(file, () => resolveModelOptions(fields.any('model'), `model in ${showPath(file)}`))
  const data = fields.object('data')
  const validation = data.any('validation') === null ? null : readIdentity(data.object('validation'))
  const train = readIdentity(data.object('train'))
  data.end()
  const place = readPlace(fields.object('place'))
  return { model, data: { train, validation }, place, packageVersion: fields.text('packageVersion', SHORT_TEXT, 'a short text') }
}

/** @throws TorchRnnError `ERR_INVALID_FILE`. */
export function readPlace(fields: JsonFields): ComputingPlace {
  const text = (name: string) => fields.text(name, SHORT_TEXT, 'a short text')
  const place = {
    ...{ device: text('device'), engine: text('engine'), threads: fields.integer('threads'), precision: text('precision') },
    ...(fields.has('instructionSet') && { instructionSet: text('instructionSet') }),
    ...{ cpuCapability: text('cpuCapability'), libtorch: text('libtorch') },
  }
  fields.end()
  return place
}

/** One line: it is shown in warnings. */
const SHORT_TEXT = /^[\x20-\x7e]{1,60}$/

/** @throws TorchRnnError `ERR_INVALID_FILE`. */
export function readIdentity(fields: JsonFields): DataIdentity {
  const samples = fields.integer('samples', { min: 1 })
  const sha256 = fields.text('sha256', /^[0-9a-f]{64}$/, 'a SHA-256')
  fields.end()
  return { samples, sha256 }
}

/** Options that a later version adds have their defaults, which are what this version did. Unknown ones are refused. */
function readOptions<Table extends OptionTable>(fields: JsonFields, name: string, table: Table, file: string): Resolved<Table> {
  return asUsable(file, () => resolveOptions(table, fields.any(name), `${name} in ${showPath(file)}`))
}

function asUsable<Value>(file: string, resolve: () => Value): Value {
  try {
    return resolve()
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw new TorchRnnError('ERR_INVALID_FILE', `${showPath(file)} holds no usable checkpoint. ${error.message}`, { cause: error })
  }
}

function checkArchitecture(found: Architecture, model: ResolvedModelOptions, file: string): void {
  const names = [...Object.keys(OPTIONS.architecture), 'normalization'] as (keyof Architecture)[]
  const other = names.find((name) => !isDeepStrictEqual(found[name], model[name]))
  if (other === undefined) return
  throw invalidFile(file, `${other} ${found[other]} as in the file's description of the model`, `${model[other]} in that of the training`)
}

function checkShapes(shapes: Shapes, metadata: Readonly<Record<string, string>>, model: ResolvedModelOptions, file: string): void {
  const isOther = (name: string) => name.startsWith(OPTIMIZER_PREFIX) || name.startsWith(AVERAGE_PREFIX)
  const parameters = new Map([...shapes].filter(([name]) => !isOther(name)))
  checkArchitecture(readArchitecture(parameters, metadata, file), model, file)
  checkParameters(parameters, model, file)
  const moments = [FIRST_MOMENT_PREFIX, SECOND_MOMENT_PREFIX]
  for (const prefix of moments) checkParameters(tensorsBelow(prefix, shapes), model, file, prefix)
  const average = tensorsBelow(AVERAGE_PREFIX, shapes)
  if (average.size > 0) checkParameters(average, model, file, AVERAGE_PREFIX)
  const other = [...shapes.keys()].find((name) => name.startsWith(OPTIMIZER_PREFIX) && !moments.some((prefix) => name.startsWith(prefix)))
  if (other !== undefined) throw invalidFile(file, `only ${moments.map((prefix) => `${prefix}*`).join(' and ')}`, quoteValue(other))
}

/** Adds the tensors to a description, and checks that their values are finite. The addon refuses squares below 0, faster than this could. */
async function complete(
  { sums, ...described }: Description,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  file: string,
): Promise<StoredCheckpoint> {
  const notFinite = await findNotFinite(tensors)
  if (notFinite !== undefined) throw invalidFile(file, 'finite numbers', describeNotFinite(notFinite))
  const below = (prefix: string) => toArrays(tensorsBelow(prefix, tensors))
  const names = parameterShapes(described.origin.model)
  const state = {
    values: toArrays(new Map([...tensors].filter(([name]) => names.has(name)))),
    firstMoment: below(FIRST_MOMENT_PREFIX),
    secondMoment: below(SECOND_MOMENT_PREFIX),
    average: described.hyperparameters.emaDecay === undefined ? null : below(AVERAGE_PREFIX),
    ...sums,
  }
  return { ...described, state }
}

function toArrays(tensors: ReadonlyMap<string, SafetensorsTensor>): Record<string, NativeArray> {
  return Object.fromEntries([...tensors].map(([name, { data, shape }]) => [name, { data, shape: [...shape] }]))
}
