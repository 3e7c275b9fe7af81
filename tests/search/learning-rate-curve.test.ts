/** Smoothing, end and suggestions of the learning-rate range test, against fastai's own and by hand. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { LearningRateCurve, steepest, suggestLearningRates, valley } from '../../lib/search/learning-rate-curve'
import { expectClose } from '../support/expect-close'

/** Made by fixtures/fastai/make_lr_find.py. */
interface Fixture {
  readonly curves: Readonly<Record<string, FastaiCurve>>
}

interface FastaiCurve {
  readonly steps: number
  readonly losses: readonly number[]
  readonly rates: readonly number[]
  readonly smoothed: readonly number[]
  readonly diverged: boolean
  readonly valley: number
  readonly steep: number
}

const { curves } = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'fastai', 'lr-find.json'), 'utf8')) as Fixture

/** fastai computes in float32. */
const TOLERANCE = { rtol: 1e-5 }

function curveOf(losses: readonly number[], rates: readonly number[] = losses.map((_, index) => 10 ** (index - 9))): LearningRateCurve {
  const curve = new LearningRateCurve()
  for (const [index, loss] of losses.entries()) curve.add(rates[index] as number, loss)
  return curve
}

describe.each(Object.entries(curves))(
  "fastai's lr_find of losses %s",
  (_, { steps, losses, rates, smoothed, diverged, ...suggestions }) => {
    test('smooths them the same, and stops at the same step', () => {
      const { points, hasDiverged } = curveOf(losses, rates)
      expectClose(
        points.map(({ smoothedLoss }) => smoothedLoss),
        smoothed,
        TOLERANCE,
      )
      const ends = losses.map((__, index) => curveOf(losses.slice(0, index + 1), rates).hasDiverged)
      expect(ends.slice(0, -1)).not.toContain(true)
      expect(hasDiverged).toBe(diverged)
    })

    test('suggests the same', () => {
      const points = smoothed.map((smoothedLoss, index) => ({ learningRate: rates[index] as number, loss: 0, smoothedLoss }))
      const suggested = suggestLearningRates(points, steps)
      expectClose([suggested?.valley ?? 0, suggested?.steepest ?? 0], [suggestions.valley, suggestions.steep], TOLERANCE)
    })
  },
)

test('a mean of two losses weighs the second one more, by hand', () => {
  const [first, second] = curveOf([3, 1]).points
  expect(first).toEqual({ learningRate: 1e-9, loss: 3, smoothedLoss: expect.closeTo(3, 12) })
  // (0.98 * 3 + 1) / (0.98 + 1)
  expect(second?.smoothedLoss).toBeCloseTo((0.98 * 3 + 1) / 1.98, 12)
})

describe('by hand', () => {
  const RATES = [1, 10, 100, 1000, 1e4, 1e5, 1e6, 1e7]

  test.each<[string, number[], number]>([
    // The fall 5, 4, 3, 2 ends at index 5, and is taken to begin 4 before it, at 1; a third of 4 is 1, and half of that 0.
    ['a fall with two rises in it', [5, 6, 4, 5, 3, 2, 4, 5], 100],
    ['no fall', [1, 2, 3, 3, 4, 5, 6, 7], 1],
    // Taken to begin at -1: a third of 8 is 2, half of that 1.
    ['nothing but a fall', [8, 7, 6, 5, 4, 3, 2, 1], 100],
    ['equal losses, which are no fall', [3, 3, 3, 2, 2, 2, 2, 2], 10],
  ])('the valley of %s', (_, losses, rate) => {
    expect(valley(RATES, losses)).toBe(rate)
  })

  test('the steepest place is the first of the two points between which the loss falls most for a factor', () => {
    // From 10 to 1000, twice as far by the logarithm, it falls by 3: less steep than the fall by 2 from 1 to 10.
    expect(steepest([1, 10, 1000, 10000], [9, 7, 4, 3.9])).toBe(1)
    expect(steepest([1, 10, 1000, 10000], [9, 8, 4, 1])).toBe(1000)
    expect(steepest([1, 10, 100], [1, 2, 3])).toBe(1)
  })

  test('the first tenth of the steps and the last five points are left out', () => {
    const points = Array.from({ length: 20 }, (_, index) => ({ learningRate: 10 ** index, loss: 0, smoothedLoss: [9, 6, 8][index] ?? 7 }))
    // Without the first two points: a fall from 8 to 7.
    expect(suggestLearningRates(points, 20)?.steepest).toBe(100)
    // The last five are those of the steps, where the test was stopped before them; and of the points, where the loss diverged.
    expect(suggestLearningRates(points.slice(0, 4), 20)).toEqual({ valley: 1000, steepest: 100 })
    expect(suggestLearningRates(points.slice(0, 3), 20)).toBeUndefined()
    const diverged = { learningRate: 1e30, loss: 0, smoothedLoss: 50 }
    expect(suggestLearningRates([...points.slice(0, 8), diverged], 20)).toBeDefined()
    expect(suggestLearningRates([...points.slice(0, 7), diverged], 20)).toBeUndefined()
    expect(suggestLearningRates([], 20)).toBeUndefined()
  })
})

/** fastai's definition in its own words: the longest falling subsequence that ends at each point, from all points before it. */
function valleyByDefinition(losses: readonly number[]): number {
  const lengths: number[] = []
  for (const [index, loss] of losses.entries()) {
    const before = lengths.filter((_, earlier) => (losses[earlier] as number) > loss)
    lengths[index] = Math.max(0, ...before) + 1
  }
  const longest = Math.max(...lengths)
  const [start, end] = longest > 1 ? [lengths.indexOf(longest) - longest, lengths.indexOf(longest)] : [0, 0]
  const place = start + Math.trunc((end - start) / 3) + Math.trunc((end - start) / 6)
  return place < 0 ? place + losses.length : place // As Python counts.
}

test('the valley of any losses is where the definition says', () => {
  const losses = fc.oneof(
    fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 30 }),
    fc.array(fc.double({ noNaN: true }), { minLength: 1, maxLength: 60 }),
  )
  fc.assert(
    fc.property(losses, (values) => {
      expect(
        valley(
          values.map((_, index) => index),
          values,
        ),
      ).toBe(valleyByDefinition(values))
    }),
    { seed: 1 },
  )
})

test('a hundred thousand losses take a moment', () => {
  const losses = Array.from({ length: 100_000 }, (_, index) => Math.sin(index) - index / 10_000)
  expect(losses).toContain(
    losses[
      valley(
        losses.map((_, index) => index),
        losses,
      )
    ],
  )
})
