import type { Tensor } from '../tensor'
import {
  amountScale,
  type Box,
  drawColourBar,
  drawFrame,
  drawHeatMap,
  drawImage,
  encodeHeatMap,
  type Grid,
  inkScale,
  signedScale,
  sizeBelowWhich,
} from './heat-map'
import { drawPicture, drawText, MARGIN, PICTURE_WIDTH } from './picture'
import { checkTensor, imageOf, type SamplePictureOptions, sampleOf, themeOf } from './sample-input'

/** Of a layer's map, with its axis. */
const GAP = 52
const LEFT = MARGIN + 44
/** So large a share of the states of a layer without bounds is within the colours. */
const SHOWN_SHARE = 0.99

/** As the function of this name in lib/functions.ts. */
export async function plotHiddenStates(hiddenStates: Readonly<Tensor>, options: SamplePictureOptions = {}): Promise<string> {
  const [layers, steps, samples, neurons] = checkTensor('hiddenStates', hiddenStates, 'LTNH') as [number, number, number, number]
  const [theme, sample] = [themeOf(options), sampleOf(options, samples)]
  const image = imageOf(options, sample, samples, steps)
  const maps = Array.from({ length: layers }, (_, layer) => stateMap(hiddenStates.data, { layer, steps, samples, sample, neurons }))
  const extremes = maps.map(({ values }) => extremesOf(values))
  const isSigned = extremes.some(({ low }) => low < 0)
  const isTanh = isSigned && extremes.every(({ high, low }) => high <= 1 && low >= -1)
  const limits = maps.map(({ values }) => (isTanh ? 1 : sizeBelowWhich(SHOWN_SHARE, [values])))
  const gap = isTanh ? GAP : GAP + 22
  const height = Math.min(280, Math.max(140, 6 * steps))
  const imageWidth = image === undefined ? 0 : Math.min(200, (height * image.columns) / steps)
  const left = LEFT + (image === undefined ? 0 : imageWidth + 24)
  const parts: string[] = []
  for (const [layer, map] of maps.entries()) {
    const top = gap - 32 + layer * (height + gap)
    const box = { x: left, y: top, width: PICTURE_WIDTH - MARGIN - left, height }
    parts.push(drawText(layerName(layer, layers), { x: left, y: top - 6, weight: 600 }))
    if (image !== undefined) parts.push(await drawDigit(image, { x: LEFT, y: top, width: imageWidth, height }, true))
    const yLabel = image === undefined ? 'row of the image (step)' : undefined
    const limit = limits[layer] as number
    const scale = isSigned ? signedScale(limit) : amountScale(limit)
    parts.push(drawHeatMap(await encodeHeatMap(map, scale), map, box, { xLabel: 'neuron', yLabel }))
    // Layers without bounds have scales of their own: one of large states would make all others pale.
    const place = { x: PICTURE_WIDTH - MARGIN - 120, y: isTanh ? -26 : top - 28 }
    if (!isTanh || layer === 0) parts.push(drawColourBar(place, labelsOf(limit, isSigned, isTanh), isSigned))
  }
  const summaries = extremes.map(
    ({ low, high, mean }, layer) => `layer ${layer + 1}: ${low.toFixed(2)} to ${high.toFixed(2)}, mean ${mean.toFixed(2)}`,
  )
  return drawPicture(
    {
      width: PICTURE_WIDTH,
      height: gap - 32 + layers * (height + gap),
      title: options.title ?? 'Hidden states, row by row',
      hints: ['Each line of a map is the state after a row of the image, from top to bottom.'],
      description: `The states of ${neurons} neurons in each of ${layers} layers after each of ${steps} rows. ${summaries.join('; ')}.`,
      body: parts.join(''),
    },
    theme,
  )
}

/** "Layer 3 (top)" */
export function layerName(layer: number, layers: number): string {
  const place = layers === 1 ? '' : layer === 0 ? ' (reads the image)' : layer === layers - 1 ? ' (top: gives the answer)' : ''
  return `Layer ${layer + 1}${place}`
}

/** Draws the image of a sample. @param hasAxis - Whether its rows are numbered. */
export async function drawDigit(image: Grid, box: Box, hasAxis: boolean): Promise<string> {
  const url = await encodeHeatMap(image, inkScale(1))
  if (hasAxis) return drawHeatMap(url, image, box, { yLabel: 'row (step)' }, 'ink')
  return drawImage(url, box, true, 'ink') + drawFrame(box)
}

/** Where the states of a layer and sample are. */
interface MapPlace {
  readonly layer: number
  readonly steps: number
  readonly samples: number
  readonly sample: number
  readonly neurons: number
}

function stateMap(data: Float32Array, { layer, steps, samples, sample, neurons }: MapPlace): Grid {
  const values = new Float32Array(steps * neurons)
  for (let step = 0; step < steps; step += 1) {
    const from = ((layer * steps + step) * samples + sample) * neurons
    values.set(data.subarray(from, from + neurons), step * neurons)
  }
  return { rows: steps, columns: neurons, values }
}

/** Of the finite values; 0 where there is none. */
function extremesOf(values: ArrayLike<number>): { low: number; high: number; mean: number } {
  let [low, high, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0]
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] as number
    if (!Number.isFinite(value)) continue
    low = Math.min(low, value)
    high = Math.max(high, value)
    sum += value
    count += 1
  }
  return count === 0 ? { low: 0, high: 0, mean: 0 } : { low, high, mean: sum / count }
}

/** What the ends of a colour bar mean. */
function labelsOf(limit: number, isSigned: boolean, isTanh: boolean): string[] {
  if (isTanh) return ['−1', '0', '1']
  const end = Number(limit.toPrecision(2))
  return isSigned ? [`≤ −${end}`, '0', `≥ ${end}`] : ['0', `≥ ${end}`]
}
