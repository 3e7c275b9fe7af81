import { nameOfClass } from '../data/class-names'
import type { ImageInput } from '../data/image-batch'
import { toBatch } from '../data/image-batch'
import { TorchRnnError, unexpected } from '../errors'
import { showShare } from './class-probabilities'
import { drawFrame, drawImage, encodeHeatMap, inkScale } from './heat-map'
import { drawPicture, drawText, MARGIN, PICTURE_WIDTH, type PictureOptions, shorten } from './picture'
import { inkOf, themeOf } from './sample-input'

/** An image that was not recognised. */
export interface Mistake {
  /** `[T, F]`, or `[1, T, F]`. */
  readonly image: Readonly<ImageInput>
  /** Its class. */
  readonly label: number
  /** The class that it was taken for. */
  readonly answer: number
  /** How sure the network was of the answer, from 0 to 1. */
  readonly probability: number
  /** Its position in the data set. */
  readonly sample?: number | undefined
}

/** How mistakes are drawn. */
export interface MistakesOptions extends PictureOptions {
  /** The names of the classes. Default: their numbers. */
  classNames?: readonly string[] | undefined
}

const PER_ROW = 6
const GAP = 16
const CAPTION = 40
/** More would make a picture of many megabytes. */
const MAX_MISTAKES = 120

/** As the function of this name in lib/functions.ts. */
export async function plotMistakes(mistakes: readonly Mistake[], options: MistakesOptions = {}): Promise<string> {
  if (!Array.isArray(mistakes) || mistakes.length > MAX_MISTAKES) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'mistakes', `an array of at most ${MAX_MISTAKES} mistakes`, mistakes)
  }
  const theme = themeOf(options)
  const tile = (PICTURE_WIDTH - 2 * MARGIN - (PER_ROW - 1) * GAP) / PER_ROW
  const tiles: string[] = []
  for (const [index, mistake] of mistakes.entries()) {
    const x = MARGIN + (index % PER_ROW) * (tile + GAP)
    const y = 4 + Math.floor(index / PER_ROW) * (tile + CAPTION)
    tiles.push(await drawTile(mistake, { x, y, width: tile, height: tile }, options))
  }
  const none = drawText('There are no mistakes.', { x: MARGIN, y: 24 })
  const described = mistakes.map(({ label, answer, probability, sample }) => {
    const which = sample === undefined ? '' : `Image ${sample}: `
    return `${which}${nameOfClass(label, options.classNames)} taken for ${nameOfClass(answer, options.classNames)}, ${showShare(probability)} sure`
  })
  return drawPicture(
    {
      width: PICTURE_WIDTH,
      height: mistakes.length === 0 ? 50 : 8 + Math.ceil(mistakes.length / PER_ROW) * (tile + CAPTION),
      title: options.title ?? 'Most confident mistakes',
      hints: ['Label → answer, and how sure the network was of it. Small: the number of the image, from 0.'],
      description: mistakes.length === 0 ? 'There are no mistakes.' : `${described.join('. ')}.`,
      body: mistakes.length === 0 ? none : tiles.join(''),
    },
    theme,
  )
}

async function drawTile(
  mistake: Mistake,
  box: { x: number; y: number; width: number; height: number },
  options: MistakesOptions,
): Promise<string> {
  const { image, label, answer, probability, sample } = mistake
  const columns = Number(image?.shape?.at(-1) ?? 0)
  const { data, shape, lengths } = toBatch(image, columns)
  const [count = 0, rows = 0] = shape
  if (count !== 1 || data.length !== rows * columns) {
    throw new TorchRnnError('ERR_INVALID_SHAPE', 'Expected one image [T, F] for each mistake, and as many values, but received others.')
  }
  const url = await encodeHeatMap({ rows, columns, values: inkOf(data, (lengths?.[0] ?? rows) * columns) }, inkScale(1))
  // Images that are not square keep their shape.
  const scale = Math.min(box.width / columns, box.height / rows)
  const [width, height] = [columns * scale, rows * scale]
  const inner = { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height }
  const [from, to] = [label, answer].map((each) => shorten(nameOfClass(each, options.classNames), 9))
  const baseline = box.y + box.height + 16
  const number =
    sample === undefined ? '' : drawText(String(sample), { x: box.x + box.width, y: baseline, size: 10, anchor: 'end', className: 'muted' })
  return [
    drawImage(url, inner, scale >= 3, 'ink'),
    drawFrame(box),
    drawText(`${from} → ${to}`, { x: box.x, y: baseline, weight: 600, size: 13 }),
    number,
    drawText(showShare(probability), { x: box.x, y: baseline + 14, size: 11, className: 'muted' }),
  ].join('')
}
