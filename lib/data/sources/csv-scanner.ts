/**
 * Reads the rows of a CSV of pixels from its bytes. The parser csv-parse takes many times as long, because it makes a text of each of the
 * 47 million numbers that MNIST has; here they go from their digits into the image. See docs/data.md for the measurement.
 */
import { invalidFile } from '../../files/regular-file'
import { quoteValue } from '../../text/unprintable'

/** How the columns of a CSV lie. */
export interface CsvLayout {
  /** The character between two fields, as its code. */
  readonly delimiter: number
  /** Fields of a row. */
  readonly columns: number
  /** The column with the labels, from 0. */
  readonly labelColumn: number
  /** Whether the first row has the names of the columns. */
  readonly hasHeader: boolean
}

const NEWLINE = 10
const RETURN = 13
const SPACE = 32
const QUOTE = 34
const POINT = 46
const DIGIT_0 = 48
const MAX_PIXEL = 255
/** A label is one byte. */
const MAX_CLASSES = 256
/** Bytes of a label's text. */
const MAX_LABEL_BYTES = 400

/** Puts rows into arrays, which are as long as the table. */
export class CsvScanner {
  /** The texts of the labels, in the order of their first rows. */
  readonly labelTexts: string[] = []
  /** Rows so far. */
  rows = 0
  readonly #path: string
  readonly #layout: CsvLayout
  readonly #pixels: Uint8Array
  readonly #labels: Uint8Array
  readonly #numbers = new Map<string, number>()
  readonly #label = Buffer.alloc(MAX_LABEL_BYTES)
  #labelLength = 0
  #isQuoted = false
  /** Whether a quote has just ended. */
  #hasClosed = false
  #isHeader: boolean
  #line = 1
  #column = 0
  #position = 0
  /** The number so far; -1 before its first digit. */
  #value = -1
  #isFraction = false

  constructor(path: string, layout: CsvLayout, pixels: Uint8Array, labels: Uint8Array) {
    this.#path = path
    this.#layout = layout
    this.#pixels = pixels
    this.#labels = labels
    this.#isHeader = layout.hasHeader
  }

  /** @throws TorchRnnError `ERR_INVALID_FILE` for a row of another length, and for anything but pixels from 0 to 255. */
  push(bytes: Uint8Array): void {
    const { delimiter, labelColumn } = this.#layout
    let index = 0
    while (index < bytes.length) {
      if (this.#isHeader) index = this.#skipLine(bytes, index)
      else if (this.#column === labelColumn) index = this.#readLabel(bytes, index, delimiter)
      else if (this.#isFraction) index = this.#skipFraction(bytes, index, delimiter)
      else index = this.#readPixels(bytes, index, delimiter, labelColumn)
    }
  }

  /** The last line may have no end. */
  end(): void {
    if (this.#column > 0 || this.#value >= 0 || this.#labelLength > 0) this.#endRow()
  }

  #skipLine(bytes: Uint8Array, start: number): number {
    const end = bytes.indexOf(NEWLINE, start)
    if (end < 0) return bytes.length
    this.#isHeader = false
    this.#line += 1
    return end + 1
  }

  /** Reads until the end of the row, of the bytes, or of the field before the label. All variables of the loop are local: it is hot. */
  #readPixels(bytes: Uint8Array, start: number, delimiter: number, labelColumn: number): number {
    const pixels = this.#pixels
    const { length } = bytes
    let [index, value, position, column] = [start, this.#value, this.#position, this.#column]
    let code = 0
    for (; index < length; index += 1) {
      code = bytes[index] as number
      const digit = code - DIGIT_0
      if (digit >= 0 && digit <= 9) value = value < 0 ? digit : value * 10 + digit
      else if (code === delimiter && value >= 0 && value <= MAX_PIXEL) {
        pixels[position] = value // What is beyond the array is lost: the row is refused at its end.
        position += 1
        column += 1
        value = -1
        if (column === labelColumn) break
      } else break
    }
    this.#value = value
    this.#position = position
    this.#column = column
    if (index === length) return index
    if (code === delimiter && column === labelColumn) return index + 1
    return this.#readOther(bytes, index, code, delimiter)
  }

  /** Anything but a digit, and a delimiter behind a pixel. */
  #readOther(bytes: Uint8Array, index: number, code: number, delimiter: number): number {
    this.#checkPixel()
    if (code === NEWLINE) {
      if (this.#column > 0 || this.#value >= 0) this.#endRow()
      this.#line += 1
      return index + 1
    }
    if (code === POINT && this.#value >= 0) return this.#skipFraction(bytes, index + 1, delimiter)
    if (code === RETURN || code === SPACE || code === QUOTE) return index + 1
    throw this.#wrongPixel(this.#column, code === delimiter ? 'nothing' : quoteValue(String.fromCharCode(code)))
  }

  /** Zeros behind a point say nothing. @param start - Behind the point. */
  #skipFraction(bytes: Uint8Array, start: number, delimiter: number): number {
    this.#isFraction = true
    for (let index = start; index < bytes.length; index += 1) {
      const code = bytes[index] as number
      if (code === DIGIT_0) continue
      if (code !== delimiter && code !== NEWLINE && code !== RETURN && code !== SPACE && code !== QUOTE) {
        throw this.#wrongPixel(this.#column, 'a fraction')
      }
      this.#isFraction = false
      return index
    }
    return bytes.length
  }

  #checkPixel(): void {
    if (this.#value > MAX_PIXEL) throw this.#wrongPixel(this.#column, String(this.#value))
  }

  #readLabel(bytes: Uint8Array, start: number, delimiter: number): number {
    for (let index = start; index < bytes.length; index += 1) {
      const code = bytes[index] as number
      if (code === QUOTE) {
        this.#isQuoted = !this.#isQuoted
        // Two quotes within quotes stand for one.
        const isDoubled = this.#isQuoted && this.#hasClosed
        this.#hasClosed = !this.#isQuoted
        if (!isDoubled) continue
      } else this.#hasClosed = false
      if (code === NEWLINE && !this.#isQuoted) {
        const isBlank = this.#column === 0 && this.#label.toString('latin1', 0, this.#labelLength).trim() === ''
        if (isBlank) this.#labelLength = 0
        else this.#endRow()
        this.#line += 1
        return index + 1
      }
      if (code === delimiter && !this.#isQuoted) {
        this.#column += 1
        return index + 1
      }
      if (this.#labelLength === MAX_LABEL_BYTES) throw this.#wrong(`a label of at most ${MAX_LABEL_BYTES} bytes`, 'a longer one')
      this.#label[this.#labelLength] = code
      this.#labelLength += 1
    }
    return bytes.length
  }

  #endRow(): void {
    this.#checkPixel()
    const { columns, labelColumn } = this.#layout
    if (this.#column !== labelColumn) {
      if (this.#value < 0) throw this.#wrongPixel(this.#column, 'nothing')
      this.#pixels[this.#position] = this.#value
      this.#position += 1
    }
    if (this.#column + 1 !== columns) throw this.#wrong(`${columns} columns, as in the first row,`, `${this.#column + 1}`)
    if (this.rows === this.#labels.length) throw this.#wrong(`${this.rows} rows`, 'more', 'The file changed while it was being read.')
    this.#labels[this.rows] = this.#numberOf(this.#label.toString('utf8', 0, this.#labelLength).trim())
    this.rows += 1
    this.#column = 0
    this.#value = -1
    this.#labelLength = 0
  }

  #numberOf(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    if (text === '') throw this.#wrong('a label', 'nothing')
    if (this.labelTexts.length === MAX_CLASSES) {
      throw this.#wrong(`at most ${MAX_CLASSES} different labels`, 'more', 'Name the column of the labels by labelColumn (--label-column).')
    }
    this.#numbers.set(text, this.labelTexts.length)
    return this.labelTexts.push(text) - 1
  }

  #wrongPixel(column: number, actual: string): Error {
    const advice = this.rows === 0 ? 'Name the column of the labels by labelColumn (--label-column), if this is no pixel.' : ''
    return this.#wrong(`a pixel from 0 to 255 in column ${column + 1}`, actual, advice)
  }

  #wrong(expected: string, actual: string, advice = ''): Error {
    return invalidFile(this.#path, `${expected} in line ${this.#line}`, actual, advice)
  }
}
