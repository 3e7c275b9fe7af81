import { pickOptions, resolveOptions } from '../options/checks'
import { checkNormalization, type Normalization } from '../options/normalization'
import { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'

/** The options that decide which parameters a network has and what it computes with them. */
export type Architecture = Resolved<typeof OPTIONS.architecture> & { readonly normalization?: Normalization }

/** The architecture among the options of a model: what a file says of a network. */
export function architectureOf(options: Architecture): Architecture {
  const { normalization } = options
  return { ...pickOptions(OPTIONS.architecture, options), ...(normalization !== undefined && { normalization }) }
}

/**
 * The architecture that a file describes, checked.
 *
 * @param owner - Whose it is, for errors.
 * @throws TorchRnnError `ERR_INVALID_OPTION`
 */
export function resolveArchitecture(described: Readonly<Record<string, unknown>>, owner: string): Architecture {
  const resolved = resolveOptions(OPTIONS.architecture, described, owner, ['normalization'])
  const normalization = checkNormalization(described['normalization'], resolved.inputSize)
  return { ...resolved, ...(normalization !== undefined && { normalization }) }
}

/**
 * Names and shapes of a network's parameters, by PyTorch's names and in PyTorch's order.
 *
 * Letters: F features, H hidden, C classes.
 */
export function parameterShapes({ inputSize, hiddenSize, numLayers, numClasses }: Architecture): Map<string, number[]> {
  const shapes = new Map<string, number[]>()
  for (let layer = 0; layer < numLayers; layer += 1) {
    shapes.set(`basic_rnn.weight_ih_l${layer}`, [hiddenSize, layer === 0 ? inputSize : hiddenSize])
    shapes.set(`basic_rnn.weight_hh_l${layer}`, [hiddenSize, hiddenSize])
    shapes.set(`basic_rnn.bias_ih_l${layer}`, [hiddenSize])
    shapes.set(`basic_rnn.bias_hh_l${layer}`, [hiddenSize])
  }
  shapes.set('FC.weight', [numClasses, hiddenSize])
  shapes.set('FC.bias', [numClasses])
  return shapes
}

/** How many numbers a network learns. */
export function parameterCount(architecture: Architecture): number {
  const sizes = [...parameterShapes(architecture).values()].map((shape) => shape.reduce((product, size) => product * size, 1))
  return sizes.reduce((sum, size) => sum + size, 0)
}
