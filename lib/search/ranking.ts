/** Which trial is better. */
import type { SearchPlan } from './halving'
import type { SeedResult, TrialResult } from './search-events'

type Metric = SearchPlan['metric']

/** The value of a result by which trials are ranked; undefined where it diverged. */
export function metricOf(metric: Metric, result: Pick<TrialResult, 'validationAccuracy' | 'validationLoss'>): number | undefined {
  return metric === 'accuracy' ? result.validationAccuracy : result.validationLoss
}

/** Means over the seeds, and how far the metric spreads. @param seeds - One or more. */
export function summarizeSeeds(
  seeds: readonly SeedResult[],
  metric: Metric,
): Pick<TrialResult, 'validationLoss' | 'validationAccuracy' | 'standardDeviation'> {
  const validationLoss = meanOf(seeds.map((seed) => seed.validationLoss))
  const validationAccuracy = meanOf(seeds.map((seed) => seed.validationAccuracy))
  if (seeds.length < 2) return { validationLoss, validationAccuracy }
  const standardDeviation = deviationOf(seeds.map((seed) => metricOf(metric, seed) as number))
  return { validationLoss, validationAccuracy, standardDeviation }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Of a sample: divided by n - 1, as torch.std does. */
function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}

/**
 * Each trial once, with its last result, the best first: by rung, the later first, because a trial came there by being better; then by the
 * metric; of equal accuracies, by the loss; at last by number. What diverged comes last.
 */
export function rankTrials(results: readonly TrialResult[], metric: Metric): readonly TrialResult[] {
  const last = new Map<number, TrialResult>()
  for (const result of results) {
    const before = last.get(result.trial)
    if (before === undefined || result.rung > before.rung) last.set(result.trial, result)
  }
  return Array.from(last.values()).sort((one, other) => compare(one, other, metric))
}

/** The trials of a rung that go on to the next, the best first. What diverged never does. */
export function survivorsOf(results: readonly TrialResult[], count: number, metric: Metric): readonly number[] {
  const completed = results.filter(({ state }) => state === 'completed')
  return rankTrials(completed, metric)
    .slice(0, count)
    .map(({ trial }) => trial)
}

function compare(one: TrialResult, other: TrialResult, metric: Metric): number {
  const loss = (result: TrialResult) => result.validationLoss ?? Number.POSITIVE_INFINITY
  const accuracy = (result: TrialResult) => result.validationAccuracy ?? Number.NEGATIVE_INFINITY
  const byState = Number(one.state === 'diverged') - Number(other.state === 'diverged')
  const byAccuracy = metric === 'accuracy' ? order(accuracy(other), accuracy(one)) : 0
  return byState || other.rung - one.rung || byAccuracy || order(loss(one), loss(other)) || one.trial - other.trial
}

/** As a difference, which would be NaN for two infinities. */
function order(one: number, other: number): number {
  return one < other ? -1 : Number(one > other)
}
