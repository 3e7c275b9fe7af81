import { readdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { appendToFile } from '../files/append-file'
import { toFileSystemError } from '../files/regular-file'
import { encodeFileVersion, encodeScalars, encodeSessionStart } from '../formats/tensorboard'
import { EVENT_FILE } from './run-files'

/** One of TensorBoard's event files. What is added is in the file when the call resolves, so that TensorBoard shows it while the run goes on. */
export class EventFile {
  readonly path: string

  private constructor(path: string) {
    this.path = path
  }

  /**
   * Begins a file in the folder of a run.
   *
   * @param firstStep - Of a run that goes on after a pause: TensorBoard then forgets the values of this step and later ones which the older
   *   files of the folder hold, whether these end well or were torn off. Default: the run is new.
   * @throws TorchRnnError `ERR_FILE_SYSTEM`.
   */
  static async create(folder: string, firstStep?: number): Promise<EventFile> {
    const file = new EventFile(join(folder, await newName(folder)))
    const wallTime = now()
    const start = firstStep === undefined ? [] : [encodeSessionStart({ wallTime, step: firstStep })]
    await appendToFile(file.path, Buffer.concat([encodeFileVersion(wallTime), ...start]))
    return file
  }

  /** Adds numbers by their tags. @throws TorchRnnError `ERR_FILE_SYSTEM`; then nothing is added. */
  async addScalars(step: number, scalars: Readonly<Record<string, number>>): Promise<void> {
    await appendToFile(this.path, encodeScalars({ wallTime: now(), step }, scalars))
  }
}

/**
 * `events.out.tfevents.<seconds>.<host>.<pid>.<number>`. TensorBoard reads the files of a folder in the order of their names, so a new one gets
 * a later time than all that are there, even if the clock was set back.
 */
async function newName(folder: string): Promise<string> {
  const taken = (await readNames(folder)).map((name) => Number(EVENT_FILE.exec(name)?.[1] ?? 0))
  const seconds = Math.max(Math.floor(now()), ...taken.map((time) => time + 1))
  const host = hostname()
    .replaceAll(/[^\w.-]/g, '_')
    .slice(0, 64)
  return `events.out.tfevents.${seconds}.${host}.${process.pid}.0`
}

async function readNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    throw toFileSystemError('read', folder, error)
  }
}

function now(): number {
  return Date.now() / 1000
}
