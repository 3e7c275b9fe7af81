import { randomBytes } from 'node:crypto'
import { constants, fsync } from 'node:fs'
import { access, chmod, lstat, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { TorchRnnError } from '../errors'
import { hasEnded, processMark } from '../host/process-identity'
import { describeFileType, ifPresent, isSystemError, showPath, toFileSystemError } from './regular-file'

export { readFileChecked } from './regular-file'

const PERMISSION_BITS = 0o7777

/** Folders cannot be opened or flushed everywhere: not on Windows and some network file systems, nor without permission to read them. */
const NO_FOLDER_FLUSH = new Set(['EINVAL', 'EPERM', 'EACCES', 'EISDIR', 'ENOTSUP', 'ENOSYS', 'EBADF'])

/**
 * Node's permission model allows a folder, but then refuses what is done to an open file by its descriptor: fsync and fchmod, since Node 26
 * FileHandle.sync too. A file that is opened with O_SYNC needs no flush. Windows does not know this flag.
 */
const IS_RESTRICTED = process.permission !== undefined
const { O_WRONLY, O_CREAT, O_EXCL, O_SYNC = 0 } = constants
const NEW_FILE = IS_RESTRICTED ? O_WRONLY | O_CREAT | O_EXCL | O_SYNC : 'wx'

/** Waits until a file or folder is on the disk. Not with FileHandle.sync: under Yarn's Plug'n'Play, file handles have no such method. */
const flush = promisify(fsync)

/**
 * Writes a file completely or not at all: into a temporary file of the same folder, flushed to the disk, then renamed over the
 * old one, so that a crash or a full disk leaves the old content. A symbolic link stays and its target is replaced; an existing
 * file keeps its permissions. A process that is killed half-way can leave a file `.torch-rnn-mnist-*.tmp` behind, never a broken result.
 *
 * The package write-file-atomic is no help: on a disk that gets full it replaces the old content with a part of the new one.
 *
 * @param path - A regular file or a new name in an existing folder.
 * @param bytes - The whole content; it must not change until the promise settles.
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with path, reason and advice. The old file is then untouched and the temporary file is
 *   gone, except when only the last step, flushing the folder, failed: then the new file is in place, which the error says.
 */
export async function writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await writeWhole(path, bytes)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const { target, mode } = await findTarget(path)
  await replaceFile(target, bytes, mode)
  await flushFolder(path, dirname(target))
}

/**
 * Checks that {@link writeFileDurably} can begin to write a file, so that long work is not done for nothing. Makes an empty temporary file
 * beside it for a moment: permissions alone do not tell (a read-only file system, a quota, the rights of an administrator).
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with path, reason and advice.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const temporary = temporaryName((await findTarget(path)).target)
    await (await open(temporary, 'wx')).close()
    await rm(temporary)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

/**
 * Checks that files can be written in a folder: writes one, replaces it and removes it again, with all steps of {@link writeFileDurably}.
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with folder, reason and advice.
 */
export async function tryToWrite(folder: string): Promise<void> {
  const path = temporaryName(join(resolve(folder), 'trial'))
  try {
    for (const content of ['first', 'second']) await writeWhole(path, Buffer.from(content))
  } catch (error) {
    throw toFileSystemError('write', `a file in ${folder}`, error)
  } finally {
    await rm(path, { force: true }).catch(() => undefined) // It may not have been written at all.
  }
}

/**
 * The file that a path names, through all links, and its permissions where it is there. A rename would replace whatever the folder's
 * permissions allow, so what must not be replaced is refused here: a device, or a file that is write-protected.
 */
async function findTarget(path: string): Promise<{ target: string; mode?: number }> {
  const target = await followLinks(resolve(path))
  const old = await ifPresent(stat(target))
  if (old === undefined) return { target }
  if (!old.isFile()) {
    const actual = describeFileType(old)
    const message = `Cannot write ${showPath(path)}: it is ${actual}, not a regular file. Choose another name.`
    throw new TorchRnnError('ERR_FILE_SYSTEM', message, { actual })
  }
  await access(target, constants.W_OK)
  return { target, mode: old.mode & PERMISSION_BITS }
}

/** The path without links, even where it leads to a file that is not there yet. */
async function followLinks(path: string): Promise<string> {
  const present = await ifPresent(realpath(path))
  if (present !== undefined) return present
  // The folder first: a relative link counts from where it really lies.
  const folder = await realpath(dirname(path))
  const link = await ifPresent(readlink(path))
  return link === undefined ? join(folder, basename(path)) : followLinks(resolve(folder, link))
}

/** A new name beside the target. Short whatever the target's name, which may already be as long as the file system allows. */
export function temporaryName(target: string): string {
  return join(dirname(target), `.torch-rnn-mnist-${processMark()}-${randomBytes(8).toString('hex')}.tmp`)
}

const TEMPORARY_NAME = /^\.torch-rnn-mnist-(\d+-[0-9a-f]+)-[0-9a-f]{16}\.tmp$/
/** Nobody writes to a file for so long without a change. */
const ABANDONED_MS = 24 * 60 * 60 * 1000

/**
 * Removes the temporary files that killed processes have left in a folder. Others may write there meanwhile: a file goes when the process that
 * made it has ended, or when it is a day old. The age decides where the process runs on another machine, or its number has been used again.
 *
 * @throws The error of the operating system.
 */
export async function removeTemporaryFiles(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, mark] = TEMPORARY_NAME.exec(name) ?? []
    if (mark === undefined) continue
    const path = join(folder, name)
    if (hasEnded(mark) || (await isAbandoned(path))) await rm(path, { force: true })
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const stats = await ifPresent(lstat(path))
  return stats !== undefined && Date.now() - stats.mtimeMs > ABANDONED_MS
}

async function replaceFile(target: string, bytes: Uint8Array, mode: number | undefined): Promise<void> {
  const temporary = temporaryName(target)
  const handle = await open(temporary, NEW_FILE, mode)
  try {
    try {
      await handle.writeFile(bytes)
      // The umask took its share of the mode given to open, but an existing file keeps all its permissions.
      if (mode !== undefined) await (IS_RESTRICTED ? chmod(temporary, mode) : handle.chmod(mode))
      if (!IS_RESTRICTED) await flush(handle.fd)
    } finally {
      await handle.close()
    }
    await rename(temporary, target)
  } catch (error) {
    // The first error is the one to report, even if the temporary file cannot be removed either.
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
}

/**
 * Makes a new name survive a power cut, where the system can.
 *
 * @param path - What got its name in `folder`, for errors.
 * @throws TorchRnnError `ERR_FILE_SYSTEM`.
 */
export async function flushFolder(path: string, folder: string): Promise<void> {
  if (IS_RESTRICTED) return
  try {
    const handle = await open(folder, 'r')
    try {
      await flush(handle.fd)
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (!isSystemError(cause)) throw cause
    if (NO_FOLDER_FLUSH.has(cause.code)) return
    const message = `${showPath(path)} was written, but its folder could not be flushed to the disk (${cause.code}): a power cut may undo it.`
    throw new TorchRnnError('ERR_FILE_SYSTEM', message, { cause })
  }
}
