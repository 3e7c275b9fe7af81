/**
 * Any picture -> grey values. A picture comes from anywhere, and is hostile until it is decoded: its size is checked before memory is
 * taken, and libvips never gets a path, so that an SVG has no folder whose files it could show.
 */
import type { Sharp, SharpOptions } from 'sharp'
import { TorchRnnError } from '../errors'
import { invalidFile, readFileChecked } from '../files/regular-file'
import { describeRefusal } from '../host/permissions'
import type { GreyPicture } from './grey-picture'
import { loadSharp } from './load-sharp'
import { PICTURE_FORMATS, type PictureFormat, recognizeOther, recognizePicture } from './picture-format'

/** What of a picture's file is accepted. */
export interface PictureLimits {
  /** The most pixels of a picture, as it is stored. Default: 64 million. */
  maxPixels?: number
  /** The most bytes of a file, or of the bytes given. Default: 256 MiB. */
  maxBytes?: number
}

/** What is accepted, and how large the result is. */
export interface DecodeOptions extends PictureLimits {
  /**
   * The longest side of the result in pixels. A larger picture is made smaller while it is decoded, which takes less memory; an SVG is drawn
   * at this size, larger ones and smaller ones alike. Default: each picture's own size, of an SVG at most 4096.
   */
  longestSide?: number
  /** How messages name a picture that comes as bytes. Default: `picture`. */
  name?: string
}

/** A picture as decoded. */
export interface DecodedPicture extends GreyPicture {
  /** Its size before it was made smaller or larger, upright; of an SVG, the size that it states. */
  readonly original: { readonly width: number; readonly height: number }
}

/** More than the largest sensors of today's cameras have, but those of a few phones. */
const MAX_PICTURE_PIXELS = 64_000_000
/** Enough for such a picture, uncompressed. */
export const MAX_PICTURE_BYTES = 256 * 1024 * 1024
/** An SVG is a text, which takes many times its own memory once it is parsed. */
const MAX_SVG_BYTES = 4 * 1024 * 1024

/** Pixels per inch at which an SVG has the size that it states. */
const SVG_DENSITY = 72
/** The densities that sharp accepts. */
const DENSITIES = [1, 100_000] as const

/** The longest side of an SVG that states a size of its own, unless the caller wants another. */
const MAX_SVG_SIDE = 4096
/**
 * What an SVG must not have: a filter or a pattern of dashes of a few characters computes for hours, masks and patterns multiply when they are
 * nested, an embedded picture may be of any size, and neither libvips nor librsvg can be stopped then. Entities, other encodings and style
 * sheets in addresses could hide them.
 */
const SVG_REFUSALS: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/<([\w.-]+:)?filter\b|\bfilter\s*([=:]|\/\*)/i, 'a filter'],
  [/<([\w.-]+:)?image\b/i, 'an embedded picture'],
  [/<([\w.-]+:)?(mask|pattern)\b/i, 'a mask or a pattern'],
  [/\bstroke-dasharray\s*(:|=|\/\*)(?!\s*["']?\s*none\b)/i, 'a dashed line'],
  [/<!ENTITY/i, 'an entity'],
  [/<\?xml-stylesheet|@import[^;@]*\bdata:/i, 'a style sheet in an address'],
  [/^[^>]*\bencoding\s*=\s*["'](?!utf-?8|us-ascii|iso-8859-1\b)/i, 'another encoding than UTF-8'],
]
/** Copies of copies multiply: so many `use` elements make 3^10 at most, which takes a second. */
const MOST_COPIES = 30

/** After so many seconds, a picture is refused. */
const MAX_SECONDS = 60

/** libvips calls AVIF by the name of its container. */
const LIBVIPS_NAMES: Readonly<Partial<Record<PictureFormat, string>>> = { avif: 'heif' }

/**
 * Reads a picture (PNG, JPEG, WebP, AVIF, TIFF, GIF, SVG) as grey values: turned as its EXIF orientation says, transparent parts on white
 * paper, 16 bits and CMYK brought to 8 bits of grey. Of several pages or frames, the first one counts. An SVG is drawn with the fonts of the
 * system; whatever it refers to outside itself is left out.
 *
 * @param source - A path, or the bytes of a file.
 * @throws TorchRnnError `ERR_INVALID_FILE` for anything else, for a picture that is broken or cut off, and for one that is too large
 *   (decompression bombs); `ERR_FILE_SYSTEM` when the file cannot be read; `ERR_LIBRARY_LOAD` when sharp does not load.
 */
export async function decodePicture(source: string | Uint8Array, options: DecodeOptions = {}): Promise<DecodedPicture> {
  const { maxPixels = MAX_PICTURE_PIXELS, maxBytes = MAX_PICTURE_BYTES, longestSide } = options
  const name = typeof source === 'string' ? source : (options.name ?? 'picture')
  const bytes = typeof source === 'string' ? await readFileChecked(source, maxBytes) : source
  if (bytes.length > maxBytes) throw invalidFile(name, `at most ${maxBytes} bytes`, `${bytes.length} bytes`)
  const format = checkFormat(name, bytes)
  try {
    const open = await opener(bytes, maxPixels)
    const size = await measure(open, format)
    if (size.width * size.height > maxPixels) throw tooLarge(name, maxPixels, `${size.width} x ${size.height}`)
    const picture = await toGrey(open(format === 'svg' ? { density: densityFor(size, longestSide) } : {}), longestSide)
    return { ...picture, original: size }
  } catch (error) {
    throw toPictureError(name, error, maxPixels)
  }
}

/** @throws TorchRnnError `ERR_INVALID_FILE` for what is no picture of a known format. */
function checkFormat(name: string, bytes: Uint8Array): PictureFormat {
  const format = recognizePicture(bytes)
  if (format === undefined) {
    const { name: found, advice } = recognizeOther(bytes)
    throw invalidFile(name, `a ${PICTURE_FORMATS} picture`, found, advice)
  }
  if (format === 'svg') checkSvg(name, bytes)
  return format
}

function checkSvg(name: string, bytes: Uint8Array): void {
  if (bytes.length > MAX_SVG_BYTES) throw invalidFile(name, `an SVG picture of at most ${MAX_SVG_BYTES} bytes`, `${bytes.length} bytes`)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  const plain = withoutEscapes(text)
  const copies = plain.match(/<([\w.-]+:)?use\b/gi)?.length ?? 0
  const [, refused] = SVG_REFUSALS.find(([pattern]) => pattern.test(plain)) ?? []
  const found = refused ?? (copies > MOST_COPIES ? `${copies} copies (use)` : undefined)
  if (found !== undefined) throw invalidFile(name, 'a plain SVG picture', found, 'Save it as PNG first.')
}

/** Letters may be written by their numbers, in XML (&#102;) and in CSS (\\66). */
function withoutEscapes(text: string): string {
  const toLetter = (number: number) => (number <= 0x10ffff ? String.fromCodePoint(number) : '')
  return text
    .replace(/&#x0*([\da-f]{1,6});/gi, (_, digits: string) => toLetter(Number.parseInt(digits, 16)))
    .replace(/&#0*(\d{1,7});/g, (_, digits: string) => toLetter(Number(digits)))
    .replace(/\\([\da-f]{1,6})\s?/gi, (_, digits: string) => toLetter(Number.parseInt(digits, 16)))
    .replace(/\\/g, '')
}

/** Opens the picture anew for each purpose: the density of an SVG is known only after its size. */
async function opener(bytes: Uint8Array, maxPixels: number): Promise<(options: SharpOptions) => Sharp> {
  const sharp = await loadSharp()
  // Warnings are let pass: many cameras write files that libjpeg has something to say about.
  return (options) => sharp(bytes, { failOn: 'error', limitInputPixels: maxPixels, page: 0, pages: 1, ...options })
}

/** The size after the turn that EXIF asks for. */
async function measure(open: (options: SharpOptions) => Sharp, format: PictureFormat): Promise<{ width: number; height: number }> {
  const { format: found, autoOrient } = await open({ density: SVG_DENSITY }).metadata()
  if (found !== (LIBVIPS_NAMES[format] ?? format)) throw new Error(`libvips takes it for ${found}`)
  return autoOrient
}

/** The density at which the longest side of an SVG has the pixels wanted. */
function densityFor({ width, height }: { width: number; height: number }, longestSide: number | undefined): number {
  const [least, most] = DENSITIES
  const own = Math.max(width, height)
  const wanted = longestSide ?? Math.min(own, MAX_SVG_SIDE)
  return Math.min(Math.max((SVG_DENSITY * wanted) / own, least), most)
}

async function toGrey(image: Sharp, longestSide: number | undefined): Promise<GreyPicture> {
  const bounds = { width: longestSide ?? 0, height: longestSide ?? 0, fit: 'inside', withoutEnlargement: true } as const
  const upright = image.timeout({ seconds: MAX_SECONDS }).autoOrient()
  const sized = longestSide === undefined ? upright : upright.resize(bounds)
  const { data, info } = await sized
    .flatten({ background: '#ffffff' })
    .toColourspace('b-w')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, height, channels } = info
  if (channels !== 1) throw new Error(`libvips made ${channels} channels of it`)
  return { width, height, pixels: new Uint8Array(data) }
}

/** Turns what sharp throws, which is always a plain error, into one that names the picture. */
function toPictureError(name: string, error: unknown, maxPixels: number): unknown {
  if (error instanceof TorchRnnError || describeRefusal(error) !== undefined || !(error instanceof Error)) return error
  const [reason = ''] = error.message.trim().split('\n')
  if (/pixel limit/.test(reason)) return tooLarge(name, maxPixels, 'more')
  const message = `${invalidFile(name, 'a whole picture', 'a broken one').message.replace(/\.$/, '')} (${reason}).`
  return new TorchRnnError('ERR_INVALID_FILE', message, {
    expected: 'a whole picture',
    actual: 'a broken one',
    detail: error.message,
    cause: error,
  })
}

function tooLarge(name: string, maxPixels: number, found: string): TorchRnnError {
  return invalidFile(name, `a picture of at most ${maxPixels} pixels`, found, 'Make it smaller first.')
}
