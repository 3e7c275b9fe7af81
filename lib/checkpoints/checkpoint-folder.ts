/** The checkpoints of a training in their folder: which there are, which are kept, and which one is meant. */
import { readdir, realpath, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { NativeTrainingState } from '../addon/binding'
import { TorchRnnError } from '../errors'
import { writeFileDurably } from '../files/durable-file'
import { exists, isFolder, makeFolder, modificationTime } from '../files/folders'
import { ifPresent, showPath, toFileSystemError } from '../files/regular-file'
import type { CheckpointKeeper, TrainingCheckpoint, TrainingPosition } from '../training/checkpoint'
import { isAtBest } from '../training/position'
import { warn } from '../warnings'
import { encodeCheckpoint, readCheckpoint, type StoredCheckpoint, type TrainingOrigin } from './checkpoint-file'
import { RunLock } from './run-lock'

/** The folder of the checkpoints inside that of a run. */
export const CHECKPOINTS_FOLDER = 'checkpoints'
/** The epoch with the lowest validation loss so far; without validation the latest epoch. */
const BEST_NAME = 'best.safetensors'

/** When checkpoints are kept, where, and how many. */
export interface KeepingRules {
  readonly folder: string
  readonly every: CheckpointKeeper['every']
  /** How many of the newest ones stay. */
  readonly keep: number
}

/** What a name says: whole epochs, and batches of the next one. */
type Place = Pick<TrainingPosition, 'epochs' | 'batches'>

/** A checkpoint in its folder, by its name. */
interface NamedCheckpoint extends Place {
  readonly name: string
}

/** The name of a checkpoint: `epoch-00003.safetensors`, `epoch-00002-batch-00100.safetensors`. */
function nameOf({ epochs, batches }: Place): string {
  const epoch = `epoch-${String(epochs).padStart(5, '0')}`
  return batches === 0 ? `${epoch}.safetensors` : `${epoch}-batch-${String(batches).padStart(5, '0')}.safetensors`
}

function parseName(name: string): NamedCheckpoint | undefined {
  const [, epochs, batches = '0'] = /^epoch-(\d{5,})(?:-batch-(\d{5,}))?\.safetensors$/.exec(name) ?? []
  const place = { epochs: Number(epochs), batches: Number(batches) }
  return epochs !== undefined && nameOf(place) === name ? { name, ...place } : undefined
}

function compare(a: Place, b: Place): number {
  return a.epochs - b.epochs || a.batches - b.batches
}

/** The checkpoints of a folder but the best, from the earliest to the latest; none where there is no folder. */
async function listCheckpoints(folder: string): Promise<NamedCheckpoint[]> {
  try {
    const names = (await ifPresent(readdir(folder))) ?? []
    return names.flatMap((name) => parseName(name) ?? []).sort(compare)
  } catch (error) {
    throw toFileSystemError('read', folder, error)
  }
}

/**
 * The file that a user means.
 *
 * @param path - A checkpoint, a folder with checkpoints, or the folder of a run. Of a folder, the latest checkpoint is meant.
 * @throws TorchRnnError `ERR_FILE_SYSTEM` when there is none.
 */
export async function findCheckpoint(path: string): Promise<string> {
  for (const folder of [path, join(path, CHECKPOINTS_FOLDER)]) {
    if (!(await isFolder(folder))) continue
    const latest = (await listCheckpoints(folder)).at(-1)
    if (latest !== undefined) return join(folder, latest.name)
  }
  if (!(await isFolder(path))) return path // Whoever reads it tells what is wrong with it.
  const message = `There is no checkpoint in ${showPath(path)}. Name another folder or a file, or train from the start.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: 'epoch-*.safetensors', actual: 'none' })
}

/** When the newest checkpoint of a folder was written, in ms; 0 when there is none. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function newestCheckpointTime(folder: string): Promise<number> {
  if (!(await isFolder(folder))) return 0
  const named = await listCheckpoints(folder)
  const times = await Promise.all(named.map(({ name }) => modificationTime(join(folder, name))))
  return Math.max(0, ...times.map((time) => time ?? 0))
}

/** The file of the best epoch among the checkpoints of a run. @throws TorchRnnError `ERR_FILE_SYSTEM` when there is none. */
export async function findBestCheckpoint(folder: string): Promise<string> {
  const file = join(folder, BEST_NAME)
  if (await exists(file)) return file
  const message = `There is no ${BEST_NAME} in ${showPath(folder)}: no epoch has ended yet. Resume from the latest checkpoint instead.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: BEST_NAME, actual: 'none' })
}

/** Keeps the checkpoints of a training in a folder, which no other training may use meanwhile. */
export class CheckpointFolder implements CheckpointKeeper {
  readonly every: CheckpointKeeper['every']
  readonly #rules: KeepingRules
  readonly #origin: TrainingOrigin
  readonly #lock: RunLock
  /** Files that could not be removed, so that each is warned of once. */
  readonly #stuck = new Set<string>()
  /**
   * What the file of the best epoch must become for a training that goes on; `'none'` where the best epoch is not kept any more. Undefined
   * where the file is right.
   */
  #inheritedBest: StoredCheckpoint | 'none' | undefined

  private constructor(rules: KeepingRules, origin: TrainingOrigin, lock: RunLock) {
    this.every = rules.every
    this.#rules = rules
    this.#origin = origin
    this.#lock = lock
  }

  /**
   * Makes the folder where it is not there, and takes it for this training. A training that goes back in time changes no checkpoint before
   * its first new one is safe.
   *
   * @param resumed - What the training goes on from, and its file.
   * @throws TorchRnnError `ERR_BUSY` when another training uses the folder; `ERR_FILE_SYSTEM`, also when it holds the checkpoints of another
   *   training, or when the best epoch so far, which the training may go back to, is not kept any more.
   */
  static async open(
    rules: KeepingRules,
    origin: TrainingOrigin,
    resumed?: { checkpoint: StoredCheckpoint; file: string },
  ): Promise<CheckpointFolder> {
    const { folder } = rules
    await makeFolder(folder)
    const lock = await RunLock.take(folder)
    try {
      const isOwn = resumed !== undefined && (await realpath(dirname(resumed.file))) === (await realpath(folder))
      if (!isOwn) await checkUnused(folder)
      const keeper = new CheckpointFolder(rules, origin, lock)
      if (resumed !== undefined) await keeper.#inheritBest(resumed.checkpoint, resumed.file)
      return keeper
    } catch (error) {
      await lock.release()
      throw error
    }
  }

  /** Lets another training use the folder. */
  async close(): Promise<void> {
    await this.#lock.release()
  }

  async keep(checkpoint: TrainingCheckpoint, isBest: boolean): Promise<string> {
    const { folder } = this.#rules
    const file = join(folder, nameOf(checkpoint.position))
    const bytes = await encodeCheckpoint({ ...checkpoint, origin: this.#origin }, file)
    await writeFileDurably(file, bytes)
    // After it: when the process is killed in between, the training goes on from the new file, and finds that it is the best one.
    if (isBest) {
      await writeFileDurably(join(folder, BEST_NAME), bytes)
      this.#inheritedBest = undefined
    } else await this.#settleBest()
    await this.#prune(checkpoint.position)
    return file
  }

  async readBest(): Promise<NativeTrainingState> {
    const inherited = this.#inheritedBest
    if (inherited !== undefined && inherited !== 'none') return inherited.state
    return (await readCheckpoint(join(this.#rules.folder, BEST_NAME))).state
  }

  /** Finds the best epoch before the pause. It becomes the best one here with the first new checkpoint, or now where nothing is lost by that. */
  async #inheritBest(checkpoint: StoredCheckpoint, file: string): Promise<void> {
    const { folder } = this.#rules
    this.#inheritedBest = await findInheritedBest(folder, checkpoint, file)
    if (this.#inheritedBest === 'none') return
    const others = await listCheckpoints(folder)
    if (others.every((other) => compare(other, checkpoint.position) <= 0)) await this.#settleBest()
  }

  /** Makes the file of the best epoch that of this training, where it may still be that of a later time, from which the training went back. */
  async #settleBest(): Promise<void> {
    const file = join(this.#rules.folder, BEST_NAME)
    if (this.#inheritedBest === 'none') await this.#remove(file)
    else if (this.#inheritedBest !== undefined) await writeFileDurably(file, await encodeCheckpoint(this.#inheritedBest, file))
    this.#inheritedBest = undefined
  }

  /**
   * Removes the checkpoints that are not needed any more, now that a new one is safe: those before the newest few, and those of a later place,
   * from which the training went back.
   */
  async #prune(newest: Place): Promise<void> {
    const { folder, keep } = this.#rules
    const named = await listCheckpoints(folder).catch(() => []) // The next one tries again.
    const own = named.filter((checkpoint) => compare(checkpoint, newest) <= 0).slice(-keep)
    for (const { name } of named.filter((checkpoint) => !own.includes(checkpoint))) await this.#remove(join(folder, name))
  }

  async #remove(file: string): Promise<void> {
    try {
      await rm(file, { force: true })
    } catch (error) {
      if (this.#stuck.has(file)) return
      this.#stuck.add(file)
      const reason = (error as NodeJS.ErrnoException).code ?? String(error)
      warn('TORCH_RNN_MNIST_CHECKPOINT_STAYS', `The old checkpoint ${showPath(file)} could not be removed (${reason}). Training goes on.`)
    }
  }
}

/**
 * The best epoch before the pause, unless the folder has it as such already.
 *
 * @param file - The checkpoint that the training goes on from.
 * @returns `'none'` where it is not kept any more, and will not be asked for.
 * @throws TorchRnnError `ERR_FILE_SYSTEM` where the training may go back to it, and it is not kept any more.
 */
async function findInheritedBest(
  folder: string,
  checkpoint: StoredCheckpoint,
  file: string,
): Promise<StoredCheckpoint | 'none' | undefined> {
  const { position, hyperparameters } = checkpoint
  const { best, epochs } = position
  const epoch = best?.epoch ?? epochs // Without validation the latest one.
  const isMeant = (found: TrainingPosition) => isAtBest(found) && found.epochs === epoch && isDeepStrictEqual(found.best, best)
  const target = join(folder, BEST_NAME)
  const kept = await readIfWhole(target)
  if (kept !== undefined && isMeant(kept.position)) return undefined
  // The process may have been killed before it could write the file.
  if (isMeant(position)) return checkpoint
  for (const name of [BEST_NAME, nameOf({ epochs: epoch, batches: 0 })]) {
    const found = await readIfWhole(join(dirname(file), name))
    if (found !== undefined && isMeant(found.position)) return found
  }
  if (best === undefined || hyperparameters.earlyStoppingPatience === undefined || !hyperparameters.restoreBest) return 'none'
  const message = `Cannot resume from ${showPath(file)}: early stopping may go back to epoch ${best.epoch}, but its checkpoint is not kept any more. Resume from the latest checkpoint or from ${BEST_NAME}.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: `a checkpoint of epoch ${best.epoch}`, actual: 'none' })
}

/** Undefined for a checkpoint that is missing or damaged: another one may do. */
async function readIfWhole(file: string): Promise<StoredCheckpoint | undefined> {
  try {
    return await readCheckpoint(file)
  } catch (error) {
    if (error instanceof TorchRnnError) return undefined
    throw error
  }
}

/** Refuses a folder with checkpoints of another training: pruning would remove them. */
async function checkUnused(folder: string): Promise<void> {
  const [found] = await listCheckpoints(folder)
  const name = found?.name ?? ((await exists(join(folder, BEST_NAME))) ? BEST_NAME : undefined)
  if (name === undefined) return
  const message = `${showPath(folder)} holds checkpoints of a training already (${name}). Resume it, or choose another folder.`
  throw new TorchRnnError('ERR_FILE_SYSTEM', message, { expected: 'a folder without checkpoints', actual: name })
}
