import type { Command } from 'commander'
import { nameOfClass } from '../../data/class-names'
import { type ErrorCode, TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import type { GreyPicture } from '../../images/grey-picture'
import { drawRows } from '../../images/half-blocks'
import { PICTURE_FORMATS } from '../../images/picture-format'
import { parameterCount } from '../../model/architecture'
import { ImageRNN } from '../../model/image-rnn'
import { pickOptions } from '../../options/checks'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { defineCommand } from '../define-command'
import { describeNetwork, doneSince, type StartEvent, startOf } from '../events'
import { CommandFailure, EXIT_FAILURE } from '../exit'
import { toPercent } from '../numbers'
import { BUNDLED_MODEL, checkReadsDigits, findReadingModel, modelOption } from '../open-model'
import { findPictures, type NamedPicture, STANDARD_INPUT } from '../prediction/picture-files'
import { type PredictionEvent, predictPicture, type ReadPicture } from '../prediction/predict-picture'
import type { Reporter } from '../reporter'
import { columnsOf } from '../terminal'
import { warnOfThreads } from '../thread-warning'
import { waitForLibtorch } from '../wait-for-libtorch'

/** A picture in which no digit was found. */
export interface NoDigitEvent {
  type: 'noDigit'
  file: string
}

/** A picture that could not be read, or a pattern that fits no file. The command goes on with the others, and ends with an error. */
export interface PictureFailureEvent {
  type: 'failure'
  file: string
  code: ErrorCode
  message: string
}

/** What can be wrong with a picture. */
const PICTURE_ERRORS: readonly ErrorCode[] = ['ERR_INVALID_FILE', 'ERR_FILE_SYSTEM']

/** After this time, the user is told how far the work is. */
const PROGRESS_AFTER_MS = 2000

/** How many colours a terminal must show, so that shades of grey can be printed. */
const SHADE_COLOURS = 2 ** 24

const PREDICT_OPTIONS = {
  ...modelOption(BUNDLED_MODEL),
  asIs: {
    kind: 'boolean',
    default: false,
    summary: 'take each picture for one image as the model was trained on, its rows as wide, and prepare nothing',
  },
  preview: { kind: 'boolean', default: true, summary: 'show the prepared images in the terminal' },
  ...OPTIONS.placement,
  ...OPTIONS.reporting,
} as const

type PredictFlags = Resolved<typeof PREDICT_OPTIONS>

const EXAMPLES = `
Examples:
  rnn-mnist-train predict photo.jpg                   every digit in a photograph, from left to right and from top to bottom
  rnn-mnist-train predict *.jpg "scans/**/*.png"      many; patterns that no shell has expanded, too
  rnn-mnist-train predict - < photo.jpg               from standard input
  rnn-mnist-train predict photo.jpg --model digits.safetensors
  rnn-mnist-train predict shirt.png --as-is --model fashion.safetensors    28 x 28 pixels, light on dark, as in the training
  rnn-mnist-train predict photo.jpg --json | grep '"prediction"'    a line for each digit, for another program

${PICTURE_FORMATS}, of any size, upright as EXIF says. Each digit is brought to the form of MNIST's
images, which the terminal shows: the paper with its shadows is divided away, dark on light and light on dark are told apart, specks and what
touches the border are left out; then longest side 20 pixels, centre of mass in the middle of 28 x 28. Write digits apart: those that touch
are taken for one.

A picture that is broken or too large (64 million pixels, 256 MiB) is refused, the others are read, and the exit code is 1 in the end.`

/** `predict`: reads the digits of pictures. */
export function predictCommand(): Command {
  const command: Command = defineCommand({
    name: 'predict',
    summary: 'read the digits in your own pictures',
    description: 'Finds the digits in pictures, photographs of a pen on paper included, and says what a model takes them for.',
    options: PREDICT_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter, stop) => predict(flags, command.args, reporter, stop),
  })
  return command.argument('<files...>', `pictures: names, patterns, or ${STANDARD_INPUT} for standard input`)
}

async function predict(flags: PredictFlags, names: readonly string[], reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  const pictures = await findPictures(names)
  const model = await openModel(flags, reporter, stop)
  try {
    let failed = 0
    for (const [index, picture] of pictures.entries()) {
      stop.throwIfAborted()
      const read = await attempt(picture, () => predictPicture(picture, { model, asIs: flags.asIs, signal: stop }), reporter)
      if (read === undefined) failed += 1
      else report(picture.name, read, model, flags, reporter)
      // Lines of JSON tell by themselves how far the work is.
      if (!flags.json && performance.now() - started > PROGRESS_AFTER_MS) showProgress(index + 1, pictures.length, reporter)
    }
    if (failed > 0) throw new CommandFailure('ERR_INVALID_FILE', describeFailures(failed, pictures.length), EXIT_FAILURE)
    reporter.step(doneSince(started))
  } finally {
    model.dispose()
  }
}

/** The model that the flags name: the newest run's, or where there is none that of this package. Reports the start. */
async function openModel(flags: PredictFlags, reporter: Reporter, stop: AbortSignal): Promise<ImageRNN> {
  const { file, isBundled } = await findReadingModel(flags.model)
  await waitForLibtorch(flags, stop)
  const model = await ImageRNN.load(file, pickOptions(OPTIONS.placement, flags))
  try {
    if (!flags.asIs) checkReadsDigits(model, file, 'With --as-is, it reads pictures that have its own width.')
    const { device, engine, instructionSet, options } = model
    const facts = { device, engine, instructionSet, threads: await model.threadCount(), parameters: parameterCount(options), options }
    reporter.step(startOf('predict', { ...facts, model: file }), (event) => describeStart(event, isBundled))
    warnOfThreads(flags.threads, device, reporter)
    return model
  } catch (error) {
    model.dispose()
    throw error
  }
}

/** What a picture holds; undefined, and reported, where it cannot be read. Any other error is not about the picture. */
async function attempt({ name }: NamedPicture, read: () => Promise<ReadPicture>, reporter: Reporter): Promise<ReadPicture | undefined> {
  try {
    return await read()
  } catch (error) {
    if (!(error instanceof TorchRnnError) || !PICTURE_ERRORS.includes(error.code)) throw error
    reporter.failure({ type: 'failure', file: name, code: error.code, message: error.message } satisfies PictureFailureEvent)
    return undefined
  }
}

function report(file: string, { images, predictions }: ReadPicture, model: ImageRNN, flags: PredictFlags, reporter: Reporter): void {
  if (predictions.length === 0) reporter.result({ type: 'noDigit', file } satisfies NoDigitEvent, describeNoDigit)
  if (predictions.length > 0 && flags.preview && !flags.json && !flags.quiet && process.stdout.isTTY) showImages(images)
  for (const prediction of predictions) reporter.result(prediction, (event) => describePrediction(event, model))
}

function showImages(images: readonly GreyPicture[]): void {
  // The last column stays free, because some terminals begin a new line after they have filled it.
  const lines = drawRows(images, Math.max(1, columnsOf(process.stdout) - 1), process.stdout.hasColors(SHADE_COLOURS))
  process.stdout.write(`${lines.join('\n')}\n`)
}

function showProgress(done: number, total: number, reporter: Reporter): void {
  reporter.progress({ type: 'pictures', done, total }, (event) => ({ ...event, text: `${done} of ${total} pictures` }))
}

function describeStart(event: StartEvent, isBundled: boolean): string {
  return `${describeNetwork(event)}Model: ${isBundled ? `${BUNDLED_MODEL}; --model names another` : event.model}\n`
}

function describePrediction(event: PredictionEvent, model: ImageRNN): string {
  const { file, class: best, probability, probabilities } = event
  const nameOf = (label: number) => nameOfClass(label, model.options.classNames)
  const second = probabilities.reduce((found, each, index) => (index !== best && each > (probabilities[found] ?? -1) ? index : found), -1)
  const runnerUp = second < 0 ? '' : ` (then ${nameOf(second)}, ${toPercent(probabilities[second] as number)} %)`
  return `${showName(file)}: ${nameOf(best)}, ${toPercent(probability)} %${runnerUp}\n`
}

function describeNoDigit({ file }: NoDigitEvent): string {
  return `${showName(file)}: no digit found\n`
}

function showName(file: string): string {
  return file === STANDARD_INPUT ? 'standard input' : showPath(file)
}

function describeFailures(failed: number, total: number): string {
  return total === 1
    ? 'The picture could not be read.'
    : failed === total
      ? `None of the ${total} pictures could be read.`
      : `${failed} of ${total} pictures could not be read.`
}
