import { existsSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import type { Command } from 'commander'
import { native } from '../../addon/native'
import { countClasses } from '../../data/image-storage'
import { findTestLabels, loadMnist, type Mnist } from '../../data/mnist'
import { TorchRnnError } from '../../errors'
import { checkWritable } from '../../files/durable-file'
import { invalidFile, showPath } from '../../files/regular-file'
import { RUNTIME } from '../../host/runtime'
import { parameterCount } from '../../model/architecture'
import type { Evaluation } from '../../model/evaluation'
import { ImageRNN } from '../../model/image-rnn'
import { checkSavable } from '../../model/model-file'
import { pickOptions } from '../../options/checks'
import { HYPERPARAMETERS, NETWORK_CHOICES, OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { writeModelCard } from '../../runs/card-file'
import { pythonArguments } from '../../runs/python-model'
import { RunFolder } from '../../runs/run-folder'
import { BUNDLED_DATA } from '../../runs/run-record'
import { drawBox } from '../../text/table'
import type { EpochEvent } from '../../training/events'
import { PACKAGE_VERSION } from '../../version'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { type CheckpointEvent, type DoneEvent, describeEvaluation, describeNetwork, doneSince, type StartEvent, startOf } from '../events'
import { CommandFailure } from '../exit'
import { flushOutput } from '../interruption'
import { formatDuration, toPercent } from '../numbers'
import type { Reporter } from '../reporter'
import { rescueModel } from '../rescue'
import { columnsOf } from '../terminal'
import { warnOfThreads } from '../thread-warning'
import { waitForLibtorch } from '../wait-for-libtorch'

const TRAIN_OPTIONS = { ...HYPERPARAMETERS, ...NETWORK_CHOICES, ...OPTIONS.run, ...SHARED_OPTIONS }

type TrainFlags = Resolved<typeof TRAIN_OPTIONS>

const EXAMPLES = `
Examples:
  rnn-mnist-train                                     the tutorial: 10 epochs on MNIST, some minutes
  rnn-mnist-train --epochs 1                          a first look
  rnn-mnist-train --hidden-size 64 --num-layers 1 --nonlinearity relu --recurrent-init identity
  rnn-mnist-train --data fashion/ --output fashion.safetensors
  rnn-mnist-train --json | tail -n 1                  the result for another program

Ctrl-C finishes the running batch and saves the model. The same happens when the terminal is closed, or when nothing reads the output
any more.`

/** `train`: trains a network from the start and measures it on the test set. */
export function trainCommand(): Command {
  return defineCommand({
    name: 'train',
    summary: 'train a network and measure it (the default command)',
    description: 'Trains a recurrent network to read handwritten digits row by row, and measures it on the test set.',
    options: TRAIN_OPTIONS,
    details: EXAMPLES,
    work: train,
  })
}

/** What a training works with. */
interface Training {
  readonly flags: TrainFlags
  readonly model: ImageRNN
  readonly data: Mnist
  readonly run: RunFolder
  readonly reporter: Reporter
  readonly stop: AbortSignal
}

async function train(flags: TrainFlags, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  if (flags.output !== undefined) await checkOutput(flags.output, flags.run)
  const data = await loadMnist(flags.data === undefined ? undefined : { dir: flags.data })
  if (flags.data !== undefined) await checkTestLabels(flags.data, data)
  stop.throwIfAborted()
  const network = { ...pickOptions(NETWORK_CHOICES, flags), inputSize: data.train.columns, numClasses: data.train.numClasses }
  checkSavable(network)
  await waitForLibtorch(flags, stop)
  const model = new ImageRNN({ ...network, ...pickOptions(OPTIONS.placement, flags) })
  try {
    const run = await startRun(flags, model, data, reporter)
    const { accuracy, loss } = await trainAndMeasure({ flags, model, data, run, reporter, stop })
    reporter.step({ ...doneSince(started, { testAccuracy: accuracy, testLoss: loss }), run: run.path }, describeDone)
  } finally {
    model.dispose()
  }
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
async function checkOutput(output: string, run: string | undefined): Promise<void> {
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

async function startRun(flags: TrainFlags, model: ImageRNN, data: Mnist, reporter: Reporter): Promise<RunFolder> {
  const { device, engine } = model
  const threads = await model.threadCount()
  const options = { ...model.options, ...pickOptions(HYPERPARAMETERS, flags) }
  const [trainSamples, testSamples] = [data.train.length, data.test.length]
  const config = {
    command: 'train',
    created: new Date().toISOString(),
    ...pythonArguments(model.options),
    versions: { 'torch-rnn-mnist': PACKAGE_VERSION, libtorch: native().torchVersion, [RUNTIME.name.toLowerCase()]: RUNTIME.version },
    device,
    engine,
    threads,
    data: flags.data ?? BUNDLED_DATA,
    trainSamples,
    testSamples,
    options,
  }
  const run = await RunFolder.create(config, flags.run)
  const parameters = parameterCount(model.options)
  const facts = { device, engine, threads, parameters, trainSamples, testSamples, options, run: run.path }
  reporter.step(startOf('train', facts), describeStart)
  warnOfThreads(flags.threads, device, reporter)
  return run
}

/**
 * Trains the model and measures it. The model is saved after every epoch. When training ends early, or a file cannot be written, the model
 * is saved as it is then, wherever that is possible.
 */
async function trainAndMeasure(training: Training): Promise<Evaluation> {
  const { flags, model, data, run, reporter, stop } = training
  const saved: Saved = { epoch: 0, file: undefined }
  const onEpoch = async (event: EpochEvent) => {
    saved.epoch = event.epoch
    reporter.step(event, describeEpoch)
    await save(training, saved, run.modelFile)
    saved.file = run.modelFile
    await run.addEpoch(event)
    if (event.epoch < flags.epochs) saved.file = undefined // The next epoch changes the model.
  }
  try {
    await model.train(data.train, {
      ...pickOptions(HYPERPARAMETERS, flags),
      signal: stop,
      onBatch: (event) => reporter.progress(event),
      onEpoch,
    })
    if (flags.output !== undefined) await save(training, saved, flags.output)
    const evaluation = await model.evaluate(data.test, { signal: stop })
    reporter.result({ type: 'evaluation', dataset: 'test', ...evaluation }, describeEvaluation)
    await run.addEvaluation('test', evaluation)
    if (!(await writeModelCard(run.path))) reporter.warning(`${showPath(run.path)} has a README.md of its own, which stays as it is.`)
    await flushOutput()
    stop.throwIfAborted()
    return evaluation
  } catch (error) {
    const failure = await keepModel(training, saved, error)
    await noteEnd(run, error)
    throw failure
  }
}

/** Notes in the logs why the run ended, if they can still be written. The error that came first is the one to report. */
async function noteEnd(run: RunFolder, error: unknown): Promise<void> {
  const code = error instanceof CommandFailure || error instanceof TorchRnnError ? error.code : 'ERR_INTERNAL'
  await run.addEnd({ state: error instanceof CommandFailure ? 'stopped' : 'failed', code }).catch(() => undefined)
}

/** How far the training is, and where the model is safe. */
interface Saved {
  /** Whole epochs that the model was trained for. */
  epoch: number
  /** The file that holds the model as it is now; undefined when none does. */
  file: string | undefined
}

async function save({ model, reporter }: Training, { epoch }: Saved, file: string): Promise<void> {
  await model.save(file)
  reporter.step({ type: 'checkpoint', epoch, file } satisfies CheckpointEvent)
}

/** After an error, makes sure that the model is saved, and says where. @returns The error to fail with. */
async function keepModel({ flags, model, run, reporter, stop }: Training, { epoch, file }: Saved, error: unknown): Promise<unknown> {
  // The file may have been deleted meanwhile, together with its folder.
  const rescue = file !== undefined && existsSync(file) ? { file } : await rescueModel(model, run.modelFile, stop)
  if ('loss' in rescue) return withLoss(error, rescue.loss)
  reporter.step({ type: 'checkpoint', epoch, file: rescue.file } satisfies CheckpointEvent)
  const early = epoch < flags.epochs ? 'Training ended early. ' : ''
  reporter.warning(`${early}The model as it is now was saved to ${showPath(rescue.file)}.`)
  return error
}

/** An error of the same kind, whose message also says that the model is lost. */
function withLoss(error: unknown, loss: string): Error {
  const reason = error instanceof Error ? error.message : String(error)
  const message = `${reason.replace(/\.?$/, '.')} ${loss}`
  if (error instanceof CommandFailure) return new CommandFailure(error.code, message, error.exitCode)
  if (error instanceof TorchRnnError) {
    return new TorchRnnError(error.code, message, { cause: error, ...(error.detail === undefined ? {} : { detail: error.detail }) })
  }
  return new Error(message, { cause: error })
}

function describeStart(event: StartEvent): string {
  return `${describeNetwork(event)}Data: ${event.trainSamples} training and ${event.testSamples} test images\nRun: ${event.run}\n`
}

/** The tutorial's line: it counts epochs from 0. */
function describeEpoch({ epoch, trainLoss, trainAccuracy }: EpochEvent): string {
  return `Epoch : ${String(epoch - 1).padStart(2, '0')} | Loss : ${trainLoss.toFixed(4)} | Train Accuracy : ${toPercent(trainAccuracy)} %\n`
}

function describeDone({ seconds, run = '', testAccuracy = 0 }: DoneEvent): string {
  const entries = [
    ['Test accuracy', `${toPercent(testAccuracy)} %`],
    ['Time', formatDuration(seconds)],
    ['Model, metrics', run],
    ['Try next', 'rnn-mnist-train evaluate'],
    ['', 'rnn-mnist-train hook'],
    ['', 'rnn-mnist-train --help'],
  ] as const
  return `${drawBox(entries, columnsOf(process.stdout)).join('\n')}\n`
}
