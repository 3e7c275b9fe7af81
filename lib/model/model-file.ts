/** A model on disk: a safetensors file of PyTorch's state dict, with the architecture in its metadata. */

import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { invalidFile, showPath } from '../files/regular-file'
import { encodeSafetensors, type SafetensorsTensor } from '../formats/safetensors'
import { type SafetensorsFile, withSafetensorsFile } from '../formats/safetensors-file'
import { parseJsonObject } from '../formats/strict-json'
import { checkClassNames } from '../options/class-names'
import type { LabellingOptions } from '../options/options'
import type { Tensor } from '../tensor'
import { quoteText } from '../text/unprintable'
import { warn } from '../warnings'
import { type Architecture, architectureOf, parameterCount, parameterShapes, resolveArchitecture } from './architecture'
import { describeNotFinite, findNotFinite } from './not-finite'

/** The most that the parameters of a saved network may take: 4 GiB, a billion numbers. What can be saved can be loaded. */
const MAX_PARAMETER_BYTES = 4 * 1024 ** 3
/** The metadata that describes the network. */
export const ARCHITECTURE_KEY = 'torch-rnn-mnist'
/** How names begin in a checkpoint: what the optimizer keeps for each parameter, such as `optimizer.exp_avg.FC.bias`. */
export const OPTIMIZER_PREFIX = 'optimizer.'
/** How names begin in a checkpoint: the average of the parameters over the training, such as `ema.FC.bias`. */
export const AVERAGE_PREFIX = 'ema.'

const NO_USE = 'What this model computes is of little use: the training that made it has diverged.'

/** A model as read from a file. */
export interface ModelFile {
  readonly architecture: Architecture
  /** What the classes are called; undefined where the file does not tell. */
  readonly classNames: readonly string[] | undefined
  readonly state: Map<string, Tensor>
}

/** A network, and what its classes are called. */
export type NamedArchitecture = Architecture & LabellingOptions

/** Tensors of a file by name, read or not yet. */
type Shapes = ReadonlyMap<string, { readonly shape: readonly number[] }>

function parameterBytes(architecture: Architecture): number {
  return parameterCount(architecture) * Float32Array.BYTES_PER_ELEMENT
}

/** Refuses a network that is too large for a file. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkSavable(architecture: Architecture): void {
  const bytes = parameterBytes(architecture)
  if (bytes <= MAX_PARAMETER_BYTES) return
  const [expected, actual] = [`a network of at most ${MAX_PARAMETER_BYTES} bytes, so that it can be saved,`, `one of ${bytes} bytes`]
  const message = `Expected ${expected} but received ${actual}. Choose a smaller hiddenSize or fewer numLayers.`
  throw new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual })
}

/**
 * Refuses parameters that are not finite, so that they never replace a good file.
 *
 * @param path - The file that is to be written, for the error.
 * @throws TorchRnnError `ERR_NOT_FINITE`.
 */
export async function checkFinite(state: ReadonlyMap<string, SafetensorsTensor>, path: string): Promise<void> {
  const found = await findNotFinite(state)
  if (found === undefined) return
  const actual = describeNotFinite(found)
  const advice = 'Training has diverged: repeat it with a lower learning rate, or clip the gradients.'
  const message = `Cannot save the model to ${showPath(path)}: ${actual}. Nothing was written. ${advice}`
  throw new TorchRnnError('ERR_NOT_FINITE', message, { expected: 'finite parameters', actual })
}

/** What a file says of its network, as JSON. */
export function describeArchitecture(model: NamedArchitecture): string {
  return JSON.stringify({ ...architectureOf(model), classNames: model.classNames }) // Left out where there are none.
}

/** The metadata of a file with this network's parameters. */
export function architectureMetadata(model: NamedArchitecture): Record<string, string> {
  // 'format' tells other readers of safetensors whose layout the tensors have.
  return { format: 'pt', [ARCHITECTURE_KEY]: describeArchitecture(model) }
}

/**
 * Writes a model completely or not at all.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_NOT_FINITE` as {@link checkFinite}, `ERR_INVALID_OPTION` as {@link checkSavable}; the old
 *   file is untouched then.
 */
export async function writeModelFile(path: string, architecture: NamedArchitecture, state: ReadonlyMap<string, Tensor>): Promise<void> {
  checkSavable(architecture)
  await checkFinite(state, path)
  await writeFileDurably(path, encodeSafetensors(state, architectureMetadata(architecture)))
}

/**
 * Reads a model and checks that it is complete. Of a checkpoint, the model is the average of the parameters where there is one, and
 * otherwise the parameters; nothing else is read. Warns (`TORCH_RNN_MNIST_NOT_FINITE`) of values that are not finite.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const model = await withSafetensorsFile(path, async (file) => {
    const { architecture, classNames, entries } = findModel(file, path)
    const state = new Map<string, Tensor>()
    for (const [name, entry] of entries) {
      const { data, shape } = await file.read(entry)
      state.set(name, { data, shape: [...shape] })
    }
    return { architecture, classNames, state }
  })
  const found = await findNotFinite(model.state)
  if (found !== undefined) warn('TORCH_RNN_MNIST_NOT_FINITE', `In ${showPath(path)}, ${describeNotFinite(found)}. ${NO_USE}`)
  return model
}

/** The network in a file, and its parameters by name. What is wrong is found here, before any data is read. */
function findModel({ entries, metadata }: SafetensorsFile, path: string) {
  const isOther = (name: string) => name.startsWith(OPTIMIZER_PREFIX) || name.startsWith(AVERAGE_PREFIX)
  const parameters = new Map([...entries].filter(([name]) => !isOther(name)))
  const { classNames, ...architecture } = readArchitecture(parameters, metadata, path)
  checkParameters(parameters, architecture, path)
  const bytes = parameterBytes(architecture)
  if (bytes > MAX_PARAMETER_BYTES) throw invalidFile(path, `a network of at most ${MAX_PARAMETER_BYTES} bytes`, `one of ${bytes} bytes`)
  const average = tensorsBelow(AVERAGE_PREFIX, entries)
  if (average.size > 0) checkParameters(average, architecture, path, AVERAGE_PREFIX)
  return { architecture, classNames, entries: average.size > 0 ? average : parameters }
}

/** The tensors whose names begin with `prefix`, by what follows it. */
export function tensorsBelow<T>(prefix: string, tensors: ReadonlyMap<string, T>): Map<string, T> {
  const below = [...tensors].filter(([name]) => name.startsWith(prefix))
  return new Map(below.map(([name, tensor]) => [name.slice(prefix.length), tensor]))
}

/**
 * The network that some parameters belong to. Its sizes follow from their shapes unless the metadata state them. What shapes cannot tell, the
 * activation, is tanh as in PyTorch unless the metadata state it. So a state dict saved from Python needs no metadata of ours.
 *
 * @param tensors - The parameters; {@link checkParameters} tells whether they are complete.
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function readArchitecture(tensors: Shapes, metadata: Readonly<Record<string, string>>, path: string): NamedArchitecture {
  const stated = metadata[ARCHITECTURE_KEY]
  const described = stated === undefined ? {} : parseJsonObject(Buffer.from(stated), path, 'metadata')
  const first = tensors.get('basic_rnn.weight_ih_l0')?.shape
  const last = tensors.get('FC.weight')?.shape
  if (first === undefined || last === undefined) throw withoutModel(tensors, path)
  const numLayers = [...tensors.keys()].filter((name) => name.startsWith('basic_rnn.weight_ih_l')).length
  return checkArchitecture({ inputSize: first[1], hiddenSize: first[0], numLayers, numClasses: last[0], ...described }, path)
}

function withoutModel(tensors: Shapes, path: string): TorchRnnError {
  const shown = [...tensors.keys()].slice(0, 3).map((name) => quoteText(name.slice(0, 60)))
  const actual = tensors.size === 0 ? 'no tensors' : `others (${shown.join(', ')}, ...)`
  return invalidFile(path, 'the parameters basic_rnn.weight_ih_l0 and FC.weight', actual)
}

function checkArchitecture(described: Record<string, unknown>, path: string): NamedArchitecture {
  try {
    const { classNames, ...rest } = described
    const architecture = resolveArchitecture(rest, `the model in ${showPath(path)}`)
    return classNames === undefined ? architecture : { ...architecture, classNames: checkClassNames(classNames, architecture.numClasses) }
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw new TorchRnnError('ERR_INVALID_FILE', `${showPath(path)} holds no model that can be built. ${error.message}`, { cause: error })
  }
}

/**
 * Checks that there is a tensor for each parameter of the network, of its shape, and no other.
 *
 * @param prefix - What the names begin with in the file, for errors.
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function checkParameters(tensors: Shapes, architecture: Architecture, path: string, prefix = ''): void {
  const expected = parameterShapes(architecture)
  for (const [name, shape] of expected) {
    const found = tensors.get(name)
    if (found === undefined) throw invalidFile(path, `the parameter ${prefix}${name} [${shape.join(', ')}]`, 'none of this name')
    if (String(found.shape) !== String(shape))
      throw invalidFile(path, `the parameter ${prefix}${name} with shape [${shape.join(', ')}]`, `[${found.shape.join(', ')}]`)
  }
  const surplus = [...tensors.keys()].find((name) => !expected.has(name))
  if (surplus !== undefined)
    throw invalidFile(
      path,
      `only the parameters of ${architecture.numLayers} layers`,
      `also ${quoteText(`${prefix}${surplus}`.slice(0, 60))}`,
    )
}
