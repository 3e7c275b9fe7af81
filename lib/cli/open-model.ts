/** Finds and opens the model that the flags name, together with the test set that it has to fit. */
import { type ImageDataset, relabelled } from '../data/dataset'
import { invalidFile } from '../files/regular-file'
import { MNIST_SIDE } from '../images/mnist-image'
import { parameterCount } from '../model/architecture'
import { findBundledModel } from '../model/bundled-model'
import { ImageRNN } from '../model/image-rnn'
import { pickOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { findNewestModel, requireNewestModel } from '../runs/run-folder'
import { quoteText } from '../text/unprintable'
import type { SharedFlags } from './define-command'
import { describeNetwork, type StartEvent, startOf } from './events'
import { loadData } from './load-data'
import type { Reporter } from './reporter'
import { warnOfThreads } from './thread-warning'
import { waitForLibtorch } from './wait-for-libtorch'

/** The flags of a command that reads a model. */
export type ModelFlags = SharedFlags & Resolved<ReturnType<typeof modelOption>>

/** A model, and the test set to show it. */
export interface OpenModel {
  readonly model: ImageRNN
  readonly test: ImageDataset
  /** False when there was no model to read: this one is fresh from its seed. */
  readonly trained: boolean
}

/** Which command opens the model, and what it does where none was trained yet. */
export interface OpenSettings {
  /** The name of the command. */
  readonly command: string
  /** Measuring a network that was never trained would be a mistake. Looking into one is the tutorial's first step. */
  readonly withoutModel: 'refuse' | 'fresh'
}

/** The model that comes with this package, in words. */
export const BUNDLED_MODEL = 'the one that comes with this package'

/** `--model FILE`. @param fallback - What is used where there is no run, for `--help`. */
export function modelOption(fallback?: string) {
  const newest = "the newest run's in runs/"
  const whenAbsent = fallback === undefined ? newest : `${newest}, else ${fallback}`
  return { model: { kind: 'path', of: 'file', optional: true, summary: 'the model, as safetensors', whenAbsent } } as const
}

/** The file of the model that reads drawn and photographed digits: that of `--model`, the newest run's, or the one that comes with this package. */
export async function findReadingModel(named: string | undefined): Promise<{ file: string; isBundled: boolean }> {
  const own = named ?? (await findNewestModel())
  return { file: own ?? findBundledModel(), isBundled: own === undefined }
}

/** @throws TorchRnnError `ERR_INVALID_FILE` when a model does not read the rows that digits are prepared with. @param advice - Ends the message. */
export function checkReadsDigits({ options: { inputSize } }: ImageRNN, file: string, advice?: string): void {
  if (inputSize !== MNIST_SIDE) throw invalidFile(file, `a model for rows of ${MNIST_SIDE} pixels`, `one for ${inputSize}`, advice)
}

/**
 * Loads libtorch, opens the model, reports the start, and hands model and test set to `use`. Afterwards, the model is disposed of in any case.
 *
 * @param stop - Ends the wait for libtorch, and throws its reason then.
 */
export async function withModel(
  flags: ModelFlags,
  settings: OpenSettings,
  reporter: Reporter,
  stop: AbortSignal,
  use: (opened: OpenModel) => Promise<void>,
): Promise<void> {
  const file = flags.model ?? (await (settings.withoutModel === 'fresh' ? findNewestModel() : requireNewestModel()))
  const { test: read } = await loadData(flags, reporter, stop)
  await waitForLibtorch(flags, stop)
  const model = await createModel(flags, file, read)
  try {
    const test = file === undefined ? read : fitTo(model, read, file)
    const { device, engine, instructionSet, options } = model
    const threads = await model.threadCount()
    const facts = { device, engine, instructionSet, threads, parameters: parameterCount(options), testSamples: test.length, options }
    reporter.step(startOf(settings.command, file === undefined ? facts : { ...facts, model: file }), describeStart)
    warnOfThreads(flags.threads, device, reporter)
    await use({ model, test, trained: file !== undefined })
  } finally {
    model.dispose()
  }
}

async function createModel(flags: ModelFlags, file: string | undefined, test: ImageDataset): Promise<ImageRNN> {
  const placement = pickOptions(OPTIONS.placement, flags)
  if (file !== undefined) return await ImageRNN.load(file, placement)
  return new ImageRNN({ ...placement, inputSize: test.columns, numClasses: test.numClasses, classNames: test.classNames })
}

/** @throws TorchRnnError `ERR_INVALID_FILE` when the model that was read is not for such images, or its classes have other names. */
export function checkFit(model: ImageRNN, { columns, numClasses: classes, classNames: names }: ImageDataset, file: string): void {
  const { inputSize, numClasses, classNames } = model.options
  if (inputSize !== columns || numClasses < classes) {
    throw invalidFile(file, `a model for rows of ${columns} pixels and ${classes} classes`, `one for ${inputSize} and ${numClasses}`)
  }
  const other = classNames === undefined ? undefined : names?.findIndex((name, label) => classNames[label] !== name)
  if (other === undefined || other < 0) return
  throw invalidFile(file, `a model whose class ${other} is ${quoteText(names?.[other] ?? '')}`, quoteText(classNames?.[other] ?? ''))
}

/**
 * Samples with the labels that a model has for their classes: a folder of pictures to test with may lack a class, and then counts the others
 * otherwise.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` as {@link checkFit}.
 */
function fitTo(model: ImageRNN, test: ImageDataset, file: string): ImageDataset {
  const { classNames } = model.options
  const places = test.classNames?.map((name) => classNames?.indexOf(name) ?? -1)
  const isKnown = classNames !== undefined && places?.every((place) => place >= 0)
  const fitting = isKnown ? relabelled(test, places as number[], classNames) : test
  checkFit(model, fitting, file)
  return fitting
}

function describeStart(event: StartEvent): string {
  const source = event.model ?? `never trained, fresh from seed ${event.options['seed']} (there is no run yet)`
  return `${describeNetwork(event)}Data: ${event.testSamples} test images\nModel: ${source}\n`
}
