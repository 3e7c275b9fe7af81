/** Pictures of any size -> images of one size, 0 = background. */
import { decodePicture } from '../../images/decode-picture'
import type { GreyPicture } from '../../images/grey-picture'
import { loadSharp } from '../../images/load-sharp'

/** How pictures become images. */
export interface PictureTarget {
  readonly rows: number
  readonly columns: number
  readonly fit: 'contain' | 'cover' | 'stretch'
  readonly ink: 'dark' | 'light'
}

const WHITE = 255
const MIDDLE = 127.5
/** A picture is decoded at no more than so many times its final size: what is finer than that does not show. */
const OVERSAMPLING = 4

const FITS = { contain: 'contain', cover: 'cover', stretch: 'fill' } as const

/** @throws TorchRnnError `ERR_INVALID_FILE` for a broken picture, `ERR_FILE_SYSTEM`, `ERR_LIBRARY_LOAD`. */
export async function decodeFor(bytes: Uint8Array, name: string, { rows, columns }: Pick<PictureTarget, 'rows' | 'columns'>) {
  return await decodePicture(bytes, { name, longestSide: OVERSAMPLING * Math.max(rows, columns) })
}

/** Puts a picture into its place among the images. */
export async function placePicture(picture: GreyPicture, target: PictureTarget, image: Uint8Array): Promise<void> {
  const { rows, columns, fit, ink } = target
  const isSame = picture.height === rows && picture.width === columns
  image.set(isSame ? picture.pixels : await resize(picture, { rows, columns, fit, ink }))
  if (ink === 'light') return
  for (let index = 0; index < image.length; index += 1) image[index] = WHITE - (image[index] as number)
}

async function resize({ width, height, pixels }: GreyPicture, { rows, columns, fit, ink }: PictureTarget): Promise<Uint8Array> {
  const sharp = await loadSharp()
  const paper = ink === 'dark' ? WHITE : 0
  const options = { fit: FITS[fit], background: { r: paper, g: paper, b: paper } } as const
  const resized = sharp(pixels, { raw: { width, height, channels: 1 } }).resize(columns, rows, options)
  return await resized.toColourspace('b-w').raw().toBuffer()
}

/** Whether what is drawn in most of some pictures is dark, by their borders, which are paper. */
export function isDarkInk(pictures: readonly GreyPicture[]): boolean {
  return pictures.filter((picture) => borderMean(picture) > MIDDLE).length * 2 > pictures.length
}

function borderMean({ width, height, pixels }: GreyPicture): number {
  let [sum, count] = [0, 0]
  for (let row = 0; row < height; row += 1) {
    const step = row === 0 || row === height - 1 ? 1 : Math.max(1, width - 1)
    for (let column = 0; column < width; column += step) {
      sum += pixels[row * width + column] as number
      count += 1
    }
  }
  return sum / count
}
