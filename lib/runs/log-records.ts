/** Reads the logs of a run back. They are files like others: whatever they hold is checked. */
import { invalidFile, readFileChecked } from '../files/regular-file'
import { parseJsonLines } from '../formats/json-lines'
import { type Evaluation, evaluationOf } from '../model/evaluation'
import { OPTIONS } from '../options/options'

/** Enough for the million epochs that a training can have. */
const MAX_LOG_BYTES = 512 * 1024 ** 2
const MAX_EPOCHS = OPTIONS.training.epochs.max
/** A label is one byte. */
const MAX_CLASSES = 256

/** An epoch as logged. A number that was not finite is NaN. */
export interface EpochRecord {
  /** From 1. */
  readonly epoch: number
  /** Updates since the start of the training. */
  readonly step: number
  /** Of the last update. */
  readonly learningRate: number
  readonly trainLoss: number
  readonly trainAccuracy: number
  /** Only with validation. */
  readonly validationLoss?: number
  /** Only with validation. */
  readonly validationAccuracy?: number
}

/** What metrics.jsonl holds. */
export interface Metrics {
  readonly epochs: readonly EpochRecord[]
  /** The result on the test set, once it was measured; its time is in timing.jsonl. */
  readonly evaluation?: Evaluation
}

/** What timing.jsonl holds. */
export interface Timing {
  /** All epochs and evaluations together, in seconds. */
  readonly seconds: number
  /** Why the run ended before it was completed, where it could say that. */
  readonly end?: { readonly state: 'stopped' | 'failed'; readonly code: string }
}

type Line = Readonly<Record<string, unknown>>

/** @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`. */
export async function readMetrics(file: string): Promise<Metrics> {
  const epochs: EpochRecord[] = []
  let evaluation: Evaluation | undefined
  for (const line of parseJsonLines(await readFileChecked(file, MAX_LOG_BYTES), file)) {
    if (line['type'] === 'epoch') epochs.push(toEpoch(line, file))
    if (epochs.length > MAX_EPOCHS) throw invalidFile(file, `at most ${MAX_EPOCHS} epochs`, 'more')
    if (line['type'] === 'evaluation') evaluation = toEvaluation(line, file)
  }
  return { epochs, ...(evaluation === undefined ? {} : { evaluation }) }
}

/** @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`. */
export async function readTiming(file: string): Promise<Timing> {
  let seconds = 0
  let end: Timing['end']
  for (const line of parseJsonLines(await readFileChecked(file, MAX_LOG_BYTES), file)) {
    if (line['type'] === 'end') end = toEnd(line, file)
    else seconds += numberOf(line, 'seconds', file)
  }
  return { seconds, ...(end === undefined ? {} : { end }) }
}

function toEpoch(line: Line, file: string): EpochRecord {
  const number = (name: string) => numberOf(line, name, file)
  return {
    epoch: countOf(line, 'epoch', file),
    step: countOf(line, 'step', file),
    learningRate: number('learningRate'),
    trainLoss: number('trainLoss'),
    trainAccuracy: number('trainAccuracy'),
    ...(line['validationLoss'] === undefined
      ? {}
      : { validationLoss: number('validationLoss'), validationAccuracy: number('validationAccuracy') }),
  }
}

function toEvaluation(line: Line, file: string): Evaluation {
  const matrix = line['confusionMatrix']
  const size = Array.isArray(matrix) ? matrix.length : 0
  const isRow = (row: unknown) => Array.isArray(row) && row.length === size && row.every((count) => isCount(count))
  if (!Array.isArray(matrix) || size === 0 || size > MAX_CLASSES || !matrix.every(isRow)) {
    throw invalidFile(file, 'a square confusionMatrix of counts', 'another value')
  }
  const confusionMatrix = matrix as number[][]
  const samples = countOf(line, 'samples', file)
  const counted = confusionMatrix.flat().reduce((sum, count) => sum + count, 0)
  if (samples === 0 || counted !== samples) throw invalidFile(file, `a confusionMatrix of one or more samples, ${samples}`, `${counted}`)
  return evaluationOf({ samples, loss: numberOf(line, 'loss', file), confusionMatrix, seconds: 0 })
}

function toEnd({ state, code }: Line, file: string): Timing['end'] {
  if ((state === 'stopped' || state === 'failed') && typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code)) return { state, code }
  throw invalidFile(file, 'an end with a state and a code', 'another value')
}

/** JSON has no NaN: see toJsonLine. */
function numberOf(line: Line, name: string, file: string): number {
  const value = line[name]
  if (typeof value === 'number') return value
  const { nonFinite } = line
  if (value === null && Array.isArray(nonFinite) && nonFinite.includes(name)) return Number.NaN
  throw invalidFile(file, `a number as ${name}`, value === undefined ? 'none' : 'another value')
}

function countOf(line: Line, name: string, file: string): number {
  const value = line[name]
  if (isCount(value)) return value
  throw invalidFile(file, `an integer of at least 0 as ${name}`, value === undefined ? 'none' : 'another value')
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
