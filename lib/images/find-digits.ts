/** Which components of a picture are digits, and in which order does one read them? */
import { type Box, type Component, findComponents, join, overlap } from './components'
import type { InkMap } from './find-ink'

/** A component of fewer pixels is a speck, however small the picture is. */
const LEAST_PIXELS = 6
/** So is one that is this much lower and narrower than the largest one, unless it belongs to a stroke near it. */
const SPECK_SHARE = 0.3
/** The least longest side of the largest digit, as a share of the picture's: anything smaller is dirt, or the structure of the paper. */
const LEAST_SIDE_SHARE = 0.02
const LEAST_SIDE = 5

/** A part of a digit is at most this high, as a share of the highest component. Higher ones are digits of their own. */
const PART_SHARE = 0.55
/** A gap in a stroke is at most this long, as a share of the highest component. */
const GAP_SHARE = 0.15
/** So far above its digit may the bar of a 5 float. */
const BAR_GAP_SHARE = 0.35
/** A bar is so many times as wide as high. */
const BAR_ASPECT = 2
/** A picture with more components than this shows a texture, and no digits. */
const MOST_COMPONENTS = 2000

/** Finds the digits of a picture, in reading order: row by row, from left to right. */
export function findDigits(map: InkMap): Component[] {
  const all = findComponents(map).filter(({ pixels }) => pixels.length >= LEAST_PIXELS)
  if (all.length > MOST_COMPONENTS) return []
  const components = withoutBorder(all, map)
  const largest = Math.max(0, ...components.map(({ box }) => longest(box)))
  const least = Math.max(LEAST_SIDE, LEAST_SIDE_SHARE * Math.max(map.width, map.height))
  if (largest < least) return []
  const whole = mergeParts(components)
  return inReadingOrder(whole.filter(({ box }) => longest(box) >= SPECK_SHARE * largest))
}

function longest({ width, height }: Box): number {
  return Math.max(width, height)
}

/** What touches the border is the edge of a table or a shadow. In a picture that was cropped closely, it is the digit itself. */
function withoutBorder(components: readonly Component[], { width, height }: InkMap): readonly Component[] {
  const inside = components.filter(({ box }) => !touchesBorder(box, width, height))
  const [mostInside, mostOutside] = [inside, components].map((some) => Math.max(0, ...some.map(({ box }) => longest(box))))
  const isCropped = (mostInside as number) < SPECK_SHARE * Math.min(height, mostOutside as number)
  return isCropped ? components : inside
}

function touchesBorder({ left, top, width, height }: Box, columns: number, rows: number): boolean {
  return left === 0 || top === 0 || left + width === columns || top + height === rows
}

/** Joins the parts of broken digits: the bar of a 5, a stroke where the pen failed. A part goes to what is next to it, the high ones first. */
function mergeParts(components: readonly Component[]): Component[] {
  const highest = Math.max(...components.map(({ box }) => box.height))
  const merged: Component[] = []
  for (const component of [...components].sort((a, b) => b.box.height - a.box.height)) {
    const gaps = merged.map(({ box }) => gapBetween(box, component.box))
    const least = Math.min(...gaps)
    const nearest = merged[gaps.indexOf(least)]
    const isPart = component.box.height <= PART_SHARE * highest
    if (isPart && nearest !== undefined && least <= gapLimit(component.box, nearest.box) * highest) {
      merged[gaps.indexOf(least)] = join(nearest, component)
    } else {
      merged.push(component)
    }
  }
  return merged
}

function gapLimit(part: Box, digit: Box): number {
  const isAbove = part.top + part.height / 2 < digit.top + digit.height / 2
  const isOver = overlap(part.left, part.width, digit.left, digit.width) >= Math.min(part.width, digit.width) / 2
  return isAbove && isOver && part.width >= BAR_ASPECT * part.height ? BAR_GAP_SHARE : GAP_SHARE
}

/** The distance of two boxes; 0 when they overlap. */
function gapBetween(a: Box, b: Box): number {
  const across = Math.max(0, -overlap(a.left, a.width, b.left, b.width))
  const down = Math.max(0, -overlap(a.top, a.height, b.top, b.height))
  return Math.hypot(across, down)
}

function inReadingOrder(digits: readonly Component[]): Component[] {
  const rows: Component[][] = []
  for (const digit of [...digits].sort((a, b) => middle(a.box) - middle(b.box))) {
    const row = rows.at(-1)
    if (row?.some(({ box }) => isBeside(box, digit.box))) row.push(digit)
    else rows.push([digit])
  }
  return rows.flatMap((row) => row.sort((a, b) => a.box.left - b.box.left))
}

function middle({ top, height }: Box): number {
  return top + height / 2
}

/** Whether two digits stand in one row: half of the lower one lies beside the other. */
function isBeside(a: Box, b: Box): boolean {
  return overlap(a.top, a.height, b.top, b.height) >= Math.min(a.height, b.height) / 2
}
