import { drawBox, drawColumns, drawGrid } from '../../lib/text/table'

describe('columns', () => {
  const rows = [
    ['a', 'bcd'],
    ['100', '2'],
  ]

  test('are as wide as their widest cell, and right-aligned', () => {
    expect(drawColumns(rows)).toEqual(['  a  bcd', '100    2'])
  })

  test('with words are left-aligned, and no line ends in spaces', () => {
    expect(drawColumns(rows, { words: 1 })).toEqual(['a    bcd', '100    2'])
    expect(drawColumns(rows, { words: 2 })).toEqual(['a    bcd', '100  2'])
    expect(drawColumns([...rows, ['', '']])).toEqual(['  a  bcd', '100    2', ''])
  })

  test('can be wider, and have another gap', () => {
    expect(drawColumns(rows, { minWidths: [4, 2], gap: '' })).toEqual(['   abcd', ' 100  2'])
  })
})

describe('a box', () => {
  const entries = [
    ['Time', '31s'],
    ['', 'more'],
  ] as const

  test('frames names and values', () => {
    expect(drawBox(entries, 14)).toEqual(['┌────────────┐', '│ Time  31s  │', '│       more │', '└────────────┘'])
  })

  test('has no frame when the terminal is too narrow', () => {
    expect(drawBox(entries, 13)).toEqual(['Time  31s', '      more'])
  })
})

test('a grid has lines around its columns, and one under its headings', () => {
  const rows = [
    ['Name', 'N'],
    ['a', '10'],
  ]
  expect(drawGrid(rows, { words: 1 })).toEqual(['┌──────┬────┐', '│ Name │  N │', '├──────┼────┤', '│ a    │ 10 │', '└──────┴────┘'])
})
