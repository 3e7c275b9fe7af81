import { checkSignal } from '../abort'
import type { ImageDataset } from '../data/dataset'
import type { ImageRNN, InferenceOptions } from '../model/image-rnn'
import { resolveOptions } from '../options/checks'
import type { Mistake } from './mistakes'

const MISTAKES_OPTIONS = {
  count: { kind: 'integer', min: 1, max: 120, default: 24, summary: 'mistakes to find' },
} as const

/** Images that are looked at together: their pixels and probabilities are copied. */
const PART = 4096

/**
 * Finds the mistakes that a model is most sure of.
 *
 * @param options.count - The most that are returned, 1 to 120. Default 24.
 * @param options.signal - Stops the call, which then rejects with the signal's reason.
 * @returns The surest first; of equally sure ones, the first of the data set.
 * @throws TorchRnnError As `model.predict`.
 */
export async function findMistakes(
  model: ImageRNN,
  dataset: ImageDataset,
  options: { count?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Mistake[]> {
  const { count } = resolveOptions(MISTAKES_OPTIONS, options, 'findMistakes', ['signal'])
  checkSignal(options.signal)
  const { surest } = await searchMistakes(model, dataset, count, { signal: options.signal })
  return surest.map((mistake) => {
    const { data, shape, ...rest } = dataset.images(mistake.sample, mistake.sample + 1)
    return { ...mistake, image: { data, shape: [shape[1], shape[2]], ...rest } }
  })
}

/** A mistake, whose image is in the data set. */
type SampleMistake = Omit<Mistake, 'image'> & { readonly sample: number }

/**
 * {@link findMistakes} without its checks and the images.
 *
 * @param options - How the images are computed.
 * @returns How many mistakes there are, and the `count` surest of them.
 */
export async function searchMistakes(
  model: ImageRNN,
  dataset: ImageDataset,
  count: number,
  options: InferenceOptions,
): Promise<{ wrong: number; surest: SampleMistake[] }> {
  let wrong = 0
  let surest: SampleMistake[] = []
  for (let start = 0; start < dataset.length; start += PART) {
    const end = Math.min(dataset.length, start + PART)
    const { classes, probabilities } = await model.predict(dataset.images(start, end), options)
    const labels = dataset.labelsOf(start, end)
    const width = probabilities.shape[1] as number
    classes.forEach((answer, index) => {
      const label = labels[index] as number
      if (answer === label) return
      wrong += 1
      surest.push({ sample: start + index, label, answer, probability: probabilities.data[index * width + answer] as number })
    })
    surest = surest.sort((one, other) => other.probability - one.probability || one.sample - other.sample).slice(0, count)
  }
  return { wrong, surest }
}
