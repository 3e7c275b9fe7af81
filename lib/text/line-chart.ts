/** Draws a curve as text: a character shows two heights of it, one above the other. */
import type { GreyPicture } from '../images/grey-picture'
import { toHalfBlocks } from '../images/half-blocks'

/** A curve over a logarithmic axis. */
export interface LineChart {
  /** At least one, from left to right: x above 0 and rising, y finite. */
  readonly points: readonly { readonly x: number; readonly y: number }[]
  /** What is above this is cut off. Default: nothing. */
  readonly ceiling?: number
  /** Places on the axis that are pointed out, each with its text. */
  readonly marks: readonly { readonly x: number; readonly text: string }[]
}

const LINES = 12
const MAX_COLUMNS = 80
/** In less no curve can be recognised: a narrower terminal has to break the lines. */
const MIN_PLOT_COLUMNS = 20
/** Significant digits of the numbers on the left. */
const DIGITS = 3

/** The lines of a chart. @param columns - The most that each may take. */
export function drawLineChart({ points, ceiling = Number.POSITIVE_INFINITY, marks }: LineChart, columns: number): string[] {
  const whole = rangeOf(points.map(({ y }) => y))
  const range = { ...whole, highest: Math.min(whole.highest, ceiling) }
  const labels = drawLabels(range)
  const margin = (labels[0] as string).length
  const width = Math.max(MIN_PLOT_COLUMNS, Math.min(columns, MAX_COLUMNS) - margin)
  const [first, last] = [points[0]?.x as number, points.at(-1)?.x as number]
  const columnOf = (x: number) => (last > first ? (Math.log(x / first) / Math.log(last / first)) * (width - 1) : 0)
  const places = marks.map(({ x }) => Math.round(columnOf(x)))
  const curve = drawCurve(
    points.map(({ x, y }) => [columnOf(x), y]),
    range,
    width,
  )
  const [line, texts] = drawAxis(ticksBetween(first, last), columnOf, width)
  const indent = ' '.repeat(margin)
  return [
    ...curve.map((cells, index) => `${labels[index]}${pointedOut(cells, places)}`),
    `${indent.slice(1)}└${line}`,
    `${indent}${texts}`,
    ...marks.map(({ text }, index) => `${indent}${drawPointer(places[index] as number, text, width)}`),
  ].map((each) => each.trimEnd())
}

/** A column, which may have a fraction, and the value there. */
type Place = readonly [column: number, value: number]

interface Range {
  readonly lowest: number
  readonly highest: number
}

/** What begins each line of the plot: numbers at the top, in the middle and at the bottom, and the axis. */
function drawLabels({ lowest, highest }: Range): string[] {
  const labelled = [0, LINES >> 1, LINES - 1]
  const numbers = Array.from({ length: LINES }, (_, line) =>
    labelled.includes(line) ? (highest - ((highest - lowest) * line) / (LINES - 1)).toPrecision(DIGITS) : '',
  )
  const width = Math.max(...numbers.map((text) => text.length))
  return numbers.map((text) => `${text.padStart(width)} ${text === '' ? '│' : '┤'}`)
}

/** Without Math.max(...values): the arguments of a call are limited. */
function rangeOf(values: readonly number[]): Range {
  return values.reduce<Range>(({ lowest, highest }, value) => ({ lowest: Math.min(lowest, value), highest: Math.max(highest, value) }), {
    lowest: Number.POSITIVE_INFINITY,
    highest: Number.NEGATIVE_INFINITY,
  })
}

/** The lines of the curve alone. */
function drawCurve(points: readonly Place[], { lowest, highest }: Range, width: number): string[] {
  const height = 2 * LINES
  const toRow = (value: number) => (highest > lowest ? Math.round(((highest - value) / (highest - lowest)) * (height - 1)) : LINES)
  const picture: GreyPicture = { width, height, pixels: new Uint8Array(width * height) }
  let before: Range | undefined
  for (const [column, range] of rangesByColumn(points, width).entries()) {
    // Columns that do not touch are drawn through, so that the curve has no gaps.
    const [top, bottom] = [toRow(range.highest), toRow(range.lowest)]
    const from = before === undefined ? top : Math.min(top, toRow(before.lowest) + 1)
    const to = before === undefined ? bottom : Math.max(bottom, toRow(before.highest) - 1)
    for (let row = Math.max(0, from); row <= to; row += 1) picture.pixels[row * width + column] = 255
    before = range
  }
  return toHalfBlocks(picture, false)
}

/** What each column shows: the value in its middle, on straight lines between the points, and the peaks and dips nearest to it. */
function rangesByColumn(points: readonly Place[], width: number): Range[] {
  const columns = valuesByColumn(points, width).map((value) => [value])
  for (const [index, [column, value]] of points.entries()) {
    const [before, after] = [points[index - 1]?.[1] ?? value, points[index + 1]?.[1] ?? value]
    if (Math.sign(value - before) === Math.sign(value - after)) columns[Math.round(column)]?.push(value)
  }
  return columns.map(rangeOf)
}

function valuesByColumn(points: readonly Place[], width: number): number[] {
  let index = 0
  return Array.from({ length: width }, (_, column) => {
    while (index < points.length - 2 && (points[index + 1]?.[0] as number) < column) index += 1
    const [left, low] = points[index] as Place
    const [right, high] = points[Math.min(index + 1, points.length - 1)] as Place
    return right > left ? low + (high - low) * ((column - left) / (right - left)) : low
  })
}

/** The powers of ten; where there are fewer than two of them, the ends. */
function ticksBetween(first: number, last: number): { x: number; text: string }[] {
  const [from, to] = [Math.ceil(Math.log10(first)), Math.floor(Math.log10(last))]
  if (to <= from) return [first, last].map((x) => ({ x, text: String(Number(x.toPrecision(2))) }))
  return Array.from({ length: to - from + 1 }, (_, index) => {
    const exponent = from + index
    return { x: 10 ** exponent, text: exponent < -3 ? `1e${exponent}` : String(10 ** exponent) }
  })
}

/** The line of the axis, and the texts below it. One that would touch the text before it is left out. */
function drawAxis(
  ticks: readonly { readonly x: number; readonly text: string }[],
  columnOf: (x: number) => number,
  width: number,
): [line: string, texts: string] {
  const line = Array.from({ length: width }, () => '─')
  let texts = ''
  for (const { x, text } of ticks) {
    const column = Math.round(columnOf(x))
    line[column] = '┬'
    const start = Math.min(column, width - text.length)
    if (texts === '' || start > texts.length) texts = texts.padEnd(start) + text
  }
  return [line.join(''), texts]
}

/** A line of the plot with the places that are pointed out, where the curve leaves room. */
function pointedOut(cells: string, places: readonly number[]): string {
  return Array.from(cells, (cell, column) => (cell === ' ' && places.includes(column) ? '┊' : cell)).join('')
}

/** An arrow under a place, with a text on the side where there is room. */
function drawPointer(place: number, text: string, width: number): string {
  if (place + 2 + text.length <= width) return `${' '.repeat(place)}▲ ${text}`
  return `${' '.repeat(Math.max(0, place - text.length - 1))}${text} ▲`
}
