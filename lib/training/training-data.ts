/** The samples of a training, divided as its options ask. */
import type { NativeDataset } from '../addon/binding'
import { type ImageDataset, viewOf } from '../data/dataset'
import { toNativeDataset } from '../data/native-data'
import { TorchRnnError, unexpected } from '../errors'
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
  const { validationSplit } = hyperparameters
  const [train, validation] = validationSplit === undefined ? [dataset, validationData] : split(dataset, validationSplit, seed)
  if (validation === undefined) checkNeedsNone(hyperparameters)
  return {
    train: toNativeDataset(train),
    trainSamples: train.length,
    validation: validation === undefined ? undefined : toNativeDataset(validation, 'validationData'),
    datasets: { train, validation },
  }
}

function split(dataset: ImageDataset, part: number, seed: number): [train: ImageDataset, validation: ImageDataset] {
  const { length } = dataset
  const count = part < 1 ? Math.round(part * length) : part
  if (count < 1 || count >= length) {
    const expected = `an integer from 1 to ${length - 1}, or a share between 0 and 1 that leaves samples on both sides,`
    throw unexpected('ERR_INVALID_OPTION', 'validationSplit', expected, part)
  }
  return dataset.randomSplit([length - count, count], { seed }) as [ImageDataset, ImageDataset]
}

/** The test set must not choose anything, so what looks at a validation loss needs samples of its own. */
function checkNeedsNone({ schedule, earlyStoppingPatience }: Hyperparameters): void {
  if (schedule !== 'plateau' && earlyStoppingPatience === undefined) return
  const what = earlyStoppingPatience === undefined ? 'The schedule plateau' : 'Early stopping'
  const message = `${what} looks at the validation loss, but there are no validation samples. Set some aside with validationSplit.`
  throw new TorchRnnError('ERR_NO_VALIDATION', message)
}
