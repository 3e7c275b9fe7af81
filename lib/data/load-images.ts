/** Reads any data set that this package knows how to read. */

import { checkSignal } from '../abort'
import { TorchRnnError, unexpected } from '../errors'
import { toPath } from '../files/path-argument'
import { showPath } from '../files/regular-file'
import { resolveOptions } from '../options/checks'
import { checkClassNames } from '../options/class-names'
import { type DataFileOptions, OPTIONS, type ReadingOptions } from '../options/options'
import type { Resolved } from '../options/specs'
import { datasetFromOwned, type ImageDataset } from './dataset'
import { loadBundled, type Mnist } from './mnist'
import { readPartFiles } from './sources/array-files'
import { type DecidedData, decide } from './sources/decide'
import { readData } from './sources/find-data'
import type { PictureTarget } from './sources/picture-pixels'
import type { RawData, RawPart, ReadingChoices } from './sources/raw-data'
import { splitByClass } from './split-by-class'

/** What {@link loadImages} reads, and how. */
export interface LoadImagesOptions extends ReadingOptions {
  /**
   * A folder (IDX files as of MNIST and its family, pictures by class), or a CSV or `.npz` file; a path or a `file:` URL. Absent: the files
   * below, or else the bundled MNIST.
   */
  data?: string | URL | undefined
  /** Instead of `data`: the images to train with, as IDX, `.npy`, `.npz` or CSV. The last two may hold the labels, too. */
  trainImages?: string | URL | undefined
  /** Their labels. */
  trainLabels?: string | URL | undefined
  /** The images to evaluate with. Absent: a part of those to train with. */
  testImages?: string | URL | undefined
  /** Their labels. */
  testLabels?: string | URL | undefined
  /** Called after each picture of a folder of pictures. */
  onProgress?: ((progress: { done: number; total: number }) => void) | undefined
  /** Ends the reading of a folder of pictures: the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

type ResolvedReading = Resolved<typeof OPTIONS.reading>

/** A data set, and what was recognised. */
export interface LoadedImages extends Mnist {
  /** What the data are, in one line: "EMNIST letters: transposed, labels from 1". */
  readonly description: string
  /** The options with all that was recognised: with these, the data are read in the same way again. */
  readonly reading: Readonly<ReadingOptions>
  /** The file, or folder, that the labels of the test part come from. */
  readonly testLabelsFile: string
}

const FILES = ['trainImages', 'trainLabels', 'testImages', 'testLabels'] as const
const HOOKS = ['onProgress', 'signal'] as const

/** As the function of this name in lib/functions.ts. */
export async function loadImages(options: LoadImagesOptions = {}): Promise<LoadedImages> {
  const paths = { ...options, ...pathsOf(options) }
  const { data, ...files } = resolveOptions(OPTIONS.data, pickFrom(paths, Object.keys(OPTIONS.data)), 'loadImages')
  const others = Object.fromEntries(Object.entries(options).filter(([name]) => !Object.hasOwn(OPTIONS.data, name)))
  const reading = resolveOptions(OPTIONS.reading, others, 'loadImages', HOOKS)
  const { onProgress, signal } = options
  checkSignal(signal)
  checkFiles(data, files)
  if (data === undefined && files.trainImages === undefined) {
    const { train, test } = await loadBundled()
    return { train, test, description: 'MNIST', reading, testLabelsFile: 'the bundled MNIST' }
  }
  const choices = { ...reading, imageSize: parseSize(reading.imageSize) }
  const raw = data === undefined ? await readFiles(files, choices) : await readData(data, choices, { onProgress, signal })
  return finish(raw, reading, await decide(raw, choices))
}

/** Paths as texts, whatever the user gave. */
function pathsOf(options: LoadImagesOptions): Record<string, string> {
  const given = (['data', ...FILES] as const).filter((name) => options?.[name] !== undefined)
  const expected = (name: string) => (name === 'data' ? 'the path of a file or folder' : 'the path of a file')
  return Object.fromEntries(given.map((name) => [name, toPath(options[name], name, expected(name), 'ERR_INVALID_OPTION')]))
}

function pickFrom(source: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(source).filter(([name]) => names.includes(name)))
}

/** @throws TorchRnnError `ERR_INVALID_OPTION` for files that say nothing together. */
function checkFiles(data: string | undefined, files: DataFileOptions): void {
  const given = FILES.filter((name) => files[name] !== undefined)
  const [first] = given
  if (first === undefined) return
  if (data !== undefined) throw unexpected('ERR_INVALID_OPTION', first, 'no path beside data', files[first], 'Leave out one of them.')
  const without = ([images, labels]: readonly ['trainImages' | 'testImages', 'trainLabels' | 'testLabels']) =>
    files[images] === undefined && files[labels] !== undefined ? images : undefined
  const missing = given.includes('trainImages')
    ? [without(['testImages', 'testLabels'])].find((name) => name !== undefined)
    : ('trainImages' as const)
  if (missing !== undefined) throw unexpected('ERR_INVALID_OPTION', missing, `the path of a file beside ${first}`, undefined)
}

async function readFiles(files: DataFileOptions, choices: ReadingChoices): Promise<RawData> {
  const train = await readPartFiles(files.trainImages as string, files.trainLabels, choices)
  const test = files.testImages === undefined ? {} : { test: await readPartFiles(files.testImages, files.testLabels, choices) }
  return { format: 'idx', name: 'single files', train, ...test }
}

/** `'28'` or `'32x24'`. */
function parseSize(size: string | undefined): readonly [number, number] | undefined {
  if (size === undefined) return undefined
  const [rows = 0, columns = rows] = size.split('x').map(Number)
  return [rows, columns]
}

function finish(raw: RawData & { target?: PictureTarget }, reading: ResolvedReading, decided: DecidedData): LoadedImages {
  const { numClasses, classNames } = decided
  const names = classNames === undefined ? undefined : checkClassNames(classNames, numClasses)
  const toDataset = ({ images, shape, labels, lengths, imagesFile }: RawPart) =>
    namingFile(imagesFile, () =>
      datasetFromOwned({
        images,
        shape,
        labels,
        numClasses,
        classNames: names,
        lengths: isPadded(lengths, shape[1]) ? lengths : undefined,
      }),
    )
  const all = toDataset(decided.train)
  const isSplit = decided.test === undefined
  const [train, test] =
    decided.test === undefined ? splitByClass(all, reading.testSplit, reading.splitSeed) : [all, toDataset(decided.test)]
  return {
    train,
    test,
    description: describe(raw, decided, isSplit ? { reading, test } : undefined),
    reading: resolvedReading(raw, reading, decided),
    testLabelsFile: (decided.test ?? decided.train).labelsFile,
  }
}

/** Data that are checked as those of a user come from a file here. */
function namingFile<Result>(file: string, check: () => Result): Result {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof TorchRnnError) || error.code !== 'ERR_INVALID_DATA') throw error
    const { code, message, expected, actual } = error
    throw new TorchRnnError(code, `${showPath(file)}: ${message}`, { expected, actual, cause: error })
  }
}

/** Where all sequences are whole, nothing need be said about their lengths. */
function isPadded(lengths: Int32Array | undefined, steps: number): boolean {
  return lengths?.some((length) => length !== steps) ?? false
}

function resolvedReading(raw: RawData & { target?: PictureTarget }, reading: ResolvedReading, decided: DecidedData): ResolvedReading {
  const { target } = raw
  const { isTransposed, firstLabel } = decided
  const pictures = target === undefined ? {} : { imageSize: `${target.rows}x${target.columns}`, ink: target.ink }
  const format = raw.name === 'single files' ? reading.format : raw.format
  return { ...reading, format, orientation: isTransposed ? 'transposed' : 'upright', firstLabel, ...pictures }
}

/** What was recognised, in one line. */
function describe(
  raw: RawData,
  { isTransposed, firstLabel, train }: DecidedData,
  split?: { reading: ResolvedReading; test: ImageDataset },
): string {
  const facts = [
    ...(isTransposed ? ['transposed'] : []),
    ...(firstLabel > 0 ? [`labels from ${firstLabel}`] : []),
    ...(train.images.BYTES_PER_ELEMENT === 1 ? [] : ['floats as they are']),
    ...(isPadded(train.lengths, train.shape[1]) ? ['sequences of different length'] : []),
    ...(raw.notes ?? []),
    ...(split === undefined ? [] : [`${split.test.length} set aside as the test set`]),
  ]
  return facts.length === 0 ? raw.name : `${raw.name}: ${facts.join(', ')}`
}
