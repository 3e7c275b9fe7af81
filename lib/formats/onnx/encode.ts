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
  /** Whether it also has the input `lengths`, int32 `[N]`: how many rows of each image are real. Default false. */
  readonly hasLengths?: boolean
  /** What is done with the images first: (x - mean) / std for each feature. Default: nothing. */
  readonly normalization?: { readonly mean: readonly number[]; readonly std: readonly number[] } | undefined
  /** What made the file. */
  readonly producer: { readonly name: string; readonly version: string }
  /** What it holds, for people. */
  readonly description: string
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>
}

/**
 * Writes a network in the ONNX format (https://onnx.ai): input `images`, float32 `[N, T, F]`, and `lengths` if asked for; output `logits`, float32 `[N, C]`; any N and T.
 * The same network always gives the same bytes.
 *
 * @throws TorchRnnError `ERR_INVALID_DATA` for a missing parameter, `ERR_OUT_OF_MEMORY`.
 */
export function encodeOnnx({
  parameters,
  numLayers,
  activation,
  hasLengths = false,
  normalization,
  producer,
  description,
  metadata,
}: OnnxNetwork): Uint8Array {
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    opsetImport: [{ domain: '', version: BigInt(OPSET_VERSION) }],
    producerName: producer.name,
    producerVersion: producer.version,
    docString: description,
    graph: makeGraph(numLayers, activation, (name) => take(parameters, name), { hasLengths, normalization }),
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
