/**
 * The events that commands share, and their texts. Each event is a line of `--json`. What only one command reports is in that command's
 * file, and what a training reports is in training/events.ts. Accuracies are shares from 0 to 1, losses mean cross entropies in nats, times
 * in seconds.
 *
 * With `--json`, every command begins with a `start` event and ends with a `done` or an `error` event. A number that is not finite is
 * written as `null`, and the object that holds it has a field `nonFinite` with the names of such fields.
 */
import type { ErrorCode } from '../errors'
import type { Evaluation } from '../model/evaluation'
import type { History } from '../training/train-options'
import { PACKAGE_VERSION } from '../version'
import { toPercent } from './numbers'

/**
 * A command begins: what will run, and where. A command that fails before it knows that, because it cannot read its data for instance,
 * reports its options alone.
 */
export interface StartEvent {
  type: 'start'
  /** The name of the command. */
  command: string
  /** Version of this package. */
  version: string
  /** Where it computes: "cpu" or "cuda:0"; only when it does. */
  device?: string
  /** What computes: "torch" or "fused"; only when something does. */
  engine?: string
  /** The instruction set that the engine uses on this processor: "avx512"; only when something computes. */
  instructionSet?: string
  /** Threads that compute on the CPU; only when something computes. */
  threads?: number
  /** Numbers that the network learns; only when there is a network. */
  parameters?: number
  /** Samples in the training set; only when it is used. */
  trainSamples?: number
  /** Samples of the training set that are set aside to measure every epoch on; only when there are some. */
  validationSamples?: number
  /** Samples in the test set; only when it is used. */
  testSamples?: number
  /** The options as resolved, by their names in the API. */
  options: Readonly<Record<string, unknown>>
  /** The folder of the run; only when training. */
  run?: string
  /** The folder of the search; only when searching. */
  search?: string
  /** Trials that there will be, and those that were finished before; only when searching. */
  trials?: { total: number; finished: number }
  /** The checkpoint that a run goes on from; only with `--resume`. */
  resumed?: string
  /** The file of the model; only when one was read. */
  model?: string
  /** Where the page is; only when one is served. */
  url?: string
}

/** A model was measured on the test set. */
export interface EvaluationEvent extends Evaluation {
  type: 'evaluation'
  dataset: 'test'
}

/** The model as it is now is safe in a file that `ImageRNN.load` reads: that of the run, `--output`, or another one where these failed. */
export interface ModelEvent {
  type: 'model'
  /** Whole epochs that it was trained for. */
  epoch: number
  file: string
}

/** The page of pictures of a run was written. */
export interface ReportEvent {
  type: 'report'
  file: string
}

/** Something to know that does not stop the command. */
export interface WarningEvent {
  type: 'warning'
  message: string
}

/**
 * What a command can fail with: a code of TorchRnnError, `ERR_USAGE` for a wrong command line, `ERR_INTERRUPTED` after a signal,
 * `ERR_CHECK_FAILED` when `doctor` found something broken, and `ERR_INTERNAL` for a mistake in this package.
 */
export type CommandErrorCode = ErrorCode | 'ERR_USAGE' | 'ERR_INTERRUPTED' | 'ERR_CHECK_FAILED' | 'ERR_INTERNAL'

/** Why a command failed. After a wrong command line, for which no command begins, this is the only event. */
export interface ErrorEvent {
  type: 'error'
  code: CommandErrorCode
  message: string
  /** What a bug report needs, such as a stack; only where there is something. */
  detail?: string | undefined
}

/** A command has done all that it was asked for. */
export interface DoneEvent {
  type: 'done'
  /** Only when the test set was measured. */
  testAccuracy?: number
  /** Only when the test set was measured. */
  testLoss?: number
  /** Why the training ended: after all epochs, by early stopping, or for now by `--stop-after-epochs`; only when training. */
  ended?: Exclude<History['ended'], 'callback'> | 'stopped'
  /** The epoch with the lowest validation loss; only when training with validation samples. */
  bestEpoch?: number
  /** From the start of the command. */
  seconds: number
  /** The folder of the run; only when training. */
  run?: string
  /** The folder of the search; only when searching. */
  search?: string
}

/** Makes the event that a command begins with. */
export function startOf(command: string, facts: Omit<StartEvent, 'type' | 'command' | 'version'>): StartEvent {
  return { type: 'start', command, version: PACKAGE_VERSION, ...facts }
}

/** Makes the event that a command ends with. @param started - When it began, by `performance.now()`. */
export function doneSince(started: number, measured: Pick<DoneEvent, 'testAccuracy' | 'testLoss'> = {}): DoneEvent {
  return { type: 'done', ...measured, seconds: (performance.now() - started) / 1000 }
}

/** The network that a command uses, and where it computes. */
export function describeNetwork({ options, parameters, device = '', engine = '', ...place }: StartEvent): string {
  const { numLayers, hiddenSize, nonlinearity } = options
  const network = `${numLayers} x ${hiddenSize} ${nonlinearity} neurons, ${parameters} parameters`
  return `Network: ${network}\nDevice: ${describePlace({ device, engine, ...place })}\n`
}

/** Where something computes, in a line: "cpu, 2 threads, engine fused (avx512)". On a GPU, the processor's instruction set does not matter. */
export function describePlace(place: Pick<StartEvent, 'instructionSet' | 'threads'> & { device: string; engine: string }): string {
  const { device, engine, instructionSet, threads } = place
  const set = device !== 'cpu' || instructionSet === undefined ? '' : ` (${instructionSet})`
  const count = threads === undefined ? [] : [`${threads} ${threads === 1 ? 'thread' : 'threads'}`]
  return [device, ...count, `engine ${engine}${set}`].join(', ')
}

/** Loss and accuracy, in the tutorial's words. */
export function describeEvaluation({ loss, accuracy }: EvaluationEvent): string {
  return `Test Loss : ${loss.toFixed(4)} | Test Accuracy : ${toPercent(accuracy)} %\n`
}
