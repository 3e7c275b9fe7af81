/** The options of the trials: within their ranges, on the right scale, and following from the seed alone. */
import fc from 'fast-check'
import { philox4x32, randomUniform } from '../../lib/data/philox'
import { checkOption, resolveOptions } from '../../lib/options/checks'
import { asItIs } from '../../lib/options/flag-words'
import { HYPERPARAMETERS, MODEL_OPTIONS, type ModelOptions, type TrainHyperparameters } from '../../lib/options/options'
import type { SearchRange } from '../../lib/options/specs'
import { drawTrials, type SearchBase, valueAt } from '../../lib/search/draws'
import { resolveSpace, SEARCHABLE_SPECS, type VariedOptions } from '../../lib/search/space'
import { checkCombinations } from '../../lib/training/combinations'
import { expectError } from '../support/expect-error'

function baseOf(training: TrainHyperparameters = {}, model: ModelOptions = {}): SearchBase {
  return { model: resolveOptions(MODEL_OPTIONS, model, 'model'), training: resolveOptions(HYPERPARAMETERS, training, 'training') }
}

function draw(vary: VariedOptions, count: number, training: TrainHyperparameters = {}, model: ModelOptions = {}) {
  return drawTrials(resolveSpace(vary), baseOf(training, model), count, asItIs)
}

/** A place in a range: 0 to below 1, in the steps that are drawn. */
const place = fc.nat(2 ** 31 - 1).map((step) => step / 2 ** 31)
const number = fc.double({ min: 1e-6, max: 100, noNaN: true })
const limits = (value: fc.Arbitrary<number>) =>
  fc
    .tuple(value, value)
    .filter(([low, high]) => low < high)
    .map(([low, high]) => ({ low, high }))

describe('a value at a place in its range', () => {
  test('lies within it, and grows with the place', () => {
    const integers = fc.record({ name: fc.constant('batchSize'), limits: limits(fc.integer({ min: 1, max: 65536 })) })
    const numbers = fc.record({ name: fc.constant('learningRate'), limits: limits(number) })
    const scale = fc.constantFrom('linear', 'log' as const)
    fc.assert(
      fc.property(fc.oneof(integers, numbers), scale, place, place, ({ name, limits: { low, high } }, kind, one, other) => {
        const range = { scale: kind, low, high } as SearchRange
        const [first, second] = [Math.min(one, other), Math.max(one, other)].map((each) => valueAt(name, range, each) as number)
        expect(first).toBeGreaterThanOrEqual(low)
        expect(second).toBeLessThanOrEqual(high)
        expect(first).toBeLessThanOrEqual(second as number)
        expect(checkOption(name, SEARCHABLE_SPECS[name] as never, first)).toBe(first)
      }),
    )
  })

  test('is in the middle at one half: by difference, or by ratio', () => {
    expect(valueAt('learningRate', { scale: 'linear', low: 1, high: 3 }, 0.5)).toBe(2)
    expect(valueAt('learningRate', { scale: 'log', low: 1e-4, high: 1e-2 }, 0.5)).toBe(1e-3)
    expect(valueAt('learningRate', { scale: 'log', low: 1e-4, high: 1e-2 }, 0.25)).toBe(3.162e-4) // 10^-3.5, in four digits.
    expect(valueAt('hiddenSize', { scale: 'log', low: 1, high: 255 }, 0.5)).toBe(16) // The root of 256.
  })

  test('of integers on a linear scale, each has the same width', () => {
    const range = { scale: 'linear', low: 2, high: 4 } as const
    const counts = Array.from({ length: 300 }, (_, step) => valueAt('numLayers', range, step / 300))
    for (const value of [2, 3, 4]) expect(counts.filter((count) => count === value)).toHaveLength(100)
  })

  test('of choices, each has the same width', () => {
    const range = { choices: [null, 0.9, 0.99] } as const
    expect([0, 0.33, 0.34, 0.66, 0.67, 0.999999].map((each) => valueAt('emaDecay', range, each))).toEqual([
      null,
      null,
      0.9,
      0.9,
      0.99,
      0.99,
    ])
  })
})

test('uniform numbers are the upper 53 bits of two words of Philox', () => {
  // 27 bits of one word and 26 of another, as in genrand_res53 of the Mersenne Twister's authors.
  const [upper, lower] = philox4x32([7, 8, 9, 5 << 16], [3, 0])
  const bits = (BigInt(upper >>> 5) << 26n) | BigInt(lower >>> 6)
  expect(randomUniform(3, 'search', [7, 8, 9])).toBe(Number(bits) / 2 ** 53)
})

describe('trials', () => {
  const VARY = { learningRate: true, batchSize: true, hiddenSize: true } as const

  test('follow from the seed, and the first ones of a longer search are those of a shorter one', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 30 }), (seed, count, more) => {
        expect(draw(VARY, count + more, {}, { seed }).slice(0, count)).toEqual(draw(VARY, count, {}, { seed }))
      }),
      { numRuns: 30 },
    )
    expect(draw(VARY, 3, {}, { seed: 1 })).not.toEqual(draw(VARY, 3, {}, { seed: 2 }))
  })

  /** Every stored search depends on them, so a change of the definition must be noticed. */
  test('of seed 1 are these', () => {
    expect(draw(VARY, 3).map(({ values }) => values)).toEqual([
      { hiddenSize: expect.any(Number), batchSize: 256, learningRate: 0.0003049 },
      { hiddenSize: expect.any(Number), batchSize: 64, learningRate: 0.001099 },
      { hiddenSize: expect.any(Number), batchSize: 64, learningRate: 0.00945 },
    ])
  })

  test('draw an option in the same way, whatever else varies', () => {
    const ratesOf = (vary: VariedOptions) => draw(vary, 20).map(({ values }) => values['learningRate'])
    expect(ratesOf(VARY)).toEqual(ratesOf({ learningRate: true }))
  })

  test('are spread over the range: as many below the geometric mean of a logarithmic one as above, and likewise in each quarter', () => {
    const rates = draw({ learningRate: true }, 2000).map(({ values }) => Math.log10(values['learningRate'] as number))
    for (const [start, end] of [
      [-4, -3.5],
      [-3.5, -3],
      [-3, -2.5],
      [-2.5, -2],
    ] as const) {
      // 500 are expected; the standard deviation of the count is 19.4.
      const count = rates.filter((rate) => rate >= start && rate < end).length
      expect(Math.abs(count - 500)).toBeLessThan(4 * 19.4)
    }
  })

  test('hold all options, each within its range', () => {
    const all = Object.fromEntries(Object.keys(SEARCHABLE_SPECS).map((name) => [name, true])) as VariedOptions
    const schedule = ['constant', 'step', 'cosine', 'one-cycle', 'warmup-cosine', 'plateau'] as const
    for (const { model, training, values } of draw({ ...all, schedule }, 300, { validationSplit: 0.1 })) {
      expect(() => checkCombinations(training)).not.toThrow()
      for (const [name, value] of Object.entries(values)) {
        const { search } = SEARCHABLE_SPECS[name] as (typeof SEARCHABLE_SPECS)[string]
        expect(({ ...model, ...training } as Record<string, unknown>)[name]).toBe(value ?? undefined)
        if (name === 'schedule') continue
        if (search.choices !== undefined) expect(search.choices).toContain(value)
        else expect([value, (value as number) >= search.low && (value as number) <= search.high]).toEqual([value, true])
      }
    }
  })

  test('have the momentum of Muon where that is drawn, and only there', () => {
    const trials = draw({ optimizer: ['adam', 'muon'], momentum: true, learningRate: true }, 40)
    for (const { training, values } of trials) expect('momentum' in values).toBe(training.optimizer === 'muon')
    expect(new Set(trials.map(({ training }) => training.optimizer)).size).toBe(2)
    expect(() => draw({ momentum: true }, 1)).toThrow('momentum has no effect without the optimizer muon')
  })

  test('leave out what has no effect beside the others, in place of drawing them again', () => {
    const trials = draw({ schedule: ['constant', 'one-cycle'], warmup: true }, 40)
    const constant = trials.filter(({ training }) => training.schedule === 'constant')
    // There is only one such trial: without a warm-up, all of them are the same.
    expect(constant.map(({ values }) => values)).toEqual([{ schedule: 'constant' }])
    expect(constant[0]?.training.warmup).toBeUndefined()
    for (const { values } of trials.filter((trial) => !constant.includes(trial))) {
      expect(values).toEqual({ schedule: 'one-cycle', warmup: expect.any(Number) })
    }
  })

  test('leave out a fixed option where it has no effect', () => {
    const warmups = draw({ schedule: ['constant', 'one-cycle'] }, 2, { warmup: 0.2 }).map(({ training }) => [
      training.schedule,
      training.warmup,
    ])
    expect(warmups.sort()).toEqual([
      ['constant', undefined],
      ['one-cycle', 0.2],
    ])
  })

  test('are drawn again where they contradict themselves', () => {
    const vary = { learningRate: { low: 1e-3, high: 1e-1 }, minLearningRate: { low: 1e-3, high: 1e-1 } }
    const trials = draw(vary, 100, { schedule: 'cosine' })
    for (const { training } of trials) expect(training.minLearningRate).toBeLessThanOrEqual(training.learningRate)
  })

  test('are all different; more than there are is refused', async () => {
    const vary = { nonlinearity: true, batchSize: [32, 64] } as const
    const seen = draw(vary, 4).map(({ values }) => JSON.stringify(values))
    expect(new Set(seen).size).toBe(4)
    await expectError(() => draw(vary, 5), 'ERR_INVALID_OPTION', 'Expected at most 4 for trials but received more')
  })

  test.each<[string, VariedOptions, TrainHyperparameters, ModelOptions, string[]]>([
    ['a varied option without an effect in any', { warmup: true }, {}, {}, ['warmup has no effect without the schedule one-cycle or']],
    ['a fixed option without an effect in any', { batchSize: true }, { gamma: 0.5 }, {}, ['gamma has no effect without the schedule step']],
    [
      'only contradictions',
      { minLearningRate: [1] },
      { schedule: 'cosine' },
      {},
      ['a minLearningRate of at most the learningRate, 0.001,'],
    ],
    ['a network that is too large', { hiddenSize: [16384] }, {}, { numLayers: 64 }, ['a network of at most']],
  ])('%s is refused before anything is trained', async (_, vary, training, model, parts) => {
    await expectError(() => draw(vary, 1, training, model), 'ERR_INVALID_OPTION', ...parts)
  })
})
