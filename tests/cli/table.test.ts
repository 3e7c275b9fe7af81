import { drawBox, drawColumns } from '../../lib/cli/table'

test('columns are as wide as their widest cell, and go to the right', () => {
  const lines = drawColumns([
    ['a', 'bcd'],
    ['100', '2'],
  ])
  expect(lines).toEqual(['  a  bcd', '100    2'])
})

describe('a box', () => {
  const entries = [
    ['Time', '31s'],
    ['', 'more'],
  ] as const

  test('frames names and values', () => {
    expect(drawBox(entries, 14)).toEqual(['┌────────────┐', '│ Time  31s  │', '│       more │', '└────────────┘'])
  })

  test('has no frame where the terminal is too narrow for it', () => {
    expect(drawBox(entries, 13)).toEqual(['Time  31s', '      more'])
  })
})
