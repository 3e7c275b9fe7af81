/** Archives of NumPy arrays: which of them are images and labels, and of which part. */
import { fileChunks, invalidFile, type OpenFile, showPath, withRegularFile } from '../../files/regular-file'
import { collectNpy, type NpyArray, npyTexts } from '../../formats/npy'
import { readZipDirectory, type ZipEntry, zipContent } from '../../formats/zip-file'
import { quoteValue } from '../../text/unprintable'
import { MAX_DATASET_BYTES } from '../idx'
import { checkCounts, type NumericArray, readerOf, toImages, toLabels } from '../numeric-array'
import type { RawData, RawPart, ReadingChoices } from './raw-data'

/** What an array is for. */
type Role = 'images' | 'labels' | 'lengths' | 'names'
type Part = 'train' | 'test' | 'validation'

/** What the names of arrays are made of. */
const ROLES: readonly (readonly [Role, RegExp])[] = [
  ['images', /^(x|images?|imgs?|data|inputs?|sequences?|features|arr0)$/],
  ['labels', /^(y|labels?|targets?|arr1)$/],
  ['lengths', /^(lengths?|steps)$/],
  ['names', /^(classnames|labelnames|names|classes)$/],
]
const PARTS: readonly (readonly [Part, RegExp])[] = [
  ['test', /(^|_)(test|t10k)(_|$)/],
  ['validation', /(^|_)(val|valid|validation|dev)(_|$)/],
  ['train', /(^|_)(train|training)(_|$)/],
]
/** The arrays of an archive that are looked for, in words. */
const EXPECTED = 'arrays x_train and y_train (also x_test and y_test), or images and labels'

/** Content may take so much whatever its compressed size, and a ratio that real data stay below, as in gzip data. */
const MAX_FREE_BYTES = 256 * 1024 ** 2
const MAX_PLAUSIBLE_RATIO = 100
const MAX_NAMES_BYTES = 256 * 100 * 4 + 1024

interface FoundArray {
  readonly entry: ZipEntry
  readonly name: string
  readonly role: Role
  readonly part: Part
}

/**
 * Reads a data set from an archive, or one part of it.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readNpz(path: string, choices: ReadingChoices): Promise<RawData> {
  return withRegularFile(path, async (file) => {
    const entries = await readZipDirectory(file)
    const found = entries.flatMap((entry) => recognize(entry))
    const find = (part: Part, role: Role) => found.find((each) => each.part === part && each.role === role)
    if (find('train', 'images') === undefined || find('train', 'labels') === undefined) throw otherArrays(path, entries)
    const train = await readPart(file, 'train', find, choices)
    const test = find('test', 'images') && find('test', 'labels') ? { test: await readPart(file, 'test', find, choices) } : {}
    const names = find('train', 'names')
    const known = names === undefined ? {} : { names: new Map((await readNames(file, names.entry)).map((name, label) => [label, name])) }
    const unused = found.some(({ part }) => part === 'validation') ? { notes: ['its validation part is not used'] } : {}
    return { format: 'npz', name: 'NumPy arrays', train, ...test, ...known, ...unused }
  })
}

/**
 * The one array of a file, `.npy` or `.npz`, that can be meant.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, also where there are several.
 */
export async function readNumpyArray(path: string, kind: 'npy' | 'zip', role: 'images' | 'labels'): Promise<NumericArray> {
  return withRegularFile(path, async (file) => {
    if (kind === 'npy') return toNumbers(await collectNpy(fileChunks(file), file.size, MAX_DATASET_BYTES, showPath(path)), path)
    const entries = await readZipDirectory(file)
    const [only, ...others] = entries.length === 1 ? entries : entries.filter((entry) => recognize(entry)[0]?.role === role)
    if (only === undefined || others.length > 0) throw otherArrays(path, entries)
    return await readArray(file, only)
  })
}

async function readPart(
  file: OpenFile,
  part: Part,
  find: (part: Part, role: Role) => FoundArray | undefined,
  choices: ReadingChoices,
): Promise<RawPart> {
  const [images, labels, lengths] = [find(part, 'images'), find(part, 'labels'), find(part, 'lengths')]
  const [imagesFile, labelsFile] = [images, labels].map((array) => `${file.path}/${array?.name}`) as [string, string]
  // Labels first: they are small, and a mistake in them is found before there are gigabytes.
  const ownLabels = await toLabels(await readArray(file, (labels as FoundArray).entry), labelsFile)
  const read = await toImages(await readArray(file, (images as FoundArray).entry), imagesFile, choices.imageSize)
  checkCounts(read.shape[0], ownLabels.length, imagesFile, labelsFile)
  const real = lengths === undefined ? {} : { lengths: await readLengths(file, lengths, read.shape) }
  return { ...read, labels: ownLabels, ...real, imagesFile, labelsFile }
}

async function readLengths(file: OpenFile, { entry, name }: FoundArray, [count, steps]: readonly number[]): Promise<Int32Array> {
  const path = `${file.path}/${name}`
  const array = await readArray(file, entry)
  const isWhole = /^u?int(8|16|32|64)$/.test(array.type)
  if (!isWhole || array.shape.length !== 1 || array.shape[0] !== count) {
    throw invalidFile(path, `${count} integers, one for each sample,`, `${array.type} [${array.shape.join(', ')}]`)
  }
  const read = readerOf(array)
  return Int32Array.from({ length: count as number }, (_, index) => {
    const length = read(index)
    if (length >= 1 && length <= (steps as number)) return length
    throw invalidFile(path, `lengths from 1 to ${steps}`, `${length} for sample ${index}`)
  })
}

/** The role of an array by its name. Undefined roles are left out: an archive may hold anything besides. */
function recognize(entry: ZipEntry): FoundArray[] {
  if (!entry.name.endsWith('.npy')) return []
  const name = entry.name.slice(0, -'.npy'.length)
  const words = name.toLowerCase().replaceAll(/[-. ]/g, '_')
  const [part = 'train', pattern] = PARTS.find(([, each]) => each.test(words)) ?? []
  const rest = (pattern === undefined ? words : words.replace(pattern, '_')).replaceAll('_', '')
  const [role] = ROLES.find(([, each]) => each.test(rest)) ?? []
  return role === undefined ? [] : [{ entry, name, role, part }]
}

async function readArray(file: OpenFile, entry: ZipEntry): Promise<NumericArray> {
  const name = `${showPath(file.path)}/${entry.name}`
  const plausible = Math.max(MAX_FREE_BYTES, entry.compressedSize * MAX_PLAUSIBLE_RATIO)
  if (entry.size > plausible) {
    const advice = 'If they are real, save the arrays by numpy.savez, without compression.'
    throw invalidFile(name, `at most ${plausible} bytes in ${entry.compressedSize} compressed ones`, `${entry.size}`, advice)
  }
  return toNumbers(await collectNpy(zipContent(file, entry), entry.size, MAX_DATASET_BYTES, name), name)
}

async function readNames(file: OpenFile, entry: ZipEntry): Promise<string[]> {
  const name = `${showPath(file.path)}/${entry.name}`
  const array = await collectNpy(zipContent(file, entry), entry.size, MAX_NAMES_BYTES, name)
  if (array.type !== 'text' || array.shape.length !== 1)
    throw invalidFile(name, 'a list of texts', `${array.type} [${array.shape.join(', ')}]`)
  return npyTexts(array)
}

function toNumbers({ type, shape, bytes, isLittleEndian }: NpyArray, file: string): NumericArray {
  if (type === 'text') throw invalidFile(file, 'an array of numbers', 'texts')
  if (shape.includes(0)) throw invalidFile(file, 'dimensions of at least 1', `the shape (${shape.join(', ')})`)
  return { type, shape, bytes, isLittleEndian }
}

function otherArrays(path: string, entries: readonly ZipEntry[]): Error {
  const shown = entries.slice(0, 10).map(({ name }) => quoteValue(name))
  const more = entries.length > shown.length ? ', ...' : ''
  const advice = entries.some(({ name }) => name.endsWith('.npy')) ? 'Save them under these names by numpy.savez.' : 'Unpack it first.'
  return invalidFile(path, EXPECTED, shown.length === 0 ? 'an empty archive' : `${shown.join(', ')}${more}`, advice)
}
