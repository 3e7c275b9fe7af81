/** The ONNX writer: what its bytes say, read by the generated code. tests/onnx checks them by other programs. */
import { fromBinary } from '@bufbuild/protobuf'
import { encodeOnnx, type OnnxNetwork } from '../../lib/formats/onnx/encode'
import { AttributeProto_AttributeType, type GraphProto, ModelProtoSchema, TensorProto_DataType } from '../../lib/formats/onnx/onnx-proto'
import { parameterShapes } from '../../lib/model/architecture'
import type { Tensor } from '../../lib/tensor'
import { expectError } from '../support/expect-error'

/** Letters as in lib; all sizes differ, so that a mix-up is noticed. */
const ARCHITECTURE = { inputSize: 5, hiddenSize: 6, numLayers: 2, numClasses: 3, nonlinearity: 'tanh' } as const

/** Parameters whose values are all different. */
function parameters(numLayers: number): Map<string, Tensor> {
  let next = 0
  const shapes = parameterShapes({ ...ARCHITECTURE, numLayers })
  return new Map(
    Array.from(shapes, ([name, shape]) => {
      const data = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => next++ / 8)
      return [name, { data, shape }]
    }),
  )
}

function network(changes: Partial<OnnxNetwork> = {}): OnnxNetwork {
  const producer = { name: 'a program', version: '1.2.3' }
  const { numLayers } = ARCHITECTURE
  const rest = { activation: 'Tanh', producer, description: 'Digits', metadata: { key: 'value' } } as const
  return { parameters: parameters(changes.numLayers ?? numLayers), numLayers, ...rest, ...changes }
}

function decode(bytes: Uint8Array) {
  const { graph, ...model } = fromBinary(ModelProtoSchema, bytes)
  return { model, graph: graph as GraphProto }
}

/** The nodes as lines: name: operator(inputs) -> outputs, attributes. */
function linesOf({ node }: GraphProto): string[] {
  return node.map(({ name, opType, input, output, attribute }) => {
    const attributes = attribute.map(({ name: key, type, i, ints, strings }) => {
      const value = type === AttributeProto_AttributeType.INT ? i : [...ints, ...strings.map((text) => Buffer.from(text).toString())]
      return ` ${key}=${value}`
    })
    return `${name}: ${opType}(${input.join()}) -> ${output.join()}${attributes.join('')}`
  })
}

/** The values of the initializers. */
function tensorsOf({ initializer }: GraphProto) {
  const entries = initializer.map(({ name, dims, dataType, rawData }) => {
    const bytes = rawData.slice().buffer // At an offset that every type of array takes.
    const data = dataType === TensorProto_DataType.FLOAT ? new Float32Array(bytes) : new BigInt64Array(bytes)
    return [name, { dims: dims.map(Number), dataType, data }] as const
  })
  return new Map(entries)
}

test('the model says what made it and what it needs', () => {
  const { model } = decode(encodeOnnx(network()))
  expect(model).toMatchObject({
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    producerName: 'a program',
    producerVersion: '1.2.3',
    docString: 'Digits',
    metadataProps: [{ key: 'key', value: 'value' }],
  })
})

test('the graph has the layers in order, with the state after the last row on top', () => {
  const { graph } = decode(encodeOnnx(network()))
  const parametersOf = (layer: number) => ['weight_ih', 'weight_hh', 'bias'].map((name) => `basic_rnn.${name}_l${layer}`).join()
  expect(linesOf(graph)).toEqual([
    '/basic_rnn/Transpose: Transpose(images) -> x0 perm=1,0,2',
    `/basic_rnn/RNN_l0: RNN(x0,${parametersOf(0)}) -> y0 hidden_size=6 activations=Tanh`,
    '/basic_rnn/Squeeze_l0: Squeeze(y0,direction_of_states) -> x1',
    `/basic_rnn/RNN_l1: RNN(x1,${parametersOf(1)}) -> ,h hidden_size=6 activations=Tanh`,
    '/basic_rnn/Squeeze_last: Squeeze(h,direction_of_last) -> last',
    '/FC/Gemm: Gemm(last,FC.weight,FC.bias) -> logits transB=1',
  ])
  const sizes = [...graph.input, ...graph.output].map(({ name, type }) => {
    const tensor = type?.value.case === 'tensorType' ? type.value.value : undefined
    return [name, tensor?.elemType, tensor?.shape?.dim.map(({ value }) => value.value)]
  })
  expect(sizes).toEqual([
    ['images', TensorProto_DataType.FLOAT, ['N', 'T', 5n]],
    ['logits', TensorProto_DataType.FLOAT, ['N', 3n]],
  ])
})

test('lengths are a second input, which every layer reads', () => {
  const { graph } = decode(encodeOnnx(network({ hasLengths: true })))
  const layers = linesOf(graph).filter((line) => line.includes('RNN('))
  expect(layers).toHaveLength(2)
  for (const [layer, line] of layers.entries()) expect(line).toContain(`basic_rnn.bias_l${layer},lengths) -> `)
  const [, lengths] = graph.input
  const tensor = lengths?.type?.value.case === 'tensorType' ? lengths.type.value.value : undefined
  expect([lengths?.name, tensor?.elemType, tensor?.shape?.dim.map(({ value }) => value.value)]).toEqual([
    'lengths',
    TensorProto_DataType.INT32,
    ['N'],
  ])
})

test('a normalization comes first', () => {
  const normalization = { mean: [1, 2, 3, 4, 5], std: [0.5, 1, 2, 4, 8] }
  const { graph } = decode(encodeOnnx(network({ normalization })))
  expect(linesOf(graph).slice(0, 3)).toEqual([
    '/Normalize/Sub: Sub(images,mean) -> centred',
    '/Normalize/Div: Div(centred,std) -> normalized',
    '/basic_rnn/Transpose: Transpose(normalized) -> x0 perm=1,0,2',
  ])
  const tensors = tensorsOf(graph)
  for (const name of ['mean', 'std'] as const) {
    const data = Float32Array.from(normalization[name])
    expect(tensors.get(name)).toEqual({ dims: [5], dataType: TensorProto_DataType.FLOAT, data })
  }
})

test('one layer and ReLU', () => {
  const { graph } = decode(encodeOnnx(network({ numLayers: 1, activation: 'Relu' })))
  expect(linesOf(graph).filter((line) => /RNN_|Squeeze/.test(line))).toEqual([
    '/basic_rnn/RNN_l0: RNN(x0,basic_rnn.weight_ih_l0,basic_rnn.weight_hh_l0,basic_rnn.bias_l0) -> ,h hidden_size=6 activations=Relu',
    '/basic_rnn/Squeeze_last: Squeeze(h,direction_of_last) -> last',
  ])
  expect(graph.initializer.map(({ name }) => name)).not.toContain('direction_of_states') // Nothing would use it.
})

test('the parameters are unchanged, and the biases of a layer joined', () => {
  const { parameters: given, ...rest } = network()
  const tensors = tensorsOf(decode(encodeOnnx({ parameters: given, ...rest })).graph)
  const FLOAT = TensorProto_DataType.FLOAT
  const data = (name: string) => given.get(name)?.data as Float32Array
  for (const layer of [0, 1]) {
    const [ih, hh] = [`basic_rnn.weight_ih_l${layer}`, `basic_rnn.weight_hh_l${layer}`]
    const both = Float32Array.of(...data(`basic_rnn.bias_ih_l${layer}`), ...data(`basic_rnn.bias_hh_l${layer}`))
    expect(tensors.get(ih)).toEqual({ dims: [1, 6, layer === 0 ? 5 : 6], dataType: FLOAT, data: data(ih) })
    expect(tensors.get(hh)).toEqual({ dims: [1, 6, 6], dataType: FLOAT, data: data(hh) })
    expect(tensors.get(`basic_rnn.bias_l${layer}`)).toEqual({ dims: [1, 12], dataType: FLOAT, data: both })
  }
  expect(tensors.get('FC.weight')).toEqual({ dims: [3, 6], dataType: FLOAT, data: data('FC.weight') })
  expect(tensors.get('FC.bias')).toEqual({ dims: [3], dataType: FLOAT, data: data('FC.bias') })
  const axis = (value: bigint) => ({ dims: [1], dataType: TensorProto_DataType.INT64, data: BigInt64Array.of(value) })
  expect(tensors.get('direction_of_states')).toEqual(axis(1n))
  expect(tensors.get('direction_of_last')).toEqual(axis(0n))
  expect(tensors.size).toBe(10)
})

test('parameters may lie anywhere in a larger buffer', () => {
  const shifted = Array.from(parameters(2), ([name, { data, shape }]) => {
    const larger = new Float32Array(data.length + 2)
    larger.set(data, 1)
    return [name, { data: larger.subarray(1, -1), shape }] as const
  })
  expect(encodeOnnx(network({ parameters: new Map(shifted) }))).toEqual(encodeOnnx(network()))
})

test('a network without one of its parameters is refused', async () => {
  for (const name of parameters(2).keys()) {
    const incomplete = parameters(2)
    incomplete.delete(name)
    await expectError(() => encodeOnnx(network({ parameters: incomplete })), 'ERR_INVALID_DATA', `the parameter ${name}`)
  }
})
