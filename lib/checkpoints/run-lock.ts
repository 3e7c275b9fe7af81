/**
 * One run at a time in a folder. The lock is a file that names its holder, so that a lock whose holder was killed is recognised, and taken
 * over by the next run. `proper-lockfile` and its like judge by age alone: they take a stopped process for a dead one, or make a crash wait.
 */
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, readFileSync, rmSync } from 'node:fs'
import { link, lstat, open, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TorchRnnError } from '../errors'
import { removeTemporaryFiles, temporaryName } from '../files/durable-file'
import { chunksInto, describeFileType, ifPresent, invalidFile, showPath, toFileSystemError, withRegularFile } from '../files/regular-file'
import { findProcess, identifyProcess, type ProcessIdentity } from '../host/process-identity'
import { quoteText } from '../text/unprintable'

/** The name of a lock. A process that was killed leaves it behind. */
export const LOCK_FILE = 'run.lock'
/** A lock without a readable holder was left by a crash, unless it is so new that somebody may be writing it. */
const WRITING_MS = 10_000
/** More than a lock file ever has. */
const MAX_LOCK_BYTES = 10_000
/** How often a lock may vanish just before it is read. More often, something else than runs is at work. */
const MAX_ATTEMPTS = 100

/** A lock that this process holds. */
export class RunLock {
  readonly #file: string
  readonly #content: string
  readonly #removeAtExit = () => this.#removeNow()

  private constructor(file: string, content: string) {
    this.#file = file
    this.#content = content
    process.once('exit', this.#removeAtExit)
  }

  /**
   * Takes the lock of a folder. One whose holder has ended is taken over; of several processes that try that at once, one succeeds.
   *
   * @throws TorchRnnError `ERR_BUSY` when another run holds it, or may hold it on another machine; `ERR_INVALID_FILE` when something that is no
   *   regular file has the name of the lock; `ERR_FILE_SYSTEM`. The lock is not held then.
   */
  static async take(folder: string): Promise<RunLock> {
    const file = join(folder, LOCK_FILE)
    // The random part tells two locks of one process apart.
    const content = `${JSON.stringify({ ...identifyProcess(), id: randomBytes(8).toString('hex') })}\n`
    try {
      await seize(file, content, folder)
    } catch (error) {
      throw toFileSystemError('write', file, error)
    }
    const lock = new RunLock(file, content)
    try {
      await removeLeftovers(folder)
      return lock
    } catch (error) {
      await lock.release()
      throw toFileSystemError('write', folder, error)
    }
  }

  /** Removes the lock, unless somebody else has replaced it. What cannot be removed stays: the next run recognises it. */
  async release(): Promise<void> {
    process.off('exit', this.#removeAtExit)
    if ((await readLock(this.#file).catch(() => undefined)) === this.#content) await rm(this.#file, { force: true }).catch(() => undefined)
  }

  #removeNow(): void {
    try {
      // Of anything else that has its name now, reading might never end.
      if (lstatSync(this.#file).isFile() && readFileSync(this.#file, 'utf8') === this.#content) rmSync(this.#file)
    } catch {
      // The folder has vanished, for instance.
    }
  }
}

/** Whether a folder is in use by a run, or may be, as far as can be told. @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_INVALID_FILE`. */
export async function isInUse(folder: string): Promise<boolean> {
  const file = join(folder, LOCK_FILE)
  try {
    const content = await readLock(file)
    return content !== undefined && !(await isStale(file, content, folder))
  } catch (error) {
    if (error instanceof TorchRnnError && error.code === 'ERR_BUSY') return true
    throw toFileSystemError('read', file, error)
  }
}

/**
 * Makes a lock file with this content. A stale one is replaced by whoever holds the marker of that very file, which is a lock of the same
 * kind: its name follows from the content of the stale lock. So nobody can replace a lock that somebody else has just taken over: a marker
 * belongs to the stale content, and its holder looks again whether that is still there.
 */
async function seize(file: string, content: string, folder: string): Promise<void> {
  for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts += 1) {
    if (await createWhole(file, content)) return
    const found = await readLock(file)
    if (found === undefined) continue // It was released meanwhile.
    if (!(await isStale(file, found, folder))) continue
    const marker = markerOf(file, found, folder)
    await seize(marker, content, folder)
    try {
      if ((await readLock(file)) === found) {
        await replaceWhole(file, content)
        return
      }
    } finally {
      await rm(marker, { force: true })
    }
  }
  throw inUse(folder, `${showPath(file)} comes and goes`, 'Try again.')
}

/** The marker of a stale lock. */
function markerOf(file: string, content: string, folder: string): string {
  return join(folder, `${LOCK_FILE}.${createHash('sha256').update(file).update(content).digest('hex').slice(0, MARKER_DIGITS)}`)
}

const MARKER_DIGITS = 16
const MARKER_NAME = new RegExp(`^${LOCK_FILE.replace('.', '\\.')}\\.[0-9a-f]{${MARKER_DIGITS}}$`)

/** Removes what killed processes have left. Whoever holds the lock may do so: a marker of another lock than this one is of no use any more. */
async function removeLeftovers(folder: string): Promise<void> {
  const markers = (await readdir(folder)).filter((name) => MARKER_NAME.test(name))
  await Promise.all(markers.map((name) => rm(join(folder, name), { force: true })))
  await removeTemporaryFiles(folder)
}

/** @returns False when the file has vanished; never for a holder that may still run. @throws TorchRnnError `ERR_BUSY` then. */
async function isStale(file: string, content: string, folder: string): Promise<boolean> {
  const holder = parseHolder(content)
  if (holder === undefined) {
    const age = await ageOf(file)
    if (age === undefined || age > WRITING_MS) return age !== undefined
    throw inUse(folder, `${showPath(file)} does not say by whom`, `Try again in ${WRITING_MS / 1000} seconds.`)
  }
  const state = findProcess(holder)
  if (state === 'ended') return true
  const since = new Date(holder.time).toISOString()
  if (state === 'running') {
    const advice = `Wait for it, or end it. If that process is no run, delete ${showPath(file)}.`
    throw inUse(folder, `process ${holder.pid} has been at work there since ${since}`, advice)
  }
  const isSameHost = holder.host === identifyProcess().host
  const where = `of ${isSameHost ? 'another machine or container' : quoteText(holder.host.slice(0, 60))}`
  throw inUse(
    folder,
    `process ${holder.pid} ${where} has been at work there since ${since}, and cannot be looked at from here`,
    `If it has ended, delete ${showPath(file)}.`,
  )
}

function inUse(folder: string, actual: string, advice: string): TorchRnnError {
  return new TorchRnnError('ERR_BUSY', `${showPath(folder)} is in use by another run: ${actual}. ${advice}`, { actual })
}

/** Undefined for anything but a holder: the system crashed before the content was on the disk, or the file is not ours. */
function parseHolder(content: string): ProcessIdentity | undefined {
  let value: Record<string, unknown>
  try {
    value = Object(JSON.parse(content)) as Record<string, unknown>
  } catch {
    return undefined
  }
  const { host, pid, time } = value
  const isText = (name: string) => typeof value[name] === 'string' || value[name] === null
  const isComplete = typeof host === 'string' && ['machine', 'boot', 'namespace', 'started'].every(isText)
  // A number below 1 would mean a group of processes.
  const isNumbered = Number.isSafeInteger(pid) && (pid as number) > 0 && typeof time === 'number' && Math.abs(time) <= 8.64e15
  return isComplete && isNumbered ? (value as unknown as ProcessIdentity) : undefined
}

/** The content of a lock; undefined when it is not there. @throws TorchRnnError `ERR_INVALID_FILE` for what is no lock of ours: a link, a FIFO. */
async function readLock(file: string): Promise<string | undefined> {
  const stats = await ifPresent(lstat(file))
  if (stats === undefined) return undefined
  if (!stats.isFile()) throw invalidFile(file, 'a regular file', describeFileType(stats), 'No run makes such a lock: delete it.')
  return await ifPresent(readStart(file))
}

/** Not readFileChecked, which refuses a file that grows: without hard links, a lock gets its content after its name. */
async function readStart(file: string): Promise<string> {
  return await withRegularFile(file, async (opened) => {
    const parts: Uint8Array[] = []
    for await (const part of chunksInto(opened, new Uint8Array(Math.min(opened.size, MAX_LOCK_BYTES)), 0)) parts.push(part)
    return Buffer.concat(parts).toString()
  })
}

/** In ms; undefined when the file is not there. */
async function ageOf(file: string): Promise<number | undefined> {
  const stats = await ifPresent(lstat(file))
  return stats === undefined ? undefined : Date.now() - stats.mtimeMs
}

/** Makes a file that has its content from the beginning. @returns False when there is a file of this name. */
async function createWhole(file: string, content: string): Promise<boolean> {
  const temporary = await writeTemporary(file, content)
  try {
    await link(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    return await createEmptyFirst(file, content) // There are file systems without hard links.
  } finally {
    await rm(temporary, { force: true })
  }
}

async function createEmptyFirst(file: string, content: string): Promise<boolean> {
  try {
    const handle = await open(file, 'wx')
    try {
      await handle.writeFile(content)
    } finally {
      await handle.close()
    }
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function replaceWhole(file: string, content: string): Promise<void> {
  const temporary = await writeTemporary(file, content)
  try {
    await rename(temporary, file)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function writeTemporary(file: string, content: string): Promise<string> {
  const temporary = temporaryName(file)
  const handle = await open(temporary, 'wx')
  try {
    await handle.writeFile(content)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await handle.close()
  }
  return temporary
}
