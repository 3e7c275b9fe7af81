/** What is saved when a training ends early, and what the user is told about it. */
import { existsSync } from 'node:fs'
import { TorchRnnError } from '../../errors'
import { showPath } from '../../files/regular-file'
import type { ImageRNN } from '../../model/image-rnn'
import { quoteWord } from '../../options/flag-words'
import type { RunFolder } from '../../runs/run-folder'
import type { ModelEvent } from '../events'
import { CommandFailure } from '../exit'
import type { Reporter } from '../reporter'
import { rescueModel } from '../rescue'
import type { TrainFlags } from './train-flags'

/** What a training works with. */
export interface RunningTraining {
  readonly flags: TrainFlags
  readonly model: ImageRNN
  readonly run: RunFolder
  readonly reporter: Reporter
  readonly stop: AbortSignal
}

/** How far the training is, and what is safe. */
export interface Saved {
  /** Whole epochs that the model was trained for. */
  epoch: number
  /** The epoch after which the run's own file was last written; 0 before the first. */
  stored: number
  /** The file that holds the model as it is now; undefined when none does. */
  file: string | undefined
  /** The checkpoint from which the training can go on; undefined when there is none. */
  checkpoint: string | undefined
  /** Whether the model is that of the training. Before a run goes on, the model is another one, which must not replace anything. */
  isTrained: boolean
}

/** The command that goes on with a run. */
export function resumeCommand(run: RunFolder): string {
  return `rnn-mnist-train --resume --run ${quoteWord(run.path)}`
}

/** Saves the model, and reports that. */
export async function saveModel({ model, reporter }: RunningTraining, epoch: number, file: string): Promise<void> {
  await model.save(file)
  reporter.step({ type: 'model', epoch, file } satisfies ModelEvent)
}

/** After an error, makes sure that the model is saved, and says where, and how to go on. @returns The error to fail with. */
export async function keepModel(training: RunningTraining, saved: Saved, error: unknown): Promise<unknown> {
  const { flags, model, run, reporter, stop } = training
  const { epoch, stored, file } = saved
  if (!saved.isTrained) return error
  // The file may have been deleted meanwhile, together with its folder.
  const rescue = file !== undefined && existsSync(file) ? { file } : await rescueModel(model, run.modelFile, stop)
  if ('loss' in rescue) {
    if (stored > 0 && existsSync(run.modelFile)) reporter.warning(`${showPath(run.modelFile)} holds the model after epoch ${stored}.`)
    // A model that has diverged is no loss.
    return isDivergence(error) ? error : withLoss(error, rescue.loss)
  }
  reporter.step({ type: 'model', epoch, file: rescue.file } satisfies ModelEvent)
  const early = epoch < flags.epochs ? 'Training ended early. ' : ''
  reporter.warning(`${early}The model as it is now was saved to ${showPath(rescue.file)}.${describeCheckpoint(saved, error, run)}`)
  return error
}

/** Where the training can go on; with the same options, one that has diverged would do so again. */
function describeCheckpoint({ checkpoint }: Saved, error: unknown, run: RunFolder): string {
  if (checkpoint === undefined || !existsSync(checkpoint)) return ''
  return isDivergence(error) ? ` The latest checkpoint is ${showPath(checkpoint)}.` : ` Go on with: ${resumeCommand(run)}`
}

function isDivergence(error: unknown): boolean {
  return error instanceof TorchRnnError && error.code === 'ERR_NOT_FINITE'
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
