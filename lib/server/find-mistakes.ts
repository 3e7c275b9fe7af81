import type { ImageDataset } from '../data/dataset'
import type { ImageRNN } from '../model/image-rnn'
import { toBase64 } from './digit-reader'
import type { Mistake, MistakesView } from './messages'

/** Test images that are looked at after an epoch: enough to find mistakes, and few enough to take a moment. */
const SAMPLES = 1000
/** Images that are computed at once. */
const BATCH = 250
/** Mistakes that are shown. */
const SHOWN = 24

/** What a network gets wrong of the first test images, the most confident mistakes first. They are only shown: nothing is chosen by them. */
export async function findMistakes(model: ImageRNN, test: ImageDataset, epoch: number): Promise<MistakesView> {
  const samples = Math.min(SAMPLES, test.length)
  const { classes, probabilities } = await model.predict(test.images(0, samples), { batchSize: BATCH })
  const labels = test.labelsOf(0, samples)
  const count = probabilities.shape[1] ?? 0
  const confidenceOf = (sample: number) => probabilities.data[sample * count + (classes[sample] as number)] as number
  const wrong = Array.from(labels.keys()).filter((sample) => labels[sample] !== classes[sample])
  const shown = wrong.sort((one, other) => confidenceOf(other) - confidenceOf(one)).slice(0, SHOWN)
  const toMistake = (sample: number): Mistake => ({
    image: toBase64(toBytes(test.images(sample, sample + 1).data)),
    label: labels[sample] as number,
    answer: classes[sample] as number,
    probability: confidenceOf(sample),
  })
  return { epoch, samples, wrong: wrong.length, shown: shown.map(toMistake) }
}

function toBytes(pixels: ArrayLike<number>): Uint8Array {
  return pixels instanceof Uint8Array ? pixels : Uint8Array.from(pixels, (value) => Math.round(255 * value))
}
