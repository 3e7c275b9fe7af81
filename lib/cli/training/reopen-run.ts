/** `--resume`: finds the run and the checkpoint that are meant, and the options that the run goes on with. */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { readCheckpoint, type TrainingOrigin } from '../../checkpoints/checkpoint-file'
import { CHECKPOINTS_FOLDER, findBestCheckpoint, findCheckpoint } from '../../checkpoints/checkpoint-folder'
import { checkResumedChoices, checkResumedOptions, type ResumedCheckpoint } from '../../checkpoints/resume'
import { showPath } from '../../files/regular-file'
import { pickOptions } from '../../options/checks'
import { flagOf, quoteWord } from '../../options/flag-words'
import { HYPERPARAMETERS, NETWORK_CHOICES, OPTIONS } from '../../options/options'
import { findNewestResumable, RunFolder } from '../../runs/run-folder'
import { type RunConfig, readRunConfig } from '../../runs/run-record'
import { checkFlagsBy, WrongUsage } from '../exit'
import type { TrainFlags } from './train-flags'

/** A run that goes on. */
export interface ReopenedRun extends ResumedCheckpoint {
  readonly run: RunFolder
  /** The flags that apply from now on. */
  readonly flags: TrainFlags
  /** What it was configured with until now. */
  readonly config: RunConfig
}

/** What says how a training begins, and so has no meaning for one that goes on. */
const BEGINNINGS = ['model', 'recipe'] as const

/**
 * Takes the folder of the run, and reads its checkpoint.
 *
 * @param resume - `last`, `best`, or the path of a checkpoint.
 * @param given - The names of the flags that the user wrote.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_INVALID_FILE`; `ERR_BUSY` while another process uses the run. CommandFailure `ERR_USAGE` for
 *   flags that contradict each other or the checkpoint.
 */
export async function reopenRun(resume: string, flags: TrainFlags, given: ReadonlySet<string>): Promise<ReopenedRun> {
  checkFlags(flags, given)
  const folder = flags.run ?? (await folderOf(resume))
  const config = await readRunConfig(folder)
  const run = await RunFolder.reopen(folder)
  try {
    const file = await fileOf(resume, folder)
    const resumed = { checkpoint: await readCheckpoint(file), file }
    return { ...resumed, run, config, flags: { ...resumedFlags(flags, given, resumed, config), run: folder } }
  } catch (error) {
    await run.close()
    throw error
  }
}

function checkFlags({ checkpointEvery }: TrainFlags, given: ReadonlySet<string>): void {
  const beginning = BEGINNINGS.find((name) => given.has(name))
  const other = beginning ?? (given.has('checkpointEvery') && checkpointEvery === 'none' ? 'checkpointEvery' : undefined)
  if (other === undefined) return
  const shown = other === 'checkpointEvery' ? `${flagOf(other)} none` : flagOf(other)
  const why = other === 'checkpointEvery' ? 'A run that goes on keeps checkpoints.' : 'A run goes on with what it began with.'
  throw new WrongUsage(`Expected --resume without ${shown} but received both. ${why}`)
}

/** The folder of the run that a checkpoint belongs to; for none in particular, the newest run that has one. */
async function folderOf(resume: string): Promise<string> {
  if (resume === 'last' || resume === 'best') return await findNewestResumable()
  const folder = dirname(await findCheckpoint(resume))
  if (basename(folder) === CHECKPOINTS_FOLDER) return dirname(folder)
  throw new WrongUsage(`${showPath(resume)} is not in the folder of a run. Expected <run>/${CHECKPOINTS_FOLDER}/<checkpoint>.`)
}

async function fileOf(resume: string, run: string): Promise<string> {
  const folder = join(run, CHECKPOINTS_FOLDER)
  if (resume === 'best') return await findBestCheckpoint(folder)
  const file = await findCheckpoint(resume === 'last' ? run : resume)
  if (!(await isSameFolder(dirname(file), folder))) {
    // The logs and the model there are not those of this training, and would be replaced.
    throw new WrongUsage(`--resume ${quoteWord(resume)} contradicts --run: the checkpoint is not one of ${showPath(folder)}.`)
  }
  return file
}

/** False where one of them does not exist. */
async function isSameFolder(one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([one, other].map((path) => realpath(path).catch(() => undefined)))
  return first !== undefined && first === second
}

function resumedFlags(
  flags: TrainFlags,
  given: ReadonlySet<string>,
  resumed: ResumedCheckpoint,
  { data, dataFiles, options }: RunConfig,
): TrainFlags {
  const written: Partial<TrainFlags> = Object.fromEntries(Object.entries(flags).filter(([name]) => given.has(name)))
  checkFlagsBy(() => {
    checkResumedOptions(written, resumed, flagOf)
    checkResumedChoices(written, [...Object.keys(NETWORK_CHOICES), 'seed'], resumed, flagOf)
  })
  const { model } = resumed.checkpoint.origin
  const kept = pickOptions({ ...KEEPING, ...OPTIONS.reading }, options as typeof flags)
  const stored = {
    ...pickOptions(NETWORK_CHOICES, model),
    ...pickOptions(OPTIONS.placement, model),
    ...keptEngine(resumed.checkpoint.origin, written),
    ...pickOptions(HYPERPARAMETERS, resumed.checkpoint.hyperparameters),
  }
  const unset = Object.fromEntries(Object.keys(HYPERPARAMETERS).map((name) => [name, undefined]))
  // What the checkpoint leaves out has no default now either.
  return { ...flags, ...unset, ...kept, ...sourceOf(data, dataFiles, written), ...stored, ...written } as TrainFlags
}

/**
 * A run that torch computed on the CPU, where `auto` may take fused by now, goes on with torch: the rest of it is then what it would have been,
 * bit for bit. Elsewhere, or in another precision, it cannot be that anyway.
 */
function keptEngine({ place }: TrainingOrigin, written: Partial<TrainFlags>): { engine?: 'torch' } {
  const { device = place.device, precision = place.precision } = written
  const isSame = place.device === 'cpu' && device === place.device && precision === place.precision
  return place.engine === 'torch' && isSame ? { engine: 'torch' } : {}
}

/** Where the images were, unless the user says where they are now. */
function sourceOf(data: RunConfig['data'], dataFiles: RunConfig['dataFiles'], written: Partial<TrainFlags>): Partial<TrainFlags> {
  if (Object.keys(OPTIONS.data).some((name) => name in written)) return {}
  return dataFiles ?? (data === undefined ? {} : { data })
}

/** The options of checkpoints that a run keeps when it goes on. */
const { checkpointEvery, keepCheckpoints } = OPTIONS.checkpoints
const KEEPING = { checkpointEvery, keepCheckpoints }
