/** A table of labels and pixels, one image a row, plain or gzipped. */
import { setImmediate } from 'node:timers/promises'
import { allocateBytes, invalidFile, type OpenFile, withRegularFile } from '../../files/regular-file'
import { quoteValue } from '../../text/unprintable'
import { MAX_DATASET_BYTES } from '../idx'
import { sidesOf } from '../numeric-array'
import { type CsvLayout, CsvScanner } from './csv-scanner'
import { filePieces } from './file-pieces'
import type { RawPart, ReadingChoices } from './raw-data'

/** Far more than an image of 512 x 512 pixels takes. What has a longer line is no such table. */
const MAX_LINE_BYTES = 4 * 1024 ** 2
const NEWLINE = 10
const RETURN = 13
const DELIMITERS = [',', ';', '\t'] as const
/** Names of the column with the labels, the likeliest first. */
const LABEL_NAMES = ['label', 'labels', 'class', 'target', 'digit', 'character', 'y']
/** A header of numbers counts the columns up; so many pixels in a row do not. */
const COUNTED_COLUMNS = 16

/** The first look at a table. */
interface CsvShape extends CsvLayout {
  readonly rows: number
  /** The names of the columns; undefined where there are none. */
  readonly names: readonly string[] | undefined
}

/**
 * Reads a table. It is read twice: the first time, its lines are counted, so that memory is taken once, for exactly what is there.
 *
 * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_OUT_OF_MEMORY`.
 */
export async function readCsv(path: string, choices: ReadingChoices): Promise<RawPart> {
  return withRegularFile(path, async (file) => {
    const shape = await measure(file, choices.labelColumn)
    const pixels = shape.columns - 1
    const [rows, columns] = sidesOf(pixels, path, choices.imageSize ?? sizeFromNames(shape))
    if (shape.rows * pixels > MAX_DATASET_BYTES) {
      throw invalidFile(path, `at most ${MAX_DATASET_BYTES} bytes of images`, `${shape.rows} rows of ${pixels} pixels`)
    }
    const images = allocateBytes(shape.rows * pixels, path)
    const labels = new Uint8Array(shape.rows)
    const scanner = new CsvScanner(path, shape, images, labels)
    for await (const piece of withoutMark(filePieces(file))) {
      scanner.push(piece)
      await setImmediate() // Another turn of the event loop, after some milliseconds.
    }
    scanner.end()
    if (scanner.rows !== shape.rows) throw invalidFile(path, `${shape.rows} rows`, `${scanner.rows}`, 'Remove line breaks within quotes.')
    return { images, shape: [shape.rows, rows, columns], labels, labelTexts: scanner.labelTexts, imagesFile: path, labelsFile: path }
  })
}

/** Whether the first line of a table names a column for labels, or has no names at all. @throws TorchRnnError `ERR_INVALID_FILE`. */
export async function hasLabels(path: string): Promise<boolean> {
  return withRegularFile(path, async (file) => {
    const names = namesOf(splitLine(await firstLine(file)).fields)
    return names === undefined || findLabelName(names) !== undefined
  })
}

/** @param labelColumn - As the user named it. */
async function measure(file: OpenFile, labelColumn: string | undefined): Promise<CsvShape> {
  const { fields, delimiter } = splitLine(await firstLine(file))
  if (fields.length < 2) {
    throw invalidFile(file.path, 'a table of a label and pixels in each line', quoteValue(fields.join().slice(0, 60)))
  }
  const names = namesOf(fields)
  const rows = (await countLines(file)) - (names === undefined ? 0 : 1)
  if (rows < 1) throw invalidFile(file.path, 'at least one row of pixels', 'none')
  const layout = { delimiter: delimiter.charCodeAt(0), columns: fields.length, hasHeader: names !== undefined }
  return { ...layout, labelColumn: findLabelColumn(labelColumn, names, fields.length, file.path), rows, names }
}

async function firstLine(file: OpenFile): Promise<string> {
  let start: Buffer = Buffer.alloc(0)
  for await (const piece of withoutMark(filePieces(file))) {
    start = Buffer.concat([start, piece])
    const end = start.indexOf(NEWLINE)
    if (end >= 0) start = start.subarray(0, end)
    if (start.length > MAX_LINE_BYTES) throw endlessLine(file, 1)
    if (end >= 0) break
  }
  return start.toString('utf8').replace(/\r$/, '')
}

/** Lines that are not empty. */
async function countLines(file: OpenFile): Promise<number> {
  let [lines, length, isEmpty] = [0, 0, true]
  for await (const piece of withoutMark(filePieces(file))) {
    let start = 0
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      if (!isEmpty || !isBlank(piece, start, end)) lines += 1
      isEmpty = true
      length = 0
      start = end + 1
    }
    length += piece.length - start
    if (!isBlank(piece, start, piece.length)) isEmpty = false
    if (length > MAX_LINE_BYTES) throw endlessLine(file, lines + 1)
  }
  return isEmpty ? lines : lines + 1
}

function isBlank(bytes: Uint8Array, start: number, end: number): boolean {
  return end === start || (end === start + 1 && bytes[start] === RETURN)
}

function endlessLine(file: OpenFile, line: number): Error {
  return invalidFile(file.path, `lines of at most ${MAX_LINE_BYTES} bytes`, `a longer one, line ${line}`)
}

/** Some programs begin a file in UTF-8 with a byte order mark. */
async function* withoutMark(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let isFirst = true
  for await (const piece of pieces) {
    const hasMark = isFirst && piece[0] === 0xef && piece[1] === 0xbb && piece[2] === 0xbf
    isFirst = false
    yield hasMark ? piece.subarray(3) : piece
  }
}

/** A line can have quotes around its fields, with delimiters in them. */
function splitLine(line: string): { fields: readonly string[]; delimiter: string } {
  const count = (delimiter: string) => line.split(delimiter).length
  const delimiter = DELIMITERS.reduce((best, each) => (count(each) > count(best) ? each : best))
  const fields = line.includes('"') ? parseQuoted(line, delimiter) : line.split(delimiter)
  return { fields: fields.map((field) => field.trim()), delimiter }
}

/** Where the quotes are of another kind, the fields are what is between the delimiters: the scanner tells what is wrong with them. */
function parseQuoted(line: string, delimiter: string): readonly string[] {
  // Loaded here: few files have quotes, and the package is imported for much else.
  const { CsvError, parse } = require('csv-parse/sync') as typeof import('csv-parse/sync')
  try {
    const [fields = []] = parse(line, { delimiter, relax_quotes: true, max_record_size: MAX_LINE_BYTES }) as string[][]
    return fields
  } catch (error) {
    if (error instanceof CsvError) return line.split(delimiter)
    throw error
  }
}

/** The names of the columns, if this line has them. */
function namesOf(fields: readonly string[]): readonly string[] | undefined {
  const isNumber = (field: string) => /^\d+(\.0*)?$/.test(field)
  if (fields.filter((field) => !isNumber(field)).length > 1) return fields
  const counted = fields.slice(1, 1 + COUNTED_COLUMNS).map(Number)
  const isCounted = counted.length === COUNTED_COLUMNS && counted.every((value, index) => value === (counted[0] as number) + index)
  return isCounted || fields.some((field) => LABEL_NAMES.includes(field.toLowerCase())) ? fields : undefined
}

function findLabelName(names: readonly string[]): number | undefined {
  const lower = names.map((name) => name.toLowerCase())
  const found = LABEL_NAMES.map((name) => lower.indexOf(name)).find((index) => index >= 0)
  return found
}

function findLabelColumn(wanted: string | undefined, names: readonly string[] | undefined, columns: number, path: string): number {
  if (wanted === undefined) return (names === undefined ? undefined : findLabelName(names)) ?? 0
  const named = names?.indexOf(wanted) ?? -1
  if (named >= 0) return named
  const number = /^\d{1,7}$/.test(wanted) ? Number(wanted) : 0
  if (number >= 1 && number <= columns) return number - 1
  const shown = names === undefined ? `${columns} columns without names` : `${names.slice(0, 3).map(quoteValue).join(', ')}, ...`
  throw invalidFile(path, `a column ${quoteValue(wanted)}`, shown)
}

/** The last pixel of some tables is called 28x28. */
function sizeFromNames({ names, labelColumn }: CsvShape): readonly [number, number] | undefined {
  const last = names?.filter((_, column) => column !== labelColumn).at(-1)
  const [, rows, columns] = /^(\d{1,4})x(\d{1,4})$/.exec(last ?? '') ?? []
  const isWhole = Number(rows) * Number(columns) === (names?.length ?? 0) - 1
  return rows === undefined || !isWhole ? undefined : [Number(rows), Number(columns)]
}
