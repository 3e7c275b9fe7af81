/** The samples of a training, divided as its options ask. */
import type { NativeDataset } from '../addon/binding'
import { type ImageDataset, viewOf } from '../data/dataset'
import { toNativeDataset } from '../data/native-data'
import { TorchRnnError, unexpected } from '../errors'
import { asItIs } from '../options/flag-words'
import { OPTIONS } from '../options/options'
import type { Hyperparameters } from './checkpoint'

/** Training and validation samples, as the addon knows them. */
export interface TrainingData {
  readonly train: NativeDataset
  readonly trainSamples: number
  readonly validation: NativeDataset | undefined
  /** The same samples, as JavaScript knows them. */
  readonly datasets: { readonly train: ImageDataset; readonly validation: ImageDataset | undefined }
}

/**
 * Divides the samples. Nothing is copied.
 *
 * @param validationData - The user's own; undefined when there is none.
 * @param seed - Decides which samples a split sets aside.
 * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`, `ERR_NO_VALIDATION`.
 */
export function prepareData(
  dataset: ImageDataset,
  validationData: ImageDataset | undefined,
  hyperparameters: Hyperparameters,
  seed: number,
): TrainingData {
  viewOf(dataset) // Refuses anything that is no data set.
  checkAugmentable(dataset, hyperparameters)
  const { validationSplit } = hyperparameters
  const [train, validation] = validationSplit === undefined ? [dataset, validationData] : splitForValidation(dataset, validationSplit, seed)
  checkValidation(hyperparameters, validation !== undefined)
  return {
    train: toNativeDataset(train),
    trainSamples: train.length,
    validation: validation === undefined ? undefined : toNativeDataset(validation, 'validationData'),
    datasets: { train, validation },
  }
}

/**
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION` for an augmentation of sequences of different length: there is no image to change.
 */
export function checkAugmentable(
  dataset: ImageDataset,
  hyperparameters: { readonly [Name in keyof typeof OPTIONS.augmentation]?: number | undefined },
  show = asItIs,
): void {
  const names = Object.keys(OPTIONS.augmentation) as (keyof typeof OPTIONS.augmentation)[]
  const used = names.find((name) => (hyperparameters[name] ?? 0) > 0)
  if (used === undefined || viewOf(dataset).storage.lengths === undefined) return
  throw unexpected(
    'ERR_INVALID_OPTION',
    show(used),
    '0 for sequences of different length, which cannot be changed as images are,',
    hyperparameters[used],
  )
}

/**
 * Sets samples aside to validate on.
 *
 * @param part - A number of samples, or a share of them.
 * @param seed - Of the model: which samples go where follows from it.
 * @throws TorchRnnError `ERR_INVALID_OPTION` unless there are samples on both sides.
 */
export function splitForValidation(dataset: ImageDataset, part: number, seed: number): [train: ImageDataset, validation: ImageDataset] {
  const count = countPart(part, dataset.length)
  return dataset.randomSplit([dataset.length - count, count], { seed }) as [ImageDataset, ImageDataset]
}

/**
 * How many samples a validation split sets aside.
 *
 * @param part - A number of samples, or a share of them.
 * @param samples - All of them.
 * @param name - What the user knows it by.
 * @throws TorchRnnError `ERR_INVALID_OPTION` unless there are samples on both sides.
 */
export function countPart(part: number, samples: number, name = 'validationSplit'): number {
  const count = part < 1 ? Math.round(part * samples) : part
  if (count >= 1 && count < samples) return count
  const expected = `an integer from 1 to ${samples - 1}, or a share between 0 and 1 that leaves samples on both sides,`
  throw unexpected('ERR_INVALID_OPTION', name, expected, part)
}

/**
 * Refuses a training that looks at a validation loss but has none: the test set must not choose anything.
 *
 * @throws TorchRnnError `ERR_NO_VALIDATION`.
 */
export function checkValidation({ schedule, earlyStoppingPatience }: Hyperparameters, hasValidation: boolean): void {
  if (hasValidation || (schedule !== 'plateau' && earlyStoppingPatience === undefined)) return
  const what = earlyStoppingPatience === undefined ? 'The schedule plateau' : 'Early stopping'
  const advice = 'Set some aside with validationSplit (--validation-split).'
  throw new TorchRnnError('ERR_NO_VALIDATION', `${what} needs the loss of validation samples, but there are none. ${advice}`)
}
