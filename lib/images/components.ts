/** Finds what hangs together in a picture. */
import type { InkMap } from './find-ink'

/** A rectangle of whole pixels. */
export interface Box {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** Pixels of ink that touch each other, also at a corner. */
export interface Component {
  /** The smallest rectangle with all of it. */
  readonly box: Box
  /** Its pixels, as indices of the picture. */
  readonly pixels: readonly number[]
}

/** All components of a picture, those first whose first pixel comes first. */
export function findComponents({ width, height, ink, threshold }: InkMap): Component[] {
  const isFree = ink.map((value) => (value >= threshold ? 1 : 0))
  const components: Component[] = []
  for (let start = 0; start < isFree.length; start += 1) {
    if (isFree[start] === 1) components.push(collect(start, isFree, width, height))
  }
  return components
}

/** Takes the pixels of one component away. */
function collect(start: number, isFree: Uint8Array, width: number, height: number): Component {
  const pixels = [start]
  isFree[start] = 0
  let [left, right, bottom] = [width, 0, 0]
  // The list grows while it is read.
  for (const pixel of pixels) {
    const [x, y] = [pixel % width, Math.floor(pixel / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    bottom = Math.max(bottom, y)
    for (let row = y - 1; row <= y + 1; row += 1) {
      for (let column = x - 1; column <= x + 1; column += 1) {
        if (row < 0 || row >= height || column < 0 || column >= width) continue
        const neighbour = row * width + column
        if (isFree[neighbour] !== 1) continue
        isFree[neighbour] = 0
        pixels.push(neighbour)
      }
    }
  }
  const top = Math.floor(start / width)
  return { box: { left, top, width: right - left + 1, height: bottom - top + 1 }, pixels }
}

/** Two components as one. */
export function join(a: Component, b: Component): Component {
  return { box: around(a.box, b.box), pixels: [...a.pixels, ...b.pixels] }
}

function around(a: Box, b: Box): Box {
  const [left, top] = [Math.min(a.left, b.left), Math.min(a.top, b.top)]
  const right = Math.max(a.left + a.width, b.left + b.width)
  const bottom = Math.max(a.top + a.height, b.top + b.height)
  return { left, top, width: right - left, height: bottom - top }
}

/** How many pixels two stretches of a line have in common; negative for those between them. */
export function overlap(firstA: number, lengthA: number, firstB: number, lengthB: number): number {
  return Math.min(firstA + lengthA, firstB + lengthB) - Math.max(firstA, firstB)
}
