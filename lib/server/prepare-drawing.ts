/**
 * Brings a drawing to the form of MNIST's images, which a network that was trained on them needs: the longest side of the ink fills 20 of
 * 28 pixels, and the centre of its mass lies at the pixel of index 14.
 */

/** Rows and columns of a prepared image. */
export const IMAGE_SIZE = 28
const BOX = 20
const CENTRE = 14

/** A drawing as it comes from the page. */
export interface Drawing {
  readonly width: number
  readonly height: number
  /** `[height, width]`: 0 = background ... 255 = ink. */
  readonly ink: Uint8Array
}

interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** @returns `[28, 28]`, 0 = background ... 255 = ink; undefined where nothing is drawn. */
export function prepareDrawing(drawing: Drawing): Uint8Array | undefined {
  const box = findInk(drawing)
  if (box === undefined) return undefined
  const scale = BOX / Math.max(box.width, box.height)
  const [columns, rows] = [box.width, box.height].map((length) => Math.max(1, Math.round(length * scale))) as [number, number]
  return centre(toFullContrast(shrink(drawing, box, columns, rows)), columns, rows)
}

/** The smallest rectangle with all ink in it. */
function findInk({ ink, width }: Drawing): Box | undefined {
  let [left, top, right, bottom] = [width, -1, -1, -1]
  for (let index = 0; index < ink.length; index += 1) {
    if (ink[index] === 0) continue
    const [x, y] = [index % width, Math.floor(index / width)]
    if (top < 0) top = y
    bottom = y
    left = Math.min(left, x)
    right = Math.max(right, x)
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

/** Each new pixel is the mean of the area that it covers. */
function shrink({ ink, width }: Drawing, box: Box, columns: number, rows: number): Float64Array {
  const [across, down] = [coverage(box.width, columns), coverage(box.height, rows)]
  const small = new Float64Array(columns * rows)
  for (const [row, lines] of down.entries()) {
    for (const [column, pixels] of across.entries()) {
      let sum = 0
      for (const [y, share] of lines) {
        const begin = (box.top + y) * width + box.left
        for (const [x, part] of pixels) sum += (ink[begin + x] as number) * share * part
      }
      small[row * columns + column] = sum
    }
  }
  return small
}

/** For each of `count` equal parts of a line of pixels: the pixels that it covers, and the share that each has in it. */
function coverage(length: number, count: number): (readonly [pixel: number, share: number])[][] {
  return Array.from({ length: count }, (_, index) => {
    const [begin, end] = [(index * length) / count, ((index + 1) * length) / count]
    const parts: (readonly [number, number])[] = []
    for (let pixel = Math.floor(begin); pixel < end; pixel += 1) {
      const share = (Math.min(end, pixel + 1) - Math.max(begin, pixel)) / (end - begin)
      if (share > 0) parts.push([pixel, share])
    }
    return parts
  })
}

/** The darkest pixel of a digit is black in MNIST, also where the pen was thin. */
function toFullContrast(digit: Float64Array): Uint8Array {
  const most = digit.reduce((largest, value) => Math.max(largest, value), 0)
  return Uint8Array.from(digit, (value) => Math.round((value / most) * 255))
}

/** Moves the digit by whole pixels, as MNIST did. */
function centre(digit: Uint8Array, columns: number, rows: number): Uint8Array {
  let [mass, massX, massY] = [0, 0, 0]
  for (const [index, value] of digit.entries()) {
    mass += value
    massX += value * (index % columns)
    massY += value * Math.floor(index / columns)
  }
  const place = (middle: number, length: number) => Math.min(Math.max(Math.round(CENTRE - middle), 0), IMAGE_SIZE - length)
  const [left, top] = [place(massX / mass, columns), place(massY / mass, rows)]
  const image = new Uint8Array(IMAGE_SIZE ** 2)
  for (let row = 0; row < rows; row += 1) image.set(digit.subarray(row * columns, (row + 1) * columns), (top + row) * IMAGE_SIZE + left)
  return image
}
