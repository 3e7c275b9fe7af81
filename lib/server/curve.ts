import type { BatchEvent } from '../training/events'
import type { CurvePoint } from './messages'

/** Points that a curve keeps at most: more than a screen has columns. */
const MAX_POINTS = 2000

/** The curve of a training: means over a few batches each. A long training gets a coarser one, so that it never grows without end. */
export class Curve {
  #points: CurvePoint[] = []
  /** Counts up when points before the last one have changed, so that whoever has them needs all anew. */
  #generation = 0
  /** Events that make a point. */
  #pace = 1
  #events = 0
  /** Sums of the running epoch up to the latest point. */
  #before = { epoch: 0, samples: 0, loss: 0, hits: 0 }

  get points(): readonly CurvePoint[] {
    return this.#points
  }

  get generation(): number {
    return this.#generation
  }

  clear(): void {
    this.#points = []
    this.#generation += 1
    this.#pace = 1
    this.#events = 0
    this.#before = { epoch: 0, samples: 0, loss: 0, hits: 0 }
  }

  add({ epoch, batch, batches, samples, trainLoss, trainAccuracy }: BatchEvent): void {
    if (epoch !== this.#before.epoch) this.#before = { epoch, samples: 0, loss: 0, hits: 0 }
    this.#events += 1
    if (this.#events % this.#pace !== 0 && batch !== batches) return
    const [loss, hits] = [trainLoss * samples, trainAccuracy * samples]
    const before = this.#before
    const count = samples - before.samples
    if (count <= 0) return
    this.#before = { epoch, samples, loss, hits }
    const point = { epoch: epoch - 1 + batch / batches, loss: (loss - before.loss) / count, accuracy: (hits - before.hits) / count }
    if (Number.isFinite(point.loss)) this.#points.push(point)
    if (this.#points.length > MAX_POINTS) this.#thin()
  }

  /** Two neighbours become one. */
  #thin(): void {
    const points = this.#points
    this.#points = points.flatMap((point, index) => {
      const other = points[index + 1]
      if (index % 2 === 1) return []
      if (other === undefined) return [point]
      return [{ epoch: other.epoch, loss: (point.loss + other.loss) / 2, accuracy: (point.accuracy + other.accuracy) / 2 }]
    })
    this.#pace *= 2
    this.#generation += 1
  }
}
