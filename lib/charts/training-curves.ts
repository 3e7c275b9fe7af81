import { unexpected } from '../errors'
import { dashOf } from './gradient-norms'
import { countTicks } from './heat-map'
import { loadPlot } from './load-plot'
import { drawPanel, drawPicture, drawText, MARGIN, PICTURE_WIDTH, type PictureOptions, shorten } from './picture'
import { themeOf } from './sample-input'
import { SERIES } from './theme'

/** What a picture shows of an epoch. Numbers that are not finite are left out. */
export interface EpochOfCurve {
  /** From 1. */
  readonly epoch: number
  /** Mean cross entropy, in nats. */
  readonly trainLoss: number
  /** From 0 to 1. */
  readonly trainAccuracy: number
  /** Mean cross entropy, in nats. */
  readonly validationLoss?: number | undefined
  /** From 0 to 1. */
  readonly validationAccuracy?: number | undefined
  /** Drawn only where it changes. */
  readonly learningRate?: number | undefined
}

/** A training. `name` and `epochs` suffice: the history of `model.train` is one, with a name. */
export interface TrainingCurve {
  /** Any text. A long one is cut. */
  readonly name: string
  /** In their order. Of more than 1000, some are left out. */
  readonly epochs: readonly EpochOfCurve[]
  /** Mean cross entropy on the test set, measured at the end; shown as a mark there. */
  readonly testLoss?: number | undefined
  /** From 0 to 1, as `testLoss`. */
  readonly testAccuracy?: number | undefined
}

/** What is drawn against the epochs. */
interface Measure {
  readonly label: string
  readonly train: (epoch: EpochOfCurve) => number | undefined
  readonly validation: (epoch: EpochOfCurve) => number | undefined
  readonly test: (run: TrainingCurve) => number | undefined
}

const LOSS: Measure = {
  label: 'mean loss (nats)',
  train: ({ trainLoss }) => trainLoss,
  validation: ({ validationLoss }) => validationLoss,
  test: ({ testLoss }) => testLoss,
}

const ACCURACY: Measure = {
  label: 'accuracy (%)',
  train: ({ trainAccuracy }) => 100 * trainAccuracy,
  validation: ({ validationAccuracy }) => toPercent(validationAccuracy),
  test: ({ testAccuracy }) => toPercent(testAccuracy),
}

const RATE: Measure = {
  label: 'learning rate',
  train: ({ learningRate }) => learningRate,
  validation: () => undefined,
  test: () => undefined,
}

interface Point {
  readonly x: number
  readonly y: number
}

/** A line, or a mark, of one colour. */
interface Line {
  readonly series: number
  readonly points: readonly Point[]
  /** Dashes of the training of a run, where several runs are compared. */
  readonly dash: string
  readonly kind: 'line' | 'mark'
}

const PANEL_HEIGHT = 270
const RATE_HEIGHT = 150
const LEGEND_ROW = 18
/** Runs in a picture; more could not be told apart. */
const MAX_RUNS = 24
/** Points of a line. */
const MAX_POINTS = 1000
/** Up to so many epochs, each has a dot. */
const DOTTED_EPOCHS = 40

/** As the function of this name in lib/functions.ts. */
export async function plotTrainingCurves(runs: readonly TrainingCurve[], options: PictureOptions = {}): Promise<string> {
  checkRuns(runs)
  const theme = themeOf(options)
  const rates = new Set(runs.flatMap(({ epochs }) => epochs.map(({ learningRate }) => learningRate)))
  const hasRate = rates.size > 1 && !rates.has(undefined)
  const legend = drawLegend(runs)
  const width = (PICTURE_WIDTH - 2 * MARGIN) / 2
  const top = legend.height
  const last = Math.max(1, ...runs.flatMap(({ epochs }) => epochs.map(({ epoch }) => epoch)))
  const place = { last, y: top, height: PANEL_HEIGHT, width }
  const panels = [
    drawMeasure(runs, LOSS, { ...place, x: MARGIN - 3 }),
    drawMeasure(runs, ACCURACY, { ...place, x: MARGIN + width }),
    ...(hasRate
      ? [drawMeasure(runs, RATE, { ...place, x: MARGIN - 3, y: top + PANEL_HEIGHT, height: RATE_HEIGHT, width: 2 * width + 3 })]
      : []),
  ]
  return drawPicture(
    {
      width: PICTURE_WIDTH,
      height: top + PANEL_HEIGHT + (hasRate ? RATE_HEIGHT : 0) + 10,
      title: options.title ?? (runs.length === 1 ? `Training of ${shorten(runs[0]?.name ?? '', 50)}` : `${runs.length} trainings`),
      hints: ['Loss and accuracy by epoch. In training, each sample is measured before the update that it is a part of.'],
      description: runs.map(describeRun).join(' '),
      body: legend.svg + panels.join(''),
    },
    theme,
  )
}

function checkRuns(runs: readonly TrainingCurve[]): void {
  const isRun = (run: unknown) => typeof (run as TrainingCurve)?.name === 'string' && Array.isArray((run as TrainingCurve).epochs)
  if (Array.isArray(runs) && runs.length >= 1 && runs.length <= MAX_RUNS && runs.every(isRun)) return
  throw unexpected('ERR_INVALID_ARGUMENT', 'runs', `an array of 1 to ${MAX_RUNS} objects { name, epochs }`, runs)
}

function toPercent(share: number | undefined): number | undefined {
  return share === undefined ? undefined : 100 * share
}

/** One run has a colour for its training and one for its validation. Of several, each has one colour, and dashes for its training. */
function linesOf(runs: readonly TrainingCurve[], { train, validation, test }: Measure): Line[] {
  const isOne = runs.length === 1
  return runs.flatMap((run, index): Line[] => {
    const shown = thin(run.epochs)
    const points = (value: (epoch: EpochOfCurve) => number | undefined) => shown.flatMap((epoch) => toPoint(epoch.epoch, value(epoch)))
    const checked = points(validation)
    const measured = toPoint(Math.max(1, ...run.epochs.map(({ epoch }) => epoch)), test(run))
    const series = isOne ? 0 : index
    const dash = isOne || checked.length === 0 ? dashOf(series) : '3 3'
    return [
      { series, points: points(train), dash, kind: 'line' },
      { series: isOne ? 1 : index, points: checked, dash: dashOf(isOne ? 1 : index), kind: 'line' },
      { series: isOne ? 2 : index, points: measured, dash: 'none', kind: 'mark' },
    ]
  })
}

/** Of very many epochs, some, evenly spaced, and the last one: a picture has no room for more. */
function thin(epochs: readonly EpochOfCurve[]): readonly EpochOfCurve[] {
  const step = Math.ceil(epochs.length / MAX_POINTS)
  return epochs.filter((_, index) => index % step === 0 || index === epochs.length - 1)
}

function toPoint(x: number, y: number | undefined): Point[] {
  return y === undefined || !Number.isFinite(y) || !Number.isFinite(x) ? [] : [{ x, y }]
}

interface PanelPlace {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  /** The last epoch of all runs. */
  readonly last: number
}

function drawMeasure(runs: readonly TrainingCurve[], measure: Measure, { x, y, width, height, last }: PanelPlace): string {
  const plot = loadPlot()
  const lines = linesOf(runs, measure).filter(({ points }) => points.length > 0)
  const marks = lines.flatMap(({ series, points, dash, kind }) => {
    const color = series % SERIES
    if (kind === 'mark')
      return [plot.dot(points, { x: 'x', y: 'y', r: 5, symbol: 'diamond', className: `f${color}`, fill: null, stroke: 'none' })]
    const style = { x: 'x', y: 'y', className: `s${color}`, stroke: null, strokeWidth: 2, strokeDasharray: dash, curve: 'linear' as const }
    const dots =
      points.length > DOTTED_EPOCHS
        ? []
        : [plot.dot(points, { x: 'x', y: 'y', r: 2.5, className: `f${color}`, fill: null, stroke: 'none' })]
    return [plot.lineY(points, style), ...dots]
  })
  const isRate = measure === RATE
  const values = lines.flatMap(({ points }) => points.map((point) => point.y))
  const domain = domainOf(values, isRate || measure === LOSS)
  const margins = { marginLeft: 52, marginRight: 14, marginTop: 26, marginBottom: 40 }
  return drawPanel(
    { x, y },
    {
      ...{ width, height, ...margins },
      x: { domain: last === 1 ? [0.5, 1.5] : [1, last], axis: null },
      y: { domain, nice: true, axis: null },
      marks: [
        plot.gridY({ className: 'grid', stroke: null, strokeOpacity: null, ticks: height > 200 ? 6 : 3 }),
        plot.axisX(countTicks(last, 10), { label: 'epoch', labelAnchor: 'center', labelArrow: 'none', text: String }),
        plot.axisY({
          label: measure.label,
          labelArrow: 'none',
          ticks: height > 200 ? 6 : 3,
          ...(isRate ? { tickFormat: (rate: number) => String(Number(rate.toPrecision(3))) } : {}),
        }),
        ...marks,
      ],
    },
  )
}

/** @param fromZero - Whether 0 is a part of the axis. */
function domainOf(values: readonly number[], fromZero: boolean): [number, number] {
  if (values.length === 0) return [0, 1]
  const [low, high] = values.reduce(
    ([least, most], value) => [Math.min(least, value), Math.max(most, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  )
  const first = fromZero ? Math.min(0, low) : low
  return high > first ? [first, high] : [first - 1, first + 1]
}

/** What the colours mean. */
function drawLegend(runs: readonly TrainingCurve[]): { svg: string; height: number } {
  const has = (value: (run: TrainingCurve) => boolean) => runs.some(value)
  const isValidated = has(({ epochs }) => epochs.some(({ validationLoss }) => validationLoss !== undefined))
  const isTested = has(({ testAccuracy }) => testAccuracy !== undefined)
  if (runs.length === 1) {
    const test = runs[0]?.testAccuracy
    const entries = [
      drawKey(0, 'line', 'training'),
      ...(isValidated ? [drawKey(1, 'line', 'validation')] : []),
      ...(test === undefined ? [] : [drawKey(2, 'mark', `test set: ${(100 * test).toFixed(2)} %`)]),
    ]
    return { svg: entries.map((entry, index) => at(entry, MARGIN + index * 120, 8)).join(''), height: 24 }
  }
  const entries = runs.map(({ name, testAccuracy }, index) => {
    const result = testAccuracy === undefined ? '' : `  ${(100 * testAccuracy).toFixed(2)} %`
    return at(drawKey(index, 'line', `${shorten(name, 40)}${result}`), MARGIN + (index % 2) * 340, 8 + Math.floor(index / 2) * LEGEND_ROW)
  })
  const rows = Math.ceil(runs.length / 2)
  const notes = [...(isValidated ? ['solid: validation, dotted: training'] : []), ...(isTested ? ['diamond: test set'] : [])]
  const note = notes.length === 0 ? '' : drawText(notes.join(', '), { x: MARGIN, y: 12 + rows * LEGEND_ROW, className: 'muted' })
  return { svg: entries.join('') + note, height: 10 + (rows + (note === '' ? 0 : 1)) * LEGEND_ROW }
}

function at(svg: string, x: number, y: number): string {
  return `<g transform="translate(${x} ${y})">${svg}</g>`
}

function drawKey(series: number, kind: Line['kind'], text: string): string {
  const color = series % SERIES
  const dash = dashOf(series)
  const dashes = dash === 'none' ? '' : ` stroke-dasharray="${dash}"`
  const sign =
    kind === 'line'
      ? `<path class="s${color}" d="M0 0h22" stroke-width="2.5"${dashes}/>`
      : `<path class="f${color}" d="M11 -6l4.5 6l-4.5 6l-4.5 -6z"/>`
  return `${sign}${drawText(text, { x: 30, y: 4 })}`
}

function describeRun({ name, epochs, testAccuracy }: TrainingCurve): string {
  const last = epochs.at(-1)
  if (last === undefined) return `${shorten(name, 60)}: no epochs.`
  const share = (value: number) => `${(100 * value).toFixed(2)} %`
  const validation = last.validationAccuracy === undefined ? '' : `, validation accuracy ${share(last.validationAccuracy)}`
  const test = testAccuracy === undefined ? '' : `, test accuracy ${share(testAccuracy)}`
  const count = `${epochs.length} ${epochs.length === 1 ? 'epoch' : 'epochs'}`
  return `${shorten(name, 60)}: after ${count}, training loss ${last.trainLoss.toFixed(4)}, training accuracy ${share(last.trainAccuracy)}${validation}${test}.`
}
