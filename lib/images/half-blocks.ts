/** Draws pictures as text: a character shows two pixels, one above the other. */
import { type GreyPicture, shrink } from './grey-picture'

/** From this grey value on, a pixel counts as ink where there are no shades. It is low because shrinking makes thin strokes pale. */
const INK = 64
const RESET = '\u001b[0m'

/** The largest preview. */
const MAX_COLUMNS = 100
const MAX_IMAGE_LINES = 14
const IMAGE_ROWS = 2
/** Images are shrunk until this many fit side by side. */
const IMAGES_PER_ROW = 4

/** The lines of a picture, two of its rows each. */
export function toHalfBlocks(picture: GreyPicture, hasShades: boolean): string[] {
  return Array.from({ length: Math.ceil(picture.height / 2) }, (_, line) =>
    hasShades ? shadedLine(picture, 2 * line) : plainLine(picture, 2 * line),
  )
}

/** A grid of the first images, shrunk by a whole factor so that no line is wider than `columns` characters (at least 1). */
export function drawPreview(images: readonly [GreyPicture, ...GreyPicture[]], columns: number, hasShades: boolean): string[] {
  const width = Math.min(columns, MAX_COLUMNS)
  const [image] = images
  const factor = previewFactor(images.length, image, width)
  const perRow = Math.max(1, Math.floor((width + 1) / (Math.ceil(image.width / factor) + 1)))
  const small = images.slice(0, IMAGE_ROWS * perRow).map((each) => shrink(each, factor))
  const rows = [small.slice(0, perRow), small.slice(perRow)].filter((row) => row.length > 0)
  return rows.flatMap((row, index) => [...(index === 0 ? [] : ['']), ...beside(row.map((each) => toHalfBlocks(each, hasShades)))])
}

/** All images, in rows of as many as fit into `columns` characters; at least one, cut off where it does not fit. */
export function drawRows(images: readonly GreyPicture[], columns: number, hasShades: boolean): string[] {
  const [{ width } = { width: 1 }] = images
  const perRow = Math.max(1, Math.floor((columns + 1) / (width + 1)))
  const rows = Array.from({ length: Math.ceil(images.length / perRow) }, (_, row) => images.slice(row * perRow, (row + 1) * perRow))
  return rows.flatMap((row) => beside(row.map((each) => toHalfBlocks(each, hasShades))))
}

/** How many pixels become one, in each direction. */
function previewFactor(count: number, image: GreyPicture, columns: number): number {
  const wanted = Math.min(count, IMAGES_PER_ROW)
  // One column stays free between two images. Where a terminal is too narrow for that, each line shows one image, shrunk to fit.
  const share = Math.floor((columns + 1) / wanted) - 1
  const imageColumns = share >= 1 ? share : columns
  return Math.max(Math.ceil(image.width / imageColumns), Math.ceil(image.height / (2 * MAX_IMAGE_LINES)))
}

function beside(blocks: readonly (readonly string[])[]): string[] {
  return (blocks[0] ?? []).map((_, line) => blocks.map((block) => block[line]).join(' '))
}

function plainLine({ width, height, pixels }: GreyPicture, top: number): string {
  const isInk = (row: number, column: number) => row < height && (pixels[row * width + column] as number) >= INK
  return Array.from({ length: width }, (_, column) => {
    const [upper, lower] = [isInk(top, column), isInk(top + 1, column)]
    return upper && lower ? '█' : upper ? '▀' : lower ? '▄' : ' '
  }).join('')
}

/** A block shows the upper pixel in its foreground colour and the lower one in its background colour. */
function shadedLine({ width, height, pixels }: GreyPicture, top: number): string {
  let colours = ''
  const cells = Array.from({ length: width }, (_, column) => {
    const upper = pixels[top * width + column] as number
    const lower = top + 1 < height ? (pixels[(top + 1) * width + column] as number) : undefined
    const wanted = `\u001b[38;2;${upper};${upper};${upper}${lower === undefined ? '' : `;48;2;${lower};${lower};${lower}`}m`
    const cell = wanted === colours ? '▀' : `${wanted}▀`
    colours = wanted
    return cell
  })
  return `${cells.join('')}${RESET}`
}
