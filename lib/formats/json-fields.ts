import { invalidFile } from '../files/regular-file'
import { quoteValue } from '../text/unprintable'

/** The limits of a number: both are allowed values. */
interface Limits {
  readonly min?: number
  readonly max?: number
}

/** The fields of a JSON object that comes from a file. Reads each of them once, with its check; {@link end} refuses what was not read. */
export class JsonFields {
  readonly #fields: ReadonlyMap<string, unknown>
  readonly #name: string
  readonly #file: string
  readonly #read = new Set<string>()

  /**
   * @param name - Of the object, as errors show it: "position".
   * @param file - The file that errors name.
   * @throws TorchRnnError `ERR_INVALID_FILE` for anything but an object.
   */
  constructor(value: unknown, name: string, file: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidFile(file, `an object as ${name}`, show(value))
    this.#fields = new Map(Object.entries(value))
    this.#name = name
    this.#file = file
  }

  /** Whether there is a field of this name. */
  has(name: string): boolean {
    return this.#fields.has(name)
  }

  /** @throws TorchRnnError `ERR_INVALID_FILE`, as all readers. */
  integer(name: string, { min = 0, max = Number.MAX_SAFE_INTEGER }: Limits = {}): number {
    const value = this.any(name)
    const isAllowed = Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
    return isAllowed ? (value as number) : this.#refuse(name, `an integer from ${min} to ${max}`, value)
  }

  /** A finite number. */
  number(name: string, { min = -Number.MAX_VALUE, max = Number.MAX_VALUE }: Limits = {}): number {
    const value = this.any(name)
    const isAllowed = typeof value === 'number' && value >= min && value <= max // Neither holds for NaN.
    return isAllowed ? value : this.#refuse(name, `a number from ${min} to ${max}`, value)
  }

  /** @param expected - The pattern in words. */
  text(name: string, pattern: RegExp, expected: string): string {
    const value = this.any(name)
    return typeof value === 'string' && pattern.test(value) ? value : this.#refuse(name, expected, value)
  }

  object(name: string): JsonFields {
    return new JsonFields(this.any(name), this.#path(name), this.#file)
  }

  /** A value that the caller checks. */
  any(name: string): unknown {
    this.#read.add(name)
    return this.#fields.get(name)
  }

  /** Checks that every field was read. */
  end(): void {
    const other = [...this.#fields.keys()].find((name) => !this.#read.has(name))
    if (other !== undefined)
      throw invalidFile(this.#file, `no such field of ${this.#name}`, show(other), 'A newer version may have written it.')
  }

  #path(name: string): string {
    return `${this.#name}.${name}`
  }

  #refuse(name: string, expected: string, value: unknown): never {
    throw invalidFile(this.#file, `${expected} as ${this.#path(name)}`, show(value))
  }
}

/** A value from JSON as an error shows it. */
function show(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object'
  return quoteValue(value)
}
