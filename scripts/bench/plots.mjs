/**
 * The plots of docs/performance.md, as SVG files. Observable Plot draws into the document of linkedom, since there is no browser.
 *
 * A page shows such a file as a picture, so nothing of the page's style reaches it: it brings its colours, light and dark, with it.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'

const WIDTH = 640
const HEIGHT = 400
/** Of text on its background at least 4.5 in contrast, and different also to those who do not see red or green. */
const STYLE = `
  svg { color: #1f2328 }
  text { fill: #1f2328; stroke: none }
  .background { fill: #ffffff }
  .grid { stroke: #1f2328; stroke-opacity: 0.12 }
  .torch { stroke: #b45309 } .torch-text text, .torch-mark { fill: #b45309 }
  .fused { stroke: #1d4ed8 } .fused-text text, .fused-mark { fill: #1d4ed8 }
  .other-mark { fill: #6b7280 }
  @media (prefers-color-scheme: dark) {
    svg { color: #e6edf3 }
    text { fill: #e6edf3 }
    .background { fill: #0d1117 }
    .grid { stroke: #e6edf3 }
    .torch { stroke: #fbbf24 } .torch-text text, .torch-mark { fill: #fbbf24 }
    .fused { stroke: #60a5fa } .fused-text text, .fused-mark { fill: #60a5fa }
    .other-mark { fill: #9ca3af }
  }`

/** Makes a file of what Plot draws. The title is for tooltips, the description for those who do not see the picture. */
function svgFile(options, title, description) {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = Plot.plot({ document, width: WIDTH, height: HEIGHT, ...options })
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  svg.setAttribute('role', 'img')
  svg.setAttribute('font-family', 'system-ui, sans-serif')
  svg.setAttribute('font-size', '12')
  for (const own of svg.querySelectorAll('style')) own.remove() // Meant for a page.
  const head = `<title>${escapeText(title)}</title><desc>${escapeText(description)}</desc><style>${STYLE}</style>`
  const background = `<rect class="background" width="${svg.getAttribute('width')}" height="${svg.getAttribute('height')}" rx="6"/>`
  // As text: linkedom would read the elements as HTML, where none closes itself.
  return `${svg.outerHTML.replace('>', () => `>${head}${background}`)}\n`
}

function escapeText(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** Numbers as people write them: 0.05, 2, 30, 60,000. */
function showNumber(value) {
  return value.toLocaleString('en', { maximumSignificantDigits: 3 })
}

/** The powers of ten, and 2 and 5 times them, between two numbers. */
function logTicks(low, high) {
  const exponents = Array.from({ length: 16 }, (_, index) => index - 8)
  const ticks = exponents.flatMap((exponent) => [1, 2, 5].map((digit) => digit * 10 ** exponent))
  const first = ticks.findLastIndex((tick) => tick <= low)
  const last = ticks.findIndex((tick) => tick >= high)
  return ticks.slice(first, last + 1)
}

/** The marks of one engine: a line through the medians, and at each the range of the rounds. */
function marksOf(engine, points) {
  return [
    Plot.ruleX(points, { x: 'value', y1: 'low', y2: 'high', className: engine, stroke: null, strokeWidth: 2, strokeOpacity: 0.5 }),
    Plot.lineY(points, { x: 'value', y: 'median', className: engine, stroke: null, strokeWidth: 2 }),
    Plot.dot(points, { x: 'value', y: 'median', r: 3.5, className: `${engine}-mark`, fill: null, stroke: 'none' }),
    Plot.text(points.slice(-1), {
      ...{ x: 'value', y: 'median', text: () => engine, className: `${engine}-text` },
      ...{ textAnchor: 'start', dx: 8, fill: null, fontWeight: 'bold', stroke: 'none' },
    }),
  ]
}

/**
 * How the time of a step grows with a size, on each engine. Both axes are logarithmic, so a straight line is a power.
 *
 * @param {{ title: string, axis: string, rows: { value: number, ms: Record<string, { median: number, low: number, high: number }> }[] }} sweep
 */
export function growthPlot({ title, axis, rows }) {
  const engines = Object.keys(rows[0].ms)
  const lines = engines.map((engine) => ({ engine, points: rows.map(({ value, ms }) => ({ value, ...ms[engine] })) }))
  const all = lines.flatMap(({ points }) => points)
  const ticks = logTicks(Math.min(...all.map(({ low }) => low)), Math.max(...all.map(({ high }) => high)))
  const values = rows.map(({ value }) => value)
  const description = lines.map(({ engine, points }) => `${engine}: ${points.map(showPoint).join(', ')}`).join('. ')
  const x = { type: 'log', domain: [values[0], values.at(-1)], axis: null }
  const y = { type: 'log', domain: [ticks[0], ticks.at(-1)], axis: null }
  const marks = [
    // With texts of their own: the axes of a logarithmic scale would leave some out.
    Plot.axisX(spacedTicks(values), { text: showNumber, label: `${axis} →` }),
    Plot.axisY(ticks, { text: showNumber, label: '↑ milliseconds a training step' }),
    Plot.gridY(ticks, { className: 'grid', stroke: null, strokeOpacity: null }),
    ...lines.flatMap(({ engine, points }) => marksOf(engine, points)),
  ]
  return svgFile({ x, y, marks, marginTop: 34, marginLeft: 52, marginRight: 64, marginBottom: 46 }, title, `${description}.`)
}

function showPoint({ value, median }) {
  return `${showNumber(median)} ms at ${showNumber(value)}`
}

/** Values whose labels do not overlap on a logarithmic axis. */
function spacedTicks(values) {
  const width = Math.log(values.at(-1) / values[0])
  return values.filter((value, index) => index === 0 || Math.log(value / values[index - 1]) > width / 16)
}

const BAR = 26

/**
 * How many times as fast as PyTorch each of them is.
 *
 * @param {{ title: string, rows: { name: string, kind: string, timesAsFast: { median: number, low: number, high: number } }[] }} comparison
 */
export function comparisonPlot({ title, rows }) {
  const bars = rows.map(({ timesAsFast, ...row }) => ({ ...row, ...timesAsFast }))
  const kindOf = ({ kind }) => (kind === 'fused' || kind === 'torch' ? kind : 'other')
  const highest = Math.max(...bars.map(({ high }) => high))
  const marks = ['fused', 'torch', 'other'].map((kind) =>
    Plot.barX(
      bars.filter((bar) => kindOf(bar) === kind),
      { x: 'median', y: 'name', className: `${kind}-mark`, fill: null, insetTop: 3, insetBottom: 3 },
    ),
  )
  const labels = Plot.text(bars, {
    x: 'median',
    y: 'name',
    text: ({ median }) => `${median.toFixed(2)}`,
    textAnchor: 'start',
    dx: 5,
    fill: null,
  })
  const description = bars.map(({ name, median }) => `${name}: ${median.toFixed(2)}`).join(', ')
  const y = { domain: bars.map(({ name }) => name), label: null }
  const x = { domain: [0, highest], label: 'times as fast as PyTorch eager →', ticks: 6 }
  const size = { height: 70 + BAR * bars.length, marginLeft: 210, marginRight: 44, marginBottom: 44 }
  return svgFile({ x, y, marks: [...marks, labels], ...size }, title, `${description}.`)
}
