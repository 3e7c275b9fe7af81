import { join } from 'node:path'
import { readFileChecked, writeFileDurably } from '../files/durable-file'
import { ifPresent } from '../files/regular-file'
import { drawModelCard, isOwnCard } from './model-card'
import { CARD_FILE } from './run-files'
import { type RunRecord, readRun } from './run-record'

const MAX_CARD_BYTES = 16 * 1024 ** 2

/**
 * Writes the model card of a run into its folder, by what the other files there say. A README.md that was there before the run, or that the
 * user has made his own, stays as it is.
 *
 * @returns Whether the card was written.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_INVALID_FILE`.
 */
export async function writeModelCard(folder: string): Promise<boolean> {
  const old = await readCard(folder)
  if (old !== undefined && !isOwnCard(Buffer.from(old).toString())) return false
  await writeFileDurably(join(folder, CARD_FILE), Buffer.from(drawModelCard(await readRun(folder))))
  return true
}

/** The model card of a run: that in its folder, or a new one where there is none. */
export async function modelCardOf(run: RunRecord): Promise<Uint8Array> {
  return (await readCard(run.path)) ?? Buffer.from(drawModelCard(run))
}

async function readCard(folder: string): Promise<Uint8Array | undefined> {
  return await ifPresent(readFileChecked(join(folder, CARD_FILE), MAX_CARD_BYTES))
}
