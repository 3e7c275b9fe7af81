/**
 * Recognizes what a file holds when it is not what it should be. Such files come from a download that saved a web page, from a clone without
 * Git LFS, from a wrong name, or from a tool that compressed twice.
 */
import { quoteText } from '../text/unprintable'

/** How many bytes from the beginning of a file {@link recognizeContent} looks at. */
export const CONTENT_SAMPLE_BYTES = 512

/** What a file holds. */
export interface ContentKind {
  /** In words: "an HTML page". */
  readonly name: string
  /** What to do, as a sentence; empty where nothing helps. */
  readonly advice: string
}

/** How many characters of a text a message shows. */
const SHOWN_CHARACTERS = 40

const DOWNLOAD_AGAIN = 'Probably a page of the server was saved in place of the file: download it again.'
const UNPACK = 'Unpack it first.'
const DECOMPRESS = 'Decompress it first.'
const EXPORT = 'Save the weights in Python, with safetensors.torch.save_file(model.state_dict(), path).'

/** What the zip archives of torch.save, in Python and C++, begin with. */
const TORCH_ENTRY = /^[^/]+\/(data\.pkl|data\/\d+|constants\.pkl|version|byteorder|\.format_version)$/

/** The first kind that matches counts. Each function gets the beginning of a file as a string with one character for each byte. */
const SIGNATURES: readonly (readonly [matches: (start: string) => boolean, name: string, advice: string])[] = [
  [beginsWith('\x1f\x8b'), 'gzip data', DECOMPRESS],
  [(start) => isZip(start) && TORCH_ENTRY.test(firstEntry(start)), 'a PyTorch file (.pt)', EXPORT],
  [(start) => isZip(start) && firstEntry(start).endsWith('.npy'), 'an archive of NumPy arrays (.npz)', ''],
  [isZip, 'a zip archive', UNPACK],
  [
    (start) => start[0] === '\x80' && isWithin(start.charCodeAt(1), 2, 5),
    'a Python pickle, as older versions of torch.save wrote it',
    EXPORT,
  ],
  [beginsWith('\x93NUMPY'), 'a NumPy array (.npy)', ''],
  [beginsWith('\x89HDF\r\n'), 'an HDF5 file', ''],
  [(start) => start.slice(3, 8) === '\0\0\0\0\0' && start[8] === '{', 'a safetensors file', ''],
  [isIdx, 'an IDX file', ''],
  [beginsWith('\x89PNG'), 'a PNG picture', ''],
  [beginsWith('\xff\xd8\xff'), 'a JPEG picture', ''],
  [beginsWith('GIF8'), 'a GIF picture', ''],
  [beginsWith('%PDF-'), 'a PDF document', ''],
  [beginsWith('BZh'), 'bzip2 data', DECOMPRESS],
  [beginsWith('\xfd7zXZ\0'), 'xz data', DECOMPRESS],
  [beginsWith('\x28\xb5\x2f\xfd'), 'zstd data', DECOMPRESS],
  [beginsWith('7z\xbc\xaf\x27\x1c'), 'a 7z archive', UNPACK],
  [(start) => start.startsWith('ustar', 257), 'a tar archive', UNPACK],
]

/** Kinds of text, by how they begin when leading spaces are left out. */
const TEXTS: readonly (readonly [pattern: RegExp, name: string, advice: string])[] = [
  [/^version https:\/\/git-lfs\.github\.com\/spec\//, 'a Git LFS pointer', 'The file itself is not here yet: run git lfs pull.'],
  [/^<(!doctype html|html|head|body)\b/i, 'an HTML page', DOWNLOAD_AGAIN],
  [/^<\?xml/i, 'an XML document', DOWNLOAD_AGAIN],
  [/^[{[]/, 'JSON', DOWNLOAD_AGAIN],
]

/** Recognizes what a file holds by its first {@link CONTENT_SAMPLE_BYTES}, or fewer. Undefined for unknown bytes, and for none. */
export function recognizeContent(bytes: Uint8Array): ContentKind | undefined {
  const sample = bytes.subarray(0, CONTENT_SAMPLE_BYTES)
  const start = Buffer.from(sample).toString('latin1')
  const [, name, advice] = SIGNATURES.find(([matches]) => matches(start)) ?? []
  if (name !== undefined && advice !== undefined) return { name, advice }
  const text = toText(sample)?.trim()
  return text === undefined || text === '' ? undefined : recognizeText(text)
}

function recognizeText(text: string): ContentKind {
  const [, name, advice] = TEXTS.find(([pattern]) => pattern.test(text)) ?? []
  if (name !== undefined && advice !== undefined) return { name, advice }
  return { name: `text that begins with ${quoteText(text.slice(0, SHOWN_CHARACTERS))}`, advice: '' }
}

function beginsWith(signature: string): (start: string) => boolean {
  return (start) => start.startsWith(signature)
}

/** Two zeros, the type of the elements, the number of dimensions. */
function isIdx(start: string): boolean {
  return start.startsWith('\0\0') && isWithin(start.charCodeAt(2), 0x08, 0x0e) && isWithin(start.charCodeAt(3), 1, 4)
}

function isWithin(value: number, min: number, max: number): boolean {
  return value >= min && value <= max
}

function isZip(start: string): boolean {
  return start.startsWith('PK\x03\x04')
}

/** The name of the first file in a zip archive. Two bytes give its length; the upper one is 0 for the short names that matter here. */
function firstEntry(start: string): string {
  return start.slice(30, 30 + start.charCodeAt(26))
}

/** UTF-8 without control characters, possibly cut within a character; undefined for other bytes. */
function toText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return /^[^\p{Cc}]*$/u.test(text.replaceAll(/[\t\n\r]/g, ' ')) ? text : undefined
  } catch {
    return undefined
  }
}
