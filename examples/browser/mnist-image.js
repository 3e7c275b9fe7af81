/**
 * Brings a drawing to the form of MNIST's images: without this, a network that was trained on them reads it badly.
 *
 * MNIST's digits were fitted into a box of 20 x 20 pixels, which made them grey at their edges, and moved by whole pixels so that their centre
 * of mass lies in the middle of 28 x 28 pixels (http://yann.lecun.com/exdb/mnist). In its files that is the pixel of index 14.
 */

export const SIZE = 28
const BOX = 20
const CENTRE = 14

/**
 * @param {Uint8Array | Uint8ClampedArray} ink - The drawing, row by row: 0 is background, 255 is ink.
 * @param {number} width - Pixels in a row.
 * @returns {Uint8Array | undefined} 28 x 28 pixels, 0 to 255; undefined when there is no ink.
 */
export function toMnistImage(ink, width) {
  const box = findInk(ink, width)
  if (box === undefined) return undefined
  const scale = BOX / Math.max(box.width, box.height)
  const [columns, rows] = [box.width, box.height].map((length) => Math.max(1, Math.round(length * scale)))
  const digit = toFullContrast(shrink(ink, width, box, columns, rows))
  return centre(digit, columns, rows)
}

/** The smallest rectangle with all ink in it. */
function findInk(ink, width) {
  let [left, top, right, bottom] = [width, Number.POSITIVE_INFINITY, -1, -1]
  ink.forEach((value, index) => {
    if (value === 0) return
    const [x, y] = [index % width, Math.floor(index / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = y
  })
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 }
}

/** Each new pixel is the mean of the area that it covers. */
function shrink(ink, width, box, columns, rows) {
  const across = weights(box.width, columns)
  const down = weights(box.height, rows)
  const digit = new Float64Array(columns * rows)
  for (const [row, lines] of down.entries()) {
    for (const [column, pixels] of across.entries()) {
      let sum = 0
      for (const [y, share] of lines) for (const [x, part] of pixels) sum += ink[(box.top + y) * width + box.left + x] * share * part
      digit[row * columns + column] = sum
    }
  }
  return digit
}

/** For each of `count` equal parts of a line of pixels: the pixels that it covers, and the share that each has in it. */
function weights(length, count) {
  return Array.from({ length: count }, (_, index) => {
    const [begin, end] = [(index * length) / count, ((index + 1) * length) / count]
    const parts = []
    for (let pixel = Math.floor(begin); pixel < end; pixel += 1) {
      const share = (Math.min(end, pixel + 1) - Math.max(begin, pixel)) / (end - begin)
      if (share > 0) parts.push([pixel, share])
    }
    return parts
  })
}

/** The darkest pixel of a digit is black in MNIST, also where the pen was thin. */
function toFullContrast(digit) {
  const most = digit.reduce((largest, value) => Math.max(largest, value), 0)
  return Uint8Array.from(digit, (value) => Math.round((value / most) * 255))
}

/** Moves the digit by whole pixels. */
function centre(digit, columns, rows) {
  let [mass, massX, massY] = [0, 0, 0]
  digit.forEach((value, index) => {
    mass += value
    massX += value * (index % columns)
    massY += value * Math.floor(index / columns)
  })
  const place = (centreOfMass, length) => Math.min(Math.max(Math.round(CENTRE - centreOfMass), 0), SIZE - length)
  const [left, top] = [place(massX / mass, columns), place(massY / mass, rows)]
  const image = new Uint8Array(SIZE * SIZE)
  for (let row = 0; row < rows; row += 1) image.set(digit.subarray(row * columns, (row + 1) * columns), (top + row) * SIZE + left)
  return image
}
