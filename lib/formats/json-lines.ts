/** JSON lines: one record a line, as `--json` and the files of a run have them. */
import { parseJsonObject } from './strict-json'

const LINE_FEED = 0x0a

/**
 * Writes a record as one line of JSON. JSON has neither NaN nor infinities: such a number becomes `null`, and the object that holds it gets
 * a field `nonFinite` with the names of these fields. Numbers in an array count for the field of the array.
 */
export function toJsonLine(record: object): string {
  return `${JSON.stringify(markNonFinite(record))}\n`
}

function markNonFinite(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(markNonFinite)
  if (typeof value !== 'object' || value === null) return value
  const fields = Object.entries(value)
  const nonFinite = fields.filter(([, field]) => holdsNonFinite(field)).map(([name]) => name)
  const marked = fields.map(([name, field]): [string, unknown] => [name, markNonFinite(field)])
  return Object.fromEntries(nonFinite.length === 0 ? marked : [...marked, ['nonFinite', nonFinite]])
}

/** Objects inside are left out: they have a field `nonFinite` of their own. */
function holdsNonFinite(value: unknown): boolean {
  return Array.isArray(value) ? value.some(holdsNonFinite) : typeof value === 'number' && !Number.isFinite(value)
}

/**
 * The records of a file of such lines. What follows the last line feed was torn off when the process was killed, and is left out.
 *
 * @param file - The file that errors name.
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function* parseJsonLines(bytes: Uint8Array, file: string): Generator<Readonly<Record<string, unknown>>, void, void> {
  for (let start = 0, end = bytes.indexOf(LINE_FEED); end !== -1; start = end + 1, end = bytes.indexOf(LINE_FEED, start)) {
    yield parseJsonObject(bytes.subarray(start, end), file, 'record')
  }
}
