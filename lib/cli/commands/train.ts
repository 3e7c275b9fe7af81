import { existsSync } from 'node:fs'
import { dirname, resolve, sep } from 'node:path'
import { type Command, Help } from 'commander'
import { native } from '../../addon/native'
import type { ImageDataset } from '../../data/dataset'
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
import type { OptionTable, Resolved } from '../../options/specs'
import { RunFolder } from '../../runs/run-folder'
import { drawBox } from '../../text/table'
import { checkCombinations } from '../../training/combinations'
import type { CheckpointEvent, EpochEvent } from '../../training/events'
import { RECIPES, type RecipeName, recipeOptions, withRecipe } from '../../training/recipes'
import type { History } from '../../training/train-options'
import { checkValidation, countPart } from '../../training/training-data'
import { PACKAGE_VERSION } from '../../version'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { type DoneEvent, describeEvaluation, describeNetwork, doneSince, type StartEvent, startOf } from '../events'
import { CommandFailure, EXIT_USAGE } from '../exit'
import { flushOutput } from '../interruption'
import { formatDuration, toPercent } from '../numbers'
import { checkFit } from '../open-model'
import { flagOf } from '../option-flags'
import type { Reporter } from '../reporter'
import { rescueModel } from '../rescue'
import { columnsOf } from '../terminal'
import { warnOfThreads } from '../thread-warning'
import { waitForLibtorch } from '../wait-for-libtorch'

const RECIPE_OPTIONS = {
  recipe: {
    kind: 'choice',
    choices: Object.keys(RECIPES) as RecipeName[],
    default: 'tutorial',
    summary: 'values for the options that you do not give, see below',
  },
} as const satisfies OptionTable

const MODEL_OPTION = {
  model: { kind: 'path', of: 'file', optional: true, summary: 'go on from this trained model', whenAbsent: 'a new network' },
} as const

const TRAIN_OPTIONS = {
  ...RECIPE_OPTIONS,
  ...HYPERPARAMETERS,
  ...NETWORK_CHOICES,
  ...MODEL_OPTION,
  ...OPTIONS.run,
  ...SHARED_OPTIONS,
}

const HEADINGS = {
  Training: { ...RECIPE_OPTIONS, ...OPTIONS.training },
  Optimizer: OPTIONS.optimizer,
  'Learning rate': OPTIONS.schedule,
  'Validation and early stopping': { ...OPTIONS.validation, ...OPTIONS.earlyStopping },
  'Random changes of the training images': OPTIONS.augmentation,
  Network: { ...NETWORK_CHOICES, ...MODEL_OPTION },
  'Files and data': { ...OPTIONS.run, ...OPTIONS.data },
  'Where and how to compute': OPTIONS.placement,
  Output: OPTIONS.reporting,
}

type TrainFlags = Resolved<typeof TRAIN_OPTIONS>

const EXAMPLES = `
${describeRecipes()}
Examples:
  rnn-mnist-train                                     the tutorial: 10 epochs on MNIST, some minutes
  rnn-mnist-train --epochs 1                          a first look
  rnn-mnist-train --recipe accurate                   fewer mistakes, but more epochs; other flags still count
  rnn-mnist-train --validation-split 0.1 --early-stopping-patience 3
  rnn-mnist-train --model digits.safetensors --learning-rate 1e-4
  rnn-mnist-train --hidden-size 64 --num-layers 1 --nonlinearity relu --recurrent-init identity
  rnn-mnist-train --data fashion/ --output fashion.safetensors
  rnn-mnist-train --json | tail -n 1                  the result for another program

Ctrl-C finishes the running batch and saves the model. The same happens when the terminal is closed, or when nothing reads the output
any more.`

/** `train`: trains a network, from the start or from a model file, and measures it on the test set. */
export function trainCommand(): Command {
  return defineCommand({
    name: 'train',
    summary: 'train a network and measure it (the default command)',
    description: 'Trains a recurrent network to read handwritten digits row by row, and measures it on the test set.',
    options: TRAIN_OPTIONS,
    headings: HEADINGS,
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

async function train(asked: TrainFlags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>): Promise<void> {
  const started = performance.now()
  const flags = withRecipe(asked, asked.recipe, given)
  const hyperparameters = pickOptions(HYPERPARAMETERS, flags)
  checkCombinations(hyperparameters)
  checkValidation(hyperparameters, flags.validationSplit !== undefined)
  if (flags.output !== undefined) await checkOutput(flags.output, flags.run)
  const data = await loadMnist(flags.data === undefined ? undefined : { dir: flags.data })
  if (flags.data !== undefined) await checkTestLabels(flags.data, data)
  stop.throwIfAborted()
  const model = await createModel(flags, data.train, given, stop)
  try {
    const run = await startRun(flags, model, data, reporter)
    const { history, evaluation } = await trainAndMeasure({ flags, model, data, run, reporter, stop })
    const { ended, bestEpoch } = history
    const measured = { testAccuracy: evaluation.accuracy, testLoss: evaluation.loss }
    const best = bestEpoch === undefined ? {} : { bestEpoch }
    reporter.step({ ...doneSince(started, measured), ended, ...best, run: run.path }, describeDone)
  } finally {
    model.dispose()
  }
}

/** A new network for the data, or the one of `--model`. */
async function createModel(flags: TrainFlags, train: ImageDataset, given: ReadonlySet<string>, stop: AbortSignal): Promise<ImageRNN> {
  const placement = pickOptions(OPTIONS.placement, flags)
  if (flags.model === undefined) {
    const network = { ...pickOptions(NETWORK_CHOICES, flags), inputSize: train.columns, numClasses: train.numClasses }
    checkSavable(network)
    await waitForLibtorch(flags, stop)
    return new ImageRNN({ ...network, ...placement })
  }
  await waitForLibtorch(flags, stop)
  const model = await ImageRNN.load(flags.model, placement)
  try {
    checkFit(model, train, flags.model)
    checkAgrees(model, flags, given)
    return model
  } catch (error) {
    model.dispose()
    throw error
  }
}

/** Refuses flags that contradict the network of `--model`. Those that agree with it, as in a script, do no harm. */
function checkAgrees({ options }: ImageRNN, flags: TrainFlags, given: ReadonlySet<string>): void {
  for (const name of Object.keys(NETWORK_CHOICES) as (keyof typeof NETWORK_CHOICES)[]) {
    if (!given.has(name) || (name !== 'recurrentInit' && options[name] === flags[name])) continue
    const has = name === 'recurrentInit' ? 'is trained already' : `has ${options[name]}`
    throw new CommandFailure('ERR_USAGE', `${flagOf(name)} ${flags[name]} contradicts --model: that network ${has}.`, EXIT_USAGE)
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
  const start = flags.model === undefined ? {} : { model: flags.model }
  const config = {
    command: 'train',
    versions: { 'torch-rnn-mnist': PACKAGE_VERSION, libtorch: native().torchVersion, [RUNTIME.name.toLowerCase()]: RUNTIME.version },
    device,
    engine,
    threads,
    data: flags.data ?? 'bundled MNIST',
    ...start,
    options,
  }
  const part = flags.validationSplit
  const validation = part === undefined ? {} : { validationSamples: countPart(part, data.train.length) }
  const run = await RunFolder.create(config, flags.run)
  const [trainSamples, testSamples] = [data.train.length, data.test.length]
  const parameters = parameterCount(model.options)
  const facts = { device, engine, threads, parameters, trainSamples, ...validation, testSamples, options, run: run.path, ...start }
  reporter.step(startOf('train', facts), describeStart)
  warnOfThreads(flags.threads, device, reporter)
  return run
}

/**
 * Trains the model and measures it. The model is saved after every epoch. When training ends early, or a file cannot be written, the model
 * is saved as it is then, wherever that is possible.
 */
async function trainAndMeasure(training: Training): Promise<{ history: History; evaluation: Evaluation }> {
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
    const history = await model.train(data.train, {
      ...pickOptions(HYPERPARAMETERS, flags),
      signal: stop,
      onBatch: (event) => reporter.progress(event),
      onEpoch,
    })
    const wentBack = hasGoneBack(flags, history)
    if (saved.file === undefined || wentBack) {
      if (wentBack) saved.epoch = history.bestEpoch ?? saved.epoch
      await save(training, saved, run.modelFile)
      saved.file = run.modelFile
    }
    if (flags.output !== undefined) await save(training, saved, flags.output)
    const evaluation = await model.evaluate(data.test, { signal: stop })
    reporter.result({ type: 'evaluation', dataset: 'test', ...evaluation }, describeEvaluation)
    await run.addEvaluation('test', evaluation)
    await flushOutput()
    stop.throwIfAborted()
    return { history, evaluation }
  } catch (error) {
    throw await keepModel(training, saved, error)
  }
}

/** Whether the model, at the end, got the parameters of an epoch before the last one. */
function hasGoneBack({ earlyStoppingPatience, restoreBest }: TrainFlags, { bestEpoch, epochs }: History): boolean {
  return earlyStoppingPatience !== undefined && restoreBest && bestEpoch !== undefined && bestEpoch !== epochs.length
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
  const { trainSamples = 0, validationSamples = 0, testSamples, model, run } = event
  const validation = validationSamples === 0 ? '' : `, ${validationSamples} validation`
  const start = model === undefined ? '' : `Start: ${model}\n`
  const data = `Data: ${trainSamples - validationSamples} training${validation} and ${testSamples} test images\n`
  return `${describeNetwork(event)}${data}${start}Run: ${run}\n`
}

/** The tutorial's line: it counts epochs from 0. */
function describeEpoch({ epoch, trainLoss, trainAccuracy, validationLoss, validationAccuracy }: EpochEvent): string {
  const line = `Epoch : ${String(epoch - 1).padStart(2, '0')} | ${describeMeans('Loss', trainLoss, 'Train Accuracy', trainAccuracy)}`
  if (validationLoss === undefined || validationAccuracy === undefined) return `${line}\n`
  return `${line} | ${describeMeans('Validation Loss', validationLoss, 'Validation Accuracy', validationAccuracy)}\n`
}

function describeMeans(lossName: string, loss: number, accuracyName: string, accuracy: number): string {
  return `${lossName} : ${loss.toFixed(4)} | ${accuracyName} : ${toPercent(accuracy)} %`
}

function describeDone({ seconds, run = '', testAccuracy = 0, ended, bestEpoch }: DoneEvent): string {
  const best = bestEpoch === undefined ? [] : [['Best epoch', describeBest(bestEpoch, ended)] as const]
  const entries = [
    ['Test accuracy', `${toPercent(testAccuracy)} %`],
    ...best,
    ['Time', formatDuration(seconds)],
    ['Model, metrics', run],
    ['Try next', 'rnn-mnist-train evaluate'],
    ['', 'rnn-mnist-train hook'],
    ['', 'rnn-mnist-train --help'],
  ] as const
  return `${drawBox(entries, columnsOf(process.stdout)).join('\n')}\n`
}

/** As in the lines of the epochs, counted from 0. */
function describeBest(epoch: number, ended: DoneEvent['ended']): string {
  return `${String(epoch - 1).padStart(2, '0')}${ended === 'early-stopping' ? ' (stopped early)' : ''}`
}

/** For `--help`. */
function describeRecipes(): string {
  const recipes = (Object.keys(RECIPES) as RecipeName[]).map((name) => {
    const flags = recipeOptions(name).map(([option, value]) => `${flagOf(option)} ${value}`)
    const values = flags.length === 0 ? 'the defaults above' : flags.join(' ')
    return `  ${name.padEnd(10)}${new Help().boxWrap(values, 66).replaceAll('\n', `\n${' '.repeat(12)}`)}\n`
  })
  return `Recipes:\n${recipes.join('')}`
}
