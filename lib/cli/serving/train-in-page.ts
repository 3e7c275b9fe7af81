/** A training that is started in the page: the same as by `train`, with its folder in runs/. */
import type { LoadedImages } from '../../data/load-images'
import { TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import { pickOptions, resolveOptions } from '../../options/checks'
import type { DigitReader } from '../../server/digit-reader'
import { Examiner } from '../../server/examiner'
import type { TrainingBoard } from '../../server/training-board'
import type { TrainingSettings } from '../../server/training-settings'
import { withRecipe } from '../../training/recipes'
import { SHARED_OPTIONS, type SharedFlags } from '../define-command'
import { CommandFailure, EXIT_FAILURE } from '../exit'
import { loadTrainingData } from '../load-data'
import { toPercent } from '../numbers'
import type { Reporter } from '../reporter'
import { TRAIN_OPTIONS, type TrainFlags } from '../training/train-flags'
import { trainRun } from '../training/train-run'
import { LiveReporter, type TrainingEndEvent } from './live-reporter'

/** What the trainings of a page have in common. */
export interface TrainingPlace {
  readonly flags: SharedFlags
  readonly reporter: Reporter
  /** The images; read when the first training begins. */
  readonly data: () => Promise<LoadedImages>
  readonly reader: () => DigitReader
}

/** Reads the images once, when they are first needed. */
export function lazyData(flags: SharedFlags, reporter: Reporter, stop: AbortSignal): () => Promise<LoadedImages> {
  let data: Promise<LoadedImages> | undefined
  return () => {
    data ??= loadTrainingData(flags, reporter, stop).catch((error: unknown) => {
      data = undefined // Another attempt may find them.
      throw error
    })
    return data
  }
}

/** Trains, and tells the board and the terminal. Resolves when all is saved, whatever happens. */
export async function trainInPage(
  place: TrainingPlace,
  settings: TrainingSettings,
  board: TrainingBoard,
  stop: AbortSignal,
): Promise<void> {
  const { reporter } = place
  try {
    const data = await place.data()
    const warn = (error: unknown) => reporter.warning(`What the network gets wrong cannot be shown: ${messageOf(error)}`)
    const examiner = new Examiner(place.reader(), board, data.test, warn)
    const live = new LiveReporter(reporter, board, examiner, data.test.length)
    try {
      await trainRun({ ...flagsOf(place.flags, settings), reopened: undefined, data }, live, toStopOfRun(stop), () => undefined)
    } finally {
      await examiner.idle()
    }
    end(place, board, 'done')
  } catch (error) {
    // What goes wrong while a stopped training is saved is a failure.
    end(place, board, stop.aborted && !(error instanceof TorchRnnError) ? 'stopped' : 'failed', error)
  }
}

/** The options that `train` would have had for the same training. */
function flagsOf(shared: SharedFlags, settings: TrainingSettings): { flags: TrainFlags; given: ReadonlySet<string> } {
  const given = new Set(Object.keys(settings))
  const flags: TrainFlags = resolveOptions(TRAIN_OPTIONS, { ...pickOptions(SHARED_OPTIONS, shared), ...settings }, 'the training')
  return { flags: withRecipe(flags, settings.recipe, given), given }
}

/** A stop in the page is what a signal is for `train`: what the logs of the run call stopped, not failed. */
function toStopOfRun(stop: AbortSignal): AbortSignal {
  const controller = new AbortController()
  const abort = () => controller.abort(new CommandFailure('ERR_INTERRUPTED', 'Stopped in the page', EXIT_FAILURE))
  if (stop.aborted) abort()
  else stop.addEventListener('abort', abort, { once: true })
  return controller.signal
}

function end({ reporter }: TrainingPlace, board: TrainingBoard, state: TrainingEndEvent['state'], error?: unknown): void {
  const { run, test } = board.view
  const code = error instanceof TorchRnnError || error instanceof CommandFailure ? error.code : 'ERR_INTERNAL'
  const failure = state === 'failed' ? { code, message: messageOf(error) } : {}
  board.end(state, failure.message)
  const measured = test === undefined ? {} : { testAccuracy: test.accuracy, testLoss: test.loss }
  const event: TrainingEndEvent = { type: 'trainingEnd', state, ...(run === undefined ? {} : { run }), ...measured, ...failure }
  reporter.step(event, describeEnd)
}

function describeEnd({ state, run, testAccuracy, message }: TrainingEndEvent): string {
  const place = run === undefined ? '' : ` ${showPath(run)}`
  if (state === 'failed') return `The training failed. ${message}\n`
  if (state === 'stopped') return `The training was stopped.${place === '' ? '' : ` Model, metrics:${place}`}\n`
  return `The training is done: ${toPercent(testAccuracy ?? 0)} % of the test images. Model, metrics:${place}\n`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
