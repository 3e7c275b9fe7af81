import type { ImageDataset } from '../data/dataset'
import type { ImageRNN } from '../model/image-rnn'
import { toBase64 } from './digit-reader'
import type { MistakesView } from './messages'

/** Test images that are looked at after an epoch: enough to find mistakes, and few enough to take a moment. */
const SAMPLES = 1000
/** Images that are computed at once. */
const BATCH = 250
/** Mistakes that are shown. */
const SHOWN = 24

/** What a network gets wrong of the first test images, the most confident mistakes first. They are only shown: nothing is chosen by them. */
export async function viewMistakes(model: ImageRNN, test: ImageDataset, epoch: number): Promise<MistakesView> {
  const samples = Math.min(SAMPLES, test.length)
  const { accuracy, mistakes = [] } = await model.evaluate(test.slice(0, samples), { mistakes: SHOWN, batchSize: BATCH })
  const shown = mistakes.map(({ sample, ...mistake }) => ({ image: toBase64(toBytes(test.images(sample, sample + 1).data)), ...mistake }))
  return {
    epoch,
    samples,
    wrong: samples - Math.round(accuracy * samples),
    shown,
    ...(test.classNames === undefined ? {} : { classNames: test.classNames }),
  }
}

function toBytes(pixels: ArrayLike<number>): Uint8Array {
  return pixels instanceof Uint8Array ? pixels : Uint8Array.from(pixels, (value) => Math.round(255 * value))
}
