import type { ImageDataset } from '../data/dataset'
import type { MistakenSample } from '../model/evaluation'
import type { ImageRNN } from '../model/image-rnn'
import { resolveOptions } from '../options/checks'
import type { Mistake } from './mistakes'

const MISTAKES_OPTIONS = {
  count: { kind: 'integer', min: 1, max: 120, default: 24, summary: 'mistakes to find' },
} as const

/** As the function of this name in lib/functions.ts. */
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
