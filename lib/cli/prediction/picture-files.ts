/** Which pictures does a user mean? Files by their names, patterns that no shell has expanded, and standard input. */
import { isAbsolute, sep } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { exists } from '../../files/folders'
import { invalidFile } from '../../files/regular-file'
import { WrongUsage } from '../exit'

/** The argument that stands for standard input. */
export const STANDARD_INPUT = '-'

/** A picture that an argument names. */
export interface NamedPicture {
  /** Its path, {@link STANDARD_INPUT}, or a pattern that fits no file. */
  readonly name: string
  readonly isUnmatched: boolean
}

/**
 * Finds the files that arguments name. A file whose name looks like a pattern is that file. A pattern gives files in the order of their names,
 * numbers by their values.
 *
 * @throws CommandFailure `ERR_USAGE` when standard input is named twice.
 */
export async function findPictures(names: readonly string[]): Promise<NamedPicture[]> {
  if (names.filter((name) => name === STANDARD_INPUT).length > 1) {
    throw new WrongUsage(`Standard input (${STANDARD_INPUT}) can be read once only.`)
  }
  return (await Promise.all(names.map(expand))).flat()
}

async function expand(name: string): Promise<NamedPicture[]> {
  if (name === STANDARD_INPUT || !isDynamicPattern(name) || (await exists(name))) return [{ name, isUnmatched: false }]
  // On Windows a backslash divides folders, as the user sees it; in a pattern it would not.
  const pattern = sep === '\\' ? name.replaceAll(sep, '/') : name
  const files = await glob(pattern, { expandDirectories: false, followSymbolicLinks: false, absolute: isAbsolute(name) })
  if (files.length === 0) return [{ name, isUnmatched: true }]
  const { compare } = new Intl.Collator('en', { numeric: true })
  return files.sort(compare).map((file) => ({ name: file, isUnmatched: false }))
}

/** Reads a picture from standard input. @throws TorchRnnError `ERR_INVALID_FILE` for more than `maxBytes`; the reason of the signal. */
export async function readStandardInput(maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Buffer[] = []
  let size = 0
  const stop = () => process.stdin.destroy()
  signal.addEventListener('abort', stop)
  try {
    for await (const piece of process.stdin as AsyncIterable<Buffer>) {
      size += piece.length
      if (size > maxBytes) throw invalidFile('standard input', `at most ${maxBytes} bytes`, 'more')
      pieces.push(piece)
    }
  } finally {
    signal.removeEventListener('abort', stop)
  }
  signal.throwIfAborted()
  return Buffer.concat(pieces)
}
