/** Begins a run, or goes on with one: what is checked before it trains, its configuration, and what the user is told first. */
import { existsSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import { native } from '../../addon/native'
import type { LoadedImages } from '../../data/load-images'
import { TorchRnnError } from '../../errors'
import { checkWritable } from '../../files/durable-file'
import { showPath } from '../../files/regular-file'
import { RUNTIME } from '../../host/runtime'
import { parameterCount } from '../../model/architecture'
import type { ImageRNN } from '../../model/image-rnn'
import { pickOptions } from '../../options/checks'
import { flagOf } from '../../options/flag-words'
import { HYPERPARAMETERS, OPTIONS } from '../../options/options'
import { pythonArguments } from '../../runs/python-model'
import { RunFolder } from '../../runs/run-folder'
import { BUNDLED_DATA, DATA_FILES } from '../../runs/run-record'
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
  data: LoadedImages,
  reporter: Reporter,
  reopened: ReopenedRun | undefined,
): Promise<StartedRun> {
  const { device, engine, instructionSet } = model
  const isBundled = flags.data === undefined && flags.trainImages === undefined
  const reading = isBundled ? {} : data.reading
  const options = { ...model.options, ...pickOptions(CONFIGURED, flags), ...reading }
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
    data: flags.data ?? flags.trainImages ?? BUNDLED_DATA,
    ...(flags.trainImages === undefined ? {} : { dataFiles: pickOptions(DATA_FILES, flags) }),
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
