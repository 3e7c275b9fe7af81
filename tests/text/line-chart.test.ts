/** Curves as text. */
import { drawLineChart } from '../../lib/text/line-chart'

const straight = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ x: 10 ** (-3 + (3 * index) / (count - 1)), y: 1 - index / (count - 1) }))

test('a straight line over powers of ten', () => {
  expect(drawLineChart({ points: straight(4), marks: [{ x: 0.01, text: 'here' }] }, 36)).toEqual([
    ' 1.00 ┤▀▄       ┊',
    '      │  ▀▀▄    ┊',
    '      │     ▀▄  ┊',
    '      │       ▀▄▄',
    '      │         ┊▀▄',
    '      │         ┊  ▀▄▄',
    '0.455 ┤         ┊     ▀▄',
    '      │         ┊       ▀▄',
    '      │         ┊         ▀▀▄',
    '      │         ┊            ▀▄',
    '      │         ┊              ▀▄▄',
    ' 0.00 ┤         ┊                 ▀▄',
    '      └┬────────┬─────────┬────────┬',
    '       0.001    0.01      0.1      1',
    '                ▲ here',
  ])
})

test.each([20, 36, 60, 79, 200])('no line is wider than %i columns, where that leaves room for a curve, nor than 80', (columns) => {
  const points = straight(200).map(({ x, y }) => ({ x, y: 123 * y + 10 * Math.sin(100 * x) }))
  const marks = [0.001, 0.02, 0.9, 1].map((x) => ({ x, text: 'a rather long text' }))
  const lines = drawLineChart({ points, marks }, columns)
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.min(80, Math.max(columns, 30)))
  expect(lines.filter((line) => line.includes('▲'))).toHaveLength(4)
})

test('the curve has no gaps: every column has a part of it, and neighbours touch', () => {
  const points = straight(100).map(({ x }, index) => ({ x, y: index === 50 ? 100 : 0 }))
  const rows = drawLineChart({ points, marks: [] }, 60).slice(0, 12)
  const plot = rows.map((row) => row.slice(row.search(/[┤│]/) + 1).padEnd(60))
  const peak = plot[0]?.search(/[▀▄█]/) ?? -1
  expect(peak).toBeGreaterThan(0)
  for (const row of plot) expect(row.slice(peak - 1, peak + 2)).toMatch(/[▀▄█]/)
})

test('what is above the ceiling is cut off', () => {
  const points = straight(100).map(({ x, y }, index) => ({ x, y: index < 90 ? y : 1e6 }))
  const [first, ...rest] = drawLineChart({ points, ceiling: 2, marks: [] }, 60)
  expect(first).toMatch(/^ 2\.00 ┤ {10,}[▀▄█]/)
  expect(rest.slice(0, 11).filter((line) => /[▀▄█]/.test(line)).length).toBeGreaterThan(5)
})

test('one point, equal values, and a range without two powers of ten', () => {
  expect(drawLineChart({ points: [{ x: 0.5, y: 2 }], marks: [] }, 30)).toHaveLength(14)
  const lines = drawLineChart({ points: [0.2, 0.3, 0.4].map((x) => ({ x, y: 2 })), marks: [] }, 30)
  expect(lines.filter((line) => /[▀▄█]/.test(line))).toHaveLength(1)
  expect(lines.at(-1)?.trim()).toMatch(/^0\.2 +0\.4$/)
  const small = drawLineChart({ points: [1e-7, 1e-3].map((x) => ({ x, y: x })), marks: [] }, 70)
  expect(small.at(-1)?.trim()).toMatch(/^1e-7 +1e-6 +1e-5 +1e-4 +0\.001$/)
})
