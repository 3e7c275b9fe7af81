import { create, toBinary } from '@bufbuild/protobuf'
import { TorchRnnError } from '../../errors'
import type { Tensor } from '../../tensor'
import { makeGraph, type OnnxActivation } from './graph'
import { ModelProtoSchema } from './onnx-proto'

/** Operators as ONNX 1.12 of 2022 defines them, which every runtime of today knows; so is the version of the file's structure. */
export const OPSET_VERSION = 17
const IR_VERSION = 8n

/** A network to write. Letters: F features, H hidden, C classes. */
export interface OnnxNetwork {
  /**
   * All parameters by PyTorch's names: `basic_rnn.weight_ih_l0` `[H, F]` (in layers above `[H, H]`), `basic_rnn.weight_hh_l0` `[H, H]`,
   * `basic_rnn.bias_ih_l0` and `basic_rnn.bias_hh_l0` `[H]`, and so on for each layer; `FC.weight` `[C, H]`, `FC.bias` `[C]`.
   */
  readonly parameters: ReadonlyMap<string, Tensor>
  /** Recurrent layers. */
  readonly numLayers: number
  readonly activation: OnnxActivation
  /** What made the file. */
  readonly producer: { readonly name: string; readonly version: string }
  /** What it holds, for people. */
  readonly description: string
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Writes a network in the ONNX format (https://onnx.ai): input `images`, float32 `[N, T, F]`; output `logits`, float32 `[N, C]`; any N and T.
 * The same network always gives the same bytes.
 *
 * @throws TorchRnnError `ERR_INVALID_DATA` for a missing parameter, `ERR_NOT_FINITE` for one with NaN or an infinity, `ERR_OUT_OF_MEMORY`.
 */
export function encodeOnnx({ parameters, numLayers, activation, producer, description, metadata }: OnnxNetwork): Uint8Array {
  for (const [name, tensor] of parameters) checkFinite(name, tensor)
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: BigInt(OPSET_VERSION) }],
    producerName: producer.name,
    producerVersion: producer.version,
    docString: description,
    graph: makeGraph(numLayers, activation, (name) => take(parameters, name)),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  })
  try {
    return toBinary(ModelProtoSchema, model)
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new TorchRnnError('ERR_OUT_OF_MEMORY', 'No memory for an ONNX file of this network.', { cause })
  }
}

function take(parameters: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = parameters.get(name)
  if (tensor !== undefined) return tensor
  throw new TorchRnnError('ERR_INVALID_DATA', `A network needs the parameter ${name}, but there is none of this name.`)
}

/** NaN and infinities would make every answer NaN, in a program that knows nothing of the training. */
function checkFinite(name: string, { data }: Tensor): void {
  const index = indexOfNonFinite(data)
  if (index === undefined) return
  const [expected, actual] = ['numbers that are finite', `${data[index]} at index ${index} of ${name}`]
  const message = `Expected ${expected} but found ${actual}: this model is of no use. Did its training diverge?`
  throw new TorchRnnError('ERR_NOT_FINITE', message, { expected, actual })
}

/** A loop, because a call for each of half a billion numbers takes many seconds. */
function indexOfNonFinite(data: Float32Array): number | undefined {
  for (let index = 0; index < data.length; index += 1) {
    if (!Number.isFinite(data[index])) return index
  }
  return undefined
}
