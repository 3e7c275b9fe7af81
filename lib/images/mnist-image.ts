/**
 * A digit in a picture -> 28 x 28 pixels, in the form of MNIST's images: fitted into a box of 20 x 20 pixels, which makes it grey at its
 * edges, and moved by whole pixels until its centre of mass is in the middle, the pixel of index 14.
 */
import type { Box, Component } from './components'
import { squaredDistances } from './distances'
import type { InkMap } from './find-ink'
import type { GreyPicture } from './grey-picture'
import { loadSharp } from './load-sharp'

/** Side of MNIST's images, in pixels. */
export const MNIST_SIDE = 28
/** The longest side of their digits. */
export const DIGIT_SIDE = 20
/** Where their centre of mass lies, in both directions. */
export const MASS_CENTRE = 14

/** The longest side at which a digit's shape is found: so many pixels become one, in each direction. */
const FINE_FACTOR = 8
const FINE_SIDE = FINE_FACTOR * DIGIT_SIDE
/** Free pixels around a digit at that size: its strokes may become thicker. */
const FINE_MARGIN = 2 * FINE_FACTOR
/** Pixels around a digit in the picture: the soft edges of its strokes. */
const EDGE = 2

/**
 * The width of the strokes of MNIST's digits, in pixels of the final image: all but the thinnest and the thickest twentieth. Thinner pens
 * are drawn as thick as the first, thicker ones as thin as the last.
 */
const STROKE_WIDTHS = [1.6, 3.6] as const
/** A stroke is made thinner by at most this share of its width, so that thin parts of it do not break. */
const MOST_THINNING = 0.4

/** Brings one digit to MNIST's form: `[28, 28]`, 0 = background ... 255 = ink. */
export async function toMnistImage(map: InkMap, digit: Component): Promise<Uint8Array> {
  const fine = withUsualStrokes(await drawFine(map, digit))
  const box = boxOf(fine)
  const scale = DIGIT_SIDE / Math.max(box.width, box.height)
  const [columns, rows] = [box.width, box.height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]
  return centre({ width: columns, height: rows, pixels: shrinkTo(fine, box, columns, rows) })
}

/** A shape without shades: 1 inside, 0 outside. */
type Shape = GreyPicture

/** The digit alone, large: where its ink is at least half as black as usual for it. */
async function drawFine(map: InkMap, digit: Component): Promise<Shape> {
  const sharp = await loadSharp()
  const cut = cutOut(map, digit)
  const scale = FINE_SIDE / Math.max(digit.box.width, digit.box.height)
  const [width, height] = [cut.width, cut.height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]
  const raw = { raw: { width: cut.width, height: cut.height, channels: 1 } } as const
  const sized = sharp(cut.pixels, raw).resize(width, height, { fit: 'fill', kernel: scale > 1 ? 'cubic' : 'linear' })
  const { data, info } = await sized
    .extend({ top: FINE_MARGIN, bottom: FINE_MARGIN, left: FINE_MARGIN, right: FINE_MARGIN, background: '#000000' })
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: new Uint8Array(data).map((value) => (value >= 128 ? 1 : 0)) }
}

/** The part of the picture with the digit, and no ink of others: 255 where it is as black as usual. */
function cutOut(map: InkMap, { box, pixels }: Component): GreyPicture {
  const level = median(pixels.map((pixel) => map.ink[pixel] as number))
  const [width, height] = [box.width + 2 * EDGE, box.height + 2 * EDGE]
  const cut = new Uint8Array(width * height)
  for (const pixel of pixels) {
    const [x, y] = [pixel % map.width, Math.floor(pixel / map.width)]
    for (let row = y - EDGE; row <= y + EDGE; row += 1) {
      for (let column = x - EDGE; column <= x + EDGE; column += 1) {
        if (row < 0 || row >= map.height || column < 0 || column >= map.width) continue
        const grey = (255 * (map.ink[row * map.width + column] as number)) / level
        cut[(row - box.top + EDGE) * width + column - box.left + EDGE] = grey > 255 ? 255 : grey + 0.5
      }
    }
  }
  return { width, height, pixels: cut }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number
}

/** Makes strokes that are thinner or thicker than those of MNIST as thin or thick as these. */
function withUsualStrokes(shape: Shape): Shape {
  const { width, height, pixels } = shape
  const inside = squaredDistances(
    pixels.map((value) => 1 - value),
    width,
    height,
  )
  const depths = inside.filter((squared) => squared > 0).map((squared) => Math.sqrt(squared) - 0.5)
  // Across a stroke, the distance to its edge grows from 0 to half of its width: the mean is a quarter.
  const stroke = (4 * depths.reduce((sum, depth) => sum + depth, 0)) / depths.length
  const box = boxOf(shape)
  const growth = growthFor(stroke, Math.max(box.width, box.height))
  if (growth === 0) return shape
  if (growth < 0) return { width, height, pixels: Uint8Array.from(inside, (squared) => (squared > growth ** 2 ? 1 : 0)) }
  const outside = squaredDistances(pixels, width, height)
  return { width, height, pixels: Uint8Array.from(outside, (squared) => (squared <= growth ** 2 ? 1 : 0)) }
}

/** By how much a shape has to grow to all sides. The digit becomes larger with it, and is made smaller again. */
function growthFor(stroke: number, side: number): number {
  const [thin, thick] = STROKE_WIDTHS
  const final = (stroke * DIGIT_SIDE) / side
  if (final >= thin && final <= thick) return 0
  const wanted = final < thin ? thin : thick
  const growth = (wanted * side - DIGIT_SIDE * stroke) / (2 * (DIGIT_SIDE - wanted))
  return Math.min(FINE_MARGIN - 1, Math.max(growth, (-MOST_THINNING * stroke) / 2))
}

function boxOf({ width, pixels }: Shape): Box {
  let [left, top, right, bottom] = [width, Number.POSITIVE_INFINITY, -1, -1]
  for (const [index, inside] of pixels.entries()) {
    if (inside === 0) continue
    const [x, y] = [index % width, Math.floor(index / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = y
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 }
}

/** Each new pixel is the share of the shape in the area that it covers. */
function shrinkTo(shape: Shape, box: Box, columns: number, rows: number): Uint8Array {
  const across = shares(box.width, columns)
  const down = shares(box.height, rows)
  return Uint8Array.from({ length: rows * columns }, (_, index) => {
    let sum = 0
    for (const [y, part] of down[Math.floor(index / columns)] ?? []) {
      for (const [x, share] of across[index % columns] ?? []) {
        sum += (shape.pixels[(box.top + y) * shape.width + box.left + x] as number) * share * part
      }
    }
    return Math.round(255 * sum)
  })
}

/** For each of `count` equal parts of a line: the pixels that it covers, and the share that each has in it. */
export function shares(length: number, count: number): [pixel: number, share: number][][] {
  return Array.from({ length: count }, (_, index) => {
    const [begin, end] = [(index * length) / count, ((index + 1) * length) / count]
    const parts: [number, number][] = []
    for (let pixel = Math.floor(begin); pixel < end; pixel += 1) {
      const share = (Math.min(end, pixel + 1) - Math.max(begin, pixel)) / (end - begin)
      if (share > 0) parts.push([pixel, share])
    }
    return parts
  })
}

/** Moves a digit by whole pixels, as far as it stays in the image. */
export function centre({ width, height, pixels }: GreyPicture): Uint8Array {
  let [mass, massX, massY] = [0, 0, 0]
  for (const [index, value] of pixels.entries()) {
    mass += value
    massX += value * (index % width)
    massY += value * Math.floor(index / width)
  }
  const place = (middle: number, side: number) => Math.min(Math.max(Math.round(MASS_CENTRE - middle), 0), MNIST_SIDE - side)
  const [left, top] = [place(massX / mass, width), place(massY / mass, height)]
  const image = new Uint8Array(MNIST_SIDE * MNIST_SIDE)
  for (let row = 0; row < height; row += 1) {
    image.set(pixels.subarray(row * width, (row + 1) * width), (top + row) * MNIST_SIDE + left)
  }
  return image
}
