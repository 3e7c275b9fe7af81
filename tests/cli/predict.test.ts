/** `predict` reads pictures, shows what it saw, and goes on after those that it has to refuse. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { ImageRNN, loadMnist } from '../../lib'
import { eventsOf, eventsOfType, lastEvent, MAIN, onlyEvent, TINY_RUN, useCommandLine } from '../support/command-line'
import { REPOSITORY, startNode } from '../support/run-program'

const { path, run, succeed } = useCommandLine()

const PHOTOS = join(REPOSITORY, 'tests', 'fixtures', 'pictures', 'photos')
/** A photograph of each of some digits. */
const PHOTO_OF = (digit: number) => join(PHOTOS, readdirSync(PHOTOS).find((name) => name.startsWith(`${digit}-`)) as string)

const PLACE = ['--threads', '1']

function copyPhoto(digit: number, name: string): void {
  copyFileSync(PHOTO_OF(digit), path(name))
}

/** A sheet with several digits of MNIST's test set, dark on light, from left to right. */
async function writeSheet(name: string, indices: readonly number[]): Promise<number[]> {
  const { test } = await loadMnist()
  const composite = await Promise.all(
    indices.map(async (index, place) => {
      const pixels = Uint8Array.from(test.images(index, index + 1).data as Uint8Array, (value) => 255 - value)
      const large = sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } }).resize(112, 112, { kernel: 'cubic' })
      return { input: await large.png().toBuffer(), left: 20 + place * 120, top: 30 }
    }),
  )
  const sheet = { width: 40 + indices.length * 120, height: 180, channels: 3, background: '#ffffff' } as const
  await sharp({ create: sheet }).composite(composite).png().toFile(path(name))
  return indices.map((index) => test.labels[index] as number)
}

test('the model of the package reads a photograph where there is no run', async () => {
  copyPhoto(4, 'four.jpg')
  const stdout = await succeed(['predict', 'four.jpg', ...PLACE])
  expect(stdout).toContain('Model: the one that comes with this package')
  expect(stdout).toMatch(/^four\.jpg: 4, \d+\.\d\d % \(then \d, \d+\.\d\d %\)\n$/m)
  expect(await succeed(['predict', 'four.jpg', '--quiet', ...PLACE])).toMatch(/^four\.jpg: 4, .*\n$/)
})

test('--json: a line for each digit, in reading order', async () => {
  const labels = await writeSheet('sheet.png', [0, 1, 2, 3, 4])
  const stdout = await succeed(['predict', 'sheet.png', '--json', ...PLACE])
  expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', ...labels.map(() => 'prediction'), 'done'])
  const start = onlyEvent(stdout, 'start')
  expect(start).toMatchObject({ command: 'predict', parameters: 119_110, model: join(REPOSITORY, 'models', 'mnist', 'model.safetensors') })
  const predictions = eventsOfType(stdout, 'prediction')
  expect(predictions.map((event) => event.class)).toEqual(labels)
  expect(predictions.map(({ digit, digits, file }) => [file, digit, digits])).toEqual(labels.map((_, digit) => ['sheet.png', digit, 5]))
  for (const { probability, probabilities, class: best, box } of predictions) {
    expect(probabilities).toHaveLength(10)
    expect(probability).toBe(Math.max(...probabilities))
    expect(probabilities[best]).toBe(probability)
    expect(probabilities.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 5)
    expect(box.height).toBeGreaterThan(60)
  }
  const lefts = predictions.map(({ box }) => box.left)
  expect(lefts).toEqual([...lefts].sort((a, b) => a - b))
})

test('a picture from standard input', async () => {
  const program = startNode([MAIN, 'predict', '-', '--json', ...PLACE], {
    cwd: path(),
    env: { TORCH_RNN_MNIST_CUDA: '0' },
    input: readFileSync(PHOTO_OF(7)),
  })
  const { code, stdout } = await program.ended
  expect(code).toBe(0)
  expect(onlyEvent(stdout, 'prediction')).toMatchObject({ file: '-', class: 7 })
})

test('patterns that no shell expanded, in the order of their numbers; names that look like patterns', async () => {
  mkdirSync(path('scans', 'more'), { recursive: true })
  for (const name of ['scans/10.jpg', 'scans/9.jpg', 'scans/more/1.jpg', '[1].jpg']) copyPhoto(3, name)
  const filesOf = (stdout: string) => eventsOfType(stdout, 'prediction').map(({ file }) => file)
  expect(filesOf(await succeed(['predict', 'scans/*.jpg', '--json', ...PLACE]))).toEqual(['scans/9.jpg', 'scans/10.jpg'])
  expect(filesOf(await succeed(['predict', 'scans/**/*.jpg', '[1].jpg', '--json', ...PLACE]))).toHaveLength(4)
  expect(filesOf(await succeed(['predict', path('scans', '9*'), '--json', ...PLACE]))).toEqual([path('scans', '9.jpg')])
})

test('what cannot be read is refused by its name, the rest is read, and the end is a failure', async () => {
  copyPhoto(2, 'two.jpg')
  writeFileSync(path('cut.jpg'), readFileSync(PHOTO_OF(2)).subarray(0, 1500))
  writeFileSync(path('text.png'), 'no picture')
  await sharp({ create: { width: 9000, height: 9000, channels: 3, background: '#ffffff' } })
    .png()
    .toFile(path('bomb.png'))
  mkdirSync(path('folder'))
  const bad = ['cut.jpg', 'text.png', 'bomb.png', 'folder', 'missing.png', 'none-*.png']
  if (process.platform !== 'win32') execFileSync('mkfifo', [path('fifo')])
  if (process.platform !== 'win32') bad.push('fifo')
  const { code, stdout, stderr } = await run(['predict', ...bad, 'two.jpg', '--json', ...PLACE])
  expect([code, stderr]).toEqual([1, ''])
  const failures = eventsOfType(stdout, 'failure')
  expect(failures.map(({ file }) => file)).toEqual(bad)
  expect(failures.map(({ message }) => message).filter((message) => message.includes('\n'))).toEqual([])
  expect(failures[2]?.message).toBe('bomb.png: expected a picture of at most 64000000 pixels but found more. Make it smaller first.')
  expect(onlyEvent(stdout, 'prediction')).toMatchObject({ file: 'two.jpg', class: 2 })
  expect(lastEvent(stdout, 'error').message).toBe(`${bad.length} of ${bad.length + 1} pictures could not be read.`)
})

test('as text, failures go to stderr, one line each', async () => {
  copyPhoto(2, 'two.jpg')
  writeFileSync(path('text.png'), 'no picture')
  const { code, stdout, stderr } = await run(['predict', 'text.png', 'two.jpg', '--quiet', ...PLACE])
  expect(code).toBe(1)
  expect(stdout).toMatch(/^two\.jpg: 2, .*\n$/)
  expect(stderr.split('\n')).toEqual([
    expect.stringMatching(/^Error: text\.png: expected a PNG, /),
    'Error: 1 of 2 pictures could not be read.',
    '',
  ])
})

test('a picture without a digit says so, and is no failure', async () => {
  await sharp({ create: { width: 300, height: 200, channels: 3, background: '#eeeeee' } })
    .png()
    .toFile(path('blank.png'))
  expect(await succeed(['predict', 'blank.png', '--quiet', ...PLACE])).toBe('blank.png: no digit found\n')
  expect(onlyEvent(await succeed(['predict', 'blank.png', '--json', ...PLACE]), 'noDigit')).toEqual({ type: 'noDigit', file: 'blank.png' })
})

test("the newest run's model comes before that of the package, --model before both", async () => {
  copyPhoto(2, 'two.jpg')
  await succeed([...TINY_RUN, '--epochs', '1', '--run', 'runs/one', '--output', 'tiny.safetensors', '--quiet'])
  const asked = async (...args: string[]) => onlyEvent(await succeed(['predict', 'two.jpg', '--json', ...PLACE, ...args]), 'start').model
  expect(await asked()).toBe(join('runs', 'one', 'model.safetensors'))
  expect(await asked('--model', 'tiny.safetensors')).toBe('tiny.safetensors')
})

test('--as-is takes the picture for the image', async () => {
  const { test: images } = await loadMnist()
  const pixels = Uint8Array.from(images.images(3, 4).data as Uint8Array)
  const shifted = new Uint8Array(784)
  shifted.set(pixels.subarray(0, 756), 28) // One row lower, which the preparation would undo.
  await sharp(shifted, { raw: { width: 28, height: 28, channels: 1 } })
    .png()
    .toFile(path('shifted.png'))
  using model = await ImageRNN.loadBundled({ threads: 1 })
  const expected = await model.predict({ data: shifted, shape: [28, 28] })
  const event = onlyEvent(await succeed(['predict', 'shifted.png', '--as-is', '--json', ...PLACE]), 'prediction')
  expect(event.probabilities).toEqual(Array.from(expected.probabilities.data))
  await sharp(shifted, { raw: { width: 56, height: 14, channels: 1 } })
    .png()
    .toFile(path('wide.png'))
  const { code, stderr } = await run(['predict', 'wide.png', '--as-is', '--quiet', ...PLACE])
  expect(code).toBe(1)
  expect(stderr).toContain('wide.png: expected a picture 28 pixels wide, as the model reads rows, but found 56 x 14.')
})

test('wrong usage', async () => {
  expect(await run(['predict'])).toMatchObject({ code: 2, stderr: expect.stringContaining("missing required argument 'files'") })
  expect(await run(['predict', '-', '-'])).toMatchObject({ code: 2, stderr: expect.stringContaining('can be read once only') })
})
