/** Any picture becomes grey values; what is broken, huge or no picture is refused, quickly and with little memory. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { decodePicture } from '../../lib/images/decode-picture'
import { expectError } from '../support/expect-error'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const GREY = { create: { width: 8, height: 4, channels: 3, background: { r: 128, g: 128, b: 128 } } } as const
const FORMATS = ['png', 'jpeg', 'webp', 'avif', 'tiff', 'gif'] as const

/** Left half black, right half white. */
function halves(width: number, height: number) {
  return sharp(
    Uint8Array.from({ length: width * height }, (_, index) => (index % width < width / 2 ? 0 : 255)),
    {
      raw: { width, height, channels: 1 },
    },
  )
}

/** Pixels that no compression makes small. */
function noise(width: number, height: number) {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, index) => (Math.imul(index + 1, 2654435761) >>> 13) & 255)
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

function svg(inside: string, size = 'width="28" height="14"'): Uint8Array {
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${size}>${inside}</svg>`)
}

/** Groups of ten copies of the group before. */
function copiesOfCopies(depth: number): string {
  const groups = Array.from({ length: depth }, (_, index) => `<g id="g${index + 1}">${`<use href="#g${index}"/>`.repeat(10)}</g>`)
  return `<defs><rect id="g0" width="1" height="1"/>${groups.join('')}</defs>`
}

test.each(FORMATS)('%s', async (format) => {
  const { width, height, pixels } = await decodePicture(await sharp(GREY)[format]().toBuffer())
  expect({ width, height }).toEqual({ width: 8, height: 4 })
  expect(pixels).toEqual(new Uint8Array(32).fill(128))
})

test('a file', async () => {
  await sharp(GREY).png().toFile(path('grey.png'))
  expect((await decodePicture(path('grey.png'))).pixels[0]).toBe(128)
})

test('transparent parts are white paper', async () => {
  const picture = { create: { width: 2, height: 2, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } } as const
  expect((await decodePicture(await sharp(picture).png().toBuffer())).pixels).toEqual(new Uint8Array(4).fill(255))
})

test('16 bits become 8, with transparency too', async () => {
  const grey = sharp(new Uint16Array(4).fill(128 * 257), { raw: { width: 2, height: 2, channels: 1 } }).toColourspace('grey16')
  expect((await decodePicture(await grey.png().toBuffer())).pixels).toEqual(new Uint8Array(4).fill(128))
  const black = Uint16Array.from({ length: 16 }, (_, index) => (index % 4 === 3 ? 32768 : 0))
  const half = sharp(black, { raw: { width: 2, height: 2, channels: 4 } }).toColourspace('rgb16')
  expect((await decodePicture(await half.png().toBuffer())).pixels).toEqual(new Uint8Array(4).fill(127))
})

test('CMYK becomes grey', async () => {
  const white = { create: { width: 4, height: 4, channels: 3, background: '#ffffff' } } as const
  const { pixels } = await decodePicture(await sharp(white).toColourspace('cmyk').jpeg().toBuffer())
  expect(pixels[0]).toBeGreaterThan(245)
})

test('the orientation of EXIF is applied, also to the size that is told', async () => {
  // 6: the camera was turned; the left of the stored picture is its top.
  const stored = await halves(8, 4).withMetadata({ orientation: 6 }).png().toBuffer()
  const { width, height, pixels, original } = await decodePicture(stored)
  expect({ width, height, original }).toMatchObject({ width: 4, height: 8, original: { width: 4, height: 8 } })
  expect(Array.from(pixels)).toEqual([...new Array(16).fill(0), ...new Array(16).fill(255)])
})

test('of an animation, the first frame', async () => {
  const frames = await Promise.all(
    ['#000000', '#ffffff'].map((background) =>
      sharp({ create: { ...GREY.create, background } })
        .png()
        .toBuffer(),
    ),
  )
  const animation = await sharp(frames, { join: { animated: true } })
    .webp({ lossless: true })
    .toBuffer()
  expect((await decodePicture(animation)).pixels).toEqual(new Uint8Array(32).fill(0))
})

test('larger pictures are made smaller while they are decoded, smaller ones stay', async () => {
  const bytes = await halves(100, 50).png().toBuffer()
  expect(await decodePicture(bytes, { longestSide: 20 })).toMatchObject({ width: 20, height: 10, original: { width: 100, height: 50 } })
  expect(await decodePicture(bytes, { longestSide: 200 })).toMatchObject({ width: 100, height: 50 })
})

describe('an SVG', () => {
  test('is drawn at its own size, or at the one wanted', async () => {
    const square = svg('<rect width="14" height="14"/>')
    const { width, height, pixels } = await decodePicture(square)
    expect([width, height, pixels[13], pixels[14]]).toEqual([28, 14, 0, 255])
    expect(await decodePicture(square, { longestSide: 280 })).toMatchObject({
      width: 280,
      height: 140,
      original: { width: 28, height: 14 },
    })
  })

  test('of a huge size is refused before it is drawn', async () => {
    await expectError(
      () => decodePicture(svg('', 'width="2000000" height="2000000"')),
      'ERR_INVALID_FILE',
      'picture: expected a picture of at most 64000000 pixels but found more. Make it smaller first.',
    )
  })

  test.each([
    ['a filter', '<filter id="f"><feTurbulence numOctaves="1000"/></filter><rect width="9" height="9" filter="url(#f)"/>'],
    ['a filter', '<rect width="9" height="9" style="filter: blur(900px)"/>'],
    ['a filter', '<rect width="9" height="9" style="f&#105;lter: blur(900px)"/>'],
    ['a filter', '<rect width="9" height="9" style="f\\69 lter/**/: blur(900px)"/>'],
    ['a mask or a pattern', '<mask id="m"><rect width="9" height="9"/></mask>'],
    ['a dashed line', '<path d="M0 7H1e6" stroke="#000" stroke-dasharray="0.01"/>'],
    ['a style sheet in an address', '<style>@import url("data:text/css;base64,AAAA");</style>'],
    // Nine times ten copies of copies: 10^9 in the end.
    ['91 copies (use)', `${copiesOfCopies(9)}<use href="#g9"/>`],
    ['an embedded picture', '<image href="data:image/png;base64,AAAA" width="9" height="9"/>'],
    ['an embedded picture', '<image href="file:///etc/hostname" width="9" height="9"/>'],
  ])('with %s is refused', async (found, inside) => {
    await expectError(
      () => decodePicture(svg(inside)),
      'ERR_INVALID_FILE',
      `picture: expected a plain SVG picture but found ${found}. Save it as PNG first.`,
    )
  })

  test('with entities is refused', async () => {
    const bomb = Buffer.concat([Buffer.from('<!DOCTYPE svg [<!ENTITY a "aaaa">]>'), svg('<text y="9">&a;</text>')])
    await expectError(
      () => decodePicture(bomb),
      'ERR_INVALID_FILE',
      'picture: expected a plain SVG picture but found an entity. Save it as PNG first.',
    )
  })

  test('shows nothing of other files', async () => {
    writeFileSync(path('black.svg'), svg('<rect id="black" width="28" height="14"/>'))
    const picture = svg(
      `<style>@import url("${path('black.css')}");</style><use href="${path('black.svg')}#black"/><use href="black.svg#black"/>`,
    )
    writeFileSync(path('outer.svg'), picture)
    expect((await decodePicture(path('outer.svg'))).pixels).toEqual(new Uint8Array(28 * 14).fill(255))
  })
})

/** A small PNG that claims to be large. */
async function pngBomb(side: number): Promise<Uint8Array> {
  const bytes = Buffer.from(await sharp(GREY).png().toBuffer())
  bytes.writeUInt32BE(side, 16)
  bytes.writeUInt32BE(side, 20)
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29)
  return bytes
}

test('a decompression bomb is refused by its size, before memory is taken', async () => {
  const before = process.memoryUsage().rss
  const bomb = await pngBomb(60_000)
  await expectError(() => decodePicture(bomb), 'ERR_INVALID_FILE', 'picture: expected a picture of at most 64000000 pixels but found ')
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6)
})

test('limits can be lower', async () => {
  const bytes = await sharp(GREY).png().toBuffer()
  await expectError(() => decodePicture(bytes, { maxPixels: 31 }), 'ERR_INVALID_FILE', 'at most 31 pixels')
  await expectError(
    () => decodePicture(bytes, { maxBytes: 10 }),
    'ERR_INVALID_FILE',
    `picture: expected at most 10 bytes but found ${bytes.length} bytes.`,
  )
  writeFileSync(path('grey.png'), bytes)
  await expectError(
    () => decodePicture(path('grey.png'), { maxBytes: 10 }),
    'ERR_INVALID_FILE',
    `${path('grey.png')}: expected at most 10 bytes but found ${bytes.length} bytes.`,
  )
})

test.each(FORMATS)('a %s that was cut off is refused', async (format) => {
  const bytes = await noise(200, 150)[format]().toBuffer()
  for (const share of [0.1, 0.5, 0.9]) {
    const cut = bytes.subarray(0, Math.floor(share * bytes.length))
    await expectError(
      () => decodePicture(cut, { name: 'cut' }),
      'ERR_INVALID_FILE',
      'cut: expected a whole picture but found a broken one (',
    )
  }
})

test.each([
  ['nothing', new Uint8Array(0), 'nothing'],
  ['a text', Buffer.from('digits'), 'text that begins with "digits"'],
  ['a web page with a drawing', Buffer.from('<!DOCTYPE html><html><svg></svg></html>'), 'an HTML page'],
  ['a compressed SVG', Buffer.from('\x1f\x8b\x08\0\0\0', 'latin1'), 'gzip data'],
  ['a HEIC photograph', Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'), 'a HEIC picture'],
  ['a video', Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isomiso2', 'latin1'), 'a video'],
])('%s is no picture', async (_, bytes, found) => {
  const begin = `picture: expected a PNG, JPEG, WebP, AVIF, TIFF, GIF or SVG picture but found ${found}.`
  await expectError(() => decodePicture(bytes), 'ERR_INVALID_FILE', begin)
})

test('a folder and a FIFO are refused at once, a missing file by its name', async () => {
  mkdirSync(path('folder'))
  await expectError(
    () => decodePicture(path('folder')),
    'ERR_INVALID_FILE',
    `${path('folder')}: expected a regular file but found a folder.`,
  )
  await expectError(
    () => decodePicture(path('none.png')),
    'ERR_FILE_SYSTEM',
    `Cannot read ${path('none.png')}: it does not exist (ENOENT). Check the path.`,
  )
  if (process.platform === 'win32') return
  execFileSync('mkfifo', [path('fifo')])
  await expectError(
    () => decodePicture(path('fifo')),
    'ERR_INVALID_FILE',
    `${path('fifo')}: expected a regular file but found a FIFO (named pipe).`,
  )
})
