import type { ImageDataset } from '../data/dataset'
import { combineEvaluations, type Evaluation } from '../model/evaluation'
import type { ImageRNN } from '../model/image-rnn'

/** Samples of a part: what an evaluation computes at once, so that parts cost nothing. */
const PART = 1000

/** How an evaluation goes on, beyond what it measures. */
interface PartSettings {
  /** Ends the evaluation after the running part. */
  readonly stop: AbortSignal
  /** Samples of a part; the last one may be smaller. */
  readonly size?: number
  /** @param index - Of the part, from 0. */
  readonly onPart?: (part: Evaluation, index: number, count: number) => void
}

/** Measures a model part after part: a signal need not wait for the whole data set. The result is the mean of exactly these parts. */
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
