import { randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { access, type FileHandle, lstat, open, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { TorchRnnError } from '../errors'
import { describeFileType, isSystemError, showPath, toFileSystemError } from './regular-file'

export { readFileChecked } from './regular-file'

/** Bytes handed over in one write: the system call takes no more than 2 GiB. */
const WRITE_CHUNK_BYTES = 64 * 1024 * 1024
const MAX_LINKS = 40
const PERMISSION_BITS = 0o7777
const NEW_FILE_MODE = 0o666

/** Folders cannot be opened or flushed everywhere (Windows, some network file systems, folders without read permission). */
const NO_FOLDER_FLUSH = new Set(['EINVAL', 'EPERM', 'EACCES', 'EISDIR', 'ENOTSUP', 'ENOSYS', 'EBADF'])

/**
 * Writes a file completely or not at all: into a temporary file of the same folder, flushed to the disk, then renamed over the
 * old one, so that a crash or a full disk leaves the old content. A symbolic link stays and its target is replaced; an existing
 * file keeps its permissions. A process killed half-way can leave a file `.torch-rnn-mnist-*.tmp` behind, never a broken result.
 *
 * @param path - A regular file or a new name in an existing folder.
 * @param bytes - The whole content; it must not change until the promise settles.
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with path, reason and advice. The old file is then untouched and the temporary file is
 *   gone, except when only the last step, flushing the folder, failed: then the new file is in place, which the error says.
 */
export async function writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const target = await followLinks(path)
    const old = await statIfPresent(target)
    if (old !== undefined) await checkReplaceable(path, target, old)
    await replaceFile(target, bytes, old?.mode)
    await flushFolder(path, dirname(target))
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

/**
 * Checks that {@link writeFileDurably} can begin to write a file, so that long work is not done for nothing. Makes an empty temporary file
 * beside it for a moment: permissions alone do not tell (a read-only file system, a quota, the rights of an administrator).
 *
 * @throws TorchRnnError `ERR_FILE_SYSTEM` with path, reason and advice.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const target = await followLinks(path)
    const old = await statIfPresent(target)
    if (old !== undefined) await checkReplaceable(path, target, old)
    const temporary = temporaryName(target)
    await (await open(temporary, 'wx')).close()
    await rm(temporary)
  } catch (error) {
    throw toFileSystemError('write', path, error)
  }
}

/** Short whatever the target's name, which may already be as long as the file system allows. */
function temporaryName(target: string): string {
  return join(dirname(target), `.torch-rnn-mnist-${randomBytes(8).toString('hex')}.tmp`)
}

async function replaceFile(target: string, bytes: Uint8Array, oldMode: number | undefined): Promise<void> {
  const temporary = temporaryName(target)
  const handle = await open(temporary, 'wx', oldMode === undefined ? NEW_FILE_MODE : oldMode & PERMISSION_BITS)
  try {
    try {
      await writeAll(handle, bytes)
      // The mode given to open passes the umask; that of an existing file must not.
      if (oldMode !== undefined) await handle.chmod(oldMode & PERMISSION_BITS)
      await handle.sync()
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

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, Math.min(WRITE_CHUNK_BYTES, bytes.length - written), written)
    written += bytesWritten
  }
}

/** Makes the rename itself survive a power cut, where the system can. */
async function flushFolder(path: string, folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
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

/** A rename would replace anything that the folder's permissions allow: a device, or a file that its owner protected. */
async function checkReplaceable(path: string, target: string, old: Stats): Promise<void> {
  if (!old.isFile()) {
    const actual = describeFileType(old)
    throw new TorchRnnError(
      'ERR_FILE_SYSTEM',
      `Cannot write ${showPath(path)}: it is ${actual}, not a regular file. Choose another name.`,
      { actual },
    )
  }
  await access(target, constants.W_OK)
}

/** The file that a path finally names, even when the links end at a file that is not there yet. */
async function followLinks(path: string): Promise<string> {
  let current = resolve(path)
  for (let links = 0; links < MAX_LINKS; links++) {
    // The folder's own links are resolved first: a relative link counts from where it really lies.
    current = join(await realpath(dirname(current)), basename(current))
    const link = await lstatIfPresent(current)
    if (link === undefined || !link.isSymbolicLink()) return current
    current = resolve(dirname(current), await readlink(current))
  }
  // Cyclic links: the system gives this its name, ELOOP.
  return realpath(path)
}

async function statIfPresent(path: string): Promise<Stats | undefined> {
  return ifPresent(stat(path))
}

async function lstatIfPresent(path: string): Promise<Stats | undefined> {
  return ifPresent(lstat(path))
}

async function ifPresent(stats: Promise<Stats>): Promise<Stats | undefined> {
  try {
    return await stats
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined
    throw error
  }
}
