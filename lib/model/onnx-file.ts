/** A model as an ONNX file, for other programs. It cannot be read back: `save` keeps what training needs. */
import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import type { Tensor } from '../tensor'
import { PACKAGE_VERSION } from '../version'
import { type Architecture, parameterCount } from './architecture'
import { ARCHITECTURE_KEY, checkFinite, describeArchitecture, type NamedArchitecture } from './model-file'

/** A protocol buffer must be smaller than 2 GiB (https://protobuf.dev/programming-guides/proto-limits): half a billion numbers. */
const MAX_ONNX_BYTES = 2 ** 31 - 1
/** Far more than the graph takes besides the parameters: some 600 bytes a layer. */
const MAX_GRAPH_BYTES = 1024 * 1024

/** The metadata with the names of the classes, a JSON list by label, for programs that know nothing of this package. */
const CLASS_NAMES_KEY = 'class_names'

const ACTIVATIONS = { tanh: 'Tanh', relu: 'Relu' } as const

/** Refuses a network that is too large for ONNX. @throws TorchRnnError `ERR_INVALID_OPTION`. */
export function checkExportable(architecture: Architecture): void {
  const bytes = parameterCount(architecture) * Float32Array.BYTES_PER_ELEMENT
  const most = MAX_ONNX_BYTES - MAX_GRAPH_BYTES
  if (bytes <= most) return
  const [expected, actual] = [`a network of at most ${most} bytes, so that it fits into one ONNX file,`, `one of ${bytes} bytes`]
  const message = `Expected ${expected} but received ${actual}. Train one with a smaller hiddenSize or fewer numLayers.`
  throw new TorchRnnError('ERR_INVALID_OPTION', message, { expected, actual })
}

/**
 * Writes a network as {@link encodeOnnx} makes it, completely or not at all.
 *
 * @param hasLengths - Whether it also reads lengths.
 * @returns The size of the file in bytes.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_NOT_FINITE`, `ERR_OUT_OF_MEMORY`, `ERR_INVALID_OPTION` as {@link checkExportable}; the old
 *   file is untouched then.
 */
export async function writeOnnxFile(
  path: string,
  architecture: NamedArchitecture,
  state: ReadonlyMap<string, Tensor>,
  hasLengths = false,
): Promise<number> {
  checkExportable(architecture)
  await checkFinite(state, path) // They would make every answer NaN, in a program that knows nothing of the training.
  const { numLayers, nonlinearity, normalization, classNames } = architecture
  const bytes = loadEncoder().encodeOnnx({
    parameters: state,
    numLayers,
    activation: ACTIVATIONS[nonlinearity],
    hasLengths,
    normalization,
    producer: { name: 'torch-rnn-mnist', version: PACKAGE_VERSION },
    description: describeNetwork(architecture),
    metadata: {
      [ARCHITECTURE_KEY]: describeArchitecture(architecture),
      ...(classNames === undefined ? {} : { [CLASS_NAMES_KEY]: JSON.stringify(classNames) }),
    },
  })
  await writeFileDurably(path, bytes)
  return bytes.length
}

function describeNetwork({ inputSize, hiddenSize, numLayers, numClasses, nonlinearity }: Architecture): string {
  const layers = `${numLayers} recurrent ${numLayers === 1 ? 'layer' : 'layers'} of ${hiddenSize} ${nonlinearity} neurons`
  return `Reads images row by row, ${inputSize} pixels each, with ${layers}, and tells ${numClasses} classes apart.`
}

function loadEncoder(): typeof import('../formats/onnx/encode') {
  // Only now: few programs export, and the definitions of the format take longer to load than the rest of the package.
  return require('../formats/onnx/encode')
}
