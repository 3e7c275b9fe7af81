/** Checks what a picture of one sample is drawn from, and takes that sample out of it. */
import { types } from 'node:util'
import { type ImageInput, toBatch } from '../data/image-batch'
import { describeShape, TorchRnnError, unexpected } from '../errors'
import { checkOption } from '../options/checks'
import type { Tensor } from '../tensor'
import type { Grid } from './heat-map'
import type { PictureOptions } from './picture'
import { THEMES, type Theme } from './theme'

/** Which sample a picture shows, and what is known of it. */
export interface SamplePictureOptions extends PictureOptions {
  /** Which of the N samples is shown, from 0. Default 0. */
  sample?: number | undefined
  /** The images that the network saw, `[N, T, F]`, or `[T, F]` where there is one: then the image is shown beside its rows. */
  images?: Readonly<ImageInput> | undefined
}

const WHITE = 255

/** @throws TorchRnnError `ERR_INVALID_OPTION` */
export function themeOf({ theme = 'auto' }: PictureOptions): Theme {
  return checkOption('theme', { kind: 'choice', choices: THEMES, default: 'auto', summary: '' }, theme)
}

/**
 * @param letters - What its dimensions are called: "LTNH".
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`.
 */
export function checkTensor(name: string, tensor: Readonly<Tensor>, letters: string): number[] {
  const { data, shape }: { data?: unknown; shape?: unknown } = tensor ?? {}
  if (!types.isFloat32Array(data) || !Array.isArray(shape)) {
    throw unexpected('ERR_INVALID_ARGUMENT', name, 'a tensor { data: Float32Array, shape }', tensor)
  }
  const isSize = (size: unknown) => Number.isSafeInteger(size) && (size as number) >= 1
  const isShape = shape.length === letters.length && shape.every(isSize)
  if (isShape && shape.reduce((product, size) => product * size, 1) === data.length) return shape
  const expected = `[${[...letters].join(', ')}] and as many values`
  const actual = `${describeShape(shape)} and ${data.length}`
  throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for ${name} but received ${actual}.`, { expected, actual })
}

/** Which of the samples is meant. @throws TorchRnnError `ERR_INVALID_OPTION` */
export function sampleOf({ sample = 0 }: SamplePictureOptions, count: number): number {
  return checkOption('sample', { kind: 'integer', min: 0, max: count - 1, default: 0, summary: '' }, sample)
}

/**
 * The values of an image from 0 (paper) to 1 (ink). Floats outside this range, as measurements have them, are stretched to it.
 *
 * @param real - So many values are read; what follows the end of a sequence is paper.
 */
export function inkOf(image: Uint8Array | Float32Array, real = image.length): Float32Array {
  const ink = new Float32Array(image.length)
  const read = image.subarray(0, real)
  if (!types.isFloat32Array(read)) {
    ink.set(Float32Array.from(read, (value) => value / WHITE))
    return ink
  }
  const least = read.reduce((least, value) => Math.min(least, value), 0)
  const most = read.reduce((most, value) => Math.max(most, value), 1)
  ink.set(read.map((value) => (value - least) / (most - least)))
  return ink
}

/** The image of a sample, as {@link inkOf}; undefined where none was given. @throws As {@link toBatch}, and for other numbers of rows. */
export function imageOf({ images }: SamplePictureOptions, sample: number, count: number, rows: number): Grid | undefined {
  if (images === undefined) return undefined
  const columns = Number(images?.shape?.at(-1) ?? 0)
  const { data, shape, lengths } = toBatch(images, columns)
  const [samples = 0, height = 0] = shape
  if (samples === count && height === rows && data.length === samples * height * columns) {
    const size = rows * columns
    return { rows, columns, values: inkOf(data.subarray(sample * size, (sample + 1) * size), (lengths?.[sample] ?? rows) * columns) }
  }
  const expected = `[${count}, ${rows}, ${columns}] and as many values`
  const actual = `${describeShape(shape)} and ${data.length}`
  throw new TorchRnnError('ERR_INVALID_SHAPE', `Expected ${expected} for images but received ${actual}.`, { expected, actual })
}
