import { createHash } from 'node:crypto'
import { toPath } from '../files/path-argument'
import { invalidFile, showPath } from '../files/regular-file'
import { checkOption, resolveOptions } from '../options/checks'
import { MODEL_OPTIONS } from '../options/options'
import { datasetFromOwned, type ImageDataset } from './dataset'
import { type IdxImages, type IdxReadOptions, readIdxImages, readIdxLabels } from './idx'
import { countClasses } from './image-storage'

/** Which files {@link loadIdx} reads. */
export interface LoadIdxOptions {
  /** An IDX file of bytes with three dimensions: N images of T rows and F columns. Plain or gzipped; a path or a `file:` URL. */
  images: string | URL
  /** An IDX file of bytes with one dimension: N labels. Plain or gzipped; a path or a `file:` URL. */
  labels: string | URL
  /** How many classes there are (C), 1 to 256. Default: the largest label + 1. */
  numClasses?: number | undefined
}

/** Images with their labels as read, before the number of classes is known. */
export interface IdxPair {
  readonly imagesFile: string
  readonly labelsFile: string
  readonly images: IdxImages
  readonly labels: Uint8Array
}

/** As the function of this name in lib/functions.ts. */
export async function loadIdx(options: LoadIdxOptions): Promise<ImageDataset> {
  resolveOptions({}, options, 'loadIdx', ['images', 'labels', 'numClasses'])
  const { images, labels, numClasses }: Partial<LoadIdxOptions> = options ?? {}
  const [imagesFile, labelsFile] = [checkPath('images', images), checkPath('labels', labels)]
  const classes = numClasses === undefined ? undefined : checkOption('numClasses', MODEL_OPTIONS.numClasses, numClasses)
  const pair = await readPair(imagesFile, labelsFile)
  return toDataset(pair, classes ?? countClasses(pair.labels))
}

function checkPath(name: string, path: unknown): string {
  return toPath(path, name, 'the path of an IDX file', 'ERR_INVALID_OPTION')
}

/**
 * Reads images and their labels.
 *
 * @internal
 * @param sha256 - The SHA-256 that each file must have. Without it, any content is read.
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readPair(imagesFile: string, labelsFile: string, sha256?: { images: string; labels: string }): Promise<IdxPair> {
  const labels = await readVerified(labelsFile, readIdxLabels, sha256?.labels)
  const images = await readVerified(imagesFile, readIdxImages, sha256?.images)
  if (images.count !== labels.length) {
    throw invalidFile(labelsFile, `${images.count} labels, one for each image of ${showPath(imagesFile)},`, `${labels.length}`)
  }
  return { imagesFile, labelsFile, images, labels }
}

async function readVerified<T>(file: string, read: (file: string, options?: IdxReadOptions) => Promise<T>, sha256?: string): Promise<T> {
  if (sha256 === undefined) return read(file)
  const hash = createHash('sha256')
  const result = await read(file, { hash })
  const actual = hash.digest('hex')
  if (actual !== sha256) throw invalidFile(file, `the official file with SHA-256 ${sha256}`, actual)
  return result
}

/** @internal @throws TorchRnnError `ERR_INVALID_DATA` for a label that is not below `numClasses`. */
export function toDataset({ images, labels }: Pick<IdxPair, 'images' | 'labels'>, numClasses: number): ImageDataset {
  return datasetFromOwned({ images: images.pixels, shape: [images.count, images.height, images.width], labels, numClasses })
}
