/**
 * A million images of 28 x 28, in each format that holds so many, are read and trained on by a process that may have 4 GB. On the CPU, the images are
 * there once: the addon reads them where JavaScript has them. The limit is one of the system (RLIMIT_DATA: all writable memory of its own, reserved or
 * used), so the largest moment counts, not the end.
 */
import { closeSync, createWriteStream, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { MAIN } from '../support/command-line'
import { runCommand } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const SAMPLES = 1_000_000
const IMAGE = 28 * 28
const LIMIT_BYTES = 4 * 10 ** 9
/** What a process takes besides the images: Node, libtorch and its caches, and the network: 300 MB. The images are there once: another copy would be 784 MB. */
const BESIDES_BYTES = 700 * 1024 ** 2
const TIME_LIMIT_MS = 900_000
const BLOCK = 10_000

const path = useTemporaryFolder()

/** Some images again and again: each has the ink of its class. */
function block(first: number): { images: Buffer; labels: Buffer } {
  const labels = Buffer.from(Array.from({ length: BLOCK }, (_, index) => (first + index) % 10))
  const images = Buffer.alloc(BLOCK * IMAGE)
  for (const [index, label] of labels.entries()) images.fill(200, index * IMAGE + label * 56, index * IMAGE + label * 56 + 56)
  return { images, labels }
}

function writeLarge(file: string, head: Buffer, part: 'images' | 'labels', samples = SAMPLES): void {
  const handle = openSync(file, 'w')
  writeSync(handle, head)
  const { [part]: bytes } = block(0)
  for (let done = 0; done < samples; done += BLOCK) writeSync(handle, bytes)
  closeSync(handle)
}

function idxHead(...sizes: number[]): Buffer {
  const head = Buffer.alloc(4 + 4 * sizes.length)
  head.set([0, 0, 8, sizes.length])
  for (const [index, size] of sizes.entries()) head.writeUInt32BE(size, 4 + 4 * index)
  return head
}

function npyHead(shape: string): Buffer {
  const header = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117)
  return Buffer.concat([Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, 118, 0]), Buffer.from(`${header}\n`)])
}

/** Trains an epoch within the limit. @returns The most memory that was resident, in bytes. */
async function trainWithin(args: readonly string[]): Promise<number> {
  const preload = path('measure.cjs')
  const measure = `require('fs').writeFileSync(${JSON.stringify(path('peak'))}, String(process.resourceUsage().maxRSS))`
  writeFileSync(preload, `process.on('exit', () => ${measure})\n`)
  const network = ['--hidden-size', '8', '--num-layers', '1', '--batch-size', '1000', '--epochs', '1', '--device', 'cpu', '--threads', '2']
  const train = [MAIN, 'train', ...args, ...network, '--checkpoint-every', '100b', '--run', path('run'), '--quiet']
  const limited = [`--data=${LIMIT_BYTES}`, process.execPath, ...train]
  const outcome = await runCommand('prlimit', limited, {
    cwd: path(),
    env: { NODE_OPTIONS: `--require=${preload}` },
    limitMs: TIME_LIMIT_MS,
  })
  expect(outcome).toMatchObject({ code: 0 })
  const peak = Number(readFileSync(path('peak'), 'utf8')) * 1024
  console.info(`${expect.getState().currentTestName}: at most ${Math.round(peak / 1024 ** 2)} MiB`)
  return peak
}

test(
  'IDX',
  async () => {
    for (const part of ['train', 't10k']) {
      const samples = part === 'train' ? SAMPLES : BLOCK
      writeLarge(path(`${part}-images-idx3-ubyte`), idxHead(samples, 28, 28), 'images', samples)
      writeLarge(path(`${part}-labels-idx1-ubyte`), idxHead(samples), 'labels', samples)
    }
    expect(await trainWithin(['--data', path()])).toBeLessThan(SAMPLES * IMAGE + BESIDES_BYTES)
  },
  TIME_LIMIT_MS,
)

test(
  'arrays of NumPy, of which a part is set aside',
  async () => {
    writeLarge(path('x.npy'), npyHead(`${SAMPLES}, 28, 28`), 'images')
    writeLarge(path('y.npy'), npyHead(`${SAMPLES},`), 'labels')
    const files = ['--train-images', path('x.npy'), '--train-labels', path('y.npy'), '--test-split', '10000']
    expect(await trainWithin(files)).toBeLessThan(SAMPLES * IMAGE + BESIDES_BYTES)
  },
  TIME_LIMIT_MS,
)

test(
  'a compressed table',
  async () => {
    const { images, labels } = block(0)
    const lines = Array.from(labels, (label, index) => `${label},${images.subarray(index * IMAGE, (index + 1) * IMAGE).join()}\n`).join('')
    const file = createWriteStream(path('large.csv.gz'))
    const repeat = function* () {
      for (let done = 0; done < SAMPLES; done += BLOCK) yield Buffer.from(lines)
    }
    Readable.from(repeat())
      .pipe(createGzip({ level: 1 }))
      .pipe(file)
    await finished(file)
    expect(await trainWithin(['--data', path('large.csv.gz'), '--test-split', '10000'])).toBeLessThan(SAMPLES * IMAGE + BESIDES_BYTES)
  },
  TIME_LIMIT_MS,
)
