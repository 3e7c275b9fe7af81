/** A stacked Elman network with one linear layer, as a graph of ONNX's operators (https://onnx.ai/onnx/operators). */
import { create } from '@bufbuild/protobuf'
import type { Tensor } from '../../tensor'
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx-proto'

/** The activation of the recurrent layers, by ONNX's name. */
export type OnnxActivation = 'Tanh' | 'Relu'

/** What a graph reads. */
export interface GraphInput {
  /**
   * Whether there are also lengths, int32 `[N]`. They are what ONNX's RNN calls sequence_lens: then its last state is that after the last real row.
   */
  readonly hasLengths: boolean
  /** What is done with the images first. */
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] } | undefined
}

/** The tensor of this name, which must be there. */
export type TakeTensor = (name: string) => Tensor

const IMAGES = 'images'
const LENGTHS = 'lengths'
const NORMALIZED = 'normalized'
const LOGITS = 'logits'
const IMAGES_DOC = 'Grey images, row by row: 0 is background, 1 is ink (bytes divided by 255). N images of T rows of F pixels.'
const LENGTHS_DOC = 'How many rows of each image are real, 1 to T; the others are padding.'
const LOGITS_DOC = 'A score for each class. Their softmax gives probabilities.'

/** ONNX's RNN can also read backwards, and therefore adds a dimension of directions: `[T, 1, N, H]`, and `[1, N, H]` for the last state. */
const DIRECTION_OF_STATES = { name: 'direction_of_states', axis: 1n }
const DIRECTION_OF_LAST = { name: 'direction_of_last', axis: 0n }

/**
 * Makes the graph: images `[N, T, F]` in, logits `[N, C]` out, for any N and T.
 *
 * ONNX's RNN computes `f(W x + R h + W_bias + R_bias)` as PyTorch's does, from zeros, and with one gate there is no order of gates: its weights
 * are PyTorch's, in a dimension of directions. Its attribute `layout`, by which it would read `[N, T, F]`, is not known to ONNX Runtime.
 *
 * @param take - Gives the parameters, by PyTorch's names.
 */
export function makeGraph(
  numLayers: number,
  activation: OnnxActivation,
  take: TakeTensor,
  { hasLengths, normalization }: GraphInput,
): GraphProto {
  const [weight, bias] = [take('FC.weight'), take('FC.bias')]
  const [numClasses = 0] = weight.shape
  const features = take('basic_rnn.weight_ih_l0').shape[1] ?? 0
  const layers = Array.from({ length: numLayers }, (_, layer) => makeLayer(layer, layer === numLayers - 1, activation, take, hasLengths))
  const numbers = Object.entries(normalization ?? {}).map(([name, values]) => makeFloats(name, [features], Float32Array.from(values)))
  const normalize = [
    makeNode('/Normalize/Sub', 'Sub', [IMAGES, 'mean'], ['centred']),
    makeNode('/Normalize/Div', 'Div', ['centred', 'std'], [NORMALIZED]),
  ]
  const node = [
    ...(normalization === undefined ? [] : normalize),
    makeNode(
      '/basic_rnn/Transpose',
      'Transpose',
      [normalization === undefined ? IMAGES : NORMALIZED],
      [inputOf(0)],
      [intsAttribute('perm', [1n, 0n, 2n])],
    ),
    ...layers.flatMap((layer) => layer.node),
    makeNode('/FC/Gemm', 'Gemm', ['last', 'FC.weight', 'FC.bias'], [LOGITS], [intAttribute('transB', 1n)]),
  ]
  const axes = [...(numLayers > 1 ? [DIRECTION_OF_STATES] : []), DIRECTION_OF_LAST]
  return create(GraphProtoSchema, {
    name: 'ImageRNN',
    docString: 'Reads an image as a sequence of rows. The last state of the top recurrent layer is classified.',
    node,
    input: [
      makeValue(IMAGES, IMAGES_DOC, ['N', 'T', features]),
      ...(hasLengths ? [makeValue(LENGTHS, LENGTHS_DOC, ['N'], TensorProto_DataType.INT32)] : []),
    ],
    output: [makeValue(LOGITS, LOGITS_DOC, ['N', numClasses])],
    initializer: [
      ...axes.map(({ name, axis }) => makeTensor(name, TensorProto_DataType.INT64, [1], BigInt64Array.of(axis))),
      ...numbers,
      ...layers.flatMap((layer) => layer.initializer),
      makeFloats('FC.weight', weight.shape, weight.data),
      makeFloats('FC.bias', bias.shape, bias.data),
    ],
  })
}

/** The value that a layer reads, `[T, N, I]`. I is F for the first one, else H. */
function inputOf(layer: number): string {
  return `x${layer}`
}

/** One recurrent layer. Of the top one, only the state after the last row is used. */
function makeLayer(layer: number, isTop: boolean, activation: OnnxActivation, take: TakeTensor, hasLengths: boolean) {
  const parameter = (kind: string) => `basic_rnn.${kind}_l${layer}`
  const [input, recurrent] = [take(parameter('weight_ih')), take(parameter('weight_hh'))]
  const [inputBias, recurrentBias] = [take(parameter('bias_ih')), take(parameter('bias_hh'))]
  const bias = concatenate(inputBias.data, recurrentBias.data)
  const inputs = [inputOf(layer), ...['weight_ih', 'weight_hh', 'bias'].map(parameter), ...(hasLengths ? [LENGTHS] : [])]
  const attributes = [intAttribute('hidden_size', BigInt(inputBias.data.length)), textsAttribute('activations', [activation])]
  // The outputs are all states and the last one; the name of one that is not used stays empty, as ONNX wants it.
  const [outputs, squeeze] = isTop
    ? [['', 'h'], makeNode('/basic_rnn/Squeeze_last', 'Squeeze', ['h', DIRECTION_OF_LAST.name], ['last'])]
    : [[`y${layer}`], makeNode(`/basic_rnn/Squeeze_l${layer}`, 'Squeeze', [`y${layer}`, DIRECTION_OF_STATES.name], [inputOf(layer + 1)])]
  return {
    node: [makeNode(`/basic_rnn/RNN_l${layer}`, 'RNN', inputs, outputs, attributes), squeeze],
    initializer: [
      makeFloats(parameter('weight_ih'), [1, ...input.shape], input.data),
      makeFloats(parameter('weight_hh'), [1, ...recurrent.shape], recurrent.data),
      makeFloats(parameter('bias'), [1, bias.length], bias, `${parameter('bias_ih')}, then ${parameter('bias_hh')}`),
    ],
  }
}

function concatenate(first: Float32Array, second: Float32Array): Float32Array {
  const both = new Float32Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

function makeNode(name: string, opType: string, input: string[], output: string[], attribute: AttributeProto[] = []): NodeProto {
  return create(NodeProtoSchema, { name, opType, input, output, attribute })
}

function intAttribute(name: string, i: bigint): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i })
}

function intsAttribute(name: string, ints: bigint[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints })
}

function textsAttribute(name: string, texts: readonly string[]): AttributeProto {
  const strings = texts.map((text) => new TextEncoder().encode(text))
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRINGS, strings })
}

function makeFloats(name: string, shape: readonly number[], data: Float32Array, docString?: string) {
  return makeTensor(name, TensorProto_DataType.FLOAT, shape, data, docString)
}

/** The bytes are those of the array, not a copy: ONNX wants little endian, as all processors that this package supports. */
function makeTensor(
  name: string,
  dataType: TensorProto_DataType,
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: Float32Array | BigInt64Array,
  docString?: string,
) {
  const rawData = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)
  return create(TensorProtoSchema, { name, dataType, dims: shape.map(BigInt), rawData, ...(docString === undefined ? {} : { docString }) })
}

/** An input or output. A name as a size means any size. */
function makeValue(
  name: string,
  docString: string,
  shape: readonly (string | number)[],
  elemType = TensorProto_DataType.FLOAT,
): ValueInfoProto {
  const tensorType = { elemType, shape: { dim: shape.map(makeDimension) } }
  return create(ValueInfoProtoSchema, { name, docString, type: { value: { case: 'tensorType', value: tensorType } } })
}

function makeDimension(size: string | number): TensorShapeProto_Dimension {
  const value =
    typeof size === 'string' ? ({ case: 'dimParam', value: size } as const) : ({ case: 'dimValue', value: BigInt(size) } as const)
  return create(TensorShapeProto_DimensionSchema, { value })
}
