import type { ImageDataset } from '../data/dataset'
import { checkSignal } from '../model/abort'
import type { ImageRNN } from '../model/image-rnn'
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
  const { signal } = options
  checkSignal(signal)
  let surest: { sample: number; label: number; answer: number; probability: number }[] = []
  for (let start = 0; start < dataset.length; start += PART) {
    const end = Math.min(dataset.length, start + PART)
    const { classes, probabilities } = await model.predict(dataset.images(start, end), { signal })
    const labels = dataset.labelsOf(start, end)
    const width = probabilities.shape[1] as number
    classes.forEach((answer, index) => {
      const label = labels[index] as number
      if (answer !== label)
        surest.push({ sample: start + index, label, answer, probability: probabilities.data[index * width + answer] as number })
    })
    surest = surest.sort((one, other) => other.probability - one.probability || one.sample - other.sample).slice(0, count)
  }
  return surest.map((mistake) => {
    const { data, shape, ...rest } = dataset.images(mistake.sample, mistake.sample + 1)
    return { ...mistake, image: { data, shape: [shape[1], shape[2]], ...rest } }
  })
}
