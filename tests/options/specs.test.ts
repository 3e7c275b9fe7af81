/** What each kind of option allows, how it is described, and what happens when an option is not given. */
import { checkOption, describeAllowed, pickOptions, resolveOptions } from '../../lib/options/checks'
import type { AnyOptionSpec, Resolved } from '../../lib/options/specs'
import { expectError } from '../support/expect-error'

const SUMMARY = 'what it means'

const TABLE = {
  size: { kind: 'integer', min: 1, max: 9, default: 3, summary: SUMMARY },
  decay: { kind: 'number', above: 0, optional: true, summary: SUMMARY },
  betas: { kind: 'pair', min: 0, below: 1, default: [0.9, 0.999], summary: SUMMARY },
  window: { kind: 'pair', optional: true, summary: SUMMARY },
  fast: { kind: 'boolean', optional: true, summary: SUMMARY },
  mode: { kind: 'choice', choices: ['a', 'b'], optional: true, summary: SUMMARY },
  file: { kind: 'path', of: 'file', optional: true, summary: SUMMARY },
} as const

const DEFAULTS: Resolved<typeof TABLE> = { size: 3, betas: [0.9, 0.999] }

test('an optional option that is not given, or undefined, stays absent', () => {
  expect(Object.keys(resolveOptions(TABLE, undefined, 'test'))).toEqual(['size', 'betas'])
  expect(resolveOptions(TABLE, { decay: undefined, file: undefined }, 'test')).toStrictEqual(DEFAULTS)
})

test('a required option must be given', async () => {
  const table = { target: { kind: 'path', of: 'file', required: true, summary: SUMMARY } } as const
  const resolved: { target: string } = resolveOptions(table, { target: 'x' }, 'test')
  expect(resolved).toEqual({ target: 'x' })
  for (const given of [undefined, {}, { target: undefined }]) {
    const attempt = () => resolveOptions(table, given, 'test')
    await expectError(attempt, 'ERR_INVALID_OPTION', 'Expected the path of a file for target but received undefined')
  }
})

test('options that are given are kept, in the order of the table', () => {
  const given = { file: 'x', mode: 'b', fast: false, window: [-1, 5], betas: [0, 0.5], decay: 1e-9, size: 9 }
  const resolved = resolveOptions(TABLE, given, 'test')
  expect(resolved).toEqual(given)
  expect(Object.keys(resolved)).toEqual(Object.keys(TABLE))
})

test('a pair is copied: changing the array afterwards has no effect', () => {
  const betas = [0.5, 0.5]
  const resolved = resolveOptions(TABLE, { betas }, 'test')
  betas[0] = 7
  expect(resolved.betas).toEqual([0.5, 0.5])
})

test('the options of a table are picked from a larger object; absent ones stay absent', () => {
  const { size, decay } = TABLE
  expect(pickOptions({ size, decay }, { ...DEFAULTS, size: 4 })).toStrictEqual({ size: 4 })
  expect(pickOptions({ size, decay }, { ...DEFAULTS, decay: 2 })).toStrictEqual({ size: 3, decay: 2 })
})

const of = { default: 0, summary: SUMMARY }

test.each<[AnyOptionSpec, string, unknown[], unknown[]]>([
  [{ kind: 'integer', min: 1, max: 3, ...of }, 'an integer from 1 to 3', [1, 3], [0, 4, 1.5, '1', null]],
  [{ kind: 'integer', min: 0, ...of }, 'an integer of at least 0', [0, 2 ** 40], [-1, Number.POSITIVE_INFINITY]],
  [{ kind: 'number', min: 0, max: 1, ...of }, 'a number from 0 to 1', [0, 0.5, 1], [-0.1, 1.1, Number.NaN]],
  [{ kind: 'number', above: 0, ...of }, 'a number above 0', [Number.MIN_VALUE, 1e300], [0, -1, Number.POSITIVE_INFINITY]],
  [{ kind: 'number', above: 0, below: 1, ...of }, 'a number above 0 and below 1', [0.5], [0, 1]],
  [{ kind: 'number', above: 0, max: 1, ...of }, 'a number above 0 and at most 1', [0.5, 1], [0, 1.01]],
  [{ kind: 'number', min: 0, below: 1, ...of }, 'a number of at least 0 and below 1', [0, 0.99], [-0.01, 1]],
  [{ kind: 'number', max: 1, ...of }, 'a number of at most 1', [-1e300, 1], [2, Number.NEGATIVE_INFINITY]],
  [{ kind: 'number', ...of }, 'a number', [-5, 0], [Number.NaN, '5', undefined]],
  [TABLE.betas, 'two numbers of at least 0 and below 1', [[0, 0.999]], [[0, 1], [0.5], [0, 0, 0], [0, '0'], '0,0', 0]],
  [TABLE.fast, 'true or false', [true, false], [0, 'true']],
  [TABLE.mode, 'one of a, b', ['a'], ['c', '']],
  [TABLE.file, 'the path of a file', ['x', ' '], ['', 5]],
  [{ kind: 'path', of: 'folder', optional: true, summary: SUMMARY }, 'the path of a folder', ['x/'], ['']],
])('%j allows %s', async (spec, expected, right, wrong) => {
  expect(describeAllowed(spec)).toBe(expected)
  for (const value of right) expect(checkOption('name', spec, value)).toEqual(value)
  for (const value of wrong) {
    const error = await expectError(
      () => checkOption('name', spec, value),
      'ERR_INVALID_OPTION',
      `Expected ${expected} for name but received`,
    )
    expect(error.expected).toBe(expected)
  }
})

test('an error shows the numbers of a wrong pair', async () => {
  const error = await expectError(() => resolveOptions(TABLE, { betas: [0.9, 1] }, 'test'), 'ERR_INVALID_OPTION', 'betas', '[0.9, 1]')
  expect(error.actual).toBe('[0.9, 1]')
})
