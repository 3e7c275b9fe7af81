/** `explore`: the picture, the numbers and the preview, compared with the files of the data set. */
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import sharp from 'sharp'
import type { GreyPicture } from '../../lib/images/grey-picture'
import { drawPreview, toHalfBlocks } from '../../lib/images/half-blocks'
import { eventsOf, linesOf, MAIN, onlyEvent, TINY_DATA, useCommandLine } from '../support/command-line'
import { runCommand } from '../support/run-program'
import { describeWithTerminal, terminalCommand } from '../support/terminal'
import { TINY_TEST_SAMPLES, TINY_TRAIN_SAMPLES } from '../support/tiny-mnist'

const { path, run, succeed } = useCommandLine()

const EXPLORE = ['explore', ...TINY_DATA]
const SIDE = 28
const MARGIN = 2

/** What follows the header of an IDX file of the tiny data. */
function bytesOf(name: string): Buffer {
  const isImages = name.includes('images')
  const isPacked = readdirSync(path('data')).includes(`${name}.gz`)
  const content = readFileSync(path('data', isPacked ? `${name}.gz` : name))
  return (isPacked ? gunzipSync(content) : content).subarray(isImages ? 16 : 8)
}

async function decode(file: string) {
  const { data, info } = await sharp(path(file)).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  return { pixels: data, width: info.width, height: info.height, channels: info.channels }
}

/** Writes an IDX file: the dimensions, then the bytes. */
function writeIdx(name: string, shape: readonly number[], bytes: Uint8Array): void {
  mkdirSync(path('other'), { recursive: true })
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.writeUInt32BE(0x800 + shape.length)
  for (const [index, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * index)
  writeFileSync(path('other', name), Buffer.concat([header, bytes]))
}

describe('the picture', () => {
  test('is the batch, 15 images in a row, with black margins', async () => {
    const { samples, labels, width, height, file } = onlyEvent(await succeed([...EXPLORE, '--json']), 'explore')
    expect(file).toBe('explore.png')
    expect(samples).toHaveLength(128)
    expect(new Set(samples).size).toBe(128)
    const [images, classes] = [bytesOf('train-images-idx3-ubyte'), bytesOf('train-labels-idx1-ubyte')]
    expect(labels).toEqual(samples.map((sample) => classes[sample]))

    const picture = await decode(file)
    const columns = 15
    const rows = 9 // 128 / 15, the last one with 8 images
    expect([width, height]).toEqual([columns * (SIDE + MARGIN) + MARGIN, rows * (SIDE + MARGIN) + MARGIN])
    expect(picture).toMatchObject({ width, height, channels: 1 })
    const expected = Buffer.alloc(width * height)
    for (const [index, sample] of samples.entries()) {
      const left = MARGIN + (index % columns) * (SIDE + MARGIN)
      const top = MARGIN + Math.floor(index / columns) * (SIDE + MARGIN)
      for (let y = 0; y < SIDE; y += 1) {
        const start = (sample * SIDE + y) * SIDE
        expected.set(images.subarray(start, start + SIDE), (top + y) * width + left)
      }
    }
    expect(picture.pixels.equals(expected)).toBe(true)
  })

  test('depends on the seed, and replaces an existing one', async () => {
    await succeed([...EXPLORE, '--output', 'first.png'])
    await succeed([...EXPLORE, '--output', 'second.png', '--seed', '1'])
    await succeed([...EXPLORE, '--output', 'other.png', '--seed', '2'])
    const [first, second, other] = ['first.png', 'second.png', 'other.png'].map((name) => readFileSync(path(name))) as [
      Buffer,
      Buffer,
      Buffer,
    ]
    expect(second.equals(first)).toBe(true)
    expect(other.equals(first)).toBe(false)
    await succeed([...EXPLORE, '--output', 'first.png', '--seed', '2'])
    expect(readFileSync(path('first.png')).equals(other)).toBe(true)
    expect(readdirSync(path()).sort()).toEqual(['data', 'first.png', 'other.png', 'second.png'])
  })

  test('has the requested number of images and columns, but no more than exist', async () => {
    const few = onlyEvent(await succeed([...EXPLORE, '--batch-size', '3', '--json']), 'explore')
    expect([few.samples.length, few.width, few.height]).toEqual([3, 3 * 30 + 2, 30 + 2])
    const all = onlyEvent(await succeed([...EXPLORE, '--batch-size', '5000', '--columns', '20', '--json']), 'explore')
    expect([...all.samples].sort((a, b) => a - b)).toEqual(Array.from({ length: TINY_TRAIN_SAMPLES }, (_, sample) => sample))
    expect([all.width, all.height]).toEqual([20 * 30 + 2, 15 * 30 + 2])
  })

  test('shows images of another size; the numbers cover other classes', async () => {
    const train = Uint8Array.from({ length: 5 * 3 * 4 }, (_, index) => 10 + index)
    writeIdx('train-images-idx3-ubyte', [5, 3, 4], train)
    writeIdx('train-labels-idx1-ubyte', [5], Uint8Array.of(0, 2, 2, 0, 2))
    writeIdx('t10k-images-idx3-ubyte', [1, 3, 4], new Uint8Array(12).fill(51))
    writeIdx('t10k-labels-idx1-ubyte', [1], Uint8Array.of(3))
    const event = onlyEvent(await succeed(['explore', '--data', 'other', '--columns', '2', '--json']), 'explore')
    expect(event).toMatchObject({ imageShape: [3, 4], width: 2 * 6 + 2, height: 3 * 5 + 2 })
    expect(event.classes).toEqual([
      { label: 0, trainSamples: 2, testSamples: 0 },
      { label: 1, trainSamples: 0, testSamples: 0 },
      { label: 2, trainSamples: 3, testSamples: 0 },
      { label: 3, trainSamples: 0, testSamples: 1 },
    ])
    expect(event.pixels.test).toEqual({ mean: 0.2, standardDeviation: 0, minimum: 0.2, maximum: 0.2 })
    expect(event.pixels.train).toMatchObject({ minimum: 10 / 255, maximum: 69 / 255 })
    const { pixels, width } = await decode('explore.png')
    for (const [index, sample] of event.samples.entries()) {
      const [left, top] = [2 + (index % 2) * 6, 2 + Math.floor(index / 2) * 5]
      const lastRow = (top + 2) * width + left
      expect(Array.from(pixels.subarray(lastRow, lastRow + 4))).toEqual([8, 9, 10, 11].map((pixel) => 10 + sample * 12 + pixel))
    }
  })
})

describe('the numbers', () => {
  function statistics(bytes: Buffer) {
    const scaled = Array.from(bytes, (grey) => grey / 255)
    const mean = scaled.reduce((sum, value) => sum + value, 0) / scaled.length
    const variance = scaled.reduce((sum, value) => sum + (value - mean) ** 2, 0) / scaled.length
    return { mean, standardDeviation: Math.sqrt(variance), minimum: 0, maximum: 1 }
  }

  test('are those of the files', async () => {
    const [start, explore, ...others] = eventsOf(await succeed([...EXPLORE, '--json', '--seed', '3']))
    expect(others).toEqual([{ type: 'done', seconds: expect.any(Number) }])
    expect(start).toMatchObject({ type: 'start', command: 'explore', trainSamples: TINY_TRAIN_SAMPLES, testSamples: TINY_TEST_SAMPLES })
    expect(start).toMatchObject({ options: { batchSize: 128, columns: 15, seed: 3 } })
    if (explore?.type !== 'explore') throw new Error(`Expected an explore event but received ${explore?.type}.`)
    const [train, test] = [bytesOf('train-labels-idx1-ubyte'), bytesOf('t10k-labels-idx1-ubyte')]
    const count = (labels: Buffer, label: number) => labels.filter((value) => value === label).length
    expect(explore.classes).toEqual(
      Array.from({ length: 10 }, (_, label) => ({ label, trainSamples: count(train, label), testSamples: count(test, label) })),
    )
    for (const [part, name] of [
      ['train', 'train-images-idx3-ubyte'],
      ['test', 't10k-images-idx3-ubyte'],
    ] as const) {
      const expected = statistics(bytesOf(name))
      const { mean, standardDeviation, ...range } = explore.pixels[part]
      expect(mean).toBeCloseTo(expected.mean, 10)
      expect(standardDeviation).toBeCloseTo(expected.standardDeviation, 10)
      expect(range).toEqual({ minimum: 0, maximum: 1 })
    }
  })

  test('of the bundled MNIST are the known ones, and readable at 60 columns; libtorch is not needed', async () => {
    const stdout = await succeed(['explore'], { env: { LIBTORCH: join(__dirname, 'no-such-folder') } })
    for (const line of linesOf(stdout)) expect(line.length).toBeLessThanOrEqual(60)
    expect(stdout).toMatch(/^Mean +0\.1307 +0\.1325$/m)
    expect(stdout).toMatch(/^Standard deviation +0\.3081 +0\.3105$/m)
    expect(stdout).toMatch(/^0 +5923 +980$/m)
    expect(stdout).toMatch(/^All +60000 +10000$/m)
    expect(stdout).toMatch(/^128 images of 28 x 28 pixels: explore\.png$/m)
    expect(stdout).not.toMatch(/[▀▄█]/) // No terminal, no preview.
  })
})

describe('the preview', () => {
  const image = (width: number, height: number): GreyPicture => ({ width, height, pixels: new Uint8Array(width * height).fill(255) })
  const ESCAPE = '\u001b'
  const ANSI = new RegExp(`${ESCAPE}\\[[0-9;]*m`, 'g')

  test('shows two pixels in a character', () => {
    const picture = { width: 4, height: 3, pixels: Uint8Array.of(0, 255, 0, 255, 0, 0, 255, 255, 255, 0, 0, 0) }
    expect(toHalfBlocks(picture, false)).toEqual([' ▀▄█', '▀   '])
    const shades = toHalfBlocks({ width: 2, height: 2, pixels: Uint8Array.of(1, 2, 3, 4) }, true)
    expect(shades).toEqual(['\u001b[38;2;1;1;1;48;2;3;3;3m▀\u001b[38;2;2;2;2;48;2;4;4;4m▀\u001b[0m'])
  })

  test.each([1, 2, 7, 10, 30, 59, 79, 120, 300])('fits into %d columns, shaded or not', (columns) => {
    for (const [width, height] of [
      [28, 28],
      [5, 3],
      [200, 40],
      [1, 100],
      [1, 1],
    ] as const) {
      for (const count of [1, 3, 128]) {
        const images = Array.from({ length: count }, () => image(width, height)) as [GreyPicture, ...GreyPicture[]]
        const [plain, shaded] = [false, true].map((hasShades) => drawPreview(images, columns, hasShades)) as [string[], string[]]
        expect(Math.max(...plain.map((line) => line.length))).toBeGreaterThan(0)
        expect(plain.length).toBeLessThanOrEqual(2 * 14 + 1)
        for (const line of [...plain, ...shaded.map((text) => text.replaceAll(ANSI, ''))]) expect(line.length).toBeLessThanOrEqual(columns)
      }
    }
  })

  test('shows four digits side by side at 60 columns, each half as large', () => {
    const images = Array.from({ length: 128 }, () => image(28, 28)) as [GreyPicture, ...GreyPicture[]]
    const row = Array.from({ length: 7 }, () => Array.from({ length: 4 }, () => '█'.repeat(14)).join(' '))
    expect(drawPreview(images, 59, false)).toEqual([...row, '', ...row])
  })

  /** Runs explore in a terminal of 60 columns. */
  async function inTerminal(args: readonly string[], env: Record<string, string | undefined>): Promise<string> {
    const plain = { COLORTERM: undefined, NO_COLOR: undefined, FORCE_COLOR: undefined, CI: undefined, TMUX: undefined, TERM: 'xterm' }
    const settings = { cwd: path(), env: { ...plain, TERM_PROGRAM: undefined, ...env } }
    const [command, ...rest] = terminalCommand([process.execPath, MAIN, ...EXPLORE, ...args])
    const { code, stdout } = await runCommand(command, rest, settings)
    expect(code).toBe(0)
    return stdout.replaceAll('\r', '')
  }

  describeWithTerminal('in a terminal', () => {
    const TRUE_COLOUR = { COLORTERM: 'truecolor', TERM: 'xterm-256color' }

    test('is grey when the terminal shows all colours, and never wider', async () => {
      const stdout = await inTerminal([], TRUE_COLOUR)
      expect(stdout).toMatch(new RegExp(`${ESCAPE}\\[38;2;\\d+;\\d+;\\d+;48;2;\\d+;\\d+;\\d+m▀`))
      for (const line of linesOf(stdout)) expect(line.replaceAll(ANSI, '').length).toBeLessThanOrEqual(60)
    })

    test.each<[string, Record<string, string>]>([
      ['where NO_COLOR is set', { ...TRUE_COLOUR, NO_COLOR: '1' }],
      ['where the terminal shows few colours', { TERM: 'xterm' }],
    ])('is plain %s', async (_, env) => {
      const stdout = await inTerminal([], env)
      expect(stdout).toMatch(/[▀▄█]/)
      expect(stdout).not.toContain('\u001b')
      for (const line of linesOf(stdout)) expect(line.length).toBeLessThanOrEqual(60)
    })

    test.each([['--no-preview'], ['--quiet'], ['--json']])('is left out with %s', async (flag) => {
      expect(await inTerminal([flag], TRUE_COLOUR)).not.toMatch(new RegExp(`[▀▄█${ESCAPE}]`))
    })
  })
})

describe('ends with one line and nothing written', () => {
  test.each<[string, string[], number, string]>([
    ['a folder that is missing', ['--output', join('nowhere', 'x.png')], 1, 'its folder does not exist'],
    ['a folder as output', ['--output', 'data'], 1, 'it is a folder'],
    ['no name', ['--output', ''], 2, 'Expected the path of a file.'],
    ['no columns', ['--columns', '0'], 2, 'Expected an integer from 1 to 65536.'],
    ['data that is missing', ['--data', 'nowhere'], 1, 'Cannot read nowhere: it does not exist'],
  ])('%s', async (_, args, expected, part) => {
    const { code, stdout, stderr } = await run([...EXPLORE, ...args])
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr).toContain(part)
    expect(stderr).not.toMatch(/^\s+at /m)
    const withJson = await run([...EXPLORE, ...args, '--json'])
    expect(eventsOf(withJson.stdout).map(({ type }) => type)).toEqual(expected === 2 ? ['error'] : ['start', 'error'])
    expect(readdirSync(path())).toEqual(['data'])
  })

  test('a picture with too many pixels for image libraries', async () => {
    const [count, side] = [1400, 65536] // As a column with margins: 65540 x 4202 pixels, above 16383 x 16383.
    writeIdx('train-images-idx3-ubyte', [count, 1, side], new Uint8Array())
    truncateSync(path('other', 'train-images-idx3-ubyte'), 16 + count * side)
    writeIdx('train-labels-idx1-ubyte', [count], new Uint8Array(count).fill(1))
    writeIdx('t10k-images-idx3-ubyte', [1, 1, side], new Uint8Array(side))
    writeIdx('t10k-labels-idx1-ubyte', [1], Uint8Array.of(0))
    const { code, stdout, stderr } = await run(['explore', '--data', 'other', '--batch-size', '5000', '--columns', '1'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(linesOf(stderr)).toEqual([expect.stringMatching(/^Error: .* received 65540 x 4202\. Choose a smaller --batch-size/)])
    expect(readdirSync(path()).sort()).toEqual(['data', 'other'])
  })
})
