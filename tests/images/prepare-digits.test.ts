/** Digits come out in the form of MNIST's images: longest side 20, centre of mass at pixel 14, white on black, one by one. */
import sharp from 'sharp'
import { type GreyPicture, loadMnist, type Mnist, prepareDigits, readDigits } from '../../lib'
import { expectError } from '../support/expect-error'

const SIZE = 28 * 28

let mnist: Mnist
beforeAll(async () => {
  mnist = await loadMnist()
})

/** A test image of MNIST. */
function mnistImage(index: number): Uint8Array {
  const { test } = mnist
  return Uint8Array.from(test.images(index, index + 1).data as Uint8Array)
}

async function greyOf(image: ReturnType<typeof sharp>): Promise<GreyPicture> {
  const { data, info } = await image.removeAlpha().toColourspace('b-w').raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: new Uint8Array(data) }
}

/** A test image as dark ink on paper, larger, and not in the middle. */
async function onPaper(index: number): Promise<GreyPicture> {
  const raw = { raw: { width: 28, height: 28, channels: 1 } } as const
  const large = sharp(mnistImage(index), raw).resize(196, 196, { kernel: 'cubic' }).negate()
  const picture = await greyOf(large)
  const placed = sharp(picture.pixels, { raw: { width: 196, height: 196, channels: 1 } })
  return await greyOf(placed.extend({ top: 10, bottom: 90, left: 130, right: 20, background: '#ffffff' }))
}

async function drawn(inside: string, width = 300, height = 200): Promise<GreyPicture> {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><rect width="100%" height="100%" fill="#fff"/>${inside}</svg>`
  return await greyOf(sharp(Buffer.from(text)))
}

/** A stroke like a 1, from top to bottom. */
function stroke(x: number, top: number, bottom: number, width = 8, colour = '#000'): string {
  return `<line x1="${x}" y1="${top}" x2="${x}" y2="${bottom}" stroke="${colour}" stroke-width="${width}"/>`
}

function ring(x: number, y: number, radius: number): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" fill="none" stroke="#000" stroke-width="8"/>`
}

/** Box and centre of mass of an image of 28 x 28 pixels. */
function measure(image: Uint8Array) {
  const inked = Array.from(image.keys()).filter((index) => image[index] !== 0)
  const [columns, rows] = [inked.map((index) => index % 28), inked.map((index) => Math.floor(index / 28))]
  const side = (places: number[]) => Math.max(...places) - Math.min(...places) + 1
  const mass = image.reduce((sum, value) => sum + value, 0)
  const centre = (place: (index: number) => number) => image.reduce((sum, value, index) => sum + value * place(index), 0) / mass
  return {
    longest: Math.max(side(columns), side(rows)),
    x: centre((index) => index % 28),
    y: centre((index) => Math.floor(index / 28)),
    mass,
  }
}

test('the longest side is 20, and the centre of mass is pixel 14, by whole pixels', async () => {
  for (let index = 0; index < 20; index += 1) {
    const { data, shape, boxes } = await prepareDigits(await onPaper(index))
    expect([shape, boxes.length]).toEqual([[1, 28, 28], 1])
    const { longest, x, y } = measure(data)
    expect(longest).toBe(20)
    expect(Math.abs(x - 14)).toBeLessThanOrEqual(0.5)
    expect(Math.abs(y - 14)).toBeLessThanOrEqual(0.5)
  }
})

test('digits of MNIST come back nearly as they were', async () => {
  const differences: number[] = []
  for (let index = 0; index < 20; index += 1) {
    const [{ data }, image] = [await prepareDigits(await onPaper(index)), mnistImage(index)]
    differences.push(data.reduce((sum, value, pixel) => sum + Math.abs(value - (image[pixel] as number)), 0) / SIZE)
  }
  // Mean ink is 33 of 255.
  expect(differences.reduce((sum, each) => sum + each, 0) / differences.length).toBeLessThan(9)
})

test('a picture in that form already stays as it is; so does one with black and white exchanged', async () => {
  for (let index = 0; index < 20; index += 1) {
    const pixels = mnistImage(index)
    expect((await prepareDigits({ width: 28, height: 28, pixels })).data).toEqual(pixels)
    expect((await prepareDigits({ width: 28, height: 28, pixels: pixels.map((value) => 255 - value) })).data).toEqual(pixels)
  }
})

test('light on dark gives what dark on light gives', async () => {
  const picture = await onPaper(0)
  const { data } = await prepareDigits(picture)
  const inverted = await prepareDigits({ ...picture, pixels: picture.pixels.map((grey) => 255 - grey) })
  const difference = data.reduce((sum, value, pixel) => sum + Math.abs(value - (inverted.data[pixel] as number)), 0) / SIZE
  expect(difference).toBeLessThan(1)
})

test('a gradient and a shadow on the paper change little', async () => {
  const picture = await onPaper(0)
  const lit = picture.pixels.map((grey, index) => {
    const [x, y] = [index % picture.width, Math.floor(index / picture.width)]
    return Math.round(grey * (0.4 + (0.5 * x) / picture.width) * (y > 150 ? 0.7 : 1))
  })
  const [plain, shaded] = [await prepareDigits(picture), await prepareDigits({ ...picture, pixels: lit })]
  expect(shaded.boxes).toEqual(plain.boxes)
  // Pixel by pixel they may differ: a centre of mass between two pixels can be moved to either.
  expect(Math.abs(measure(shaded.data).mass / measure(plain.data).mass - 1)).toBeLessThan(0.03)
})

test('several digits are read row by row, from left to right, as they stand in the picture', async () => {
  const shapes = [stroke(40, 30, 90), ring(110, 58, 26), stroke(200, 22, 84), ring(50, 150, 26), stroke(120, 120, 180)]
  const { boxes, shape } = await prepareDigits(await drawn([...shapes].reverse().join('')))
  expect(shape).toEqual([5, 28, 28])
  expect(boxes.map(({ left, top }) => [left, top])).toEqual([
    [36, 30],
    [80, 28],
    [196, 22],
    [20, 120],
    [116, 120],
  ])
  expect(boxes[0]).toEqual({ left: 36, top: 30, width: 8, height: 60 })
})

test('the bar of a 5, and the pieces of a broken stroke, belong to their digit', async () => {
  const bar = '<line x1="60" y1="40" x2="110" y2="36" stroke="#000" stroke-width="8"/>'
  const { boxes } = await prepareDigits(await drawn(`${bar}${ring(80, 84, 30)}${stroke(200, 40, 92)}${stroke(200, 98, 118)}`))
  expect(boxes).toHaveLength(2)
})

test('specks, and what touches the border, are left out', async () => {
  const dirt = '<rect width="12" height="200"/><circle cx="250" cy="30" r="2"/><circle cx="30" cy="180" r="4"/>'
  expect((await prepareDigits(await drawn(`${dirt}${ring(120, 100, 40)}`))).boxes).toEqual([{ left: 76, top: 56, width: 88, height: 88 }])
})

test('a digit that was cropped closely may touch the border', async () => {
  const { boxes } = await prepareDigits(await drawn(stroke(30, 0, 80), 60, 80))
  expect(boxes).toHaveLength(1)
})

test('thin and thick pens give strokes as MNIST has them', async () => {
  const masses: number[] = []
  for (const width of [2, 12, 40]) {
    const { data, boxes } = await prepareDigits(
      await drawn(`<circle cx="150" cy="100" r="70" fill="none" stroke="#000" stroke-width="${width}"/>`),
    )
    expect(boxes).toHaveLength(1)
    masses.push(measure(data).mass / 255)
  }
  // Rings of 20 pixels, 1.6 to 3.6 pixels wide: pi * (20 - width) * width.
  for (const [index, width] of [1.6, (20 * 12) / 152, 3.6].entries()) {
    const expected = Math.PI * (20 - Math.max(1.6, width)) * Math.max(1.6, width)
    expect(Math.abs((masses[index] as number) / expected - 1)).toBeLessThan(0.15)
  }
})

test('paper without a digit gives none, whatever its noise', async () => {
  const blank = await drawn('')
  expect(await prepareDigits(blank)).toEqual({ data: new Uint8Array(0), shape: [0, 28, 28], boxes: [] })
  let state = 1
  const noisy = blank.pixels.map((_, index) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.round((150 + (state >>> 27)) * (1 - (0.5 * (index % 300)) / 300))
  })
  expect((await prepareDigits({ ...blank, pixels: noisy })).boxes).toEqual([])
})

test.each([
  [1, 1],
  [1, 300],
  [300, 1],
  [3, 2],
  [2000, 12],
])('a picture of %i x %i pixels is too narrow for a digit, and no failure', async (width, height) => {
  const pixels = Uint8Array.from({ length: width * height }, (_, index) => (index % 3) * 100)
  expect((await prepareDigits({ width, height, pixels })).shape[0]).toBeLessThan(2)
})

test('boxes are in pixels of a large picture, upright', async () => {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" width="3000" height="2000"><rect width="100%" height="100%" fill="#fff"/>${stroke(1000, 500, 1500, 100)}</svg>`
  const { data, info } = await sharp(Buffer.from(text)).jpeg().withMetadata({ orientation: 8 }).toBuffer({ resolveWithObject: true })
  expect(info.width).toBe(3000)
  const [box] = (await readDigits(data)).boxes
  // Turned to the left: 2000 x 3000; what was at x = 1000 is 2000 pixels from the top.
  const expected = { left: 500, top: 1950, width: 1000, height: 100 }
  for (const [name, value] of Object.entries(expected)) expect(Math.abs((box?.[name as 'left'] ?? 0) - value)).toBeLessThan(12)
})

test('what is no picture is refused', async () => {
  await expectError(
    () => prepareDigits({ width: 2, height: 2, pixels: new Uint8Array(3) }),
    'ERR_INVALID_ARGUMENT',
    'Expected width, height, and width x height bytes of grey for the picture but received a Uint8Array of 3.',
  )
  await expectError(
    () => prepareDigits({ width: 0, height: 2, pixels: new Uint8Array(0) }),
    'ERR_INVALID_ARGUMENT',
    'received an array of 2',
  )
  await expectError(() => readDigits(7 as unknown as string), 'ERR_INVALID_ARGUMENT', 'received 7 (number)')
})
