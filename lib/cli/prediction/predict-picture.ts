/** One picture: from its file to what a model takes each of its digits for. */
import type { ImageInput } from '../../data/image-batch'
import { TorchRnnError } from '../../errors'
import { invalidFile, showPath } from '../../files/regular-file'
import { decodePicture, MAX_PICTURE_BYTES } from '../../images/decode-picture'
import type { GreyPicture } from '../../images/grey-picture'
import { type DigitBox, readDigits } from '../../images/prepare-digits'
import type { ImageRNN, Prediction } from '../../model/image-rnn'
import { type NamedPicture, readStandardInput, STANDARD_INPUT } from './picture-files'

/** What a model takes a digit for. */
export interface PredictionEvent {
  type: 'prediction'
  /** The picture as named; `-` for standard input. */
  file: string
  /** Which of the digits of the picture it is, in reading order, from 0. */
  digit: number
  /** How many digits were found in it. */
  digits: number
  /** Where it is, in pixels of the picture. */
  box: DigitBox
  /** The most probable class. */
  class: number
  /** The probability of that class, from 0 to 1. */
  probability: number
  /** The probabilities of all classes; they add up to 1. */
  probabilities: number[]
}

/** What was read in a picture. */
export interface ReadPicture {
  /** The images that the model saw. */
  readonly images: readonly GreyPicture[]
  /** One for each of them. */
  readonly predictions: readonly PredictionEvent[]
}

/** How to read a picture. */
export interface PredictSettings {
  readonly model: ImageRNN
  /** Whether the picture itself is what the model sees. */
  readonly asIs: boolean
  readonly signal: AbortSignal
}

/** The images of a picture as a model reads them, and where they are in it. */
type Digits = ImageInput & {
  readonly data: Uint8Array
  readonly shape: readonly [number, number, number]
  readonly boxes: readonly DigitBox[]
}

/** How many rows an image may have that is taken as it is. The network goes through them one by one. */
const MOST_ROWS = 4096

/**
 * Finds the digits of a picture and classifies them.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` and `ERR_FILE_SYSTEM` for a picture that cannot be read; as {@link ImageRNN.predict}.
 */
export async function predictPicture({ name, isUnmatched }: NamedPicture, settings: PredictSettings): Promise<ReadPicture> {
  if (isUnmatched) {
    const message = `Cannot read ${showPath(name)}: no file fits this pattern. Check the path.`
    throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: 'a file', actual: 'none' })
  }
  const { model, asIs, signal } = settings
  const source = name === STANDARD_INPUT ? await readStandardInput(MAX_PICTURE_BYTES, signal) : name
  const digits = asIs ? await takeAsIs(source, model.options.inputSize) : await readDigits(source)
  if (digits.boxes.length === 0) return { images: [], predictions: [] }
  const prediction = await model.predict(digits, { signal })
  return { images: imagesOf(digits), predictions: digits.boxes.map((_, digit) => toEvent(name, digit, digits, prediction)) }
}

/** A picture whose rows are as wide as those that the model reads. */
async function takeAsIs(source: string | Uint8Array, width: number): Promise<Digits> {
  const { width: found, height, pixels } = await decodePicture(source, { maxPixels: width * MOST_ROWS })
  if (found !== width) {
    const name = typeof source === 'string' ? source : 'standard input'
    throw invalidFile(name, `a picture ${width} pixels wide, as the model reads rows,`, `${found} x ${height}`, 'Leave out --as-is.')
  }
  return { data: pixels, shape: [1, height, width], boxes: [{ left: 0, top: 0, width, height }] }
}

function imagesOf({ data, shape: [, height, width] }: Digits): GreyPicture[] {
  const size = height * width
  return Array.from({ length: data.length / size }, (_, index) => ({ width, height, pixels: data.slice(index * size, (index + 1) * size) }))
}

function toEvent(file: string, digit: number, { boxes }: Digits, { classes, probabilities }: Prediction): PredictionEvent {
  const [digits = 0, count = 0] = probabilities.shape
  const own = Array.from(probabilities.data.subarray(digit * count, (digit + 1) * count))
  const best = classes[digit] as number
  const box = boxes[digit] as DigitBox
  return { type: 'prediction', file, digit, digits, box, class: best, probability: own[best] as number, probabilities: own }
}
