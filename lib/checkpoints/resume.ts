/** Whether a training can go on from a checkpoint: with these options, this model, this data, and bit for bit. */
import { isDeepStrictEqual } from 'node:util'
import type { DataIdentity } from '../data/identity'
import { describe, TorchRnnError } from '../errors'
import { showPath } from '../files/regular-file'
import { asItIs } from '../options/flag-words'
import { HYPERPARAMETERS, OPTIONS, type ResolvedModelOptions } from '../options/options'
import type { Hyperparameters } from '../training/checkpoint'
import { warn } from '../warnings'
import type { ComputingPlace, StoredCheckpoint, TrainingOrigin } from './checkpoint-file'

/** A checkpoint, and where it was read from. */
export interface ResumedCheckpoint {
  readonly checkpoint: StoredCheckpoint
  readonly file: string
}

/** Options that change nothing of what is computed. */
const FREE: ReadonlySet<string> = new Set(['logInterval'])
/** Schedules whose learning rates do not follow from the number of epochs. */
const OPEN_ENDED: ReadonlySet<string> = new Set(['constant', 'step', 'plateau'])

const NEW_TRAINING = 'For other options, start a new training of the model.'

/**
 * Refuses options that contradict the checkpoint. Those that were not given come from it.
 *
 * @param options - What the user wrote; undefined stands for nothing.
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function checkResumedOptions(options: object, { checkpoint, file }: ResumedCheckpoint, show = asItIs): void {
  const { hyperparameters } = checkpoint
  const given = options as Readonly<Record<string, unknown>>
  const { validationSplit } = hyperparameters
  if (given['validationData'] !== undefined && validationSplit !== undefined) {
    throw contradiction(show('validationSplit'), validationSplit, 'validationData', file, 'Leave it out.')
  }
  for (const name of Object.keys(HYPERPARAMETERS) as (keyof Hyperparameters)[]) {
    const [value, stored] = [given[name], hyperparameters[name]]
    if (value === undefined || isDeepStrictEqual(value, stored) || FREE.has(name)) continue
    if (name === 'epochs') checkEpochs(value as number, hyperparameters, show(name), file)
    else throw contradiction(show(name), stored, value, file, `Leave it out. ${NEW_TRAINING}`)
  }
}

/** A training may get longer where that does not change the learning rates of the epochs that are done. */
function checkEpochs(epochs: number, { epochs: stored, schedule }: Hyperparameters, name: string, file: string): void {
  if (epochs < stored) throw contradiction(name, stored, epochs, file, 'It can be raised, but not lowered.')
  if (OPEN_ENDED.has(schedule)) return
  throw contradiction(name, stored, epochs, file, `The schedule ${schedule} depends on it. ${NEW_TRAINING}`)
}

/** @throws TorchRnnError `ERR_INVALID_OPTION` for a model of another architecture or seed. */
export function checkResumedModel(model: ResolvedModelOptions, resumed: ResumedCheckpoint): void {
  checkResumedChoices(model, [...Object.keys(OPTIONS.architecture), 'seed'], resumed)
  const { normalization } = resumed.checkpoint.origin.model
  if (isDeepStrictEqual(model.normalization, normalization)) return
  throw contradiction('normalization', normalization, model.normalization, resumed.file, 'The model must have the same one.')
}

/**
 * Refuses options of a model that contradict the checkpoint.
 *
 * @param model - What is given; undefined stands for nothing.
 * @param names - The options that count.
 * @param show - The name of an option as the user knows it.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function checkResumedChoices(model: object, names: readonly string[], { checkpoint, file }: ResumedCheckpoint, show = asItIs): void {
  const given = model as Readonly<Record<string, unknown>>
  const stored = checkpoint.origin.model as Readonly<Record<string, unknown>>
  const other = names.find((name) => given[name] !== undefined && given[name] !== stored[name])
  if (other === undefined) return
  throw contradiction(show(other), stored[other], given[other], file, 'The model must have the same architecture and seed.')
}

function contradiction(name: string, stored: unknown, given: unknown, file: string, advice: string): TorchRnnError {
  const expected = `${showValue(stored)} for ${name}, as in the checkpoint ${showPath(file)},`
  const actual = showValue(given)
  return new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} but received ${actual}. ${advice}`, { expected, actual })
}

function showValue(value: unknown): string {
  if (value === undefined) return 'no value'
  return Array.isArray(value) ? `[${value.join(', ')}]` : typeof value === 'object' ? describe(value) : String(value)
}

/** @throws TorchRnnError `ERR_INVALID_DATA` for other samples than those of the checkpoint. */
export function checkResumedData(data: TrainingOrigin['data'], { checkpoint, file }: ResumedCheckpoint): void {
  const stored = checkpoint.origin.data
  const sets = [
    ['training', stored.train, data.train],
    ['validation', stored.validation, data.validation],
  ] as const
  for (const [name, expected, found] of sets) {
    if (isDeepStrictEqual(expected, found)) continue
    const advice = 'A training goes on only with the images and labels that it began with, in the same order.'
    const message = `The ${name} samples are not those of the checkpoint ${showPath(file)}: expected ${showIdentity(expected)} but received ${showIdentity(found)}. ${advice}`
    throw new TorchRnnError('ERR_INVALID_DATA', message, { expected: showIdentity(expected), actual: showIdentity(found) })
  }
}

function showIdentity(identity: DataIdentity | null): string {
  return identity === null ? 'none' : `${identity.samples} with SHA-256 ${identity.sha256.slice(0, 12)}...`
}

/** What differs between two places, in words. */
const PLACE: Readonly<Record<keyof ComputingPlace, string>> = {
  device: 'the device',
  engine: 'the engine',
  threads: 'the number of threads',
  precision: 'the precision',
  instructionSet: 'the instruction set of the engine',
  cpuCapability: 'the instruction set of libtorch',
  libtorch: 'the version of libtorch',
}

/** Warns when the training will not compute what it would have computed without the pause. */
export function warnOfOtherPlace(place: ComputingPlace, { checkpoint, file }: ResumedCheckpoint): void {
  const changes = changesOfPlace(place, checkpoint.origin.place)
  if (changes.length === 0) return
  const consequence = 'The training goes on, but not bit for bit as it would have without the pause.'
  warn('TORCH_RNN_MNIST_NOT_BIT_EXACT', `Resuming from ${showPath(file)}: ${changes.join(', ')}. ${consequence}`)
}

/** What differs between a place and the one before, in words: "the device was cpu and is cuda:0". */
export function changesOfPlace(place: ComputingPlace, stored: ComputingPlace): string[] {
  const names = Object.keys(PLACE) as (keyof ComputingPlace)[]
  return names
    .filter((name) => place[name] !== stored[name] && (name !== 'instructionSet' || place.engine === stored.engine))
    .map((name) => `${PLACE[name]} was ${stored[name]} and is ${place[name]}`)
}
