/** Recognises what a path holds, and reads it as that. */
import { stat } from 'node:fs/promises'
import { basename, join, relative, resolve } from 'node:path'
import { TorchRnnError } from '../../errors'
import { CONTENT_SAMPLE_BYTES, recognizeContent } from '../../files/content-kind'
import { chunksInto, invalidFile, showPath, toFileSystemError, withRegularFile } from '../../files/regular-file'
import { quoteValue } from '../../text/unprintable'
import { readPartFiles } from './array-files'
import { hasLabels, readCsv } from './csv'
import { recognizeFamily } from './families'
import { idxSizes, kindOfFile } from './file-pieces'
import { type FileGroup, type FileRole, type FolderContent, lookThrough } from './find-files'
import { findMapping } from './label-names'
import { readNpz } from './npz'
import { isPictureName } from './picture-names'
import { type ReadingHooks, readPictures } from './pictures'
import type { RawData, ReadingChoices } from './raw-data'

/** What can be read, for those who gave something else. */
const READABLE =
  'IDX files named as those of MNIST (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte), ' +
  'folders of pictures by class, a CSV or an .npz'
/** The name of files as MNIST has them of which nothing else is known. */
export const PLAIN_IDX = 'IDX files'
const SEE_DOCUMENT = 'docs/data.md has an example of each.'
const SHOWN_SETS = 10

/** @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`, `ERR_LIBRARY_LOAD`; and the signal's reason. */
export async function readData(path: string, choices: ReadingChoices, hooks: ReadingHooks): Promise<RawData> {
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    (error: unknown) => {
      throw toFileSystemError('read', path, error)
    },
  )
  return isFolder ? await readFolder(path, choices, hooks) : await readFile(path, choices)
}

async function readFile(path: string, choices: ReadingChoices): Promise<RawData> {
  const kind = await kindOfFile(path)
  const { format } = choices
  if (kind === 'zip' && isAsked(format, 'npz')) return withFamily(await readNpz(path, choices), path)
  if (kind === 'text' && isAsked(format, 'csv')) return withFamily(csvData(await readCsv(path, choices)), path)
  if (kind === 'idx' || kind === 'npy') {
    const advice =
      'Give the folder of the whole data set, or name the files by trainImages and trainLabels (--train-images, --train-labels).'
    throw invalidFile(path, 'a whole data set', kind === 'idx' ? 'one IDX file' : 'one NumPy array', advice)
  }
  const { name, advice } = await recognizeFile(path)
  throw invalidFile(path, format === undefined || format === 'auto' ? 'a CSV or an .npz' : `data of the format ${format}`, name, advice)
}

async function recognizeFile(path: string): Promise<{ name: string; advice: string }> {
  return withRegularFile(path, async (file) => {
    const start = new Uint8Array(Math.min(CONTENT_SAMPLE_BYTES, file.size))
    for await (const piece of chunksInto(file, start, 0)) void piece
    return recognizeContent(start) ?? { name: file.size === 0 ? 'an empty file' : 'something else', advice: '' }
  })
}

async function readFolder(path: string, choices: ReadingChoices, hooks: ReadingHooks): Promise<RawData> {
  const { format = 'auto', subset } = choices
  if (format === 'pictures') return await readPictures(path, choices, hooks)
  const content = await lookThrough(path)
  const groups = content.groups.filter(({ files }) => files.has('trainImages') || files.has('trainLabels'))
  if (isAsked(format, 'idx') && groups.length > 0) return await readGroup(choose(groups, nameOfGroup, path, subset), path, choices)
  if (format === 'auto' && content.hasPictures) return await readPictures(path, choices, hooks)
  if (isAsked(format, 'npz') && content.npz.length > 0) {
    const file = choose(content.npz, (each) => each, path, subset)
    return withFamily(await readNpz(file, choices), file)
  }
  if (isAsked(format, 'csv') && content.csv.length > 0) return await readCsvFolder(path, content.csv, choices)
  throw await nothingFound(path, content, format)
}

/** An IDX group may hold arrays of NumPy, too. */
async function readGroup({ folder, prefix, files }: FileGroup, root: string, choices: ReadingChoices): Promise<RawData> {
  const at = (role: FileRole) => {
    const file = files.get(role)
    if (file === undefined) throw missingFile(folder, prefix, role)
    return file
  }
  const train = await readPartFiles(at('trainImages'), at('trainLabels'), choices)
  const hasTest = files.has('testImages') || files.has('testLabels')
  const test = hasTest ? { test: await readPartFiles(at('testImages'), at('testLabels'), choices) } : {}
  const family = recognizeFamily(`${basename(resolve(root))}/${relative(root, at('trainImages'))}`, train.labels)
  const mapping = prefix === '' ? undefined : await findMapping(folder, prefix)
  const known = namesOf(family)
  return {
    format: 'idx',
    train,
    ...test,
    name: family?.name ?? (prefix === '' ? PLAIN_IDX : prefix),
    ...(family?.isTransposed && { isTransposed: true }),
    ...(family?.firstLabel === undefined ? {} : { firstLabel: family.firstLabel }),
    ...((mapping ?? known) && { names: (mapping ?? known) as ReadonlyMap<number, string> }),
    ...(relative(root, folder) === '' ? {} : { notes: [`in ${showPath(relative(root, folder))}`] }),
  }
}

/** In the words of the first version, which users have read before. */
function missingFile(folder: string, prefix: string, role: FileRole): TorchRnnError {
  const start = prefix === '' ? '' : `${prefix}-`
  const part = role.startsWith('train') ? 'train' : prefix === '' ? 't10k' : 'test'
  const [stem, suffix] = role.endsWith('Images') ? [`${start}${part}-images`, 'idx3-ubyte'] : [`${start}${part}-labels`, 'idx1-ubyte']
  const names = [`${stem}-${suffix}`, `${stem}.${suffix}`]
  const candidates = [...names, ...names.map((name) => `${name}.gz`)].join(', ')
  const message = `No ${stem} file in ${showPath(folder)} (looked for ${candidates}).`
  return new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `one of ${candidates}`, actual: 'none of them' })
}

async function readCsvFolder(path: string, files: readonly string[], choices: ReadingChoices): Promise<RawData> {
  const pattern = /(^|[-_. ])(train(?:ing)?|test)(?=[-_. ])/i
  const stemOf = (file: string) =>
    relative(path, file)
      .replace(pattern, '$1')
      .replace(/[-_. ]*\.[ct]sv(\.gz)?$/i, '')
  const partOf = (file: string) => pattern.exec(basename(file))?.[2]?.toLowerCase() ?? ''
  const firsts = files.filter((file) => partOf(file) !== 'test')
  const train = choose(firsts.length > 0 ? firsts : files, (file) => file, path, choices.subset)
  const test = files.find((file) => file !== train && partOf(file) === 'test' && stemOf(file) === stemOf(train))
  const data = csvData(await readCsv(train, choices))
  if (test === undefined) return withFamily(data, train)
  if (!(await hasLabels(test))) return withFamily({ ...data, notes: [`${basename(test)} has no labels`] }, train)
  return withFamily({ ...data, test: await readCsv(test, choices) }, train)
}

function csvData(train: RawData['train']): RawData {
  return { format: 'csv', name: 'CSV', train }
}

/** Adds what is known of the data set that a file belongs to. */
async function withFamily(data: RawData, file: string): Promise<RawData> {
  const { train } = data
  const { labelTexts } = train
  const labels = labelTexts === undefined ? train.labels : train.labels.map((place) => Number(labelTexts[place]))
  const family = recognizeFamily(resolve(file).split(/[/\\]/).slice(-2).join('/'), labels)
  if (family === undefined) return data
  const names = data.names ?? namesOf(family)
  return {
    ...data,
    name: `${family.name} (${data.name})`,
    ...(family.isTransposed && { isTransposed: true }),
    ...(family.firstLabel === undefined ? {} : { firstLabel: family.firstLabel }),
    ...(names && { names }),
  }
}

function namesOf(family: ReturnType<typeof recognizeFamily>): ReadonlyMap<number, string> | undefined {
  const { names, firstLabel = 0 } = family ?? {}
  return names === undefined ? undefined : new Map(names.map((name, index) => [firstLabel + index, name]))
}

function isAsked(format: ReadingChoices['format'], kind: 'idx' | 'npz' | 'csv'): boolean {
  return format === undefined || format === 'auto' || format === kind
}

function nameOfGroup({ folder, prefix }: FileGroup): string {
  return prefix === '' ? folder : `${folder}/${prefix}`
}

/** The only one; of several, that which the user named, or the one at the top with the plain names of MNIST. */
function choose<Item>(items: readonly Item[], nameOf: (item: Item) => string, root: string, subset: string | undefined): Item {
  const names = items.map((item) => relative(root, nameOf(item)) || nameOf(item))
  if (subset !== undefined) return chooseNamed(items, items.map(nameOf), root, subset)
  const [only, ...others] = items
  const plain = items.find((item) => resolve(nameOf(item)) === resolve(root))
  const chosen = others.length === 0 ? only : plain
  if (chosen !== undefined) return chosen
  const shown = names.slice(0, SHOWN_SETS).map(quoteValue).join(', ')
  const actual = `${items.length}: ${shown}${names.length > SHOWN_SETS ? ', ...' : ''}`
  throw invalidFile(root, 'one data set', actual, 'Choose one by a word of its name: subset (--subset).')
}

function chooseNamed<Item>(items: readonly Item[], names: readonly string[], root: string, subset: string): Item {
  const wanted = subset.toLowerCase()
  const below = names.map((name) => relative(resolve(root), resolve(name)).toLowerCase())
  const words = below.map((name) => name.split(/[/\\\-_. ]+/))
  const exact = items.filter((_, index) => words[index]?.includes(wanted))
  const found = exact.length > 0 ? exact : items.filter((_, index) => below[index]?.includes(wanted))
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const actual = `${found.length} of ${below.slice(0, SHOWN_SETS).map(quoteValue).join(', ')}`
  throw invalidFile(root, `one data set with ${quoteValue(subset)} in its name`, actual)
}

async function nothingFound(path: string, content: FolderContent, format: string): Promise<TorchRnnError> {
  const { names, groups, npz, csv, hasPictures } = content
  const arrays = await describeArrays(path, names)
  const found = [
    ...arrays,
    ...(groups.length > 0 ? ['IDX files without a training part'] : []),
    ...(names.some(isPictureName) ? ['pictures outside folders by class'] : []),
    ...(hasPictures ? ['pictures in folders (--format pictures)'] : []),
    ...(npz.length > 0 ? ['.npz files (--format npz)'] : []),
    ...(csv.length > 0 ? ['CSV files (--format csv)'] : []),
  ]
  const shown = names.slice(0, 5).map(quoteValue)
  const files = names.length === 0 ? 'no files' : `${shown.join(', ')}${names.length > shown.length ? ', ...' : ''}`
  const expected = format === 'auto' ? READABLE : `data of the format ${format}`
  const advice =
    arrays.length > 0 ? `Name the files by trainImages and trainLabels (--train-images, --train-labels). ${SEE_DOCUMENT}` : SEE_DOCUMENT
  return invalidFile(path, expected, found.length > 0 ? found.join(', ') : files, advice)
}

/** Files that hold what their names do not tell. What cannot be read is left out: it is not what was asked for. */
async function describeArrays(folder: string, names: readonly string[]): Promise<string[]> {
  const described: string[] = []
  for (const name of names) {
    const sizes = await idxSizes(join(folder, name)).catch(() => undefined)
    const [count, ...rest] = sizes ?? []
    if (count === undefined) continue
    described.push(`${quoteValue(name)} (IDX, ${rest.length < 2 ? `${count} labels` : `${count} images of ${rest.join(' x ')}`})`)
  }
  return described
}
