import { constants, type Stats } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { TorchRnnError } from '../errors'
import { describeRefusal, type Refusal } from '../host/permissions'
import { hasUnprintable, quoteText } from '../text/unprintable'

/** Bytes of one read: enough to be fast, and few enough that hashing or copying them does not hold up the event loop. */
const READ_CHUNK_BYTES = 4 * 1024 * 1024

// Without O_NONBLOCK, opening a FIFO that has no writer would never return. Windows knows neither flag.
const READ_FLAGS = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0)

/** What was being done when the file system refused. */
export type FileAction = 'read' | 'write'

/** A file that is open for reading, with its size in bytes at that moment. */
export interface OpenFile {
  readonly path: string
  readonly handle: FileHandle
  readonly size: number
}

/**
 * Opens a regular file, lends it to `use` and closes it again, whatever happens.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` for a folder, FIFO, socket or device; `ERR_FILE_SYSTEM` when the system refuses.
 */
export async function withRegularFile<T>(path: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  let handle: FileHandle | undefined
  try {
    handle = await open(path, READ_FLAGS)
    const stats = await handle.stat()
    if (!stats.isFile()) throw invalidFile(path, 'a regular file', describeFileType(stats))
    return await use({ path, handle, size: stats.size })
  } catch (error) {
    throw toFileSystemError('read', path, error)
  } finally {
    await handle?.close()
  }
}

/**
 * Reads a whole file.
 *
 * @param maxBytes - The largest size accepted, checked before any memory is taken.
 * @returns Exactly the bytes of the file.
 * @throws TorchRnnError `ERR_INVALID_FILE` when it is no regular file, larger than `maxBytes`, or changes size meanwhile;
 *   `ERR_FILE_SYSTEM` when the system refuses; `ERR_OUT_OF_MEMORY`.
 */
export async function readFileChecked(path: string, maxBytes: number): Promise<Uint8Array> {
  return withRegularFile(path, async (file) => {
    if (file.size > maxBytes) throw invalidFile(path, `at most ${maxBytes} bytes`, `${file.size} bytes`)
    const bytes = allocateBytes(file.size, path)
    let filled = 0
    for await (const chunk of chunksInto(file, bytes, 0)) filled += chunk.length
    await expectEnd(file, filled)
    return bytes
  })
}

/**
 * Fills `target` from the file, starting at byte `position`, and yields every piece once it is there.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE` when the file ends first.
 */
export async function* chunksInto(file: OpenFile, target: Uint8Array, position: number): AsyncGenerator<Uint8Array> {
  let filled = 0
  while (filled < target.length) {
    const wanted = Math.min(READ_CHUNK_BYTES, target.length - filled)
    const { bytesRead } = await file.handle.read(target, filled, wanted, position + filled)
    if (bytesRead === 0) throw changedWhileRead(file, `only ${position + filled} bytes`)
    yield target.subarray(filled, filled + bytesRead)
    filled += bytesRead
  }
}

/** Yields all bytes of the file in fresh pieces. @throws TorchRnnError `ERR_INVALID_FILE` when it changes size meanwhile. */
export async function* fileChunks(file: OpenFile): AsyncGenerator<Uint8Array> {
  let position = 0
  while (position < file.size) {
    const piece = new Uint8Array(Math.min(READ_CHUNK_BYTES, file.size - position))
    yield* chunksInto(file, piece, position)
    position += piece.length
  }
  await expectEnd(file, position)
}

/** Checks that nothing follows byte `position`. @throws TorchRnnError `ERR_INVALID_FILE` when the file has grown. */
export async function expectEnd(file: OpenFile, position: number): Promise<void> {
  const { bytesRead } = await file.handle.read(new Uint8Array(1), 0, 1, position)
  if (bytesRead > 0) throw changedWhileRead(file, 'more bytes')
}

/** Takes memory for a file's bytes. @throws TorchRnnError `ERR_OUT_OF_MEMORY` when there is none. */
export function allocateBytes(count: number, path: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(count)
  } catch (cause) {
    throw new TorchRnnError('ERR_OUT_OF_MEMORY', `Cannot read ${showPath(path)}: no memory for its ${count} bytes.`, { cause })
  }
}

/** The error for a file whose content is not what it must be: file, expected, found, in one line. */
export function invalidFile(path: string, expected: string, actual: string, advice = ''): TorchRnnError {
  const message = `${showPath(path)}: expected ${expected} but found ${actual}.${advice === '' ? '' : ` ${advice}`}`
  return new TorchRnnError('ERR_INVALID_FILE', message, { expected, actual })
}

/**
 * Turns an error of the file system into a TorchRnnError that says path, reason and what to do.
 * Errors of this package and programming errors come back as they are.
 */
export function toFileSystemError(action: FileAction, path: string, error: unknown): unknown {
  if (error instanceof TorchRnnError) return error
  if (hasCode(error) && error.code === 'ERR_INVALID_ARG_VALUE' && path.includes('\0')) {
    const actual = 'the path holds a null character'
    const message = `Cannot ${action} ${showPath(path)}: ${actual}. ${CHECK_PATH}`
    return new TorchRnnError('ERR_FILE_SYSTEM', message, { actual, cause: error })
  }
  const refusal = describeRefusal(error)
  if (refusal === undefined && !isSystemError(error)) return error
  const { problem: reason, advice, code } = refusal ?? explain(action, error as SystemError)
  const message = `Cannot ${action} ${showPath(path)}: ${reason} (${code}). ${advice}`.trimEnd()
  return new TorchRnnError('ERR_FILE_SYSTEM', message, { actual: reason, cause: error })
}

type SystemError = NodeJS.ErrnoException & { readonly code: string }

/** Whether an error came from the operating system. An error of Node itself, about a wrong argument for instance, did not. */
export function isSystemError(error: unknown): error is SystemError {
  return hasCode(error) && 'syscall' in error
}

/** What was found; undefined for what is not there. */
export async function ifPresent<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (error) {
    const origin = error instanceof TorchRnnError ? error.cause : error
    if (isSystemError(origin) && origin.code === 'ENOENT') return undefined
    throw error
  }
}

function hasCode(error: unknown): error is SystemError {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
}

/** A path as an error shows it: as it is, unless it holds characters that would break the line or drive a terminal. */
export function showPath(path: string): string {
  return hasUnprintable(path) ? quoteText(path) : path
}

/** What a path names when it is not a regular file, in words. */
export function describeFileType(stats: Pick<Stats, 'isDirectory' | 'isFIFO' | 'isSocket' | 'isSymbolicLink'>): string {
  if (stats.isDirectory()) return 'a folder'
  if (stats.isSymbolicLink()) return 'a symbolic link'
  if (stats.isFIFO()) return 'a FIFO (named pipe)'
  return stats.isSocket() ? 'a socket' : 'a device'
}

function changedWhileRead(file: OpenFile, actual: string): TorchRnnError {
  return invalidFile(file.path, `${file.size} bytes`, actual, 'The file changed while it was being read; try again.')
}

const CHECK_PATH = 'Check the path.'
const CHECK_RIGHTS = 'Check its owner and permissions, and those of its folder.'

/** Reason and advice for the errors that users meet. One of them means something else when writing: see explain. */
const REASONS: Readonly<Record<string, readonly [reason: string, advice: string]>> = {
  EACCES: ['permission denied', CHECK_RIGHTS],
  EPERM: ['permission denied', CHECK_RIGHTS],
  ENOENT: ['it does not exist', CHECK_PATH],
  ENOTDIR: ['a part of the path is not a folder', CHECK_PATH],
  EEXIST: ['it exists already, and is no folder', 'Choose another name.'],
  EISDIR: ['it is a folder', 'Give the path of a file.'],
  ENAMETOOLONG: ['the name is too long', 'Choose a shorter one.'],
  ELOOP: ['too many symbolic links lead to each other', CHECK_PATH],
  ENXIO: ['it is a socket or device without a reader', CHECK_PATH],
  EROFS: ['the file system is read-only', 'Choose another folder.'],
  ENOSPC: ['the disk is full', 'Free some space or choose another disk.'],
  EDQUOT: ['the disk quota is used up', 'Free some space or choose another disk.'],
  EFBIG: ['the file would be larger than allowed', 'Raise the limit (ulimit -f) or choose another file system.'],
  EMFILE: ['this process has too many open files', 'Close some, or raise the limit (ulimit -n).'],
  ENFILE: ['this machine has too many open files', 'Close some programs.'],
  EIO: ['the disk reported an error', 'Check the disk.'],
  EBUSY: ['it is in use', 'Close the program that uses it.'],
}

function explain(action: FileAction, { code, message }: SystemError): Refusal {
  if (action === 'write' && code === 'ENOENT') return { problem: 'its folder does not exist', advice: 'Create the folder first.', code }
  const [problem, advice] = REASONS[code] ?? [message, '']
  return { problem, advice, code }
}
