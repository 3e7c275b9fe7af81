/** A part of a data set from a file of images and one of labels, or one with both. */
import { invalidFile } from '../../files/regular-file'
import { readIdxArray } from '../idx'
import { checkCounts, type NumericArray, toImages, toLabels } from '../numeric-array'
import { readCsv } from './csv'
import { kindOfFile } from './file-pieces'
import { readNpz, readNumpyArray } from './npz'
import type { RawPart, ReadingChoices } from './raw-data'

/**
 * @param labelsFile - Absent where the images are in a file that has the labels, too.
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readPartFiles(imagesFile: string, labelsFile: string | undefined, choices: ReadingChoices): Promise<RawPart> {
  if (labelsFile === undefined) return await readBoth(imagesFile, choices)
  // Labels first: they are small, and a mistake in them is found before there are gigabytes.
  const labels = await toLabels(await readArray(labelsFile, 'labels'), labelsFile)
  const read = await toImages(await readArray(imagesFile, 'images'), imagesFile, choices.imageSize)
  checkCounts(read.shape[0], labels.length, imagesFile, labelsFile)
  return { ...read, labels, imagesFile, labelsFile }
}

async function readBoth(file: string, choices: ReadingChoices): Promise<RawPart> {
  const kind = await kindOfFile(file)
  if (kind === 'text') return await readCsv(file, choices)
  if (kind === 'zip') return (await readNpz(file, choices)).train
  const advice = 'Name the file of the labels by trainLabels (--train-labels) or testLabels (--test-labels).'
  throw invalidFile(file, 'a CSV or an .npz with images and labels', describeKind(kind), advice)
}

async function readArray(file: string, of: 'images' | 'labels'): Promise<NumericArray> {
  const kind = await kindOfFile(file)
  if (kind === 'npy' || kind === 'zip') return await readNumpyArray(file, kind, of)
  // Anything else is refused there, with what it is.
  return await readIdxArray(file, of)
}

function describeKind(kind: string): string {
  if (kind === 'idx') return 'an IDX file'
  return kind === 'npy' ? 'a NumPy array (.npy)' : 'something else'
}
