/** Finds the files of a data set in a folder by their names, as the data sets of MNIST's family have them once they are downloaded. */
import type { Dirent } from 'node:fs'
import { opendir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ifPresent, toFileSystemError } from '../../files/regular-file'
import { isPictureName } from './picture-names'

/** A place in a data set. */
export type FileRole = `${'train' | 'test'}${'Images' | 'Labels'}`

/** Files that belong together: of one folder, with names that begin in the same way. */
export interface FileGroup {
  readonly folder: string
  /** What the names begin with: "emnist-letters"; empty for MNIST. */
  readonly prefix: string
  /** The best file for each role. */
  readonly files: ReadonlyMap<FileRole, string>
}

/** What a folder holds, as far as it was looked at. */
export interface FolderContent {
  /** Those nearest to the top come first. */
  readonly groups: readonly FileGroup[]
  /** Archives of NumPy arrays, and tables, that are not in a group. */
  readonly npz: readonly string[]
  readonly csv: readonly string[]
  /** Names of files at the top, a few of them, for messages. */
  readonly names: readonly string[]
  /** Whether a folder below holds pictures. */
  readonly hasPictures: boolean
}

/** MNIST/raw/gzip, as torchvision unpacks EMNIST, and a folder for each file, as Kaggle has them. */
const MAX_DEPTH = 4
/** What is looked at: a folder of a million pictures need not be listed to see that it is none of arrays. */
const MAX_ENTRIES_OF_FOLDER = 1000
const MAX_FOLDERS = 2000
const SHOWN_NAMES = 5

const ARRAY_FILE =
  /^(?:(?<prefix>.+?)[-_.])??(?<part>train|training|test|t10k)[-_.](?<kind>images|imgs|labels)(?:[-_.]?idx\d[-_.](?:ubyte|byte|short|int|float|double))?(?<numpy>\.npy|\.npz)?(?<gzip>\.gz)?$/i
const IDX_NAME = /idx\d[-_.][a-z]+(\.gz)?$/i

interface Candidate {
  readonly folder: string
  readonly prefix: string
  readonly role: FileRole
  readonly path: string
  /** The less, the better: uncompressed before `.gz`, the hyphen before the dot, MNIST's own name before that of others. */
  readonly rank: number
}

/** Looks through a folder and those below it. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function lookThrough(root: string): Promise<FolderContent> {
  const candidates: Candidate[] = []
  const [npz, csv, names]: [string[], string[], string[]] = [[], [], []]
  let hasPictures = false
  let level = [root]
  const seen = new Set<string>()
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0; depth += 1) {
    const below: string[] = []
    for (const folder of level) {
      if (seen.size === MAX_FOLDERS) break
      // A folder that a link leads to again holds nothing new.
      const place = await realpath(folder).catch(() => folder)
      if (seen.has(place)) continue
      seen.add(place)
      for (const { name, isFolder } of await entriesOf(folder, depth === 0)) {
        const path = join(folder, name)
        if (isFolder) below.push(path)
        else if (depth === 0 && names.length <= SHOWN_NAMES) names.push(name)
        if (isFolder) continue
        const candidate = toCandidate(folder, name)
        if (candidate !== undefined) candidates.push(candidate)
        else if (/\.npz$/i.test(name)) npz.push(path)
        else if (/\.[ct]sv(\.gz)?$/i.test(name)) csv.push(path)
        else if (depth > 0 && isPictureName(name)) hasPictures = true
      }
    }
    level = below.sort()
  }
  return { groups: group(candidates), npz: npz.sort(), csv: csv.sort(), names, hasPictures }
}

/** The entries of a folder, in order; not all of them, where there are very many. Of those below the root, what cannot be read is left out. */
async function entriesOf(folder: string, isRoot: boolean): Promise<{ name: string; isFolder: boolean }[]> {
  const entries: { name: string; isFolder: boolean }[] = []
  try {
    for await (const entry of await opendir(folder)) {
      if (entry.name.startsWith('.') || entry.name === 'node_modules') continue
      const isFolder = await isDirectory(entry, folder)
      if (isFolder !== undefined) entries.push({ name: entry.name, isFolder })
      if (entries.length === MAX_ENTRIES_OF_FOLDER) break
    }
  } catch (error) {
    if (isRoot) throw toFileSystemError('read', folder, error)
  }
  return entries.sort((one, other) => (one.name < other.name ? -1 : 1))
}

/** Follows links. Undefined for what leads nowhere. A loop of links ends with the depth. */
async function isDirectory(entry: Dirent, folder: string): Promise<boolean | undefined> {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  return (await ifPresent(stat(join(folder, entry.name))).catch(() => undefined))?.isDirectory()
}

function toCandidate(folder: string, name: string): Candidate | undefined {
  const { prefix = '', part = '', kind = '', numpy, gzip } = ARRAY_FILE.exec(name)?.groups ?? {}
  if (part === '' || (numpy === undefined && !IDX_NAME.test(name))) return undefined
  const role = `${/^t(est|10k)$/i.test(part) ? 'test' : 'train'}${/labels/i.test(kind) ? 'Labels' : 'Images'}` as const
  // Kaggle unpacks each file into a folder of its name.
  const isOwnFolder = ARRAY_FILE.test(basename(folder)) && IDX_NAME.test(basename(folder))
  const rank = (gzip === undefined ? 0 : 2) + (/[-_]idx/i.test(name) ? 0 : 1) + (isOwnFolder ? 4 : 0)
  return { folder: isOwnFolder ? dirname(folder) : folder, prefix, role, path: join(folder, name), rank }
}

function group(candidates: readonly Candidate[]): FileGroup[] {
  const groups = new Map<string, { folder: string; prefix: string; best: Map<FileRole, Candidate> }>()
  for (const candidate of candidates) {
    const { folder, prefix, role, rank } = candidate
    const key = JSON.stringify([folder, prefix.toLowerCase()])
    const found = groups.get(key) ?? { folder, prefix, best: new Map<FileRole, Candidate>() }
    groups.set(key, found)
    if (rank < (found.best.get(role)?.rank ?? Number.POSITIVE_INFINITY)) found.best.set(role, candidate)
  }
  return Array.from(groups.values(), ({ folder, prefix, best }) => ({
    folder,
    prefix,
    files: new Map(Array.from(best, ([role, { path }]) => [role, path])),
  }))
}
