/** Recognizes pictures by their first bytes. Names of files say nothing reliable, and standard input has none. */
import { recognizeContent } from '../files/content-kind'

/** The formats that are read. */
export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'avif' | 'tiff' | 'gif' | 'svg'

/** What else a picture may be, and what to do about it. */
export interface OtherContent {
  /** In words: "a HEIC picture". */
  readonly name: string
  /** A sentence; empty where nothing helps. */
  readonly advice: string
}

/** The formats in words, for messages and help. */
export const PICTURE_FORMATS = 'PNG, JPEG, WebP, AVIF, TIFF, GIF or SVG'

/** How far into a file the root of an SVG is looked for: as far as libvips looks. */
const SVG_SEARCH_BYTES = 1000
/** Where the brands of an ISO file (AVIF, HEIC, MP4) may stand. */
const BRANDS_BYTES = 64

const HEIC_ADVICE = 'Save it as JPEG or PNG first; phones have a setting for that, and messengers convert when they send.'

/** The format of a picture; undefined for anything else. */
export function recognizePicture(bytes: Uint8Array): PictureFormat | undefined {
  const start = startOf(bytes)
  if (start.startsWith('\x89PNG\r\n\x1a\n')) return 'png'
  if (start.startsWith('\xff\xd8\xff')) return 'jpeg'
  if (start.startsWith('RIFF') && start.startsWith('WEBP', 8)) return 'webp'
  if (/^GIF8[79]a/.test(start)) return 'gif'
  // The second number is that of BigTIFF.
  if (/^(II[*+]\0|MM\0[*+])/.test(start)) return 'tiff'
  if (brandsOf(start).some((brand) => brand === 'avif' || brand === 'avis')) return 'avif'
  return isSvg(start) ? 'svg' : undefined
}

/** What something holds that is no picture which can be read, as far as its first bytes tell. */
export function recognizeOther(bytes: Uint8Array): OtherContent {
  if (bytes.length === 0) return { name: 'nothing', advice: '' }
  const brands = brandsOf(startOf(bytes))
  if (brands.some((brand) => /^(hei[cxms]|hev[cxms]|mif1|msf1)$/.test(brand))) return { name: 'a HEIC picture', advice: HEIC_ADVICE }
  return recognizeContent(bytes) ?? { name: brands.length > 0 ? 'a video' : 'something else', advice: '' }
}

function startOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(0, SVG_SEARCH_BYTES)).toString('latin1')
}

/** The main and the compatible brands of an ISO file; none for other files. */
function brandsOf(start: string): string[] {
  if (!start.startsWith('ftyp', 4)) return []
  const end = Math.min((start.charCodeAt(2) << 8) | start.charCodeAt(3), BRANDS_BYTES)
  return [start.slice(8, 12), ...(start.slice(16, end).match(/.{4}/gs) ?? [])]
}

/** A byte order mark, a declaration, comments and a document type may come first. */
function isSvg(start: string): boolean {
  return /^(\xef\xbb\xbf)?\s*</.test(start) && /<svg[\s>]/.test(start) && !/<html\b/i.test(start)
}
