/** A picture of grey values. */
export interface GreyPicture {
  /** Columns. */
  readonly width: number
  /** Rows. */
  readonly height: number
  /** `[height, width]`, row by row, 0 = black ... 255 = white. */
  readonly pixels: Uint8Array
}

/** Black pixels around and between the images of a grid, as torchvision.utils.make_grid has. */
const GRID_MARGIN = 2

/** The size of a grid in pixels. */
export function gridSize(count: number, image: Pick<GreyPicture, 'width' | 'height'>, columns: number) {
  const used = Math.min(columns, count)
  return {
    width: used * (image.width + GRID_MARGIN) + GRID_MARGIN,
    height: Math.ceil(count / used) * (image.height + GRID_MARGIN) + GRID_MARGIN,
  }
}

/**
 * Draws images of one size side by side, row after row.
 *
 * @param images - At least one.
 * @param columns - The most images in a row.
 */
export function drawGrid(images: readonly [GreyPicture, ...GreyPicture[]], columns: number): GreyPicture {
  const [{ width, height }] = images
  const size = gridSize(images.length, { width, height }, columns)
  const pixels = new Uint8Array(size.width * size.height)
  for (const [index, image] of images.entries()) {
    const left = (index % columns) * (width + GRID_MARGIN) + GRID_MARGIN
    const top = Math.floor(index / columns) * (height + GRID_MARGIN) + GRID_MARGIN
    for (let row = 0; row < height; row += 1) {
      pixels.set(image.pixels.subarray(row * width, (row + 1) * width), (top + row) * size.width + left)
    }
  }
  return { ...size, pixels }
}

/** Makes a picture smaller: each pixel is the mean of a square of `factor` x `factor` pixels, or of its part inside the picture. */
export function shrink({ width, height, pixels }: GreyPicture, factor: number): GreyPicture {
  const small = { width: Math.ceil(width / factor), height: Math.ceil(height / factor) }
  const sums = new Float64Array(small.width * small.height)
  const counts = new Uint32Array(sums.length)
  for (const [index, grey] of pixels.entries()) {
    const [x, y] = [index % width, Math.floor(index / width)]
    const target = Math.floor(y / factor) * small.width + Math.floor(x / factor)
    ;(sums[target] as number) += grey
    ;(counts[target] as number) += 1
  }
  return { ...small, pixels: Uint8Array.from(sums, (sum, target) => Math.round(sum / (counts[target] as number))) }
}
