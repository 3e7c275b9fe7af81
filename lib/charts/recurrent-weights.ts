import { types } from 'node:util'
import { describeShape, TorchRnnError, unexpected } from '../errors'
import { type Complex, eigenvaluesOf } from '../model/eigenvalues'
import type { Tensor } from '../tensor'
import { drawColourBar, drawHeatMap, encodeHeatMap, type Grid, signedScale, sizeBelowWhich } from './heat-map'
import { loadPlot } from './load-plot'
import { drawPanel, drawPicture, drawText, MARGIN, PICTURE_WIDTH, type PictureOptions } from './picture'
import { checkTensor, themeOf } from './sample-input'

const PER_ROW = 3
const SIDE = 186
const LEFT = 44
const CELL_WIDTH = (PICTURE_WIDTH - 2 * MARGIN) / PER_ROW
const CELL_HEIGHT = SIDE + 66
/** Larger matrices would take many megabytes. */
const MAX_HIDDEN = 1024
/** So large a share of the weights is within the colours. */
const SHOWN_SHARE = 0.99

/** The recurrent matrix of a layer. */
interface Recurrence {
  readonly layer: number
  readonly grid: Grid
  readonly tensor: Readonly<Tensor>
}

/** As the function of this name in lib/functions.ts. */
export async function plotRecurrentWeights(state: ReadonlyMap<string, Tensor>, options: PictureOptions = {}): Promise<string> {
  const theme = themeOf(options)
  const matrices = recurrencesOf(state)
  // A few large weights, such as those of the diagonal, must not make all others pale.
  const limit = sizeBelowWhich(
    SHOWN_SHARE,
    matrices.map(({ grid }) => grid.values),
  )
  const scale = signedScale(limit)
  const parts: string[] = []
  for (const { layer, grid } of matrices) {
    const { x, y } = placeOf(layer)
    parts.push(drawText(`Layer ${layer + 1}`, { x, y: y - 6, weight: 600 }))
    // A label at the vertical axis would lie on the layer's name.
    const axes = { xLabel: 'from neuron (vertical: to neuron)', yLabel: '' }
    parts.push(drawHeatMap(await encodeHeatMap(grid, scale), grid, { x, y, width: SIDE, height: SIDE }, axes))
  }
  const end = limit.toPrecision(2)
  parts.push(drawColourBar({ x: PICTURE_WIDTH - MARGIN - 120, y: -26 }, [`≤ −${end}`, '0', `≥ ${end}`], true))
  const described = matrices.map(({ layer, grid }) => {
    const { diagonal, rest } = spreadOf(grid)
    return `layer ${layer + 1}: mean of the diagonal ${diagonal.toFixed(3)}, standard deviation of the rest ${rest.toFixed(3)}`
  })
  return drawPicture(
    {
      ...sizeOf(matrices.length),
      title: options.title ?? 'Recurrent weights',
      hints: ['What the state of a neuron adds to each neuron at the next row (weight_hh).'],
      description: `The recurrent matrices of ${matrices.length} layers. ${described.join('; ')}.`,
      body: parts.join(''),
    },
    theme,
  )
}

/** As the function of this name in lib/functions.ts. */
export async function plotEigenvalues(state: ReadonlyMap<string, Tensor>, options: PictureOptions = {}): Promise<string> {
  const theme = themeOf(options)
  const spectra: { layer: number; values: Complex[] }[] = []
  for (const { layer, tensor } of recurrencesOf(state)) {
    if (!tensor.data.every(Number.isFinite)) {
      throw new TorchRnnError('ERR_NOT_FINITE', `The recurrent weights of layer ${layer + 1} are not finite, so they have no eigenvalues.`)
    }
    spectra.push({ layer, values: settled(await eigenvaluesOf(tensor)) })
  }
  const radii = spectra.map(({ values }) => Math.max(...values.map(({ re, im }) => Math.hypot(re, im))))
  const window = windowOf(spectra.flatMap(({ values }) => values))
  const parts = spectra.flatMap(({ layer, values }, index) => {
    const { x, y } = placeOf(layer)
    const name = `Layer ${layer + 1}, largest |λ| ${(radii[index] as number).toFixed(2)}`
    return [drawText(name, { x, y: y - 6, weight: 600 }), drawSpectrum(values, window, { x, y })]
  })
  const described = spectra.map(({ layer, values }, index) => {
    const outside = values.filter(({ re, im }) => Math.hypot(re, im) > 1).length
    return `layer ${layer + 1}: the largest has the absolute value ${(radii[index] as number).toFixed(3)}, ${outside} of ${values.length} lie outside the circle`
  })
  return drawPicture(
    {
      ...sizeOf(spectra.length),
      title: options.title ?? 'Eigenvalues of the recurrent weights',
      hints: [
        'Outside the circle, what a neuron remembers grows from row to row; inside, it fades. Where the activation is flat, it fades faster.',
      ],
      description: `The eigenvalues of the recurrent matrices and the unit circle. ${described.join('; ')}.`,
      body: parts.join(''),
    },
    theme,
  )
}

/** A square part of the complex plane. */
interface PlaneWindow {
  /** The middle, on the real axis. */
  readonly middle: number
  /** From there to the edges. */
  readonly reach: number
}

/** With the unit circle and all these values in it. */
function windowOf(values: readonly Complex[]): PlaneWindow {
  let [low, high, top] = [-1, 1, 1]
  for (const { re, im } of values) {
    low = Math.min(low, re)
    high = Math.max(high, re)
    top = Math.max(top, Math.abs(im))
  }
  return { middle: (low + high) / 2, reach: 1.08 * Math.max((high - low) / 2, top) }
}

/** LAPACK's order and last digits depend on the processor. So rounded and sorted, the same weights always give the same picture. */
function settled(values: readonly Complex[]): Complex[] {
  const round = (part: number) => Math.round(1e6 * part) / 1e6
  return values.map(({ re, im }) => ({ re: round(re), im: round(im) })).sort((one, other) => other.re - one.re || other.im - one.im)
}

function drawSpectrum(values: readonly Complex[], { middle, reach }: PlaneWindow, place: { x: number; y: number }): string {
  const plot = loadPlot()
  const circle = Array.from({ length: 181 }, (_, degree) => ({
    re: Math.cos((2 * degree * Math.PI) / 180),
    im: Math.sin((2 * degree * Math.PI) / 180),
  }))
  const [top, right, bottom] = [6, 8, 40]
  const axis = { labelArrow: 'none' as const, ticks: 5, tickSize: 3 }
  return drawPanel(
    { x: place.x - LEFT, y: place.y - top },
    {
      ...{ width: SIDE + LEFT + right, height: SIDE + top + bottom },
      ...{ marginLeft: LEFT, marginRight: right, marginTop: top, marginBottom: bottom },
      x: { domain: [middle - reach, middle + reach], axis: null },
      y: { domain: [-reach, reach], axis: null },
      marks: [
        plot.ruleX([0], { className: 'grid', stroke: null, strokeOpacity: null }),
        plot.ruleY([0], { className: 'grid', stroke: null, strokeOpacity: null }),
        plot.axisX({ ...axis, label: 'real part (vertical: imaginary part)', labelAnchor: 'center' }),
        plot.axisY({ ...axis, label: null }),
        plot.line(circle, { x: 're', y: 'im', className: 's1', stroke: null, strokeWidth: 1.5, strokeDasharray: '4 3' }),
        plot.dot(values, { x: 're', y: 'im', r: 2.2, className: 'f0', fill: null, fillOpacity: 0.75, stroke: 'none' }),
      ],
    },
  )
}

/** @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`. */
function recurrencesOf(state: ReadonlyMap<string, Tensor>): Recurrence[] {
  if (!types.isMap(state)) throw unexpected('ERR_INVALID_ARGUMENT', 'state', 'a Map from names to tensors', state)
  const matrices: Recurrence[] = []
  for (let layer = 0; ; layer += 1) {
    const name = `basic_rnn.weight_hh_l${layer}`
    const tensor = (state as ReadonlyMap<string, Tensor>).get(name)
    if (tensor === undefined) break
    const [rows, columns] = checkTensor(name, tensor, 'HH') as [number, number]
    if (rows !== columns || rows > MAX_HIDDEN) {
      const expected = `a square of at most ${MAX_HIDDEN} neurons`
      const actual = describeShape(tensor.shape)
      throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for ${name} but received ${actual}.`, { expected, actual })
    }
    matrices.push({ layer, tensor, grid: { rows, columns, values: tensor.data } })
  }
  if (matrices.length > 0) return matrices
  throw unexpected('ERR_INVALID_ARGUMENT', 'state', 'a state dict with basic_rnn.weight_hh_l0', state)
}

function placeOf(layer: number): { x: number; y: number } {
  return { x: MARGIN + (layer % PER_ROW) * CELL_WIDTH + LEFT - 8, y: 20 + Math.floor(layer / PER_ROW) * CELL_HEIGHT }
}

function sizeOf(layers: number): { width: number; height: number } {
  return { width: PICTURE_WIDTH, height: 8 + Math.ceil(layers / PER_ROW) * CELL_HEIGHT }
}

function spreadOf({ rows, values }: Grid): { diagonal: number; rest: number } {
  let [diagonal, sum, squares] = [0, 0, 0]
  for (let index = 0; index < rows * rows; index += 1) {
    const value = values[index] as number
    if (index % (rows + 1) === 0) diagonal += value
    else {
      sum += value
      squares += value * value
    }
  }
  const others = Math.max(1, rows * rows - rows)
  return { diagonal: diagonal / rows, rest: Math.sqrt(Math.max(0, squares / others - (sum / others) ** 2)) }
}
