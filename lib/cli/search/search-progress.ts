/** How far a search is, in words. */

import type { SearchPlan } from '../../search/halving'
import { metricOf } from '../../search/ranking'
import type { SearchStartEvent, TrialEvent, TrialPlace, TrialResult, TrialStartEvent } from '../../search/search-events'
import type { BatchEvent } from '../../training/events'
import { formatDuration, toPercent } from '../numbers'

type Metric = SearchPlan['metric']

/** Counts epochs and the time that they took, from which the time that is left is estimated. */
export class SearchProgress {
  readonly #metric: Metric
  readonly #seeds: number
  readonly #started = performance.now()
  #trials = 0
  #finished = 0
  #epochsBefore = 0
  #epochs = 0
  /** Epochs of the trials that are over, those from before included. */
  #done = 0
  #best: TrialResult | undefined

  /** @param seeds - Trainings of each trial. */
  constructor(metric: Metric, seeds: number) {
    this.#metric = metric
    this.#seeds = seeds
  }

  begin({ trials, finished, epochs, finishedEpochs }: SearchStartEvent): void {
    this.#trials = trials
    this.#finished = finished
    this.#epochs = epochs
    this.#epochsBefore = finishedEpochs
    this.#done = finishedEpochs
  }

  finish({ epochs, best, finished }: TrialEvent): void {
    this.#done += epochs * this.#seeds
    this.#finished = finished
    this.#best = best
  }

  /** "3/20 trials, epoch 2/10 45%, best 97.40 %, 4m 05s left" */
  describe(event: BatchEvent & TrialPlace, running: TrialStartEvent, training: number): string {
    const share = event.batch / event.batches
    const part = training * running.epochs + event.epoch - 1 + share
    const repeated = this.#seeds === 1 ? '' : `seed ${training + 1}/${this.#seeds}, `
    const where = `${repeated}epoch ${event.epoch}/${event.epochs} ${Math.floor(share * 100)}%`
    const best = this.#best === undefined ? '' : `, best ${showMetric(this.#metric, this.#best)}`
    return `${this.#finished + 1}/${this.#trials} trials, ${where}${best}, ${formatDuration(this.#secondsLeft(part))} left`
  }

  /** "4m 05s left"; nothing when all is done. */
  left(): string {
    return this.#done >= this.#epochs ? '' : `${formatDuration(this.#secondsLeft(0))} left`
  }

  /** @param part - Epochs of the running trial. */
  #secondsLeft(part: number): number {
    const done = this.#done + part
    const seconds = (performance.now() - this.#started) / 1000
    return (seconds * (this.#epochs - done)) / (done - this.#epochsBefore)
  }
}

/** The value that ranks a trial: "97.40 %", or a loss. */
export function showMetric(metric: Metric, result: TrialResult): string {
  const value = metricOf(metric, result)
  if (value === undefined) return 'diverged'
  return metric === 'accuracy' ? `${toPercent(value)} %` : value.toFixed(4)
}

/** How far the seeds of a trial are apart: "0.12 %". Empty with one seed. */
export function showSpread(metric: Metric, { standardDeviation }: TrialResult): string {
  if (standardDeviation === undefined) return ''
  return metric === 'accuracy' ? `${toPercent(standardDeviation)} %` : standardDeviation.toFixed(4)
}
