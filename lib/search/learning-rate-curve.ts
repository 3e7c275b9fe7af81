/**
 * The losses of a learning-rate range test (L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
 * https://arxiv.org/abs/1506.01186), and the rates that they suggest: with the definitions and constants of fastai's lr_find.
 */

/** A step of a learning-rate range test. */
export interface LearningRatePoint {
  /** The rate of the step's update. */
  readonly learningRate: number
  /** Mean loss over the step's samples, before the update. */
  readonly loss: number
  /** Exponentially weighted mean of the losses up to this one. */
  readonly smoothedLoss: number
}

/** The rates that a test suggests. */
export interface LearningRateSuggestions {
  /** fastai's `valley`: half-way down the longest fall of the smoothed loss. */
  readonly valley: number
  /** fastai's `steep`: where the smoothed loss falls fastest, by the logarithm of the rate. */
  readonly steepest: number
}

/** How much of the mean before each loss leaves: the default of fastai's AvgSmoothLoss (fastai/learner.py). */
const SMOOTHING = 0.98

/** A test is over where the smoothed loss exceeds its lowest value so many times: that of fastai's LRFinder (fastai/callback/schedule.py). */
const DIVERGENCE = 4

/** What lr_find leaves out: a tenth of the steps that were asked for, where the mean is of few losses, and the last five. */
const SKIPPED_SHARE = 10
const SKIPPED_LAST = 5

/** Collects the losses of a test. */
export class LearningRateCurve {
  readonly #points: LearningRatePoint[] = []
  #mean = 0
  #lowest = Number.POSITIVE_INFINITY

  get points(): readonly LearningRatePoint[] {
    return this.#points
  }

  /** Adds a step. The mean starts from 0, which is corrected for: AvgSmoothLoss of fastai/learner.py. */
  add(learningRate: number, loss: number): LearningRatePoint {
    this.#mean = loss + SMOOTHING * (this.#mean - loss)
    const smoothedLoss = this.#mean / (1 - SMOOTHING ** (this.#points.length + 1))
    const point = { learningRate, loss, smoothedLoss }
    this.#points.push(point)
    this.#lowest = Math.min(this.#lowest, smoothedLoss)
    return point
  }

  /** Whether the latest smoothed loss is so large that larger rates tell nothing more. */
  get hasDiverged(): boolean {
    return isDiverged(this.#points.at(-1), this.#lowest)
  }
}

function isDiverged(last: LearningRatePoint | undefined, lowest: number): boolean {
  return last !== undefined && last.smoothedLoss > DIVERGENCE * lowest
}

/**
 * What fastai's lr_find suggests for a test (fastai/callback/schedule.py), from the smoothed losses. It leaves out the first tenth of the steps
 * that were asked for, and the last five points. Where a loss is not finite, or the user stops the test, these are not among the points here:
 * lr_find goes on with losses that are not finite, until all steps are done.
 *
 * @param steps - The steps that were asked for.
 * @returns Undefined where fewer than two points are left: the test ended too early.
 */
export function suggestLearningRates(points: readonly LearningRatePoint[], steps: number): LearningRateSuggestions | undefined {
  const lowest = points.reduce((least, { smoothedLoss }) => Math.min(least, smoothedLoss), Number.POSITIVE_INFINITY)
  const last = isDiverged(points.at(-1), lowest) ? points.length : steps
  const used = points.slice(Math.floor(steps / SKIPPED_SHARE), Math.max(0, last - SKIPPED_LAST))
  if (used.length < 2) return undefined
  const [rates, losses] = [used.map(({ learningRate }) => learningRate), used.map(({ smoothedLoss }) => smoothedLoss)]
  return { valley: valley(rates, losses), steepest: steepest(rates, losses) }
}

/**
 * `valley` of fastai/callback/schedule.py, exactly: the rate half-way through the longest strictly falling subsequence of the losses, which is
 * taken to begin as many points before its end as it has.
 *
 * @param losses - As many as rates, at least one.
 */
export function valley(rates: readonly number[], losses: readonly number[]): number {
  const lengths = fallingLengths(losses)
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0)
  const end = lengths.indexOf(longest)
  // Where the losses never fall, this is the first point. A fall over all points begins, as fastai counts, one before the first of them.
  const start = longest > 1 ? end - longest : end
  const third = (end - start) / 3
  return rates.at(start + Math.floor(third) + Math.floor(third / 2)) as number
}

/**
 * The length of the longest strictly falling subsequence that ends with each value. In fastai, two loops over all values find the same;
 * here, a search in those that the falls of each length end with.
 */
function fallingLengths(values: readonly number[]): number[] {
  /** By length: the largest value that a fall of this length ends with so far. They fall, too. */
  const ends: number[] = []
  return values.map((value) => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] as number) > value) low = middle + 1
      else high = middle
    }
    ends[low] = value
    return low + 1
  })
}

/**
 * `steep` of fastai/callback/schedule.py: the first rate of the two between which the loss falls fastest, by the logarithm of the rate.
 *
 * @param rates - Rising, at least two.
 * @param losses - As many.
 */
export function steepest(rates: readonly number[], losses: readonly number[]): number {
  const logarithms = rates.map(Math.log)
  const difference = (values: readonly number[], index: number) => (values[index + 1] as number) - (values[index] as number)
  let [lowest, at] = [Number.POSITIVE_INFINITY, 0]
  for (let index = 0; index < rates.length - 1; index += 1) {
    const slope = difference(losses, index) / difference(logarithms, index)
    if (slope < lowest) [lowest, at] = [slope, index]
  }
  return rates[at] as number
}
