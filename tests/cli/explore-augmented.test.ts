/** `explore --augment`: the picture is what a training sees, and the flags choose the changes as those of a training do. */
import { readdirSync, readFileSync } from 'node:fs'
import sharp from 'sharp'
import { ImageRNN, loadMnist } from '../../lib'
import { randomOrder } from '../../lib/data/philox'
import { eventsOf, eventsOfType, onlyEvent, TINY_DATA, useCommandLine } from '../support/command-line'

const { path, run, succeed } = useCommandLine()

const EXPLORE = ['explore', ...TINY_DATA, '--seed', '3', '--batch-size', '20', '--columns', '5']
const SIDE = 28
const MARGIN = 2

/** The pixels of one image of the picture. */
async function readImages(file: string, count: number): Promise<Uint8Array[]> {
  const { data, info } = await sharp(path(file)).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  return Array.from({ length: count }, (_, index) => {
    const left = MARGIN + (index % 5) * (SIDE + MARGIN)
    const top = MARGIN + Math.floor(index / 5) * (SIDE + MARGIN)
    const pixelAt = (pixel: number) => data[(top + Math.floor(pixel / SIDE)) * info.width + left + (pixel % SIDE)] as number
    return Uint8Array.from({ length: SIDE * SIDE }, (_, pixel) => pixelAt(pixel))
  })
}

/** What the network sees of each sample in the first epoch of a training with seed 3, as grey values. */
async function imagesOfFirstEpoch(options: object): Promise<Uint8Array[]> {
  const { train } = await loadMnist({ dir: path('data') })
  const model = new ImageRNN({ seed: 3, hiddenSize: 4, numLayers: 1, device: 'cpu', threads: 1 })
  const order = randomOrder(3, 'shuffle', 0, train.length)
  const images: Uint8Array[] = []
  let done = 0
  model.registerForwardHook('', ({ inputs: [batch] }) => {
    const values = batch?.data ?? new Float32Array()
    for (let start = 0; start < values.length; start += SIDE * SIDE) {
      images[order[done] as number] = Uint8Array.from(values.subarray(start, start + SIDE * SIDE), (value) => Math.round(255 * value))
      done += 1
    }
  })
  await model.train(train, { epochs: 1, ...options })
  model.dispose()
  return images
}

test('shows exactly what the first epoch of a training sees', async () => {
  const changes = { augmentShift: 3, augmentRotation: 25, augmentScale: 0.2, augmentShear: 10, augmentFlip: 0.5 }
  const turned = ['--augment-shift', '3', '--augment-rotation', '25', '--augment-scale', '0.2']
  const flags = [...turned, '--augment-shear', '10', '--augment-flip', '0.5']
  const stdout = await succeed([...EXPLORE, '--augment', ...flags, '--json'])
  const { samples, augmentation } = onlyEvent(stdout, 'explore')
  expect(augmentation).toEqual({ shift: 3, rotation: 25, scale: 0.2, shear: 10, flip: 0.5 })
  expect(eventsOfType(stdout, 'start')[0]?.options).toMatchObject(changes)
  const trained = await imagesOfFirstEpoch(changes)
  const shown = await readImages('explore.png', samples.length)
  expect(shown).toEqual(samples.map((sample) => trained[sample]))
  const plain = await imagesOfFirstEpoch({})
  expect(shown).not.toEqual(samples.map((sample) => plain[sample]))
})

test('alone, it takes the changes of the recipe accurate; the picture follows from the seed', async () => {
  const usual = { shift: 1.5, rotation: 8, scale: 0.08, shear: 0, flip: 0 }
  const { samples, augmentation } = onlyEvent(await succeed([...EXPLORE, '--augment', '--output', 'usual.png', '--json']), 'explore')
  expect(augmentation).toEqual(usual)
  const flags = ['--augment-shift', '1.5', '--augment-rotation', '8', '--augment-scale', '0.08']
  await succeed([...EXPLORE, ...flags, '--output', 'same.png'])
  const stdout = await succeed([...EXPLORE, '--output', 'plain.png', '--json'])
  const plain = onlyEvent(stdout, 'explore')
  expect(plain.samples).toEqual(samples)
  expect(plain.augmentation).toBeUndefined()
  expect(eventsOfType(stdout, 'start')[0]?.options).toMatchObject({ augmentShift: 0, augmentShear: 0, augmentFlip: 0 })
  const [first, same, other] = ['usual.png', 'same.png', 'plain.png'].map((name) => readFileSync(path(name))) as [Buffer, Buffer, Buffer]
  expect(same.equals(first)).toBe(true)
  expect(other.equals(first)).toBe(false)
})

test('says what it changed', async () => {
  const changed = /^20 images of 28 x 28 pixels: explore\.png\nChanged at random: shift 1\.5, rotation 45, scale 0\.08, shear 0, flip 0$/m
  expect(await succeed([...EXPLORE, '--augment', '--augment-rotation', '45'])).toMatch(changed)
  const flipped = '\nChanged at random: shift 0, rotation 0, scale 0, shear 0, flip 1\n'
  expect(await succeed([...EXPLORE, '--augment-flip', '1'])).toContain(flipped)
  expect(await succeed(EXPLORE)).not.toContain('Changed at random')
})

test('--augment-flip 1 mirrors every image, and nothing else', async () => {
  const { samples } = onlyEvent(await succeed([...EXPLORE, '--augment-flip', '1', '--json']), 'explore')
  await succeed([...EXPLORE, '--output', 'plain.png'])
  const plain = await readImages('plain.png', samples.length)
  const mirrored = plain.map((image) => image.map((_, pixel) => image[pixel - (pixel % SIDE) + SIDE - 1 - (pixel % SIDE)] as number))
  expect(await readImages('explore.png', samples.length)).toEqual(mirrored)
  expect(mirrored).not.toEqual(plain)
})

test('without libtorch, it says so and draws nothing', async () => {
  const { code, stdout } = await run([...EXPLORE, '--augment', '--json'], { env: { LIBTORCH: path('no-such-folder') } })
  expect(code).toBe(1)
  expect(eventsOf(stdout).at(-1)).toMatchObject({ type: 'error', code: 'ERR_LIBRARY_LOAD' })
  expect(readdirSync(path())).toEqual(['data'])
})
