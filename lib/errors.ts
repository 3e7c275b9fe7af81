import { quoteText } from './text/unprintable'

/** A stable, documented identifier of what went wrong; programs test this, people read the message. */
export type ErrorCode =
  | 'ERR_INVALID_OPTION'
  | 'ERR_INVALID_ARGUMENT'
  | 'ERR_INVALID_SHAPE'
  | 'ERR_INVALID_DATA'
  | 'ERR_INVALID_FILE'
  | 'ERR_NO_VALIDATION'
  | 'ERR_FILE_SYSTEM'
  | 'ERR_NOT_FINITE'
  | 'ERR_BUSY'
  | 'ERR_DISPOSED'
  | 'ERR_DEVICE_UNAVAILABLE'
  | 'ERR_OUT_OF_MEMORY'
  | 'ERR_LIBRARY_LOAD'
  | 'ERR_NATIVE'

/** What a {@link TorchRnnError} knows besides its code and message. */
export interface TorchRnnErrorDetails {
  /** What would have been right, in words. */
  expected?: string | undefined
  /** What came instead, in words. */
  actual?: string | undefined
  /** Technical detail for a bug report, such as a native backtrace. Never part of the message. */
  detail?: string | undefined
  /** The error that caused this one. */
  cause?: unknown
}

/**
 * Every error that this package raises on purpose.
 *
 * Test {@link TorchRnnError.code}, which is stable between versions; the message is for people and may change.
 */
export class TorchRnnError extends Error {
  /** `'TorchRnnError'`. */
  override readonly name = 'TorchRnnError'
  /** Stable identifier, for example `ERR_INVALID_OPTION`. */
  readonly code: ErrorCode
  // Only declared: a field that is not known must not show, as undefined, where the error is printed.
  /** What would have been right, in words, where that can be said. */
  declare readonly expected?: string
  /** What came instead, in words, where that can be said. */
  declare readonly actual?: string
  /** Technical detail for a bug report, such as a native backtrace. */
  declare readonly detail?: string

  constructor(code: ErrorCode, message: string, details: TorchRnnErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    if (details.expected !== undefined) this.expected = details.expected
    if (details.actual !== undefined) this.actual = details.actual
    if (details.detail !== undefined) this.detail = details.detail
  }
}

/** Builds the error for a value that is not what was asked for: "Expected X for NAME but received Y". */
export function unexpected(code: ErrorCode, name: string, expected: string, value: unknown, advice = ''): TorchRnnError {
  const actual = describe(value)
  const message = `Expected ${expected} for ${name} but received ${actual}.${advice === '' ? '' : ` ${advice}`}`
  return new TorchRnnError(code, message, { expected, actual })
}

/** Describes a value in an error message: short, with its type, and safe for anything. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return `${quoteText(value.length > 60 ? `${value.slice(0, 57)}...` : value)} (string)`
    case 'number':
    case 'boolean':
    case 'bigint':
      return `${String(value)} (${typeof value})`
    case 'undefined':
      return 'undefined'
    case 'function':
      return `a function${value.name === '' ? '' : ` ${value.name}`}`
    case 'symbol':
      return 'a symbol'
    case 'object':
      return describeObject(value)
  }
}

/** Describes a list of numbers, and of what should have been some, in an error message: "[60000, 28, 28]". */
export function describeShape(values: readonly unknown[]): string {
  const shown = values.slice(0, 8).map((value) => (typeof value === 'number' ? String(value) : describe(value)))
  return `[${shown.join(', ')}${values.length > 8 ? ', ...' : ''}]`
}

function describeObject(value: object | null): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return `an array of ${value.length}`
  const type = Object.prototype.toString.call(value).slice(8, -1)
  return ArrayBuffer.isView(value) && 'length' in value ? `a ${type} of ${value.length}` : `an object (${type})`
}
