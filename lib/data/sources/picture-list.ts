/** Lists the pictures of a folder by class: `class-name/picture.png`, with or without `train/` and `test/` above. */
import type { Dirent } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ifPresent, invalidFile, toFileSystemError } from '../../files/regular-file'
import { quoteValue } from '../../text/unprintable'
import { isPictureName } from './picture-names'

/** The pictures of a folder. Their paths are put together when they are needed: there may be millions. */
export interface PictureList {
  /** The names of the classes, in their order. */
  readonly classNames: readonly string[]
  /** Those to train with come first; within a part by class, then by name. */
  readonly pictures: readonly Picture[]
  /** How many of them are to train with. */
  readonly trainCount: number
  /** The name of the folder with the test part; undefined where there is none. */
  readonly testFolder: string | undefined
}

/** A picture. */
export interface Picture {
  /** Of the class, below the root: "train/cats". */
  readonly folder: string
  readonly name: string
  /** The class, as its place in the list. */
  readonly label: number
}

interface Entry {
  readonly name: string
  readonly isFolder: boolean
}

/** A label is one byte. */
const MAX_CLASSES = 256
/** The paths of so many take some hundred megabytes. */
const MAX_PICTURES = 4_000_000
const TRAIN = /^train(ing)?$/i
/** Folders with a test part, the likeliest first. */
const TESTS = [/^test(ing)?$/i, /^val(id(ation)?)?$/i]

/**
 * Links are followed; no more than two folders are below one another, so a loop of links ends.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for another arrangement, `ERR_FILE_SYSTEM`.
 */
export async function listPictures(root: string): Promise<PictureList> {
  const top = (await entriesOf(root)).filter(({ isFolder }) => isFolder).map(({ name }) => name)
  const train = top.find((name) => TRAIN.test(name))
  const test =
    train === undefined ? undefined : TESTS.map((pattern) => top.find((name) => pattern.test(name))).find((name) => name !== undefined)
  const classes = train === undefined ? top : await foldersIn(join(root, train))
  const classNames = inOrder(classes)
  if (classNames.length < 2) {
    const actual = classNames.length === 0 ? 'no folder' : `only ${quoteValue(classNames[0])}`
    throw invalidFile(train === undefined ? root : join(root, train), 'a folder of pictures for each of at least 2 classes', actual)
  }
  if (classNames.length > MAX_CLASSES) throw invalidFile(root, `folders of at most ${MAX_CLASSES} classes`, `${classNames.length}`)
  const pictures: Picture[] = []
  for (const [label, name] of classNames.entries()) await addPictures(root, train === undefined ? name : join(train, name), label, pictures)
  const trainCount = pictures.length
  if (test !== undefined) await addTest(root, test, classNames, pictures)
  return { classNames, pictures, trainCount, testFolder: test }
}

async function addTest(root: string, test: string, classNames: readonly string[], pictures: Picture[]): Promise<void> {
  for (const name of inOrder(await foldersIn(join(root, test)))) {
    const label = classNames.indexOf(name)
    if (label < 0) throw invalidFile(join(root, test), 'folders of the classes to train with', quoteValue(name))
    await addPictures(root, join(test, name), label, pictures)
  }
}

async function addPictures(root: string, folder: string, label: number, pictures: Picture[]): Promise<void> {
  const entries = await entriesOf(join(root, folder))
  const names = entries.filter(({ name, isFolder }) => !isFolder && isPictureName(name)).map(({ name }) => name)
  if (names.length === 0) {
    const actual =
      entries.length === 0
        ? 'nothing'
        : entries.slice(0, 3).map(({ name, isFolder }) => `${isFolder ? 'the folder ' : ''}${quoteValue(name)}`)
    throw invalidFile(join(root, folder), 'pictures (PNG, JPEG, WebP)', typeof actual === 'string' ? actual : actual.join(', '))
  }
  if (pictures.length + names.length > MAX_PICTURES) throw invalidFile(root, `at most ${MAX_PICTURES} pictures`, 'more')
  for (const name of names.sort(byName)) pictures.push({ folder, name, label })
}

async function foldersIn(folder: string): Promise<string[]> {
  return (await entriesOf(folder)).filter(({ isFolder }) => isFolder).map(({ name }) => name)
}

/** The order of torchvision's ImageFolder, but 10 comes after 9. */
function inOrder(names: readonly string[]): string[] {
  const areNumbers = names.every((name) => /^\d{1,9}$/.test(name))
  return [...names].sort(areNumbers ? (one, other) => Number(one) - Number(other) : byName)
}

function byName(one: string, other: string): number {
  return one < other ? -1 : 1
}

/** What is not hidden in a folder. @throws TorchRnnError `ERR_INVALID_FILE` for more than can be counted, `ERR_FILE_SYSTEM`. */
async function entriesOf(folder: string): Promise<Entry[]> {
  const entries: Entry[] = []
  try {
    for await (const entry of await opendir(folder, { bufferSize: 1024 })) {
      if (entry.name.startsWith('.')) continue
      if (entries.length === MAX_PICTURES) throw invalidFile(folder, `at most ${MAX_PICTURES} files`, 'more')
      const isFolder = await isDirectory(entry, folder)
      if (isFolder !== undefined) entries.push({ name: entry.name, isFolder })
    }
  } catch (error) {
    throw toFileSystemError('read', folder, error)
  }
  return entries
}

/** Undefined for a link that leads nowhere. */
async function isDirectory(entry: Dirent, folder: string): Promise<boolean | undefined> {
  if (!entry.isSymbolicLink()) return entry.isDirectory()
  return (await ifPresent(stat(join(folder, entry.name))))?.isDirectory()
}
