/** The PNG images in pictures, read by sharp. */
import sharp from 'sharp'
import { encodePng } from '../../lib/images/encode-png'

test.each([
  [1, 1],
  [3, 2],
  [1, 300],
  [300, 1],
])('pixels of %d x %d come back as they were', async (width, height) => {
  const pixels = Uint8Array.from({ length: 4 * width * height }, (_, index) => (37 * index) % 256)
  const png = await encodePng(pixels, width, height)
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true })
  expect(info).toMatchObject({ width, height, channels: 4 })
  expect(new Uint8Array(data)).toEqual(pixels)
})

test('the same pixels give the same bytes', async () => {
  const pixels = new Uint8Array(4 * 28 * 28).fill(200)
  expect(await encodePng(pixels, 28, 28)).toEqual(await encodePng(pixels, 28, 28))
})
