/** Makes the model that a command trains. */

import type { StoredCheckpoint } from '../../checkpoints/checkpoint-file'
import type { ImageDataset } from '../../data/dataset'
import { ImageRNN } from '../../model/image-rnn'
import { checkSavable } from '../../model/model-file'
import { pickOptions } from '../../options/checks'
import { flagOf } from '../../options/flag-words'
import type { Normalization } from '../../options/normalization'
import { NETWORK_CHOICES, OPTIONS } from '../../options/options'
import { splitForValidation } from '../../training/training-data'
import { WrongUsage } from '../exit'
import { checkFit } from '../open-model'
import { waitForLibtorch } from '../wait-for-libtorch'
import type { NetworkFlags } from './train-flags'

/** What decides which model it is. */
interface ModelSources {
  readonly flags: NetworkFlags
  /** The names of the flags that the user wrote. */
  readonly given: ReadonlySet<string>
  readonly train: ImageDataset
  /** What the run goes on from; undefined for a new run. */
  readonly checkpoint: StoredCheckpoint | undefined
}

/** A new network for the data; or the one of `--model`; or one like that of the checkpoint, which gets its parameters with the training. */
export async function createModel({ flags, given, train, checkpoint }: ModelSources, stop: AbortSignal): Promise<ImageRNN> {
  const placement = pickOptions(OPTIONS.placement, flags)
  if (flags.model !== undefined) return await loadModel(flags.model, flags, given, train, stop)
  const network = {
    ...pickOptions(NETWORK_CHOICES, flags),
    inputSize: train.columns,
    numClasses: train.numClasses,
    ...(flags.normalize === true && checkpoint === undefined && { normalization: await normalizationFor(train, flags) }),
    classNames: train.classNames,
    ...checkpoint?.origin.model,
  }
  if (flags.normalize === true && network.normalization === undefined) {
    throw new WrongUsage('--normalize contradicts the checkpoint: its network was trained without a normalization.')
  }
  checkSavable(network)
  await waitForLibtorch(flags, stop)
  return new ImageRNN({ ...network, ...placement })
}

/** By what a network is normalised: the samples that it learns from, without those that are set aside to validate on. */
export async function normalizationFor(
  train: ImageDataset,
  { validationSplit, seed }: Pick<NetworkFlags, 'validationSplit' | 'seed'>,
): Promise<Normalization> {
  const [learned] = validationSplit === undefined ? [train] : splitForValidation(train, validationSplit, seed)
  return await learned.normalization()
}

async function loadModel(
  file: string,
  flags: NetworkFlags,
  given: ReadonlySet<string>,
  train: ImageDataset,
  stop: AbortSignal,
): Promise<ImageRNN> {
  await waitForLibtorch(flags, stop)
  const model = await ImageRNN.load(file, pickOptions(OPTIONS.placement, flags))
  try {
    checkFit(model, train, file)
    checkAgrees(model, flags, given)
    return model
  } catch (error) {
    model.dispose()
    throw error
  }
}

/** Refuses flags that contradict the network of `--model`. Those that agree with it, as in a script, do no harm. */
function checkAgrees({ options }: ImageRNN, flags: NetworkFlags, given: ReadonlySet<string>): void {
  if (flags.normalize === true && options.normalization === undefined) {
    throw new WrongUsage('--normalize contradicts --model: that network was trained without a normalization.')
  }
  for (const name of Object.keys(NETWORK_CHOICES) as (keyof typeof NETWORK_CHOICES)[]) {
    if (!given.has(name) || (name !== 'recurrentInit' && options[name] === flags[name])) continue
    const has = name === 'recurrentInit' ? 'is trained already' : `has ${options[name]}`
    throw new WrongUsage(`${flagOf(name)} ${flags[name]} contradicts --model: that network ${has}.`)
  }
}
