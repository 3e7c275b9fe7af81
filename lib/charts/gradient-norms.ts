import type { Tensor } from '../tensor'
import { countTicks } from './heat-map'
import { layerName } from './hidden-states'
import { loadPlot } from './load-plot'
import { drawPanel, drawPicture, drawText, MARGIN, PICTURE_WIDTH, type PictureOptions } from './picture'
import { checkTensor, themeOf } from './sample-input'
import { SERIES } from './theme'

const HEIGHT = 300
const LEFT = 52
const RIGHT = 66

/** A layer after a row: the median of the samples, and where half of them lie. */
interface Point {
  readonly step: number
  readonly median: number
  readonly low: number
  readonly high: number
}

/** As the function of this name in lib/functions.ts. */
export async function plotGradientNorms(gradientNorms: Readonly<Tensor>, options: PictureOptions = {}): Promise<string> {
  const [layers, steps, samples] = checkTensor('gradientNorms', gradientNorms, 'LTN') as [number, number, number]
  const theme = themeOf(options)
  const ends = Array.from({ length: samples }, (_, sample) => endOf(gradientNorms, sample))
  const lines = Array.from({ length: layers }, (_, layer) =>
    Array.from({ length: steps }, (_, step) => {
      const from = (layer * steps + step) * samples
      return pointOf(
        step + 1,
        gradientNorms.data.subarray(from, from + samples).filter((_, sample) => step < (ends[sample] as number)),
      )
    }),
  )
  const positive = lines.flat().filter(({ median }) => median > 0)
  const body = positive.length === 0 ? drawText('All gradients are 0.', { x: MARGIN, y: 30 }) : drawLines(lines, steps, samples > 1)
  const over = samples === 1 ? 'one image' : `${samples} images, and the half of them in the middle`
  return drawPicture(
    {
      width: PICTURE_WIDTH,
      height: positive.length === 0 ? 60 : HEIGHT + 10,
      title: options.title ?? 'Who learns from how far back',
      hints: [
        'The gradient of the loss with respect to the state after each row: how much that step matters for the answer,',
        `and so for what is learned. ${samples === 1 ? 'Of' : 'The median of'} ${over}.`,
      ],
      description: `Norms of the gradient after each of ${steps} rows. ${lines.map(describeLine).join('; ')}.`,
      body,
    },
    theme,
  )
}

/** The rows until the sequence of a sample ends. From there on, its loss depends on no state. */
function endOf({ data, shape: [layers = 0, steps = 0, samples = 0] }: Readonly<Tensor>, sample: number): number {
  const top = (layers - 1) * steps
  for (let step = steps; step > 0; step -= 1) if (data[(top + step - 1) * samples + sample] !== 0) return step
  return steps
}

function pointOf(step: number, norms: Float32Array): Point {
  const sorted = norms.filter((norm) => Number.isFinite(norm)).sort()
  const at = (share: number) => sorted[Math.round(share * (sorted.length - 1))] ?? 0
  return { step, median: at(0.5), low: at(0.25), high: at(0.75) }
}

function drawLines(lines: readonly (readonly Point[])[], steps: number, hasBand: boolean): string {
  const plot = loadPlot()
  const all = lines.flat().flatMap(({ median, low, high }) => (hasBand ? [median, low, high] : [median]))
  const sizes = all.filter((norm) => norm > 0)
  // A single vanished gradient must not squeeze all others.
  const [highest, lowest] = [Math.max(...sizes), Math.max(Math.min(...sizes), Math.max(...sizes) * 1e-9)]
  const decades = powersBetween(lowest, highest)
  const [first = 1, last = 10] = [decades[0], decades.at(-1)]
  const inRange = (norm: number) => Math.min(last, Math.max(first, norm))
  const marks = lines.flatMap((line, layer) => {
    const color = layer % SERIES
    const shown = line.filter(({ median }) => median >= first)
    return [
      ...(hasBand
        ? [
            plot.areaY(shown, {
              x: 'step',
              y1: ({ low }: Point) => inRange(low),
              y2: ({ high }: Point) => inRange(high),
              className: `f${color}`,
              fill: null,
              fillOpacity: 0.1,
            }),
          ]
        : []),
      plot.lineY(shown, { x: 'step', y: 'median', className: `s${color}`, stroke: null, strokeWidth: 2, strokeDasharray: dashOf(layer) }),
      ...(shown.length === 1
        ? [plot.dot(shown, { x: 'step', y: 'median', r: 3, className: `f${color}`, fill: null, stroke: 'none' })]
        : []),
    ]
  })
  const chart = drawPanel(
    { x: MARGIN - 3, y: 0 },
    {
      ...{ width: PICTURE_WIDTH - MARGIN, height: HEIGHT, marginLeft: LEFT, marginRight: RIGHT, marginTop: 24, marginBottom: 40 },
      x: { domain: [1, Math.max(2, steps)], axis: null },
      y: { type: 'log', domain: [first, last], axis: null },
      marks: [
        plot.gridY(decades, { className: 'grid', stroke: null, strokeOpacity: null }),
        plot.axisX(countTicks(steps, 12), { label: 'row of the image (step)', labelAnchor: 'center', labelArrow: 'none', text: String }),
        plot.axisY(decades, { label: 'norm of the gradient, no unit', labelArrow: 'none', text: showPower }),
        ...marks,
      ],
    },
  )
  return chart + drawNames(lines, first, last)
}

/** The layers' names at the ends of their lines, moved apart where these lie close. */
function drawNames(lines: readonly (readonly Point[])[], first: number, last: number): string {
  const inner = HEIGHT - 24 - 40
  const wanted = lines.map((line, layer) => {
    const end = Math.min(last, Math.max(first, line.at(-1)?.median ?? first))
    return { layer, y: 24 + inner * (1 - Math.log(end / first) / Math.log(last / first)) }
  })
  const rows = [...wanted].sort((one, other) => one.y - other.y)
  let free = Number.NEGATIVE_INFINITY
  const placed = rows.map(({ layer, y }) => {
    free = Math.max(y, free + 13)
    return { layer, y: free }
  })
  const over = Math.max(0, (placed.at(-1)?.y ?? 0) - (24 + inner))
  return placed
    .filter(({ y }) => y - over >= 20)
    .map(({ layer, y }) => {
      const name = drawText(`layer ${layer + 1}`, { x: PICTURE_WIDTH - RIGHT + 6, y: y - over + 4, weight: 600 })
      return `<g class="f${layer % SERIES}">${name}</g>`
    })
    .join('')
}

/** Lines of the same colour differ in their dashes. */
export function dashOf(series: number): string {
  return ['none', '6 3', '2 3', '8 3 2 3'][Math.floor(series / SERIES) % 4] as string
}

function powersBetween(low: number, high: number): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.max(Math.ceil(Math.log10(high)), Math.floor(Math.log10(low)) + 1)]
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** "10⁻³", "0.1", "1" */
function showPower(value: number): string {
  const exponent = Math.round(Math.log10(value))
  if (exponent >= -1 && exponent <= 2) return String(10 ** exponent)
  const digits = Array.from(String(Math.abs(exponent)), (digit) => SUPERSCRIPTS[Number(digit)])
  return `10${exponent < 0 ? '⁻' : ''}${digits.join('')}`
}

function describeLine(line: readonly Point[], layer: number, { length }: readonly unknown[]): string {
  const [first, last] = [line[0], line.at(-1)]
  const name = layerName(layer, length)
  return `${name}: ${first?.median.toPrecision(3)} after the first row, ${last?.median.toPrecision(3)} after the last`
}
