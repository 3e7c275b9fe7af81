/** Heat maps as PNG images inside an SVG: as SVG rectangles they would be a hundred times as large. */
import { encodePng } from '../images/encode-png'
import { loadPlot } from './load-plot'
import { drawPanel, drawText, round } from './picture'
import { COLD, UNKNOWN, WARM } from './theme'

/** Red, green and blue, each from 0 to 255. */
type Colour = readonly [red: number, green: number, blue: number]

/** A colour for each value, and how opaque it is, from 0 to 255. Two functions: a picture has too many pixels for an object each. */
export interface ColourScale {
  colour(value: number): Colour
  opacity(value: number): number
}

const BLACK: Colour = [0, 0, 0]
const OPAQUE = 255

/** From -limit, fully blue, over 0, fully transparent, to +limit, fully orange. What is beyond has the colour of the end. */
export function signedScale(limit: number): ColourScale {
  return {
    colour: (value) => (Number.isFinite(value) ? (value < 0 ? COLD : WARM) : UNKNOWN),
    opacity: (value) => (Number.isFinite(value) ? opacityOf(Math.abs(value), limit) : OPAQUE),
  }
}

/** From 0, fully transparent, to limit, fully blue. */
export function amountScale(limit: number): ColourScale {
  return {
    colour: (value) => (Number.isFinite(value) ? COLD : UNKNOWN),
    opacity: (value) => (Number.isFinite(value) ? opacityOf(value, limit) : OPAQUE),
  }
}

/** Ink on paper: black, as opaque as the ink is strong, from 0 to `limit`. */
export function inkScale(limit: number): ColourScale {
  return { colour: () => BLACK, opacity: (value) => opacityOf(value, limit) }
}

function opacityOf(amount: number, limit: number): number {
  if (!(limit > 0)) return 0
  return Math.round(255 * Math.min(1, Math.max(0, amount / limit)))
}

/** The absolute value that a share of the finite values of each list stays below; 1 where all are 0. The largest list decides. */
export function sizeBelowWhich(share: number, lists: readonly ArrayLike<number>[]): number {
  const sizes = lists.map((values) => {
    const sorted = Float32Array.from(values, Math.abs)
      .filter((size) => Number.isFinite(size))
      .sort()
    return sorted[Math.floor(share * (sorted.length - 1))] ?? 0
  })
  return Math.max(...sizes) || 1
}

/** A matrix of values, row by row. */
export interface Grid {
  readonly rows: number
  readonly columns: number
  readonly values: ArrayLike<number>
}

/** A PNG of one pixel a value, as a data URL. */
export async function encodeHeatMap({ rows, columns, values }: Grid, scale: ColourScale): Promise<string> {
  const pixels = new Uint8Array(4 * rows * columns)
  for (let index = 0; index < rows * columns; index += 1) {
    const value = values[index] as number
    pixels.set(scale.colour(value), 4 * index)
    pixels[4 * index + 3] = scale.opacity(value)
  }
  const png = await encodePng(pixels, columns, rows)
  return `data:image/png;base64,${png.toString('base64')}`
}

/** Where a heat map lies, without its axes. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** The axes of a heat map, counted from 1; without a label, an axis is left out. */
export interface MapAxes {
  readonly xLabel?: string | undefined
  readonly yLabel?: string | undefined
  /** Names of the columns instead of their numbers. */
  readonly xNames?: readonly string[] | undefined
}

/** Larger pixels of a map have edges; smaller ones would be of uneven size, and are smoothed. */
const SHARP_PIXEL = 1.5

/** Room for the axes. */
const AXIS_LEFT = 44
const AXIS_BOTTOM = 36
const AXIS_TOP = 20
const AXIS_RIGHT = 8

/** Draws a heat map with its axes around a box. */
export function drawHeatMap(url: string, { rows, columns }: Grid, box: Box, axes: MapAxes, className?: string): string {
  const { axisX, axisY } = loadPlot()
  const { xLabel, yLabel, xNames } = axes
  const xTicks = xNames === undefined ? countTicks(columns, Math.max(2, Math.floor(box.width / 40))) : xNames.map((_, index) => index + 1)
  const text = xNames === undefined ? String : (tick: number) => xNames[tick - 1] ?? ''
  const chart = drawPanel(
    { x: box.x - AXIS_LEFT, y: box.y - AXIS_TOP },
    {
      ...{ width: box.width + AXIS_LEFT + AXIS_RIGHT, height: box.height + AXIS_TOP + AXIS_BOTTOM },
      ...{ marginLeft: AXIS_LEFT, marginRight: AXIS_RIGHT, marginTop: AXIS_TOP, marginBottom: AXIS_BOTTOM },
      x: { domain: [0.5, columns + 0.5], axis: null },
      y: { domain: [0.5, rows + 0.5], reverse: true, axis: null },
      marks: [
        ...(xLabel === undefined ? [] : [axisX(xTicks, { label: xLabel, labelAnchor: 'center', labelArrow: 'none', tickSize: 3, text })]),
        ...(yLabel === undefined
          ? []
          : [
              axisY(countTicks(rows, Math.max(2, Math.floor(box.height / 24))), {
                label: yLabel,
                labelArrow: 'none',
                tickSize: 3,
                text: String,
              }),
            ]),
      ],
    },
  )
  return drawImage(url, box, Math.min(box.width / columns, box.height / rows) >= SHARP_PIXEL, className) + drawFrame(box) + chart
}

/** Draws an image into a box. @param isSharp - Whether its pixels are large enough to be seen. */
export function drawImage(url: string, { x, y, width, height }: Box, isSharp: boolean, className?: string): string {
  const rendering = isSharp ? ' image-rendering="pixelated" style="image-rendering:pixelated"' : ''
  const kind = className === undefined ? '' : ` class="${className}"`
  const place = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`
  return `<image ${place}${kind} preserveAspectRatio="none"${rendering} href="${url}"/>`
}

export function drawFrame({ x, y, width, height }: Box): string {
  return `<rect class="edge" x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"/>`
}

/** The meaning of the colours: a bar from one end to the other. */
export function drawColourBar(place: { readonly x: number; readonly y: number }, labels: readonly string[], isSigned: boolean): string {
  const [width, height] = [120, 8]
  const { x, y } = place
  // Many narrow parts: a gradient would need an identifier that is unique on a page.
  const parts = 30
  const cells = Array.from({ length: parts }, (_, index) => {
    const share = isSigned ? (2 * (index + 0.5)) / parts - 1 : (index + 0.5) / parts
    const kind = isSigned && share >= 0 ? 'warm' : 'cold'
    const left = round(x + (width * index) / parts)
    return `<rect class="${kind}" x="${left}" y="${y}" width="${round(width / parts)}" height="${height}" fill-opacity="${round(Math.abs(share))}"/>`
  })
  const texts = labels.map((label, index) => {
    const anchor = index === 0 ? 'start' : index === labels.length - 1 ? 'end' : 'middle'
    return drawText(label, { x: x + (width * index) / (labels.length - 1), y: y + height + 12, size: 10, anchor, className: 'muted' })
  })
  return cells.join('') + drawFrame({ x, y, width, height }) + texts.join('')
}

/** Whole numbers from 1 to `count`, evenly spaced, both ends among them. */
export function countTicks(count: number, most: number): number[] {
  const weekly = count % 7 === 0 && count <= 28 ? [7] : []
  const steps = [1, 2, ...weekly, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
  const step = steps.find((each) => count / each <= most) ?? count
  const inner = Array.from({ length: Math.floor(count / step) }, (_, index) => (index + 1) * step)
  const spaced = inner.filter((tick) => tick === count || count - tick >= step / 2)
  return [...new Set([1, ...spaced.filter((tick) => tick - 1 >= step / 2), count])]
}
