import { nameOfClass } from '../data/class-names'
import type { Tensor } from '../tensor'
import { amountScale, drawColourBar, drawHeatMap, encodeHeatMap, type Grid } from './heat-map'
import { drawDigit } from './hidden-states'
import { drawPicture, drawText, MARGIN, PICTURE_WIDTH, shorten } from './picture'
import { checkTensor, imageOf, type SamplePictureOptions, sampleOf, themeOf } from './sample-input'

/** How the classes of a sample are shown. */
export interface ClassPictureOptions extends SamplePictureOptions {
  /** The right class of the sample, for the title. */
  label?: number | undefined
  /** The names of the C classes. Default: their numbers. */
  classNames?: readonly string[] | undefined
}

const LEFT = MARGIN + 44
const TOP = 20
/** Of a row of the image. */
const ROW = 11
/** From so many classes on, only their numbers are shown, where there is room. */
const MANY_CLASSES = 20

/** As the function of this name in lib/functions.ts. */
export async function plotClassProbabilities(probabilities: Readonly<Tensor>, options: ClassPictureOptions = {}): Promise<string> {
  const [steps, samples, classes] = checkTensor('probabilities', probabilities, 'TNC') as [number, number, number]
  const [theme, sample] = [themeOf(options), sampleOf(options, samples)]
  const image = imageOf(options, sample, samples, steps)
  const grid = probabilityGrid(probabilities.data, { steps, samples, sample, classes })
  const names = Array.from({ length: classes }, (_, index) => nameOfClass(index, options.classNames))
  const read = stepsRead(grid)
  const guesses = Array.from({ length: read }, (_, step) => guessOf(grid, step))
  const height = Math.min(560, Math.max(120, ROW * steps))
  const imageWidth = image === undefined ? 0 : Math.min(320, (height * image.columns) / steps)
  const left = LEFT + (image === undefined ? 0 : imageWidth + 20)
  const box = { x: left, y: TOP, width: PICTURE_WIDTH - MARGIN - 96 - left, height }
  const isFew = classes <= MANY_CLASSES
  const axes = {
    xLabel: 'class',
    yLabel: image === undefined ? 'row (step)' : undefined,
    xNames: isFew ? names.map((name) => shorten(name, Math.max(1, Math.floor(box.width / classes / 6)))) : undefined,
  }
  const parts = [drawHeatMap(await encodeHeatMap(grid, amountScale(1)), grid, box, axes)]
  if (image !== undefined) parts.unshift(await drawDigit(image, { x: LEFT, y: TOP, width: imageWidth, height }, true))
  parts.push(...drawGuesses(guesses, names, { x: box.x + box.width + 12, y: TOP, height: (height * read) / steps }))
  parts.push(drawColourBar({ x: PICTURE_WIDTH - MARGIN - 120, y: -40 }, ['0 %', '50 %', '100 %'], false))
  const last = guesses.at(-1) as Guess
  const answer = shorten(names[last.label] ?? '', 20)
  const right = options.label === undefined ? '' : `: it is ${shorten(nameOfClass(options.label, options.classNames), 20)}`
  return drawPicture(
    {
      width: PICTURE_WIDTH,
      height: height + TOP + 48,
      title: options.title ?? `What the network thinks so far${right}, the answer is ${answer}`,
      hints: [
        'How likely each class is after each row of the image, as the linear layer sees it then.',
        'At the right: the likeliest class, where it changes.',
      ],
      description: `After each of ${read} rows, the likeliest of ${classes} classes. ${describeGuesses(guesses, names)}.`,
      body: parts.join(''),
    },
    theme,
  )
}

interface Guess {
  readonly label: number
  readonly probability: number
}

function probabilityGrid(data: Float32Array, place: { steps: number; samples: number; sample: number; classes: number }): Grid {
  const { steps, samples, sample, classes } = place
  const values = new Float32Array(steps * classes)
  for (let step = 0; step < steps; step += 1) {
    const from = (step * samples + sample) * classes
    values.set(data.subarray(from, from + classes), step * classes)
  }
  return { rows: steps, columns: classes, values }
}

/** The rows until a sequence ends: those after it have no probabilities. */
function stepsRead({ rows, columns, values }: Grid): number {
  for (let last = values.length - 1; last >= 0; last -= 1) if (values[last] !== 0) return Math.floor(last / columns) + 1
  return rows
}

function guessOf({ columns, values }: Grid, step: number): Guess {
  let label = 0
  for (let index = 1; index < columns; index += 1) {
    if ((values[step * columns + index] as number) > (values[step * columns + label] as number)) label = index
  }
  return { label, probability: values[step * columns + label] as number }
}

/** The rows at which another class becomes the likeliest, and the last one. */
function turnsOf(guesses: readonly Guess[]): number[] {
  const last = guesses.length - 1
  const turns = guesses.flatMap(({ label }, step) => (step === 0 || label !== guesses[step - 1]?.label || step === last ? [step] : []))
  return turns
}

/** The names of the guesses beside the map. Those without room are left out, but never the last. */
function drawGuesses(guesses: readonly Guess[], names: readonly string[], place: { x: number; y: number; height: number }): string[] {
  const rowHeight = place.height / guesses.length
  let free = Number.POSITIVE_INFINITY
  const kept = turnsOf(guesses)
    .toReversed()
    .filter((step) => {
      const baseline = (step + 0.5) * rowHeight
      if (free - baseline < 11) return false
      free = baseline
      return true
    })
  return kept.map((step) => {
    const { label, probability } = guesses[step] as Guess
    const weight = step === guesses.length - 1 ? { weight: 700 } : { className: 'muted' }
    const text = `${shorten(names[label] ?? '', 8)}\u2002${showShare(probability)}`
    return drawText(text, { x: place.x, y: place.y + (step + 0.5) * rowHeight + 4, size: 11, ...weight })
  })
}

function describeGuesses(guesses: readonly Guess[], names: readonly string[]): string {
  const shown = turnsOf(guesses).slice(-12)
  return shown
    .map((step) => {
      const { label, probability } = guesses[step] as Guess
      return `After row ${step + 1}: ${shorten(names[label] ?? '', 20)}, ${showShare(probability)}`
    })
    .join('. ')
}

/** A share in percent. One that is nearly all is not called all. */
export function showShare(share: number): string {
  if (!Number.isFinite(share)) return '?'
  const percent = 100 * share
  if (percent > 99.95 && percent < 100) return '> 99.9 %'
  return `${Number.isInteger(percent) ? percent : percent.toFixed(1)} %`
}
