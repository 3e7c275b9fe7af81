import { invalidFile } from '../files/regular-file'

/** The braces and strings of a JSON text without escaped quotes and backslashes, and the colon that makes a string a name. */
const TOKEN = /[{}]|"[^"]*"(\s*:)?/g
const SHOWN_CHARACTERS = 80

/**
 * Parses a JSON object that comes from a file: UTF-8, starting with its brace, without repeated names at any depth. The safetensors format
 * forbids these, and JSON.parse silently keeps the last: two readers of one file could see different tensors.
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
  // With these two escapes written in another way, every quote begins or ends a string.
  const plain = text.replaceAll('\\\\', '\\u005c').replaceAll('\\"', '\\u0022')
  for (const [token, colon] of plain.matchAll(TOKEN)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (colon !== undefined) {
      const literal = token.slice(0, -colon.length)
      // Parsed, because "a" and "\u0061" are one name.
      const name: unknown = JSON.parse(literal)
      if (open.at(-1)?.has(name)) return literal.slice(0, SHOWN_CHARACTERS)
      open.at(-1)?.add(name)
    }
  }
  return undefined
}

function oneLine(error: unknown): string {
  return String(error)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .slice(0, 120)
}
