/** A model on disk: a safetensors file of PyTorch's state dict, with the architecture in its metadata. */

import { TorchRnnError } from '../errors'
import { readFileChecked, writeFileDurably } from '../files/durable-file'
import { invalidFile, showPath } from '../files/regular-file'
import { decodeSafetensors, encodeSafetensors, MAX_OVERHEAD_BYTES, type SafetensorsTensor } from '../formats/safetensors'
import { parseJsonObject } from '../formats/strict-json'
import { pickOptions, resolveOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { Tensor } from '../tensor'
import { quoteText } from '../text/unprintable'
import { warn } from '../warnings'
import { type Architecture, parameterCount, parameterShapes } from './architecture'
import { describeNotFinite, findNotFinite } from './not-finite'

/** The most that the parameters of a saved network may take: 4 GiB, a billion numbers. What can be saved can be loaded. */
const MAX_PARAMETER_BYTES = 4 * 1024 ** 3
/** A checkpoint has the parameters, two moments of each, and their average. */
const MAX_FILE_BYTES = 4 * MAX_PARAMETER_BYTES + MAX_OVERHEAD_BYTES
const ARCHITECTURE_KEY = 'torch-rnn-mnist'
/** How names begin in a checkpoint: what the optimizer keeps for each parameter, such as `optimizer.exp_avg.FC.bias`. */
export const OPTIMIZER_PREFIX = 'optimizer.'
/** How names begin in a checkpoint: the average of the parameters over the training, such as `ema.FC.bias`. */
export const AVERAGE_PREFIX = 'ema.'

/** A model as read from a file. */
export interface ModelFile {
  readonly architecture: Architecture
  readonly state: Map<string, Tensor>
}

type Tensors = ReadonlyMap<string, SafetensorsTensor>

/** Refuses a network that is too large for a file. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkSavable(architecture: Architecture): void {
  const bytes = parameterCount(architecture) * Float32Array.BYTES_PER_ELEMENT
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
export async function checkFinite(state: ReadonlyMap<string, Tensor>, path: string): Promise<void> {
  const found = await findNotFinite(state)
  if (found === undefined) return
  const actual = describeNotFinite(found)
  const advice = 'Training has diverged: repeat it with a lower learning rate, or clip the gradients.'
  const message = `Cannot save the model to ${showPath(path)}: ${actual}. Nothing was written. ${advice}`
  throw new TorchRnnError('ERR_NOT_FINITE', message, { expected: 'finite parameters', actual })
}

/** The metadata of a file with this network's parameters. */
export function architectureMetadata(architecture: Architecture): Record<string, string> {
  const described = pickOptions(OPTIONS.architecture, architecture)
  // 'format' tells other readers of safetensors whose layout the tensors have.
  return { format: 'pt', [ARCHITECTURE_KEY]: JSON.stringify(described) }
}

/**
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_NOT_FINITE` as {@link checkFinite}, `ERR_INVALID_OPTION` as {@link checkSavable}; the old
 *   file is untouched then.
 */
export async function writeModelFile(path: string, architecture: Architecture, state: ReadonlyMap<string, Tensor>): Promise<void> {
  checkSavable(architecture)
  await checkFinite(state, path)
  await writeFileDurably(path, encodeSafetensors(state, architectureMetadata(architecture)))
}

/**
 * Reads a model and checks that it is complete. Of a checkpoint, the model is the average of the parameters where there is one, and
 * otherwise the parameters. Warns (`TORCH_RNN_MNIST_NOT_FINITE`) of values that are not finite.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const bytes = await readFileChecked(path, MAX_FILE_BYTES)
  const { tensors, metadata } = decodeSafetensors(bytes, path, (name) => !name.startsWith(OPTIMIZER_PREFIX))
  const parameters = new Map([...tensors].filter(([name]) => !name.startsWith(AVERAGE_PREFIX)))
  const architecture = readArchitecture(parameters, metadata, path)
  checkParameters(parameters, architecture, path)
  const average = tensorsBelow(AVERAGE_PREFIX, tensors)
  if (average.size > 0) checkParameters(average, architecture, path, AVERAGE_PREFIX)
  const model = average.size > 0 ? average : parameters
  const state = new Map([...model].map(([name, { data, shape }]) => [name, { data, shape: [...shape] }]))
  const found = await findNotFinite(state)
  if (found !== undefined) warn('TORCH_RNN_MNIST_NOT_FINITE', `In ${showPath(path)}, ${describeNotFinite(found)}. ${NO_USE}`)
  return { architecture, state }
}

const NO_USE = 'What this model computes is of little use: the training that made it has diverged.'

/** The tensors whose names begin with `prefix`, by what follows it. */
export function tensorsBelow(prefix: string, tensors: Tensors): Map<string, SafetensorsTensor> {
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
export function readArchitecture(tensors: Tensors, metadata: Readonly<Record<string, string>>, path: string): Architecture {
  const stated = metadata[ARCHITECTURE_KEY]
  const described = stated === undefined ? {} : parseJsonObject(Buffer.from(stated), path)
  const first = tensors.get('basic_rnn.weight_ih_l0')?.shape
  const last = tensors.get('FC.weight')?.shape
  if (first === undefined || last === undefined) throw withoutModel(tensors, path)
  const numLayers = [...tensors.keys()].filter((name) => name.startsWith('basic_rnn.weight_ih_l')).length
  return checkArchitecture({ inputSize: first[1], hiddenSize: first[0], numLayers, numClasses: last[0], ...described }, path)
}

function withoutModel(tensors: Tensors, path: string): TorchRnnError {
  const shown = [...tensors.keys()].slice(0, 3).map((name) => quoteText(name.slice(0, 60)))
  const actual = tensors.size === 0 ? 'no tensors' : `others (${shown.join(', ')}, ...)`
  return invalidFile(path, 'the parameters basic_rnn.weight_ih_l0 and FC.weight', actual)
}

function checkArchitecture(described: Record<string, unknown>, path: string): Architecture {
  try {
    return resolveOptions(OPTIONS.architecture, described, `the model in ${showPath(path)}`)
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
export function checkParameters(tensors: Tensors, architecture: Architecture, path: string, prefix = ''): void {
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
