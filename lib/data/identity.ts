/** Names a data set by its content: a training that goes on must get the samples that it began with. */
import { webcrypto } from 'node:crypto'
import { type ImageDataset, viewOf } from './dataset'

/** What tells one data set from another. */
export interface DataIdentity {
  /** Number of samples. */
  readonly samples: number
  /** SHA-256 of {@link identifyDataset}, in hexadecimal digits. */
  readonly sha256: string
}

/** Samples that are copied and hashed at once: some milliseconds of copying, so that the event loop is free in between. */
const PART_BYTES = 4 * 1024 * 1024

/**
 * Hashes a data set in other threads: SHA-256 over its shape, its element type, and the SHA-256s of its samples in parts of at most 4 MiB of
 * images, or one sample, in their order; a part is its images followed by its labels, and by its lengths where it has some. Data sets with
 * the same samples in the same order are the same, whatever storage they share or file they come from.
 */
export async function identifyDataset(dataset: ImageDataset): Promise<DataIdentity> {
  const { length } = dataset
  const [, rows, columns] = dataset.shape
  const { BYTES_PER_ELEMENT: elementBytes } = dataset.images(0, 1).data
  const samplesOfPart = Math.max(1, Math.floor(PART_BYTES / (rows * columns * elementBytes)))
  const elements = elementBytes === 1 ? 'uint8' : 'float32'
  const head = { shape: [length, rows, columns], elements, ...(viewOf(dataset).storage.lengths !== undefined && { lengths: 'int32' }) }
  const digests: Uint8Array[] = [Buffer.from(JSON.stringify(head))]
  for (let start = 0; start < length; start += samplesOfPart) {
    const end = Math.min(start + samplesOfPart, length)
    const { data, lengths } = dataset.images(start, end)
    const arrays = [data, dataset.labelsOf(start, end), ...(lengths === undefined ? [] : [lengths])]
    digests.push(await sha256(arrays.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))))
  }
  return { samples: length, sha256: (await sha256(digests)).toString('hex') }
}

async function sha256(parts: readonly Uint8Array[]): Promise<Buffer> {
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', Buffer.concat(parts)))
}
