/** Numbers that fixtures/pytorch/make_reference.py took from PyTorch, and the weights they belong to. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parameterShapes } from '../../lib/model/architecture'
import { resolveOptions } from '../../lib/options/checks'
import { MODEL_OPTIONS } from '../../lib/options/options'
import type { Tensor } from '../../lib/tensor'

const FOLDER = join(__dirname, '..', 'fixtures', 'pytorch')

/** A model file that Python wrote: the tanh network after 50 updates. */
export const AFTER_50_UPDATES = join(FOLDER, 'after-50-steps.safetensors')

/** Samples in a batch of the script. */
export const REFERENCE_BATCH = 128

interface NetworkNumbers {
  /** `[128][10]`, of the first batch. */
  readonly logits: number[][]
  /** `[28]`: the norm of the top layer's states at each time step. */
  readonly outputNormPerStep: number[]
  readonly outputSample0LastStep: number[]
  readonly finalStateNormPerLayer: number[]
  /** One for each of 50 updates, in file order. */
  readonly losses: number[]
}

interface Reference {
  readonly parameters: string[]
  readonly tanh: NetworkNumbers
  readonly relu: NetworkNumbers
  /** `[4][10]`: of the first four test images, by the model of {@link AFTER_50_UPDATES}. */
  readonly afterFileLogits: number[][]
  /** The learning rates of 20 updates, by the calls that make PyTorch's schedulers. */
  readonly schedules: Readonly<Record<string, readonly number[]>>
}

export const reference = JSON.parse(readFileSync(join(FOLDER, 'reference.json'), 'utf8')) as Reference

/** The formula weights of the script, for the default network. */
export function formulaWeights(): Map<string, Tensor> {
  const shapes = parameterShapes(resolveOptions(MODEL_OPTIONS, {}, 'the default network'))
  return new Map(reference.parameters.map((name, position) => [name, formulaTensor(name, position, shapes.get(name) ?? [])]))
}

function formulaTensor(name: string, position: number, shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const columns = shape[1] ?? 1
  const value = name.includes('weight_hh')
    ? (index: number) => (index % columns === Math.floor(index / columns) ? 1 : 0)
    : (index: number) => (mix(index + position * 2 ** 20) / 2 ** 31 - 1) * 150 ** -0.5
  return { data: Float32Array.from({ length: count }, (_, index) => value(index)), shape }
}

/** The finalizer of MurmurHash3, on unsigned 32-bit numbers. */
function mix(value: number): number {
  let hash = value
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
