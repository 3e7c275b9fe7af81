/** The pictures of a trained model on a data set, by their names. */
import { nameOfClass } from '../data/class-names'
import type { ImageDataset } from '../data/dataset'
import type { ImageRNN } from '../model/image-rnn'
import type { Tensor } from '../tensor'
import { plotClassProbabilities } from './class-probabilities'
import { plotConfusionMatrix } from './confusion-matrix'
import { findMistakes } from './find-mistakes'
import { plotGradientNorms } from './gradient-norms'
import { plotHiddenStates } from './hidden-states'
import { plotMistakes } from './mistakes'
import { shorten } from './picture'
import { plotEigenvalues, plotRecurrentWeights } from './recurrent-weights'
import type { Theme } from './theme'

/** What the pictures are drawn of. */
export interface Subject {
  readonly model: ImageRNN
  readonly test: ImageDataset
  readonly theme: Theme
  /** The test image that is shown; undefined where none was chosen. */
  readonly sample: number | undefined
  /** How many mistakes are shown. */
  readonly count: number
  readonly signal: AbortSignal
}

/** Images whose gradients make the median. */
const GRADIENT_SAMPLES = 200
/** Of them, so many are inspected at once: libtorch keeps all that a gradient needs, some ten times the states. */
const GRADIENT_PART = 20
/** States that are held at once, as float32. */
const MAX_STATES = 2 ** 25

/** Each draws one picture. */
export const MODEL_PICTURES = {
  confusion: async ({ model, test, theme, signal }: Subject) => {
    const { confusionMatrix } = await model.evaluate(test, { signal })
    return await plotConfusionMatrix(confusionMatrix, { theme, classNames: test.classNames })
  },
  mistakes: async ({ model, test, theme, count, signal }: Subject) => {
    return await plotMistakes(await findMistakes(model, test, { count, signal }), { theme, classNames: test.classNames })
  },
  states: async ({ model, test, theme, sample = 0, signal }: Subject) => {
    const images = test.images(sample, sample + 1)
    const { hiddenStates } = await model.inspect(images, { signal })
    const label = nameOfClass(test.labelsOf(sample, sample + 1)[0] as number, test.classNames)
    return await plotHiddenStates(hiddenStates, {
      theme,
      images,
      title: `Hidden states while it reads test image ${sample}, of class ${shorten(label, 20)}`,
    })
  },
  thinking: async ({ model, test, theme, sample = 0, signal }: Subject) => {
    const images = test.images(sample, sample + 1)
    const { probabilities } = await model.inspect(images, { signal })
    return await plotClassProbabilities(probabilities, {
      theme,
      images,
      label: test.labelsOf(sample, sample + 1)[0],
      classNames: test.classNames,
    })
  },
  gradients: async ({ model, test, theme, sample, signal }: Subject) => {
    const [start, end] = sample === undefined ? [0, gradientSamples(model, test)] : [sample, sample + 1]
    return await plotGradientNorms(await gradientNormsOf(model, test, start, end, signal), { theme })
  },
  weights: async ({ model, theme }: Subject) => await plotRecurrentWeights(await model.stateDict(), { theme }),
  eigenvalues: async ({ model, theme }: Subject) => await plotEigenvalues(await model.stateDict(), { theme }),
} as const

/** The name of a picture of a model. */
export type ModelPicture = keyof typeof MODEL_PICTURES

/** Those of the samples from `start` to `end`: `[L, T, N]`. */
async function gradientNormsOf(model: ImageRNN, test: ImageDataset, start: number, end: number, signal: AbortSignal): Promise<Tensor> {
  const count = end - start
  const shape = [model.options.numLayers, test.rows, count]
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1))
  for (let first = start; first < end; first += GRADIENT_PART) {
    const last = Math.min(end, first + GRADIENT_PART)
    const { gradientNorms } = await model.inspect(test.images(first, last), { labels: test.labelsOf(first, last), signal })
    if (gradientNorms === undefined) throw new Error('Expected norms of gradients, as labels were given.')
    const size = last - first
    for (let from = 0; from < gradientNorms.data.length; from += size) {
      data.set(gradientNorms.data.subarray(from, from + size), (from / size) * count + first - start)
    }
  }
  return { data, shape }
}

/** Of a large network, fewer. */
function gradientSamples({ options }: ImageRNN, test: ImageDataset): number {
  const states = options.numLayers * test.rows * options.hiddenSize
  return Math.max(1, Math.min(GRADIENT_SAMPLES, test.length, Math.floor(MAX_STATES / states)))
}
