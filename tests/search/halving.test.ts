/** The rungs of successive halving, and who goes on. */
import { rungsOf, type SearchPlan } from '../../lib/search/halving'
import { rankTrials, summarizeSeeds, survivorsOf } from '../../lib/search/ranking'
import type { TrialResult } from '../../lib/search/search-events'
import { expectError } from '../support/expect-error'

const asItIs = (name: string) => name

function rungs(trials: number, epochs: number, changes: Partial<SearchPlan> = {}) {
  const plan: SearchPlan = { strategy: 'halving', trials, eta: 3, minEpochs: 1, metric: 'accuracy', seeds: 1, ...changes }
  return rungsOf(plan, epochs, asItIs).map((rung) => [rung.trials, rung.epochs])
}

/** Hyperband's brackets for R = 81 and eta = 3: n = ceil((s_max + 1) / (s + 1) * eta^s) trials of R eta^-s epochs at first. */
test.each([
  [
    81,
    1,
    [
      [81, 1],
      [27, 3],
      [9, 9],
      [3, 27],
      [1, 81],
    ],
  ],
  [
    34,
    3,
    [
      [34, 3],
      [11, 9],
      [3, 27],
      [1, 81],
    ],
  ],
  [
    15,
    9,
    [
      [15, 9],
      [5, 27],
      [1, 81],
    ],
  ],
  [
    8,
    27,
    [
      [8, 27],
      [2, 81],
    ],
  ],
])('%d trials that begin with %d epochs are a bracket of Hyperband', (trials, minEpochs, bracket) => {
  expect(rungs(trials, 81, { minEpochs })).toEqual(bracket)
})

test('by hand: 20 trials, 10 epochs, eta 3', () => {
  // 3^2 is the highest power within both 20 and 10. Epochs: 10 / 9, 10 / 3 and 10; trials: 20, 20 / 3 and 20 / 9.
  expect(rungs(20, 10)).toEqual([
    [20, 1],
    [6, 3],
    [2, 10],
  ])
})

test('by hand: eta 2', () => {
  expect(rungs(8, 8, { eta: 2 })).toEqual([
    [8, 1],
    [4, 2],
    [2, 4],
    [1, 8],
  ])
  expect(rungs(8, 8, { eta: 2, minEpochs: 3 })).toEqual([
    [8, 4],
    [4, 8],
  ])
  expect(rungs(5, 100, { eta: 2 })).toEqual([
    [5, 25],
    [2, 50],
    [1, 100],
  ])
})

test('powers are counted exactly', () => {
  expect(rungs(243, 243)).toHaveLength(6) // Math.log(243) / Math.log(3) is 4.999...
})

test('a random search has one rung', () => {
  expect(rungs(2, 7, { strategy: 'random' })).toEqual([[2, 7]])
})

test('halving that could not halve is refused', async () => {
  await expectError(() => rungs(2, 10), 'ERR_INVALID_OPTION', 'at least eta, 3, for trials with the strategy halving but received 2')
  await expectError(() => rungs(9, 5, { minEpochs: 2 }), 'ERR_INVALID_OPTION', 'at least eta times minEpochs, 6, for epochs', 'received 5')
})

/** A result with these means. */
function result(trial: number, validationAccuracy: number, validationLoss: number, rung = 1): TrialResult {
  const seeds = [{ seed: 1, validationLoss, validationAccuracy }]
  return { trial, rung, epochs: rung, values: {}, state: 'completed', validationLoss, validationAccuracy, seeds, seconds: 1 }
}

function diverged(trial: number, rung = 1): TrialResult {
  return { trial, rung, epochs: rung, values: {}, state: 'diverged', seeds: [], failure: 'NaN', seconds: 1 }
}

const numbers = (results: readonly TrialResult[]) => results.map(({ trial }) => trial)

test('the ranking: by accuracy, then loss, then number; or by loss; what diverged comes last', () => {
  const results = [diverged(1), result(2, 0.8, 2), result(3, 0.9, 3), result(4, 0.8, 1), result(5, 0.8, 2), diverged(6)]
  expect(numbers(rankTrials(results, 'accuracy'))).toEqual([3, 4, 2, 5, 1, 6])
  expect(numbers(rankTrials(results, 'loss'))).toEqual([4, 2, 5, 3, 1, 6])
})

test('a later rung comes before an earlier one, and counts alone', () => {
  const results = [result(1, 0.5, 1), result(2, 0.9, 1), result(3, 0.8, 1), result(2, 0.4, 1, 2), diverged(3, 2)]
  expect(rankTrials(results, 'accuracy').map(({ trial, rung }) => [trial, rung])).toEqual([
    [2, 2],
    [1, 1],
    [3, 2],
  ])
})

test('the best go on, and never what diverged', () => {
  const results = [result(1, 0.1, 1), diverged(2), result(3, 0.3, 1), result(4, 0.2, 1)]
  expect(survivorsOf(results, 2, 'accuracy')).toEqual([3, 4])
  expect(survivorsOf([diverged(1), result(2, 0.1, 1)], 2, 'accuracy')).toEqual([2])
})

test('mean and standard deviation over the seeds', () => {
  const seeds = [1, 2, 4].map((value, index) => ({ seed: index, validationAccuracy: value / 10, validationLoss: value }))
  // The mean of 1, 2, 4 is 7/3, the variance ((4/3)^2 + (1/3)^2 + (5/3)^2) / 2 = 7/3.
  const byLoss = summarizeSeeds(seeds, 'loss')
  expect(byLoss.validationLoss).toBeCloseTo(7 / 3, 12)
  expect(byLoss.standardDeviation).toBeCloseTo(Math.sqrt(7 / 3), 12)
  expect(summarizeSeeds(seeds, 'accuracy').standardDeviation).toBeCloseTo(Math.sqrt(7 / 3) / 10, 12)
  expect(summarizeSeeds(seeds.slice(0, 1), 'loss')).toEqual({ validationLoss: 1, validationAccuracy: 0.1 })
})
