/** What the epochs of a training reported, on their way into a checkpoint and back: a column of numbers for each field. */
import { invalidFile } from '../files/regular-file'
import type { JsonFields } from '../formats/json-fields'
import type { EpochEvent } from '../training/events'

/** A field of every epoch, and which values it may have. */
const COLUMNS = {
  trainLoss: isNumber,
  trainAccuracy: isShare,
  learningRate: isFromZero,
  step: isCount,
  seconds: isFromZero,
  samplesPerSecond: isFromZero,
} satisfies Partial<Record<keyof EpochEvent, (value: number) => boolean>>

/** Those of epochs with validation. */
const VALIDATION_COLUMNS = {
  validationLoss: isNumber,
  validationAccuracy: isShare,
} satisfies Partial<Record<keyof EpochEvent, (value: number) => boolean>>

/**
 * The columns as JSON: the values as little-endian float64, in base64. In this form they are exact, infinities included, and a long history is one
 * text: a reader refuses JSON with hundreds of thousands of values.
 */
export function toHistoryColumns(history: readonly EpochEvent[]): Record<string, string> {
  const hasValidation = history[0]?.validationLoss !== undefined
  const names = Object.keys(hasValidation ? { ...COLUMNS, ...VALIDATION_COLUMNS } : COLUMNS) as (keyof EpochEvent)[]
  return Object.fromEntries(names.map((name) => [name, toBase64(history.map((event) => event[name] as number))]))
}

/**
 * Reads what {@link toHistoryColumns} wrote.
 *
 * @param count - How many epochs there must be.
 * @param epochs - How many were asked for.
 * @throws TorchRnnError `ERR_INVALID_FILE`.
 */
export function fromHistoryColumns(fields: JsonFields, count: number, epochs: number, file: string): EpochEvent[] {
  const hasValidation = fields.has('validationLoss')
  const table: Record<string, (value: number) => boolean> = hasValidation ? { ...COLUMNS, ...VALIDATION_COLUMNS } : COLUMNS
  const columns = Object.entries(table).map(([name, isAllowed]) => [name, readColumn(fields, name, isAllowed, count, file)] as const)
  fields.end()
  return Array.from({ length: count }, (_, index) => {
    const values = Object.fromEntries(columns.map(([name, column]) => [name, column[index]]))
    return { type: 'epoch', epoch: index + 1, epochs, ...values } as EpochEvent
  })
}

function readColumn(fields: JsonFields, name: string, isAllowed: (value: number) => boolean, count: number, file: string): Float64Array {
  const text = fields.text(name, /^[A-Za-z0-9+/]*={0,2}$/, 'numbers in base64')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length !== count * Float64Array.BYTES_PER_ELEMENT) {
    throw invalidFile(file, `${count} values as history.${name}, one for each epoch,`, `${bytes.length / Float64Array.BYTES_PER_ELEMENT}`)
  }
  const values = new Float64Array(new Uint8Array(bytes).buffer) // A copy: aligned.
  const index = values.findIndex((value) => !isAllowed(value))
  if (index >= 0) throw invalidFile(file, `a possible value as history.${name}`, `${values[index]} for epoch ${index + 1}`)
  return values
}

/** The machine is little-endian: loadAddon refuses any other. */
function toBase64(values: readonly number[]): string {
  return Buffer.from(Float64Array.from(values).buffer).toString('base64')
}

function isNumber(value: number): boolean {
  return Number.isFinite(value)
}

function isShare(value: number): boolean {
  return value >= 0 && value <= 1
}

/** A positive infinity is a speed of an epoch that took no time that could be measured. */
function isFromZero(value: number): boolean {
  return value >= 0
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
