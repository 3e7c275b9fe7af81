import type { ImageDataset } from '../data/dataset'
import type { MistakenSample } from '../model/evaluation'
import type { ImageRNN } from '../model/image-rnn'
import { resolveOptions } from '../options/checks'
import type { Mistake } from './mistakes'

const MISTAKES_OPTIONS = {
  count: { kind: 'integer', min: 1, max: 120, default: 24, summary: 'mistakes to find' },
} as const

/**
 * Finds the mistakes that a model is most sure of.
 *
 * @param options.count - The most that are returned, 1 to 120. Default 24.
 * @param options.signal - Stops the call, which then rejects with the signal's reason.
 * @returns The surest first; of equally sure ones, the first of the data set.
 * @throws TorchRnnError As `model.evaluate`.
 */
export async function findMistakes(
  model: ImageRNN,
  dataset: ImageDataset,
  options: { count?: number | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Mistake[]> {
  const { count } = resolveOptions(MISTAKES_OPTIONS, options, 'findMistakes', ['signal'])
  const { mistakes = [] } = await model.evaluate(dataset, { mistakes: count, signal: options.signal })
  return withImages(mistakes, dataset)
}

/** Mistakes in a data set, as they are drawn. */
export function withImages(mistakes: readonly MistakenSample[], dataset: ImageDataset): Mistake[] {
  return mistakes.map((mistake) => {
    const { data, shape, ...rest } = dataset.images(mistake.sample, mistake.sample + 1)
    return { ...mistake, image: { data, shape: [shape[1], shape[2]], ...rest } }
  })
}
