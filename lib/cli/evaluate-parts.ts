import type { ImageDataset } from '../data/dataset'
import { combineEvaluations, type Evaluation } from '../model/evaluation'
import type { ImageRNN } from '../model/image-rnn'

/** Samples in a part. The model computes as many at once anyway, so that dividing the data set costs nothing. */
const PART = 1000

/** How to divide an evaluation, when to stop it, and whom to tell. */
interface PartSettings {
  /** Ends the evaluation after the running part. */
  readonly stop: AbortSignal
  /** Samples of a part; the last one may be smaller. */
  readonly size?: number
  /** Called after each part. `index` counts them from 0, `count` is how many there are. */
  readonly onPart?: (part: Evaluation, index: number, count: number) => void
}

/** Measures a model on one part of the data set after the other, so that it can be stopped in between. The result is that of all parts. */
export async function evaluateParts(model: ImageRNN, dataset: ImageDataset, settings: PartSettings): Promise<Evaluation> {
  const { stop, size = PART, onPart } = settings
  const count = Math.ceil(dataset.length / size)
  const parts: Evaluation[] = []
  for (let index = 0; index < count; index += 1) {
    stop.throwIfAborted()
    const part = await model.evaluate(dataset.slice(index * size, Math.min((index + 1) * size, dataset.length)))
    onPart?.(part, index, count)
    parts.push(part)
  }
  stop.throwIfAborted()
  return combineEvaluations(parts)
}
