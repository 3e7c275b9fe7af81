import { describe as describeValue } from '../../lib/errors'
import { showPath } from '../../lib/files/regular-file'
import { escapeUnprintable, quoteText, quoteValue } from '../../lib/text/unprintable'

test.each([
  ['a line feed', '\n', '\\n'],
  ['a control sequence of a terminal', '\u001b[2J', '\\u001b[2J'],
  ['the same in one character', '\u009b2J', '\\u009b2J'],
  ['a line separator', '\u2028', '\\u2028'],
  ['a change of the direction', '\u202e', '\\u202e'],
  ['delete', '\u007f', '\\u007f'],
])('%s is shown by its escape', (_, text, escaped) => {
  expect(quoteText(`a${text}b`)).toBe(`"a${escaped}b"`)
  expect(JSON.parse(quoteText(`a${text}b`))).toBe(`a${text}b`)
  expect(showPath(`a${text}b`)).toBe(`"a${escaped}b"`)
  expect(quoteValue([text])).toBe(`["${escaped}"]`)
  expect(describeValue(text)).toBe(`"${escaped}" (string)`)
})

test.each(['/home/me/digits', 'C:\\digits', 'größe "a"', '数字', '👍🏽'])('%s is shown as it is', (text) => {
  expect(escapeUnprintable(text)).toBe(text)
  expect(showPath(text)).toBe(text)
})

test('a value is shown as JSON, and cut where it is long', () => {
  expect([undefined, null, -0.5, 'a', { a: [1] }].map(quoteValue)).toEqual(['nothing', 'null', '-0.5', '"a"', '{"a":[1]}'])
  expect(quoteValue('x'.repeat(10_000_000))).toBe(`"${'x'.repeat(76)}...`)
  expect(quoteValue(Array.from({ length: 100 }, () => 1))).toHaveLength(80)
})
