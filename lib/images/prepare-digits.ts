import { unexpected } from '../errors'
import { toPath } from '../files/path-argument'
import type { Box } from './components'
import { decodePicture, type PictureLimits } from './decode-picture'
import { findDigits } from './find-digits'
import { findInk } from './find-ink'
import type { GreyPicture } from './grey-picture'
import { loadSharp } from './load-sharp'
import { DIGIT_SIDE, MASS_CENTRE, MNIST_SIDE, toMnistImage } from './mnist-image'

/** The digits of a picture, in the form of MNIST's images. A model reads them as they are: `model.predict(digits)`. */
export interface PreparedDigits {
  /** `[N, 28, 28]`, row by row: 0 = background ... 255 = ink. In reading order, row by row and from left to right. */
  data: Uint8Array
  /** `[N, 28, 28]`; N is 0 for a picture without a digit, which a model refuses. */
  shape: [number, number, number]
  /** Where each digit was found, in pixels of the picture. */
  boxes: DigitBox[]
}

/** A rectangle of a picture, in pixels; of an upright one, where EXIF says how it was held. */
export interface DigitBox {
  /** Columns to the left of it. */
  left: number
  /** Rows above it. */
  top: number
  /** Its columns. */
  width: number
  /** Its rows. */
  height: number
}

/** Larger pictures are made smaller first: more pixels show more of the paper, and nothing of the digits. */
const WORKING_SIDE = 1024

/** How far a centre of mass may be from the middle of an image that was prepared already, in pixels: it was moved by whole ones. */
const MOST_OFFSET = 0.75

/** As the function of this name in lib/functions.ts. */
export async function readDigits(source: string | URL | Uint8Array, limits: PictureLimits = {}): Promise<PreparedDigits> {
  const file = source instanceof Uint8Array ? source : toPath(source, 'source', 'the path of a picture, its bytes', 'ERR_INVALID_ARGUMENT')
  const picture = await decodePicture(file, { ...limits, longestSide: WORKING_SIDE })
  const digits = await prepareDigits(picture)
  const scale = Math.max(picture.original.width, picture.original.height) / Math.max(picture.width, picture.height)
  return { ...digits, boxes: digits.boxes.map((box) => enlarge(box, scale)) }
}

/** As the function of this name in lib/functions.ts. */
export async function prepareDigits(picture: Readonly<GreyPicture>): Promise<PreparedDigits> {
  checkPicture(picture)
  const ready = asPrepared(picture)
  if (ready !== undefined) return { data: ready, shape: [1, MNIST_SIDE, MNIST_SIDE], boxes: [inkBox(ready) as DigitBox] }
  const small = await toWorkingSize(picture)
  const map = await findInk(small)
  const digits = map === undefined ? [] : findDigits(map)
  const data = new Uint8Array(digits.length * MNIST_SIDE ** 2)
  for (const [index, digit] of digits.entries())
    data.set(await toMnistImage(map as NonNullable<typeof map>, digit), index * MNIST_SIDE ** 2)
  const scale = Math.max(picture.width, picture.height) / Math.max(small.width, small.height)
  return { data, shape: [digits.length, MNIST_SIDE, MNIST_SIDE], boxes: digits.map(({ box }) => enlarge(box, scale)) }
}

function checkPicture({ width, height, pixels }: GreyPicture): void {
  const isSized = [width, height].every((side) => Number.isSafeInteger(side) && side >= 1)
  if (isSized && pixels instanceof Uint8Array && pixels.length === width * height) return
  const expected = 'width, height, and width x height bytes of grey'
  throw unexpected('ERR_INVALID_ARGUMENT', 'the picture', expected, isSized ? pixels : [width, height])
}

/** A picture in the form of MNIST's images, or that with black and white exchanged, as such an image; undefined for any other. */
function asPrepared({ width, height, pixels }: GreyPicture): Uint8Array | undefined {
  if (width !== MNIST_SIDE || height !== MNIST_SIDE) return undefined
  return [pixels.slice(), pixels.map((grey) => 255 - grey)].find(isPrepared)
}

function isPrepared(image: Uint8Array): boolean {
  const box = inkBox(image)
  return (
    box !== undefined &&
    Math.max(box.width, box.height) === DIGIT_SIDE &&
    massCentre(image).every((at) => Math.abs(at - MASS_CENTRE) <= MOST_OFFSET)
  )
}

/** Where the ink of a prepared image is; undefined where there is none. */
function inkBox(image: Uint8Array): DigitBox | undefined {
  const inked = Array.from(image.keys()).filter((index) => image[index] !== 0)
  if (inked.length === 0) return undefined
  const columns = inked.map((index) => index % MNIST_SIDE)
  const rows = inked.map((index) => Math.floor(index / MNIST_SIDE))
  const [left, top] = [Math.min(...columns), Math.min(...rows)]
  return { left, top, width: Math.max(...columns) - left + 1, height: Math.max(...rows) - top + 1 }
}

/** Column and row of the centre of mass. */
function massCentre(image: Uint8Array): [number, number] {
  const mass = image.reduce((sum, value) => sum + value, 0)
  const along = (position: (index: number) => number) => image.reduce((sum, value, index) => sum + value * position(index), 0) / mass
  return [along((index) => index % MNIST_SIDE), along((index) => Math.floor(index / MNIST_SIDE))]
}

async function toWorkingSize(picture: GreyPicture): Promise<GreyPicture> {
  const { width, height, pixels } = picture
  if (Math.max(width, height) <= WORKING_SIDE) return picture
  const sharp = await loadSharp()
  const sized = sharp(pixels, { raw: { width, height, channels: 1 }, limitInputPixels: false }).resize(WORKING_SIDE, WORKING_SIDE, {
    fit: 'inside',
  })
  const { data, info } = await sized.toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: new Uint8Array(data) }
}

function enlarge({ left, top, width, height }: Box, factor: number): DigitBox {
  const [x, y, w, h] = [left, top, width, height].map((length) => Math.round(length * factor)) as [number, number, number, number]
  return { left: x, top: y, width: w, height: h }
}
