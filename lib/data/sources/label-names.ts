/** Files and lists with the names of classes. */
import { join } from 'node:path'
import { isFile } from '../../files/folders'
import { invalidFile, readFileChecked } from '../../files/regular-file'
import { quoteValue } from '../../text/unprintable'

/** Far more than 256 names of 100 characters. */
const MAX_NAMES_BYTES = 256 * 1024
const MAPPING_LINE = /^\d{1,3}([ \t]+\d{1,7})+$/

/**
 * Names as a user gives them: with commas between them, or the path of a file.
 *
 * @param firstLabel - The label of the first name of a list.
 * @returns The names by label.
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`.
 */
export async function readLabelNames(given: string, firstLabel: number): Promise<Map<number, string>> {
  const list = given.includes(',') ? given.split(',').map((name) => name.trim()) : undefined
  return list === undefined ? await readNamesFile(given, firstLabel) : byLabel(list, firstLabel)
}

/** The mapping that lies beside the files of EMNIST; undefined where there is none. @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`. */
export async function findMapping(folder: string, prefix: string): Promise<Map<number, string> | undefined> {
  const file = join(folder, `${prefix}-mapping.txt`)
  return (await isFile(file)) ? await readNamesFile(file, 0) : undefined
}

async function readNamesFile(file: string, firstLabel: number): Promise<Map<number, string>> {
  const text = Buffer.from(await readFileChecked(file, MAX_NAMES_BYTES)).toString('utf8')
  const lines = text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
  if (lines.length === 0) throw invalidFile(file, 'a name of a class in each line', 'nothing')
  if (!lines.every((line) => MAPPING_LINE.test(line))) return byLabel(lines, firstLabel)
  return new Map(lines.map((line) => parseMapping(line, file)))
}

/** A label, and the codes of the characters that it stands for: "11 66 98" for B and b. */
function parseMapping(line: string, file: string): [number, string] {
  const [label = 0, ...codes] = line.split(/[ \t]+/).map(Number)
  const wrong = codes.find((code) => code <= 32 || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
  if (label > 255 || wrong !== undefined) throw invalidFile(file, 'a label and codes of characters in each line', quoteValue(line))
  return [label, codes.map((code) => String.fromCodePoint(code)).join('/')]
}

function byLabel(names: readonly string[], firstLabel: number): Map<number, string> {
  return new Map(names.map((name, index) => [firstLabel + index, name]))
}
