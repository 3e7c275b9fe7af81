import { drawGrid } from '../text/table'
import { type Architecture, parameterCount, parameterShapes } from './architecture'

/** Bytes of a float32. */
const PARAMETER_BYTES = 4

/** A layer of a network. */
export interface LayerSummary {
  /** Where it is: `basic_rnn, layer 0`, ... or `FC`. */
  name: string
  /** `RNN` with its activation, or `Linear`. */
  type: string
  /** What it puts out. Letters: N images, T rows (time steps). */
  outputShape: (number | 'N' | 'T')[]
  /** Numbers that it learns. */
  parameters: number
}

/** The layers of a network and its size. */
export interface Summary {
  layers: LayerSummary[]
  /** Numbers that the network learns. */
  parameters: number
  /** What they take in memory. */
  bytes: number
}

/** Lists the layers of a network, from the image to the answer. */
export function summarize(architecture: Architecture): Summary {
  const { hiddenSize, numLayers, numClasses, nonlinearity } = architecture
  const recurrent = Array.from({ length: numLayers }, (_, layer): LayerSummary => {
    const parameters = countOf(architecture, (name) => name.endsWith(`_l${layer}`))
    return { name: `basic_rnn, layer ${layer}`, type: `RNN, ${nonlinearity}`, outputShape: ['T', 'N', hiddenSize], parameters }
  })
  const linear = countOf(architecture, (name) => name.startsWith('FC.'))
  const parameters = parameterCount(architecture)
  return {
    layers: [...recurrent, { name: 'FC', type: 'Linear', outputShape: ['N', numClasses], parameters: linear }],
    parameters,
    bytes: parameters * PARAMETER_BYTES,
  }
}

/** Draws a table of the layers in Keras' manner. */
export function drawSummary({ layers, parameters, bytes }: Summary): string {
  const rows = layers.map((layer) => [
    `${layer.name} (${layer.type})`,
    `[${layer.outputShape.join(', ')}]`,
    layer.parameters.toLocaleString('en-US'),
  ])
  const table = drawGrid([['Layer (type)', 'Output shape', 'Param #'], ...rows], { words: 2 })
  const size = `${(bytes / 1024).toFixed(2)} KiB`
  return [`Model: "ImageRNN"`, ...table, `Total params: ${parameters.toLocaleString('en-US')} (${size})`].join('\n')
}

function countOf(architecture: Architecture, isMember: (name: string) => boolean): number {
  const shapes = [...parameterShapes(architecture)].filter(([name]) => isMember(name))
  return shapes.reduce((sum, [, shape]) => sum + shape.reduce((product, size) => product * size, 1), 0)
}
