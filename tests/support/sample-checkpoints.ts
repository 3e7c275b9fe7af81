/** Checkpoints made of formulas, of a network with a handful of parameters. */
import type { NativeArray } from '../../lib/addon/binding'
import type { StoredCheckpoint } from '../../lib/checkpoints/checkpoint-file'
import { parameterShapes } from '../../lib/model/architecture'
import { resolveOptions } from '../../lib/options/checks'
import { HYPERPARAMETERS, MODEL_OPTIONS, type TrainHyperparameters } from '../../lib/options/options'
import type { EpochEvent } from '../../lib/training/events'

const MODEL = resolveOptions(MODEL_OPTIONS, { inputSize: 2, hiddenSize: 3, numLayers: 1, numClasses: 2 }, 'a test')

/** Values that differ from tensor to tensor, all above 0. */
function tensors(offset: number): Record<string, NativeArray> {
  const shapes = [...parameterShapes(MODEL)]
  return Object.fromEntries(
    shapes.map(([name, shape], index) => {
      const count = shape.reduce((product, size) => product * size, 1)
      return [name, { data: Float32Array.from({ length: count }, (_, at) => offset + index + at / 64), shape }]
    }),
  )
}

function epochEvent(epoch: number, epochs: number, validationLoss: number | undefined): EpochEvent {
  const validation = validationLoss === undefined ? {} : { validationLoss, validationAccuracy: 0.25 }
  const training = { trainLoss: 2 / epoch, trainAccuracy: 1 - 1 / epoch, learningRate: 0.001 / 3 }
  return { type: 'epoch', epoch, epochs, step: 10 * epoch, ...training, ...validation, seconds: 0.1, samplesPerSecond: 3000 }
}

interface Sample {
  readonly epochs: number
  readonly batches?: number
  /** Of each epoch; absent: there is no validation. */
  readonly validationLosses?: readonly number[]
  readonly hyperparameters?: TrainHyperparameters
  /** Makes the tensors differ from those of another sample. */
  readonly offset?: number
}

/** A checkpoint as a training of 300 samples would keep it. */
export function sampleCheckpoint({
  epochs,
  batches = 0,
  validationLosses,
  hyperparameters: given,
  offset = epochs,
}: Sample): StoredCheckpoint {
  const hyperparameters = resolveOptions(HYPERPARAMETERS, { epochs: 9, batchSize: 32, ...given }, 'a test')
  const losses = validationLosses?.slice(0, epochs)
  const history = Array.from({ length: epochs }, (_, index) => epochEvent(index + 1, hyperparameters.epochs, losses?.[index]))
  const lowest = losses === undefined ? -1 : losses.indexOf(Math.min(...losses))
  const best = lowest < 0 ? {} : { best: { epoch: lowest + 1, loss: losses?.[lowest] as number } }
  const identity = { samples: 300, sha256: 'ab'.repeat(32) }
  return {
    position: { epochs, batches, seconds: batches * 0.01, firstModelEpoch: 2, history, ...best },
    hyperparameters,
    state: {
      ...{ values: tensors(offset), firstMoment: tensors(offset + 0.25), secondMoment: tensors(offset + 0.5) },
      average: hyperparameters.emaDecay === undefined ? null : tensors(offset + 0.75),
      ...{
        updates: 10 * epochs + batches,
        epochBatches: batches,
        epochLoss: 0.1 * batches,
        epochHits: batches,
        epochSamples: 32 * batches,
      },
    },
    origin: {
      model: MODEL,
      data: { train: identity, validation: losses === undefined ? null : { ...identity, samples: 60 } },
      place: { device: 'cpu', engine: 'torch', threads: 2, precision: 'float32', cpuCapability: 'AVX2', libtorch: '2.15.0' },
      packageVersion: '0.1.0',
    },
  }
}
