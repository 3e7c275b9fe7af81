/**
 * Brings what was drawn on the page to the form of MNIST's images, in a millisecond: it is done for every piece of a line. `predict` does more
 * for a picture, which takes longer: here, there is no paper to be found, and the pen is as thick as MNIST's.
 */
import type { Box } from '../images/components'
import { centre, DIGIT_SIDE, shares } from '../images/mnist-image'

/** A drawing as it comes from the page. */
export interface Drawing {
  readonly width: number
  readonly height: number
  /** `[height, width]`: 0 = background ... 255 = ink. */
  readonly ink: Uint8Array
}

/** @returns `[28, 28]`, 0 = background ... 255 = ink; undefined where nothing is drawn. */
export function prepareDrawing(drawing: Drawing): Uint8Array | undefined {
  const box = findInk(drawing)
  if (box === undefined) return undefined
  const scale = DIGIT_SIDE / Math.max(box.width, box.height)
  const [width, height] = [box.width, box.height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]
  return centre({ width, height, pixels: toFullContrast(shrink(drawing, box, width, height)) })
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
  const [across, down] = [shares(box.width, columns), shares(box.height, rows)]
  const small = new Float64Array(columns * rows)
  for (const [row, lines] of down.entries()) {
    for (const [column, pixels] of across.entries()) {
      let sum = 0
      for (const [y, part] of lines) {
        const begin = (box.top + y) * width + box.left
        for (const [x, share] of pixels) sum += (ink[begin + x] as number) * share * part
      }
      small[row * columns + column] = sum
    }
  }
  return small
}

/** The darkest pixel of a digit is black in MNIST. */
function toFullContrast(digit: Float64Array): Uint8Array {
  const most = digit.reduce((largest, value) => Math.max(largest, value), 0)
  return Uint8Array.from(digit, (value) => Math.round((value / most) * 255))
}
