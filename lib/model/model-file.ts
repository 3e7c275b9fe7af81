/** A model on disk: a safetensors file of PyTorch's state dict, with the architecture in its metadata. */

import { TorchRnnError } from '../errors'
import { readFileChecked, writeFileDurably } from '../files/durable-file'
import { invalidFile, showPath } from '../files/regular-file'
import { decodeSafetensors, encodeSafetensors, MAX_OVERHEAD_BYTES, type SafetensorsTensor } from '../formats/safetensors'
import { parseJsonObject } from '../formats/strict-json'
import { pickOptions, resolveOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { Tensor } from '../tensor'
import { type Architecture, parameterCount, parameterShapes } from './architecture'

/** The most that the parameters of a saved network may take: 4 GiB, a billion numbers. What can be saved can be loaded. */
const MAX_PARAMETER_BYTES = 4 * 1024 ** 3
const MAX_FILE_BYTES = MAX_PARAMETER_BYTES + MAX_OVERHEAD_BYTES
/** The metadata that describes the network. */
export const ARCHITECTURE_KEY = 'torch-rnn-mnist'

/** A model as read from a file. */
export interface ModelFile {
  readonly architecture: Architecture
  readonly state: Map<string, Tensor>
}

/** Refuses a network that is too large for a file. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkSavable(architecture: Architecture): void {
  const bytes = parameterCount(architecture) * Float32Array.BYTES_PER_ELEMENT
  if (bytes <= MAX_PARAMETER_BYTES) return
  const [expected, actual] = [`a network of at most ${MAX_PARAMETER_BYTES} bytes, so that it can be saved,`, `one of ${bytes} bytes`]
  const message = `Expected ${expected} but received ${actual}. Choose a smaller hiddenSize or fewer numLayers.`
  throw new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual })
}

/** @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_INVALID_OPTION` as {@link checkSavable}; the old file is untouched then. */
export async function writeModelFile(path: string, architecture: Architecture, state: ReadonlyMap<string, Tensor>): Promise<void> {
  checkSavable(architecture)
  const described = pickOptions(OPTIONS.architecture, architecture)
  // 'format' tells other readers of safetensors whose layout the tensors have.
  await writeFileDurably(path, encodeSafetensors(state, { format: 'pt', [ARCHITECTURE_KEY]: JSON.stringify(described) }))
}

/**
 * Reads a model and checks that it is complete. A file without our metadata, such as a state dict saved from Python, is understood by
 * its shapes; what shapes cannot tell, the activation, is taken to be tanh as in PyTorch.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const { tensors, metadata } = decodeSafetensors(await readFileChecked(path, MAX_FILE_BYTES), path)
  const described = metadata[ARCHITECTURE_KEY]
  const architecture = described === undefined ? inferArchitecture(tensors, path) : parseArchitecture(described, path)
  checkParameters(tensors, architecture, path)
  return { architecture, state: new Map([...tensors].map(([name, { data, shape }]) => [name, { data, shape: [...shape] }])) }
}

function parseArchitecture(text: string, path: string): Architecture {
  return checkArchitecture(parseJsonObject(Buffer.from(text), path), path)
}

function inferArchitecture(tensors: ReadonlyMap<string, SafetensorsTensor>, path: string): Architecture {
  const first = tensors.get('basic_rnn.weight_ih_l0')?.shape
  const last = tensors.get('FC.weight')?.shape
  if (first === undefined || last === undefined) {
    const names = [...tensors.keys()]
      .slice(0, 3)
      .map((name) => JSON.stringify(name.slice(0, 60)))
      .join(', ')
    throw invalidFile(
      path,
      'the parameters basic_rnn.weight_ih_l0 and FC.weight',
      tensors.size === 0 ? 'no tensors' : `others (${names}, ...)`,
    )
  }
  const numLayers = [...tensors.keys()].filter((name) => name.startsWith('basic_rnn.weight_ih_l')).length
  return checkArchitecture({ inputSize: first[1], hiddenSize: first[0], numLayers, numClasses: last[0] }, path)
}

function checkArchitecture(described: Record<string, unknown>, path: string): Architecture {
  try {
    return resolveOptions(OPTIONS.architecture, described, `the model in ${showPath(path)}`)
  } catch (error) {
    if (!(error instanceof TorchRnnError)) throw error
    throw new TorchRnnError('ERR_INVALID_FILE', `${showPath(path)} holds no model that can be built. ${error.message}`, { cause: error })
  }
}

function checkParameters(tensors: ReadonlyMap<string, SafetensorsTensor>, architecture: Architecture, path: string): void {
  const expected = parameterShapes(architecture)
  for (const [name, shape] of expected) {
    const found = tensors.get(name)
    if (found === undefined) throw invalidFile(path, `the parameter ${name} [${shape.join(', ')}]`, 'none of this name')
    if (String(found.shape) !== String(shape))
      throw invalidFile(path, `the parameter ${name} with shape [${shape.join(', ')}]`, `[${found.shape.join(', ')}]`)
  }
  const surplus = [...tensors.keys()].find((name) => !expected.has(name))
  if (surplus !== undefined)
    throw invalidFile(path, `only the parameters of ${architecture.numLayers} layers`, `also ${JSON.stringify(surplus)}`)
}
