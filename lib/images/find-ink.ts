/**
 * Where is ink, and where paper? A photograph has shadows, the light falls off towards a corner, and paper is not white: so the paper is
 * estimated everywhere, and each pixel compared with the paper at its place.
 */
import type { Sharp } from 'sharp'
import type { GreyPicture } from './grey-picture'
import { loadSharp } from './load-sharp'

/** How much ink each pixel of a picture has. */
export interface InkMap {
  readonly width: number
  readonly height: number
  /** `[height, width]`, row by row: 0 is paper, 255 the blackest ink that this paper could have. Paper is noisy: its pixels vary around 0. */
  readonly ink: Uint8Array
  /** Pixels with at least so much are ink. */
  readonly threshold: number
}

/** The paper is estimated on a copy with this longest side, in pixels. */
const PAPER_SIDE = 128
/** Side of the square whose median is the paper, as a share of the copy's longest side: wider than any stroke, narrower than most shadows. */
const MEDIAN_SHARE = 45 / PAPER_SIDE
const PAPER_BLUR = 4

/** With less contrast than this, of 255, nothing in a picture is ink. */
const LEAST_CONTRAST = 24
/** Ink stands out from the noise of its paper by so many standard deviations. */
const NOISE_FACTOR = 5
/** The standard deviation of a normal distribution is so many times its median absolute deviation. */
const DEVIATIONS_PER_MAD = 1.4826

/** Finds the ink of a picture, dark on light or light on dark; undefined for a picture in which nothing stands out. */
export async function findInk(picture: GreyPicture): Promise<InkMap | undefined> {
  const { width, height, pixels } = picture
  const paper = await estimatePaper(picture)
  const isDark = isDarkOnLight(pixels, paper)
  const [greys, light] = isDark ? [pixels, paper] : [pixels.map(invert), paper.map(invert)]
  const ink = inkOn(greys, light)
  const threshold = findThreshold(ink, noiseOf(greys, light))
  return threshold === undefined ? undefined : { width, height, ink, threshold }
}

function invert(grey: number): number {
  return 255 - grey
}

/** The grey of the paper at every pixel. */
async function estimatePaper(picture: GreyPicture): Promise<Uint8Array> {
  const { width, height } = picture
  const scale = Math.min(1, PAPER_SIDE / Math.max(width, height))
  const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side * scale))) as [number, number]
  const window = Math.max(3, 2 * Math.floor((MEDIAN_SHARE * Math.max(columns, rows)) / 2) + 1)
  const small = await change(picture, (image) => image.resize(columns, rows, { fit: 'fill' }))
  // libvips takes no window that is larger than the picture: a narrow one is continued as in mirrors.
  const [across, down] = [columns, rows].map((side) => Math.max(0, Math.ceil((window - side) / 2))) as [number, number]
  const edges = { left: across, right: across, top: down, bottom: down, extendWith: 'mirror' } as const
  const wide = await change(small, (image) => image.extend(edges))
  const smooth = await change(wide, (image) => image.median(window).blur(PAPER_BLUR))
  const inside = { left: across, top: down, width: columns, height: rows }
  const paper = await change(smooth, (image) => image.extract(inside).resize(width, height, { fit: 'fill', kernel: 'linear' }))
  return paper.pixels
}

/** One step at a time: sharp has an order of its own for several. */
async function change({ width, height, pixels }: GreyPicture, step: (image: Sharp) => Sharp): Promise<GreyPicture> {
  const sharp = await loadSharp()
  const image = step(sharp(pixels, { raw: { width, height, channels: 1 } })).toColourspace('b-w')
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, pixels: new Uint8Array(data) }
}

/** The share of the paper's light that a pixel lacks. Light falls off and comes back by multiplication, so it is divided away. */
function inkOn(pixels: Uint8Array, paper: Uint8Array): Uint8Array {
  return pixels.map((grey, index) => {
    const light = Math.max(1, paper[index] as number)
    return Math.max(0, Math.round(255 * (1 - grey / light)))
  })
}

/** Ink stands out strongly, and to one side; noise weakly, and to both. */
function isDarkOnLight(pixels: Uint8Array, paper: Uint8Array): boolean {
  return pixels.reduce((sum, grey, index) => sum + ((paper[index] as number) - grey) ** 3, 0) >= 0
}

/** Otsu's threshold among the pixels that stand out from the noise, and as many of paper; undefined when none does. */
function findThreshold(ink: Uint8Array, noise: number): number | undefined {
  const counts = histogram(ink)
  const least = Math.max(LEAST_CONTRAST, NOISE_FACTOR * noise)
  const inked = counts.reduce((sum, count, value) => (value >= least ? sum + count : sum), 0)
  if (inked === 0) return undefined
  // Without this, a thin line on a large sheet weighs too little, and the noise of the paper is divided in its place.
  const papers = ink.length - inked
  const share = Math.min(1, inked / Math.max(1, papers))
  const threshold = otsu(counts.map((count, value) => (value >= least ? count : count * share)))
  return Math.max(threshold, least)
}

function histogram(values: Uint8Array): number[] {
  const counts = new Array<number>(256).fill(0)
  for (const value of values) (counts[value] as number) += 1
  return counts
}

/** The standard deviation of paper, in units of ink, by the pixels that are at least as light as the paper around them: none of them is ink. */
function noiseOf(greys: Uint8Array, paper: Uint8Array): number {
  const above: number[] = []
  for (const [index, grey] of greys.entries()) {
    const light = Math.max(1, paper[index] as number)
    if (grey >= light) above.push(255 * (grey / light - 1))
  }
  const median = above.sort((a, b) => a - b)[above.length >> 1] ?? 0
  return DEVIATIONS_PER_MAD * median
}

/** The value that divides a histogram into two classes that differ most: the first of the upper class. */
function otsu(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  const mass = counts.reduce((sum, count, value) => sum + count * value, 0)
  let [best, threshold, below, massBelow] = [-1, 255, 0, 0]
  for (let value = 1; value < 256; value += 1) {
    below += counts[value - 1] as number
    massBelow += (counts[value - 1] as number) * (value - 1)
    if (below === 0 || below === total) continue
    const difference = massBelow / below - (mass - massBelow) / (total - below)
    const between = below * (total - below) * difference ** 2
    if (between > best) [best, threshold] = [between, value]
  }
  return threshold
}
