/** Trains the model of a run, saves it after every epoch, and measures it at the end. */
import { join } from 'node:path'
import { CHECKPOINTS_FOLDER } from '../../checkpoints/checkpoint-folder'
import type { Mnist } from '../../data/mnist'
import { TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import type { Evaluation, MistakenSample } from '../../model/evaluation'
import { pickOptions } from '../../options/checks'
import { HYPERPARAMETERS } from '../../options/options'
import { writeModelCard } from '../../runs/card-file'
import { REPORT_MISTAKES, writeReport } from '../../runs/report-file'
import type { RunFolder } from '../../runs/run-folder'
import { readRun } from '../../runs/run-record'
import type { CheckpointEvent, EpochEvent } from '../../training/events'
import type { History, TrainOptions } from '../../training/train-options'
import { describeEvaluation, type ReportEvent } from '../events'
import { CommandFailure } from '../exit'
import { flushOutput } from '../interruption'
import { toPercent } from '../numbers'
import { progressOfEpoch } from '../progress'
import { keepModel, type RunningTraining, type Saved, saveModel } from './keep-model'
import type { ReopenedRun } from './reopen-run'
import type { StartedRun } from './start-run'
import type { TrainFlags } from './train-flags'

/** A training that is ready to run. */
export interface ReadyTraining extends RunningTraining, StartedRun {
  readonly data: Mnist
  /** The run that goes on; undefined for a new one. */
  readonly reopened: ReopenedRun | undefined
}

/** What a training came to. */
export interface Outcome {
  readonly history: History
  /** On the test set, which is measured once all epochs are done; undefined before. */
  readonly evaluation: Evaluation | undefined
  /** The page of pictures, where it was drawn. */
  readonly report: string | undefined
}

/**
 * Trains the model and measures it. When training ends early, or a file cannot be written, the model is saved as it is then, wherever that
 * is possible.
 */
export async function trainAndMeasure(training: ReadyTraining): Promise<Outcome> {
  const { run, stop, reopened } = training
  const saved: Saved = {
    epoch: reopened?.checkpoint.position.epochs ?? 0,
    stored: 0,
    file: undefined,
    checkpoint: reopened?.file,
    isTrained: reopened === undefined,
  }
  try {
    const history = await train(training, saved)
    const outcome = { history, ...(await finish(training, saved, history)) }
    await flushOutput()
    stop.throwIfAborted()
    return outcome
  } catch (error) {
    const failure = await keepModel(training, saved, error)
    await noteEnd(run, error)
    throw failure
  }
}

async function train(training: ReadyTraining, saved: Saved): Promise<History> {
  const { flags, model, data, run, reporter, stop, reopened, goOn } = training
  const { epochs, stopAfterEpochs = epochs } = flags
  const onEpoch = async (event: EpochEvent) => {
    const { epoch } = event
    Object.assign(saved, { epoch, isTrained: true })
    reporter.step(event, describeEpoch)
    await goOn()
    await saveModel(training, epoch, run.modelFile)
    Object.assign(saved, { stored: epoch, file: run.modelFile })
    await run.addEpoch(event)
    const isLast = epoch >= Math.min(epochs, stopAfterEpochs)
    if (!isLast) saved.file = undefined // The next epoch changes the model.
    return epoch === epochs || !isLast
  }
  const onCheckpoint = (event: CheckpointEvent) => {
    Object.assign(saved, { checkpoint: event.file, isTrained: true })
    reporter.step(event)
  }
  const history = await model.train(data.train, {
    ...pickOptions(HYPERPARAMETERS, flags),
    ...checkpointsOf(flags, run),
    ...(reopened && { resume: reopened.file }),
    signal: stop,
    onBatch: (event) => {
      saved.isTrained = true
      reporter.progress(event, progressOfEpoch)
    },
    onEpoch,
    onCheckpoint,
  })
  saved.isTrained = true
  // Where no epoch was left to train, the model of the checkpoint has no file of its own yet.
  if (saved.file === undefined || hasGoneBack(flags, history)) {
    saved.file = undefined
    if (hasGoneBack(flags, history)) saved.epoch = history.bestEpoch ?? saved.epoch
    await saveModel(training, saved.epoch, run.modelFile)
    saved.file = run.modelFile
  }
  return history
}

function checkpointsOf({ checkpointEvery, keepCheckpoints }: TrainFlags, run: RunFolder): Pick<TrainOptions, 'checkpoints'> {
  if (checkpointEvery === 'none') return {}
  return { checkpoints: { folder: join(run.path, CHECKPOINTS_FOLDER), every: checkpointEvery, keep: keepCheckpoints } }
}

/** Whether the model, at the end, got the parameters of an epoch before the last one. */
function hasGoneBack({ earlyStoppingPatience, restoreBest }: TrainFlags, { bestEpoch, epochs }: History): boolean {
  return earlyStoppingPatience !== undefined && restoreBest && bestEpoch !== undefined && bestEpoch !== epochs.length
}

/** Measures the model, unless there are epochs left for later. */
async function finish(training: ReadyTraining, saved: Saved, { ended }: History): Promise<Omit<Outcome, 'history'>> {
  const { flags, model, data, run, reporter, stop, goOn } = training
  if (flags.output !== undefined) await saveModel(training, saved.epoch, flags.output)
  if (ended === 'callback') return { evaluation: undefined, report: undefined }
  const { mistakes, ...evaluation } = await model.evaluate(data.test, { mistakes: flags.report ? REPORT_MISTAKES : 0, signal: stop })
  reporter.result({ type: 'evaluation', dataset: 'test', ...evaluation }, describeEvaluation)
  await goOn()
  await run.addEvaluation('test', evaluation)
  if (!(await writeModelCard(run.path))) reporter.warning(`${showPath(run.path)} has a README.md of its own, which stays as it is.`)
  return { evaluation, report: mistakes === undefined ? undefined : await drawReport(training, mistakes) }
}

/** Draws what there is to see of the run. The training is done and safe, so a failure is no more than a warning. */
async function drawReport(
  { model, data, run, reporter, stop }: ReadyTraining,
  mistakes: readonly MistakenSample[],
): Promise<string | undefined> {
  try {
    const file = await writeReport(await readRun(run.path), { model, test: data.test, mistakes, signal: stop })
    reporter.step<ReportEvent>({ type: 'report', file })
    return file
  } catch (error) {
    if (stop.aborted) return undefined // The caller ends the program, and says why.
    const reason = error instanceof Error ? error.message : String(error)
    reporter.warning(`The report of the run could not be drawn. ${reason}`)
    return undefined
  }
}

/** Notes in the logs why the run ended, if they can still be written. The error that came first is the one to report. */
async function noteEnd(run: RunFolder, error: unknown): Promise<void> {
  const code = error instanceof CommandFailure || error instanceof TorchRnnError ? error.code : 'ERR_INTERNAL'
  await run.addEnd({ state: error instanceof CommandFailure ? 'stopped' : 'failed', code }).catch(() => undefined)
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
