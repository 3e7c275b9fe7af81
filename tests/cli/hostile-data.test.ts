/**
 * Wrong files in a data set, read by the program: one line with file, expected and found, exit code 1, nothing written, and no memory
 * allocated for sizes that a file only claims.
 */
import { spawnSync } from 'node:child_process'
import { appendFileSync, chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { eventsOf, linesOf, MAIN, onlyEvent, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { idxFile } from '../support/idx-file'
import { testOnPosix } from '../support/needs'
import { ORDINARY_USER, testAsOrdinaryUser } from '../support/ordinary-user'
import { runNode } from '../support/run-program'
import { useSharedTemporaryFolder } from '../support/temporary-folder'
import { TINY_TRAIN_SAMPLES, writeTinyMnist } from '../support/tiny-mnist'

const { path, run, succeed } = useCommandLine()
const modelFolder = useSharedTemporaryFolder()
const MODEL = () => modelFolder('model.safetensors')

/** Trained once and only read, on data with labels up to 9. */
beforeAll(async () => {
  writeTinyMnist(modelFolder('data'))
  const outcome = await runNode([MAIN, ...TINY_RUN, '--epochs', '1', '--run', 'run', '--output', 'model.safetensors', '--quiet'], {
    cwd: modelFolder(),
  })
  expect(outcome).toMatchObject({ code: 0 })
})

const COMMANDS: [string, () => string[]][] = [
  ['train', () => ['train', ...TINY_RUN, '--epochs', '1']],
  ['lr-find', () => ['lr-find', ...TINY_RUN]],
  ['evaluate', () => ['evaluate', ...TINY_DATA, '--model', MODEL()]],
  ['explore', () => ['explore', ...TINY_DATA]],
]

const IMAGES = 'train-images-idx3-ubyte'
const TEST_IMAGES = 't10k-images-idx3-ubyte.gz'
const TEST_LABELS = 't10k-labels-idx1-ubyte'
const IMAGE = 28 * 28

function change(name: string, changed: (content: Buffer) => Uint8Array): void {
  writeFileSync(path('data', name), changed(readFileSync(path('data', name))))
}

/** Replaces a number in the header of an IDX file: 0 is the magic number, then come the dimensions. */
const withField = (field: number, value: number) => (content: Buffer) => {
  content.writeUInt32BE(value, 4 * field)
  return content
}

/** Changes what is in a gzip file. */
const inside = (changed: (content: Buffer) => Uint8Array) => (content: Buffer) => gzipSync(changed(gunzipSync(content)))

/** How the tiny data is damaged, the file that the error names, and what the error says. */
const HOSTILE: [name: string, spoil: () => void, file: string, expected: string, found: string][] = [
  ['truncated', () => truncateSync(path('data', IMAGES), 5000), IMAGES, '235216 bytes for 300 x 28 x 28 images', '5000 bytes'],
  ['empty', () => truncateSync(path('data', TEST_LABELS), 0), TEST_LABELS, 'an IDX file of labels', 'an empty file'],
  ['no IDX', () => change(IMAGES, () => Buffer.from('PNG\n, or so')), IMAGES, '0x00 0x00 0x08 0x03', 'text that begins with "PNG'],
  ['of fewer floats than it says', () => change(IMAGES, withField(0, 0x0d03)), IMAGES, '940816 bytes for 300 x 28 x 28', '235216 bytes'],
  ['of an unknown type', () => change(IMAGES, withField(0, 0x0a03)), IMAGES, 'elements of a known type', '0x0a (unknown)'],
  ['of labels for images', () => change(IMAGES, withField(0, 0x0801)), IMAGES, '3 dimensions', '1 dimension'],
  ['without a column', () => change(IMAGES, withField(3, 0)), IMAGES, 'dimensions of at least 1', '300 x 28 x 0'],
  [
    'with fewer labels than images',
    () => change(TEST_LABELS, (content) => withField(1, 99)(content).subarray(0, -1)),
    TEST_LABELS,
    '100 labels, one for each image of',
    '99',
  ],
  [
    'with images of another size than those for training',
    () => change(TEST_IMAGES, () => gzipSync(idxFile([100, 14, 56], new Uint8Array(100 * IMAGE)))),
    TEST_IMAGES,
    'images of 28 x 28',
    'images of 14 x 56',
  ],
  ['with a byte too many', () => appendFileSync(path('data', IMAGES), 'x'), IMAGES, '235216 bytes', '235217 bytes'],
  ['of an absurd size', () => change(IMAGES, withField(2, 0xffffffff)), IMAGES, 'at most 4294967296 bytes', '300 x 4294967295 x 28'],
  ['with rows beyond measure', () => change(IMAGES, withField(3, 100_000)), IMAGES, 'at most 65536 x 65536 pixels', '300 x 28 x 100000'],
  ['gzip, truncated', () => truncateSync(path('data', TEST_IMAGES), 1000), TEST_IMAGES, 'intact gzip data', 'a truncated file'],
  ['gzip, damaged', () => change(TEST_IMAGES, (content) => content.fill(7, 500, 600)), TEST_IMAGES, 'intact gzip data', 'damaged'],
  ['gzip, with bytes behind', () => appendFileSync(path('data', TEST_IMAGES), '\0\0'), TEST_IMAGES, 'nothing after', '2 bytes'],
  [
    'gzip, truncated before it was compressed',
    () =>
      change(
        TEST_IMAGES,
        inside((bytes) => bytes.subarray(0, -1)),
      ),
    TEST_IMAGES,
    '78400 bytes',
    '78399 bytes',
  ],
  ['gzip, promising gigabytes', () => change(TEST_IMAGES, inside(withField(2, 40_000))), TEST_IMAGES, '112000000 bytes', 'cannot hold'],
]

describe.each(COMMANDS)('%s refuses', (_, args) => {
  test.each(HOSTILE)('a file %s', async (__, spoil, file, expected, found) => {
    spoil()
    await expectRefusal(args(), `${join('data', file)}: expected `, expected, ' but found ', found)
  })

  test('a folder in place of a file', async () => {
    rmSync(path('data', TEST_LABELS))
    mkdirSync(path('data', TEST_LABELS))
    await expectRefusal(args(), 'No t10k-labels file in data (looked for t10k-labels-idx1-ubyte, ')
  })

  test('a file in place of the folder', async () => {
    await expectRefusal(
      [...args(), '--data', join('data', IMAGES)],
      `${join('data', IMAGES)}: expected a whole data set but found one IDX file. `,
    )
  })

  test('a folder without such files', async () => {
    mkdirSync(path('other'))
    writeFileSync(path('other', 'notes.txt'), '')
    await expectRefusal([...args(), '--data', 'other'], 'other: expected IDX files named as those of MNIST', 'but found "notes.txt".')
  })

  test('data of one class', async () => {
    change(TEST_LABELS, (content) => content.fill(0, 8))
    change(
      'train-labels-idx1-ubyte.gz',
      inside((content) => content.fill(0, 8)),
    )
    const file = join('data', 'train-labels-idx1-ubyte.gz')
    await expectRefusal(args(), `${file}: expected labels of at least 2 classes but found only the label 0.`)
  })

  const testOnUnix = testOnPosix('special files of Unix')
  testOnUnix('a FIFO, without waiting for a writer', async () => {
    rmSync(path('data', IMAGES))
    expect(spawnSync('mkfifo', [path('data', IMAGES)]).status).toBe(0)
    await expectRefusal(args(), `${join('data', IMAGES)}: expected a regular file but found a FIFO (named pipe).`)
  })

  testAsOrdinaryUser('a file without permission', async () => {
    chmodSync(path('data', IMAGES), 0)
    const before = readdirSync(path(), { recursive: true })
    const { stderr, ...outcome } = await run(args(), ORDINARY_USER)
    expect(outcome).toEqual({ code: 1, signal: null, stdout: '' })
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^Error: Cannot read data.train-images.*: permission denied \(EACCES\)/)])
    expect(readdirSync(path(), { recursive: true })).toEqual(before)
  })
})

/** Checks: one line on stderr, none on stdout, exit code 1, and no new files. */
async function expectRefusal(args: readonly string[], ...parts: readonly string[]): Promise<void> {
  const before = readdirSync(path(), { recursive: true })
  const { stderr, ...outcome } = await run(args)
  expect(outcome).toEqual({ code: 1, signal: null, stdout: '' })
  expect(linesOf(stderr)).toEqual([expect.stringMatching(/^Error: /)])
  for (const part of parts) expect(stderr).toContain(part)
  expect(readdirSync(path(), { recursive: true })).toEqual(before)
}

/** The files determine the number of classes; a label is out of range when it was already determined by something else. */
describe('a label beyond the others', () => {
  const LAST = -1
  function raise(label: number): void {
    change(TEST_LABELS, (content) => content.fill(label, content.length + LAST))
  }

  test('of the test set only is refused by train', async () => {
    raise(11)
    const file = join('data', TEST_LABELS)
    const line = `${file}: expected labels from 0 to 9, as in the training set, but found 11 for image 99.`
    await expectRefusal(['train', ...TINY_RUN, '--epochs', '1'], line)
  })

  test.each(['evaluate', 'forward', 'hook'])('does not fit the model of %s', async (command) => {
    raise(11)
    const line = `${MODEL()}: expected a model for rows of 28 pixels and 12 classes but found one for 28 and 10.`
    await expectRefusal([command, ...TINY_DATA, '--model', MODEL()], line)
  })

  test('is counted by explore', async () => {
    raise(11)
    const { classes } = onlyEvent(await succeed(['explore', ...TINY_DATA, '--json']), 'explore')
    expect(classes.slice(9)).toEqual([expect.anything(), ...[10, 11].map((label) => ({ label, trainSamples: 0, testSamples: label - 10 }))])
  })

  test('of the training set makes more classes', async () => {
    change(
      'train-labels-idx1-ubyte.gz',
      inside((content) => content.fill(255, content.length - 1)),
    )
    const [start] = eventsOf(await succeed(['train', ...TINY_RUN, '--epochs', '1', '--json']))
    expect(start).toMatchObject({ options: { numClasses: 256 } })
  })
})

describe('memory', () => {
  const GIGABYTE = 1024 ** 3
  /** What Node and the program need, with some margin; far below what the decompression bombs would take. */
  const LIMIT_KIB = 400 * 1024

  /** A gzip file of a header and very many zeros: gzip data may have several members, and this repeats one. */
  function bomb(header: Uint8Array, zeros: number): Buffer {
    const member = gzipSync(Buffer.alloc(2 ** 24))
    return Buffer.concat([gzipSync(header), ...Array.from({ length: Math.ceil(zeros / 2 ** 24) }, () => member)])
  }

  /** Runs a command and measures its peak memory, in KiB. */
  async function peakOf(args: readonly string[]): Promise<{ stderr: string; code: number | null; peak: number }> {
    const preload = path('measure.cjs')
    const measure = "require('fs').writeFileSync(process.env.PEAK_FILE, String(process.resourceUsage().maxRSS))"
    writeFileSync(preload, `process.on('exit', () => ${measure})\n`)
    const { stderr, code } = await run(args, { env: { PEAK_FILE: path('peak'), NODE_OPTIONS: `--require=${preload}` } })
    return { stderr, code, peak: Number(readFileSync(path('peak'), 'utf8')) }
  }

  const count = TINY_TRAIN_SAMPLES
  const side = 2048 // 300 images of this size are more than a gigabyte.
  test.each<[string, string, Buffer, string]>([
    ['with more than it promises', IMAGES, bomb(idxFile([count, 28, 28], []), GIGABYTE), 'more bytes after decompression'],
    ['with all that it promises', IMAGES, bomb(idxFile([count, side, side], []), count * side * side), 'dimensions 300 x 2048 x 2048'],
    ['of labels', 'train-labels-idx1-ubyte.gz', bomb(idxFile([GIGABYTE], []), GIGABYTE), `dimensions ${GIGABYTE}`],
  ])('is not taken for a gzip bomb %s', async (_, file, content, found) => {
    expect(content.length).toBeLessThan(GIGABYTE / 500)
    writeFileSync(path('data', file), content)
    for (const [, args] of COMMANDS) {
      const { stderr, code, peak } = await peakOf(args())
      expect(code).toBe(1)
      expect(linesOf(stderr)).toEqual([expect.stringContaining(`${join('data', file)}: expected `)])
      expect(stderr).toContain(found)
      expect(peak).toBeLessThan(LIMIT_KIB)
    }
  })

  test('is not allocated for a plain file that claims gigabytes', async () => {
    change(IMAGES, withField(1, 5_000_000))
    for (const [, args] of COMMANDS) {
      const { stderr, code, peak } = await peakOf(args())
      expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('3920000016 bytes for 5000000 x 28 x 28 images') })
      expect(peak).toBeLessThan(LIMIT_KIB)
    }
  })
})
