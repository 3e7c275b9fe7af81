import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { ImageDataset } from '../../data/dataset'
import { TorchRnnError } from '../../errors'
import { checkWritable, writeFileDurably } from '../../files/durable-file'
import { showPath } from '../../files/regular-file'
import { parameterCount } from '../../model/architecture'
import type { ImageRNN } from '../../model/image-rnn'
import { pickOptions } from '../../options/checks'
import { flagOf, quoteWord, wordsOf } from '../../options/flag-words'
import { LEARNING_RATE_TEST_GROUPS, LEARNING_RATE_TEST_OPTIONS } from '../../options/learning-rate-test'
import { NETWORK_CHOICES, OPTIONS } from '../../options/options'
import type { OptionTable, Resolved } from '../../options/specs'
import type { LearningRatePoint, LearningRateSuggestions } from '../../search/learning-rate-curve'
import {
  checkLearningRates,
  findLearningRate,
  type LearningRateStep,
  type LearningRateTest,
  suggest,
} from '../../search/learning-rate-test'
import { drawLineChart } from '../../text/line-chart'
import { drawBox } from '../../text/table'
import { withRecipe } from '../../training/recipes'
import { checkAugmentable } from '../../training/training-data'
import { defineCommand, SHARED_OPTIONS } from '../define-command'
import { describeNetwork, doneSince, type StartEvent, startOf } from '../events'
import { CommandFailure, checkFlagsBy } from '../exit'
import { loadTrainingData } from '../load-data'
import { formatDuration } from '../numbers'
import type { ProgressState } from '../progress'
import type { Reporter } from '../reporter'
import { columnsOf } from '../terminal'
import { warnOfThreads } from '../thread-warning'
import { createModel } from '../training/create-model'
import { describeRecipes, MODEL_OPTION, NORMALIZE_OPTION, RECIPE_OPTIONS, TRAIN_OPTIONS } from '../training/train-flags'

/** A step of the test. */
export interface LearningRateStepEvent extends LearningRateStep {
  type: 'step'
  /** Since the first step began. */
  seconds: number
}

/** What the test measured, and the learning rates that it suggests. */
export interface LearningRateEvent extends Partial<LearningRateSuggestions> {
  type: 'lr-find'
  /** The learning rate to train with: `valley`, rounded to two digits. Absent, like the others, where the test ended too early. */
  suggestion?: number
  /** After all steps, where the loss diverged, by a signal, or by an error, which follows. */
  ended: LearningRateTest['ended'] | 'stopped' | 'failed'
  /** Steps that were asked for. */
  steps: number
  /** The command line that trains with the suggestion; only where there is one. */
  command?: string
  /** The file with the curve; only with `--csv`. */
  file?: string
  /** The steps that were measured. */
  curve: readonly LearningRatePoint[]
}

/** Room above the highest loss that the picture of the curve is about, as a share of its height. */
const CEILING_MARGIN = 0.25

const FILE_OPTIONS = {
  csv: { kind: 'path', of: 'file', optional: true, summary: 'also write the curve to this file, as a table' },
} as const satisfies OptionTable

const LR_FIND_OPTIONS = {
  ...LEARNING_RATE_TEST_GROUPS.range,
  ...FILE_OPTIONS,
  ...RECIPE_OPTIONS,
  ...LEARNING_RATE_TEST_GROUPS.training,
  ...LEARNING_RATE_TEST_GROUPS.optimizer,
  ...LEARNING_RATE_TEST_GROUPS.augmentation,
  ...NETWORK_CHOICES,
  ...NORMALIZE_OPTION,
  ...MODEL_OPTION,
  ...SHARED_OPTIONS,
}

type LrFindFlags = Resolved<typeof LR_FIND_OPTIONS>

const HEADINGS = {
  'Learning rates': { ...LEARNING_RATE_TEST_GROUPS.range, ...FILE_OPTIONS },
  Training: { ...RECIPE_OPTIONS, ...LEARNING_RATE_TEST_GROUPS.training },
  Optimizer: LEARNING_RATE_TEST_GROUPS.optimizer,
  'Random changes of the training images': LEARNING_RATE_TEST_GROUPS.augmentation,
  Network: { ...NETWORK_CHOICES, ...NORMALIZE_OPTION, ...MODEL_OPTION },
  Data: OPTIONS.data,
  'Where and how to compute': OPTIONS.placement,
  Output: OPTIONS.reporting,
}

const DETAILS = `
${describeRecipes()}
Examples:
  rnn-mnist-train lr-find                             a rate for the tutorial's network, in seconds
  rnn-mnist-train lr-find --recipe accurate           for a recipe: with its network, optimizer, clipping and changed images
  rnn-mnist-train lr-find --hidden-size 64 --batch-size 32 --csv curve.csv
  rnn-mnist-train lr-find --model digits.safetensors    to go on with a trained model
  rnn-mnist-train lr-find --start-learning-rate 1e-4 --end-learning-rate 0.1 --steps 400    a closer look
  rnn-mnist-train lr-find --json | tail -n 2 | head -n 1    curve and suggestion for another program

The learning-rate range test (Smith, 2017), as fastai's lr_find: it trains for some batches, each with a larger rate, and watches the loss.
While the rate is too small, the loss stays; then it falls; where the rate is too large, it grows, and the test ends. Nothing of this
training is kept. Two rates come out:
  valley      half-way down the longest fall of the loss. This is the suggestion, rounded to two digits
  steepest    where the loss falls fastest. A single step decides on it, so chance moves it more, and it may be far too high
Train with the suggestion by --learning-rate. For the schedules one-cycle, cosine and warmup-cosine it is their highest rate. It is where to
begin, not the best rate: try twice and half of it, too. A test with another --seed shows how much is chance.

Of a recipe, what the test has no flag for (epochs, schedule, learning rate, average of the parameters) plays no part. Ctrl-C shows what was
measured until then.`

/** `lr-find`: looks for a learning rate. */
export function lrFindCommand(): Command {
  return defineCommand({
    name: 'lr-find',
    summary: 'find a learning rate to train with',
    description: 'Trains for some batches with a rate that grows, and suggests a learning rate from the curve of the losses.',
    options: LR_FIND_OPTIONS,
    headings: HEADINGS,
    details: DETAILS,
    work: lrFind,
  })
}

/** What a test is asked for. */
interface Request {
  readonly flags: LrFindFlags
  /** The command line that trains with a rate. */
  readonly commandFor: (learningRate: number) => string
  readonly reporter: Reporter
  readonly stop: AbortSignal
}

/** @throws TorchRnnError `ERR_FILE_SYSTEM` where the table could not be written, or would take the place of the model. */
async function checkTable(csv: string, model: string | undefined): Promise<void> {
  if (model !== undefined && resolve(csv) === resolve(model)) {
    const actual = 'it is the file of the model'
    throw new TorchRnnError('ERR_FILE_SYSTEM', `Cannot write ${showPath(csv)}: ${actual}. Choose another name.`, { actual })
  }
  await checkWritable(csv)
}

async function lrFind(asked: LrFindFlags, reporter: Reporter, stop: AbortSignal, given: ReadonlySet<string>): Promise<void> {
  const started = performance.now()
  const flags = withRecipe(asked, asked.recipe, given)
  checkFlagsBy(() => checkLearningRates(flags, flagOf))
  if (flags.csv !== undefined) await checkTable(flags.csv, flags.model)
  const { train } = await loadTrainingData(flags, reporter, stop)
  checkAugmentable(train, flags, flagOf)
  const model = await createModel({ flags, given, train, checkpoint: undefined }, stop)
  try {
    await reportStart(flags, model, train, reporter)
    const commandFor = (learningRate: number) => trainingCommand(asked, given, learningRate)
    await testAndReport(model, train, { flags, commandFor, reporter, stop })
    reporter.step(doneSince(started))
  } finally {
    model.dispose()
  }
}

async function reportStart(flags: LrFindFlags, model: ImageRNN, train: ImageDataset, reporter: Reporter): Promise<void> {
  const { device, engine, instructionSet } = model
  const threads = await model.threadCount()
  const options = { ...model.options, ...pickOptions(LEARNING_RATE_TEST_OPTIONS, flags) }
  const source = flags.model === undefined ? {} : { model: flags.model }
  const facts = { device, engine, instructionSet, threads, parameters: parameterCount(model.options), trainSamples: train.length }
  reporter.step(startOf('lr-find', { ...facts, options, ...source }), describeStart)
  warnOfThreads(flags.threads, device, reporter)
}

/** Reports what was measured also where the test ends early, and fails with the reason then. */
async function testAndReport(model: ImageRNN, train: ImageDataset, request: Request): Promise<void> {
  const { flags, reporter, stop } = request
  const hyperparameters = pickOptions(LEARNING_RATE_TEST_OPTIONS, flags)
  const curve: LearningRatePoint[] = []
  const began = performance.now()
  const onStep = (step: LearningRateStep) => {
    const { learningRate, loss, smoothedLoss } = step
    curve.push({ learningRate, loss, smoothedLoss })
    reporter.progress({ type: 'step', ...step, seconds: (performance.now() - began) / 1000 }, progressOfTest)
  }
  const { ended, error } = await findLearningRate(model, train, { ...hyperparameters, signal: stop, onStep }).then(
    (test) => ({ ended: test.ended, error: undefined }),
    (reason: unknown) => ({ ended: reason instanceof CommandFailure ? ('stopped' as const) : ('failed' as const), error: reason }),
  )
  if (curve.length === 0) throw error
  // What was measured is shown also where it cannot be written.
  const unwritten = await writeTable(curve, flags.csv).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  reportResult(curve, { ended, ...(flags.csv !== undefined && unwritten === undefined && { file: flags.csv }) }, request)
  if (error !== undefined || unwritten !== undefined) throw error ?? unwritten
}

function reportResult(curve: readonly LearningRatePoint[], outcome: Pick<LearningRateEvent, 'ended' | 'file'>, request: Request): void {
  const { flags, commandFor, reporter } = request
  const { steps, quiet } = flags
  const { suggestion: exact, ...suggestions } = suggest(curve, steps)
  const suggestion = exact === undefined ? undefined : Number(exact.toPrecision(2))
  const chosen = suggestion === undefined ? {} : { suggestion, ...suggestions, command: commandFor(suggestion) }
  const event: LearningRateEvent = { type: 'lr-find', ...outcome, steps, ...chosen, curve }
  const chart = !quiet && process.stdout.isTTY ? describeCurve : () => ''
  reporter.result(event, () => `${chart(event)}${describeResult(event)}`)
  if (suggestion === undefined && outcome.ended === 'diverged') {
    const after = `${curve.length} ${curve.length === 1 ? 'step' : 'steps'}`
    reporter.warning(`The loss grew too soon for a suggestion, after ${after}. Give a lower --start-learning-rate.`)
  }
}

/** RFC 4180, but the lines end in a line feed alone, as in the files of a run. */
async function writeTable(curve: readonly LearningRatePoint[], file: string | undefined): Promise<void> {
  if (file === undefined) return
  const rows = curve.map(({ learningRate, loss, smoothedLoss }, index) => [index + 1, learningRate, loss, smoothedLoss])
  const lines = [['step', 'learningRate', 'loss', 'smoothedLoss'], ...rows].map((row) => `${row.join()}\n`)
  await writeFileDurably(file, Buffer.from(lines.join('')))
}

/** `train` with the rate, and with those of the given flags that it has as well. */
function trainingCommand(asked: LrFindFlags, given: ReadonlySet<string>, learningRate: number): string {
  const table: OptionTable = TRAIN_OPTIONS
  const values: Readonly<Record<string, unknown>> = asked
  const kept = Array.from(given).filter((name) => Object.hasOwn(table, name) && !Object.hasOwn(OPTIONS.reporting, name))
  const words = kept.flatMap((name) => wordsOf(name, table[name] as OptionTable[string], values[name]))
  return ['rnn-mnist-train', ...words, flagOf('learningRate'), String(learningRate)].map(quoteWord).join(' ')
}

function describeStart(event: StartEvent): string {
  const { trainSamples, model, options } = event
  const start = model === undefined ? '' : `Start: ${model}\n`
  const range = `from ${options['startLearningRate']} to ${options['endLearningRate']}`
  return `${describeNetwork(event)}Data: ${trainSamples} training images\n${start}Learning rates: ${range} in ${options['steps']} steps\n`
}

function progressOfTest({ step, steps, learningRate, smoothedLoss, seconds }: LearningRateStepEvent): ProgressState {
  const left = formatDuration((seconds / step) * (steps - step))
  return {
    done: step,
    total: steps,
    text: `${step}/${steps} rate ${learningRate.toExponential(1)} loss ${smoothedLoss.toFixed(3)} ${left} left`,
  }
}

/** The curve as a picture, for a terminal. */
function describeCurve({ curve, valley, steepest }: LearningRateEvent): string {
  const points = curve.map(({ learningRate: x, smoothedLoss: y }) => ({ x, y }))
  const marks = Object.entries({ valley, steepest }).flatMap(([text, x]) => (x === undefined ? [] : [{ x, text }]))
  // The last column stays free, because some terminals begin a new line after they have filled it.
  const lines = drawLineChart({ points, ceiling: ceilingOf(curve), marks }, columnsOf(process.stdout) - 1)
  return `\nSmoothed loss by learning rate:\n${lines.join('\n')}\n\n`
}

/** A little above the highest loss before the lowest one: otherwise the growth at the end, which says little, would take most of the room. */
function ceilingOf(curve: readonly LearningRatePoint[]): number {
  const lowest = lowestOf(curve)
  const before = curve.slice(0, curve.indexOf(lowest) + 1)
  const highest = before.reduce((most, { smoothedLoss }) => Math.max(most, smoothedLoss), 0)
  // Where the loss only grows, all of it is shown.
  return before.length > 1 ? highest + CEILING_MARGIN * (highest - lowest.smoothedLoss) : Number.POSITIVE_INFINITY
}

function lowestOf(curve: readonly LearningRatePoint[]): LearningRatePoint {
  return curve.reduce((best, point) => (point.smoothedLoss < best.smoothedLoss ? point : best))
}

function describeResult({ suggestion, valley, steepest, ended, steps, command, file, curve }: LearningRateEvent): string {
  const lowest = lowestOf(curve)
  const found = [valley, steepest].every((rate) => rate !== undefined)
    ? [
        ['Suggestion', `${suggestion} (valley: ${valley?.toPrecision(4)})`],
        ['Steepest', `${steepest?.toPrecision(4)}`],
      ]
    : [['Suggestion', 'none: too few steps were measured']]
  const entries = [
    ...found,
    ['Lowest loss', `${lowest.smoothedLoss.toFixed(4)} (smoothed) at ${lowest.learningRate.toPrecision(4)}`],
    ['Steps', `${curve.length} of ${steps}${ended === 'diverged' ? ', until the loss grew too much' : ''}`],
    ...(file === undefined ? [] : [['Curve', file]]),
    ...(command === undefined ? [] : [['Go on with', command]]),
  ] as [string, string][]
  return `${drawBox(entries, columnsOf(process.stdout)).join('\n')}\n`
}
