/** Begins a run, or goes on with one: what is checked before it trains, its configuration, and what the user is told first. */
import { existsSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import { native } from '../../addon/native'
import { countClasses } from '../../data/image-storage'
import { findTestLabels, loadMnist, type Mnist } from '../../data/mnist'
import { TorchRnnError } from '../../errors'
import { checkWritable } from '../../files/durable-file'
import { invalidFile, showPath } from '../../files/regular-file'
import { RUNTIME } from '../../host/runtime'
import { parameterCount } from '../../model/architecture'
import type { ImageRNN } from '../../model/image-rnn'
import { pickOptions } from '../../options/checks'
import { flagOf } from '../../options/flag-words'
import { HYPERPARAMETERS, OPTIONS } from '../../options/options'
import { pythonArguments } from '../../runs/python-model'
import { RunFolder } from '../../runs/run-folder'
import { BUNDLED_DATA } from '../../runs/run-record'
import { countPart } from '../../training/training-data'
import { PACKAGE_VERSION } from '../../version'
import { describeNetwork, type StartEvent, startOf } from '../events'
import type { Reporter } from '../reporter'
import { warnOfThreads } from '../thread-warning'
import type { ReopenedRun } from './reopen-run'
import type { TrainFlags } from './train-flags'

/** A run that is ready to train. */
export interface StartedRun {
  readonly run: RunFolder
  /** Makes a run that goes on do so: its files change from then on. Nothing where it has just begun, or goes on already. */
  readonly goOn: () => Promise<void>
}

/** The options that a configuration holds, besides those of the model. */
const { checkpointEvery, keepCheckpoints } = OPTIONS.checkpoints
export const CONFIGURED = { ...HYPERPARAMETERS, checkpointEvery, keepCheckpoints }

/** Loads the images. @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`. */
export async function loadData({ data: dir }: Pick<TrainFlags, 'data'>): Promise<Mnist> {
  const data = await loadMnist(dir === undefined ? undefined : { dir })
  if (dir !== undefined) await checkTestLabels(dir, data)
  return data
}

/**
 * Refuses a test set with labels above all those of the training set, which nothing can learn. Its files do not belong together, or one is
 * damaged.
 */
async function checkTestLabels(dir: string, { train, test }: Mnist): Promise<void> {
  const classes = countClasses(train.labelsOf())
  const labels = test.labelsOf()
  const index = labels.findIndex((label) => label >= classes)
  if (index === -1) return
  const expected = `labels from 0 to ${classes - 1}, as in the training set,`
  throw invalidFile(await findTestLabels(dir), expected, `${labels[index]} for image ${index}`)
}

/** Checks before the training, not after it, that the model can be copied to `output`. */
export async function checkOutput(output: string, run: string | undefined): Promise<void> {
  if (run !== undefined) {
    const [file, folder] = [resolve(output), resolve(run)]
    if (`${folder}${sep}`.startsWith(`${file}${sep}`)) {
      const actual = 'the run makes a folder of this name'
      throw new TorchRnnError('ERR_FILE_SYSTEM', `Cannot write ${showPath(output)}: ${actual}. Choose another name.`, { actual })
    }
    // The run makes this folder if it is not there yet, also before the training, and reports it when it cannot.
    if (dirname(file) === folder && !existsSync(folder)) return
  }
  await checkWritable(output)
}

/** @param reopened - The run that goes on; undefined for a new one. @throws TorchRnnError `ERR_BUSY`, `ERR_FILE_SYSTEM`. */
export async function startRun(
  flags: TrainFlags,
  model: ImageRNN,
  data: Mnist,
  reporter: Reporter,
  reopened: ReopenedRun | undefined,
): Promise<StartedRun> {
  const { device, engine, instructionSet } = model
  const options = { ...model.options, ...pickOptions(CONFIGURED, flags) }
  const [trainSamples, testSamples] = [data.train.length, data.test.length]
  const part = flags.validationSplit
  const validation = part === undefined ? {} : { validationSamples: countPart(part, trainSamples, flagOf('validationSplit')) }
  const threads = await model.threadCount()
  const first = flags.model ?? reopened?.config.model // A run that goes on began from it all the same.
  const config = {
    command: 'train',
    created: reopened?.config.created ?? new Date().toISOString(),
    ...pythonArguments(model.options),
    versions: { 'torch-rnn-mnist': PACKAGE_VERSION, libtorch: native().torchVersion, [RUNTIME.name.toLowerCase()]: RUNTIME.version },
    device,
    engine,
    instructionSet,
    threads,
    data: flags.data ?? BUNDLED_DATA,
    ...(first === undefined ? {} : { model: first }),
    trainSamples,
    testSamples,
    options,
  }
  const run = reopened?.run ?? (await RunFolder.create(config, flags.run))
  const parameters = parameterCount(model.options)
  const origin = { ...(flags.model === undefined ? {} : { model: flags.model }), ...(reopened && { resumed: reopened.file }) }
  const place = { device, engine, instructionSet, threads }
  const facts = { ...place, parameters, trainSamples, ...validation, testSamples, options, run: run.path, ...origin }
  const isTrained = reopened !== undefined && reopened.checkpoint.position.epochs >= flags.epochs
  reporter.step(startOf('train', facts), (event) => `${describeStart(event)}${isTrained ? ALL_DONE : ''}`)
  warnOfThreads(flags.threads, device, reporter)
  return { run, goOn: once(async () => await reopened?.run.goOn(config, reopened.checkpoint.position.history)) }
}

const ALL_DONE = 'All epochs are done, so there is nothing to train: only the test set is measured.\n'

function once(perform: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return async () => {
    done ??= perform()
    await done
  }
}

function describeStart(event: StartEvent): string {
  const { trainSamples = 0, validationSamples = 0, testSamples, model, resumed, run } = event
  const validation = validationSamples === 0 ? '' : `, ${validationSamples} validation`
  const data = `Data: ${trainSamples - validationSamples} training${validation} and ${testSamples} test images\n`
  const start = model === undefined ? '' : `Start: ${model}\n`
  const pause = resumed === undefined ? '' : `Goes on from: ${resumed}\n`
  return `${describeNetwork(event)}${data}${start}Run: ${run}\n${pause}`
}
