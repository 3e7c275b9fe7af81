import { invalidFile } from '../files/regular-file'
import { escapeUnprintable, quoteText } from '../text/unprintable'

/**
 * How many strings, brackets, commas and colons a text may have. A small file could hold millions of them, which would become gigabytes of
 * objects and seconds of a blocked event loop. Strings may be long: they take what the file takes.
 */
const MAX_TOKENS = 262_144
/** Python's reader goes no deeper than 128; nothing here needs more than 3. */
const MAX_DEPTH = 64
const TOKEN_START = /[{}[\],:"]/g
const LONE_SURROGATE = /\p{Surrogate}/u
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const SHOWN_CHARACTERS = 80

/**
 * Parses a JSON object that comes from a file: UTF-8, starting with its brace, without repeated names at any depth. The safetensors format
 * forbids these, and JSON.parse silently keeps the last: two readers of one file could see different tensors. Names and texts are
 * well-formed: half a character (`"\ud800"`) has no UTF-8, and no other reader accepts it.
 *
 * @param file - The file that errors name.
 * @param part - What the object is in the file, for errors. Default `header`.
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function parseJsonObject(bytes: Uint8Array, file: string, part = 'header'): Record<string, unknown> {
  const text = decodeUtf8(bytes, file, part)
  if (!text.startsWith('{')) throw invalidFile(file, `a JSON object as ${part}`, quoteText(text.slice(0, 20)))
  checkExtent(text, file, part)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw invalidFile(file, `valid JSON as ${part}`, `text that is not (${oneLine(error)})`)
  }
  checkStrings(text, file, part)
  // A text that starts with a brace and parses is an object.
  return value as Record<string, unknown>
}

function decodeUtf8(bytes: Uint8Array, file: string, part: string): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    throw invalidFile(file, `UTF-8 text as ${part}`, 'other bytes')
  }
}

/** Refuses a text that would take too much memory and time, before it is parsed. */
function checkExtent(text: string, file: string, part: string): void {
  let [count, depth] = [0, 0]
  for (const token of tokensOf(text)) {
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
    if (depth > MAX_DEPTH) throw invalidFile(file, `JSON of at most ${MAX_DEPTH} levels as ${part}`, 'more levels')
    count += 1
    if (count > MAX_TOKENS) throw invalidFile(file, `at most ${MAX_TOKENS} names and values in the ${part}`, 'more')
  }
}

/** Checks the strings of valid JSON: each is well-formed, and no object has a name twice. */
function checkStrings(text: string, file: string, part: string): void {
  const open: Set<unknown>[] = []
  let literal = ''
  for (const token of tokensOf(text)) {
    if (token === '{') open.push(new Set())
    else if (token === '}') open.pop()
    else if (token === ':') {
      // Parsed, because "a" and "\u0061" are one name.
      const name: unknown = JSON.parse(literal)
      if (open.at(-1)?.has(name)) throw invalidFile(file, `different names in the ${part}`, `${shown(literal)} twice`)
      open.at(-1)?.add(name)
    } else if (token.startsWith('"')) {
      literal = token
      if (literal.includes('\\u') && LONE_SURROGATE.test(JSON.parse(literal) as string)) {
        throw invalidFile(file, `well-formed text in the ${part}`, shown(literal))
      }
    }
  }
}

/** The strings of a JSON text, in their quotes, and its brackets, commas and colons. */
function* tokensOf(text: string): Generator<string, void, void> {
  const tokens = new RegExp(TOKEN_START)
  for (let found = tokens.exec(text); found !== null; found = tokens.exec(text)) {
    const [character] = found
    if (character === '"') tokens.lastIndex = endOfString(text, found.index)
    yield text.slice(found.index, tokens.lastIndex)
  }
}

/** Where the string ends whose opening quote is at `start`: behind its closing quote, or at the end of the text where there is none. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let first = quote
    while (text[first - 1] === '\\') first -= 1
    // An even number of backslashes are backslashes themselves, and escape no quote.
    if ((quote - first) % 2 === 0) return quote + 1
  }
  return text.length
}

function shown(literal: string): string {
  return escapeUnprintable(literal.slice(0, SHOWN_CHARACTERS))
}

function oneLine(error: unknown): string {
  return escapeUnprintable(String(error).replaceAll(/\s+/g, ' ')).slice(0, 120)
}
