/** The files of the page, as `npm run build` has made them. They are read once: no request ever names a file. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { readFileChecked } from '../files/regular-file'

/** What is asked for, the file, and its type. */
const FILES = [
  ['/', 'index.html', 'text/html; charset=utf-8'],
  ['/page.js', 'page.js', 'text/javascript; charset=utf-8'],
  ['/page.css', 'page.css', 'text/css; charset=utf-8'],
  ['/icon.svg', 'icon.svg', 'image/svg+xml'],
] as const

/** A file, ready to be sent. */
export interface PageFile {
  readonly address: string
  readonly type: string
  readonly content: Uint8Array<ArrayBuffer>
  /** Of its content, for browsers that have it already. */
  readonly tag: string
}

/** Where the page lies in the package. */
const PAGE_FOLDER = join(typeof __dirname === 'undefined' ? '' : __dirname, 'page')

/** More than the whole page has. */
const MAX_BYTES = 4 * 2 ** 20

/** @throws TorchRnnError `ERR_FILE_SYSTEM` where the package is not complete. */
export async function readPageFiles(folder = PAGE_FOLDER): Promise<PageFile[]> {
  return await Promise.all(
    FILES.map(async ([address, name, type]) => {
      const content = Uint8Array.from(await readFileChecked(join(folder, name), MAX_BYTES))
      return { address, type, content, tag: `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"` }
    }),
  )
}
