import { invalidFile } from '../files/regular-file'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d
const COLON = 0x3a
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d])

/**
 * Parses a JSON object that comes from a file: UTF-8, starting with its brace, without repeated names at any depth. JSON.parse
 * keeps the last of repeated names silently, so that a checker and a reader may see different content.
 *
 * @param file - The file that errors name.
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function parseJsonObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  const text = decodeUtf8(bytes, file)
  if (!text.startsWith('{')) throw invalidFile(file, 'a JSON object as header', JSON.stringify(text.slice(0, 20)))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalidFile(file, 'valid JSON as header', `text that is not (${oneLine(error)})`)
  }
  const repeated = findRepeatedName(text)
  if (repeated !== undefined) throw invalidFile(file, 'different names in the header', `${repeated} twice`)
  // A text that starts with a brace and parses is an object.
  return value as Record<string, unknown>
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw invalidFile(file, 'UTF-8 text as header', 'other bytes')
  }
}

/** Finds a name that an object of this valid JSON text has twice, in JSON's quotes. */
function findRepeatedName(text: string): string | undefined {
  const open: Set<unknown>[] = []
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === OPEN) open.push(new Set())
    else if (code === CLOSE) open.pop()
    else if (code === QUOTE) {
      const end = endOfString(text, index)
      if (isFollowedByColon(text, end)) {
        const literal = text.slice(index, end)
        // Parsed, because "a" and "\u0061" are one name.
        const name: unknown = JSON.parse(literal)
        if (open.at(-1)?.has(name)) return literal.slice(0, 80)
        open.at(-1)?.add(name)
      }
      index = end - 1
    }
  }
  return undefined
}

/** The index after the closing quote of the string that starts at `start`. */
function endOfString(text: string, start: number): number {
  let index = start + 1
  while (text.charCodeAt(index) !== QUOTE) index += text.charCodeAt(index) === BACKSLASH ? 2 : 1
  return index + 1
}

function isFollowedByColon(text: string, start: number): boolean {
  let index = start
  while (SPACES.has(text.charCodeAt(index))) index++
  return text.charCodeAt(index) === COLON
}

function oneLine(error: unknown): string {
  return String(error)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .slice(0, 120)
}
