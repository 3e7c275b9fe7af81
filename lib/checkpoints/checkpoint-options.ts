/** The options of checkpoints in the API. */
import { dirname } from 'node:path'
import { TorchRnnError, unexpected } from '../errors'
import { toPath } from '../files/path-argument'
import { resolveOptions } from '../options/checks'
import { OPTIONS } from '../options/options'
import type { KeepingRules } from './checkpoint-folder'

/** Where and when a training keeps checkpoints, from which it can be resumed. */
export interface CheckpointOptions {
  /** Where they are kept; made where it is not there. A path or a `file:` URL. Default: the folder of the checkpoint that is resumed. */
  folder?: string | URL | undefined
  /**
   * After how many epochs, or batches (`'100b'`), the next one is kept; within an epoch after the update that the batch belongs to. There is
   * also one after each epoch with the lowest validation loss so far, at the end, and where the training is stopped. Default 1.
   */
  every?: number | string | undefined
  /** How many of the newest ones stay, besides that of the best epoch. Default 2. */
  keep?: number | undefined
}

/** The keys of the options above that the table of options checks. */
const CHECKED = { keep: OPTIONS.checkpoints.keepCheckpoints } as const

/** An interval: "3" epochs, or "100b" for batches. */
const INTERVAL = /^([1-9]\d{0,6})(b?)$/

/** @returns Undefined for anything but a whole number above 0, as a number or a text, or with a `b` behind it. */
function parseInterval(value: unknown): KeepingRules['every'] | undefined {
  const [, count, unit] = INTERVAL.exec(typeof value === 'number' || typeof value === 'string' ? String(value) : '') ?? []
  if (count === undefined) return undefined
  return unit === 'b' ? { batches: Number(count) } : { epochs: Number(count) }
}

/**
 * Checks the options.
 *
 * @param resumedFile - The checkpoint that the training goes on from; undefined when it begins.
 * @returns Undefined when there are no options, and nothing is resumed: no checkpoints are kept.
 * @throws TorchRnnError `ERR_INVALID_OPTION`.
 */
export function resolveCheckpointOptions(
  options: CheckpointOptions | undefined,
  resumedFile: string | undefined,
): KeepingRules | undefined {
  if (options === undefined && resumedFile === undefined) return undefined
  const { keep } = resolveOptions(CHECKED, options, 'checkpoints', ['folder', 'every'])
  const { folder, every: given = 1 } = options ?? {}
  const every = parseInterval(given)
  if (every === undefined) {
    throw unexpected('ERR_INVALID_OPTION', 'checkpoints.every', 'a number of epochs from 1, or of batches such as "100b",', given)
  }
  return { folder: resolveFolder(folder, resumedFile), every, keep }
}

function resolveFolder(folder: string | URL | undefined, resumedFile: string | undefined): string {
  if (folder !== undefined) return toPath(folder, 'checkpoints.folder', 'the path of a folder', 'ERR_INVALID_OPTION')
  if (resumedFile !== undefined) return dirname(resumedFile)
  const expected = 'the path of a folder for checkpoints.folder'
  throw new TorchRnnError('ERR_INVALID_OPTION', `Expected ${expected} but received undefined.`, { expected, actual: 'undefined' })
}
