/** What a search varies: the usual ranges of the table of options, and those of a user. */
import { checkOption } from '../../lib/options/checks'
import { HYPERPARAMETERS, NETWORK_CHOICES } from '../../lib/options/options'
import type { AnyOptionSpec, SearchRange } from '../../lib/options/specs'
import { describeRange, resolveSpace, SEARCHABLE_SPECS } from '../../lib/search/space'
import { expectError } from '../support/expect-error'

/** The limits of a range, or its choices. */
function valuesOf(range: SearchRange): readonly unknown[] {
  return range.choices ?? [range.low, range.high]
}

test.each(Object.entries(SEARCHABLE_SPECS))('the usual range of %s is one that a user may give', (name, spec) => {
  for (const value of valuesOf(spec.search)) {
    if (value === null) expect(spec.optional).toBe(true)
    else expect(checkOption(name, spec, value)).toBe(value)
  }
  const given = spec.search.choices ?? spec.search
  expect(resolveSpace({ [name]: given })).toEqual({ [name]: spec.search })
})

test('every option of a network or a training can be varied, but those that say how long, on what, or how it is reported', () => {
  const all = Object.keys({ ...NETWORK_CHOICES, ...HYPERPARAMETERS })
  expect(all.filter((name) => !(name in SEARCHABLE_SPECS)).sort()).toEqual(
    ['betas', 'earlyStoppingPatience', 'epochs', 'logInterval', 'restoreBest', 'shuffle', 'validationSplit'].sort(),
  )
})

test('without a choice, learning rate and batch size vary, unless they have a value', () => {
  expect(Object.keys(resolveSpace(undefined))).toEqual(['batchSize', 'learningRate'])
  expect(Object.keys(resolveSpace(undefined, new Set(['batchSize'])))).toEqual(['learningRate'])
})

test('true is the usual range; limits keep its scale unless they have one; a list is what it says', () => {
  const vary = {
    emaDecay: [null, 0.5],
    learningRate: { low: 1, high: 2 },
    augmentShift: { low: 1, high: 2, scale: 'log' },
    hiddenSize: true,
    numLayers: undefined,
  }
  // In the order of the table.
  expect(Object.entries(resolveSpace(vary))).toEqual([
    ['hiddenSize', { scale: 'log', low: 32, high: 256 }],
    ['learningRate', { scale: 'log', low: 1, high: 2 }],
    ['emaDecay', { choices: [null, 0.5] }],
    ['augmentShift', { scale: 'log', low: 1, high: 2 }],
  ])
})

test('ranges in words', () => {
  expect(describeRange({ scale: 'log', low: 1e-4, high: 0.01 })).toBe('0.0001 to 0.01 (log)')
  expect(describeRange({ scale: 'linear', low: 0, high: 3 })).toBe('0 to 3')
  expect(describeRange({ choices: [null, 'a', 2] })).toBe('none, a, 2')
})

test.each<[string, unknown, string[]]>([
  ['an unknown option', { size: true }, ['A search cannot vary size. Expected one of hiddenSize, ']],
  ['an option that cannot be varied', { epochs: true }, ['cannot vary epochs']],
  ['nothing', {}, ['at least one option to vary, such as learningRate', 'none']],
  ['no object', [], ['an object with the options to vary for vary', 'an array of 0']],
  ['no range', { learningRate: 1 }, ['true, a list of values, or { low, high } for what learningRate varies over', '1 (number)']],
  ['no list of names', { optimizer: { low: 1, high: 2 } }, ['true, a list of values for what optimizer varies over']],
  ['no values', { optimizer: [] }, ['one or more values', 'an array of 0']],
  ['a value out of range', { batchSize: [32, 0] }, ['an integer from 1 to 65536 for batchSize', '0 (number)']],
  ['no value for what must be there', { batchSize: [null] }, ['an integer from 1 to 65536 for batchSize', 'null']],
  ['a value twice', { emaDecay: [null, 0.5, null] }, ['different values for emaDecay but received none twice']],
  ['a missing limit', { learningRate: { low: 1 } }, ['the range of learningRate', 'undefined']],
  ['a limit out of range', { learningRate: { low: 1, high: 101 } }, ['a number from 0 to 100 for the range of learningRate', '101']],
  ['a fraction as a limit of integers', { hiddenSize: { low: 1.5, high: 3 } }, ['an integer from 1', '1.5']],
  ['limits in the wrong order', { learningRate: { low: 2, high: 1 } }, ['a low limit below the high one', '2 to 1']],
  ['equal limits', { learningRate: { low: 2, high: 2 } }, ['a low limit below the high one']],
  ['0 on a logarithmic scale', { learningRate: { low: 0, high: 1 } }, ['a low limit above 0, because its scale is logarithmic,']],
  ['an unknown scale', { learningRate: { low: 1, high: 2, scale: 'square' } }, ['linear or log for the scale of learningRate', '"square"']],
  ['an unknown field', { learningRate: { low: 1, high: 2, step: 1 } }, ['low, high and scale alone', '"step"']],
])('%s is refused', async (_, vary, parts) => {
  await expectError(() => resolveSpace(vary), 'ERR_INVALID_OPTION', ...parts)
})

/** The table says itself that these are allowed: a kind that a search cannot draw has no range. */
test('only numbers and names have a range', () => {
  const kinds = new Set(Object.values<AnyOptionSpec>(SEARCHABLE_SPECS).map(({ kind }) => kind))
  expect([...kinds].sort()).toEqual(['choice', 'integer', 'number'])
})
