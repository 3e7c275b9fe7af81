/** Small safetensors files for property-based tests: good ones, by a writer of their own, and damaged ones. */
import fc from 'fast-check'
import { decodeSafetensors, type SafetensorsContent } from '../../lib/formats/safetensors'
import { byteMutation, type Mutation, severalOf } from './byte-mutations'

const LENGTH_BYTES = 8
const TYPES = { F32: 4, F64: 8, F16: 2, BF16: 2 } as const
/** The name of a type that this package reads. */
export type TypeName = keyof typeof TYPES

/** Types that the format has and this package does not read, and names that are no types. */
export const OTHER_TYPES = ['I64', 'U8', 'BOOL', 'F8_E4M3', 'C64', 'f32', 'F31', '']

interface Part {
  readonly name: string
  readonly dtype: TypeName
  readonly shape: readonly number[]
}

const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 })
const part: fc.Arbitrary<Part> = fc.record({
  name: fc.oneof(fc.constantFrom('FC.weight', 'FC.bias', 'a', 'b', '', 'é', '"\\'), fc.string({ maxLength: 5, unit: 'binary' })),
  dtype: fc.constantFrom(...(Object.keys(TYPES) as TypeName[])),
  shape,
})
const parts = fc.uniqueArray(part, { minLength: 1, maxLength: 4, selector: ({ name }) => name })
const metadata = fc.option(fc.dictionary(fc.string({ maxLength: 4 }), fc.string({ maxLength: 4, unit: 'binary' }), { maxKeys: 2 }))

/** Good files. Their bytes of data are 0, 1, 2 and so on. */
export const goodFiles: fc.Arbitrary<Buffer> = fc.tuple(parts, metadata, fc.nat(9)).map(([tensors, texts, padding]) => {
  const header: [string, unknown][] = texts === null ? [] : [['__metadata__', texts]]
  let position = 0
  for (const { name, dtype, shape: sizes } of tensors) {
    const end = position + sizes.reduce((product, size) => product * size, TYPES[dtype])
    header.push([name, { dtype, shape: sizes, data_offsets: [position, end] }])
    position = end
  }
  const fields = header.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return assemble(`{${fields.join()}}${' '.repeat(padding)}`, Buffer.from(Uint8Array.from({ length: position }, (_, index) => index)))
})

/** A file of a header and data, with the right length. */
function assemble(header: string | Buffer, data: Buffer): Buffer {
  const json = Buffer.from(header as string)
  const length = Buffer.alloc(LENGTH_BYTES)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}

/** Changes the text of the header, and its length with it. Leaves files alone whose length is wrong already. */
function inHeader(change: (text: string) => string): Mutation {
  return (bytes) => {
    const length = bytes.length < LENGTH_BYTES ? Number.POSITIVE_INFINITY : Number(bytes.readBigUInt64LE())
    if (length > bytes.length - LENGTH_BYTES) return bytes
    const end = LENGTH_BYTES + length
    return assemble(change(bytes.toString('utf8', LENGTH_BYTES, end)), bytes.subarray(end))
  }
}

/** Replaces one of the places where a pattern matches. */
function replaceOne(pattern: RegExp, where: number, replacement: string): Mutation {
  return inHeader((text) => {
    const matches = Array.from(text.matchAll(pattern))
    const match = matches[where % Math.max(matches.length, 1)]
    return match === undefined ? text : text.slice(0, match.index) + replacement + text.slice(match.index + match[0].length)
  })
}

const NUMBERS = [
  ...['-1', '-0', '0', '1', '4', '8', '1.0', '4e0', '0.5', '1e2', '1e999', '01', '0x4', '+4', 'null', '"4"', '[4]', '{}', 'true'],
  ...['4294967296', '9007199254740991', '9007199254740992', '18446744073709551615', '18446744073709551616'],
]
const STRINGS = [
  ...['"dtype"', '"shape"', '"data_offsets"', '"__metadata__"', '"__proto__"', '"FC.weight"', '"a"', '"\\u0061"', '"\\ud800"', '"\\x"'],
  ...[...Object.keys(TYPES), ...OTHER_TYPES].map((name) => JSON.stringify(name)),
  ...['1', 'null', '[]', '{}', '"', '""', '"\0"', '"a":1,"b"'],
]
const STRUCTURES = ['{', '}', '[', ']', ',', ':', ' ', '\n', '\0', '\ufeff', '{}', '[[', '"', '"x":[],', '"x":{},', '"x":"y",', '"a":null,']

const headerMutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.tuple(fc.nat(40), fc.constantFrom(...NUMBERS)).map(([where, text]) => replaceOne(/\d+/g, where, text)),
  fc.tuple(fc.nat(40), fc.constantFrom(...STRINGS)).map(([where, text]) => replaceOne(/"[^"]*"/g, where, text)),
  fc.tuple(fc.nat(40), fc.constantFrom(...STRUCTURES)).map(([where, text]) => replaceOne(/(?<=[{,])|[{}[\],:]/g, where, text)),
  // One tensor takes the entry of another, or an entry is there twice.
  fc.tuple(fc.nat(9), fc.nat(9)).map(([from, to]) =>
    inHeader((text) => {
      const entries = Array.from(text.matchAll(/"[^"]*":\{[^{}]*\}/g), ([entry]) => entry)
      const [source, target] = [entries[from % Math.max(entries.length, 1)], entries[to % Math.max(entries.length, 1)]]
      return source === undefined || target === undefined ? text : text.replace(target, () => `${source},${target}`)
    }),
  ),
  fc
    .tuple(fc.nat(40), fc.integer({ min: 1, max: 200 }))
    .map(([where, depth]) => replaceOne(/(?<=:)\[[^[\]]*\]/g, where, `${'['.repeat(depth)}${']'.repeat(depth)}`)),
)

const lengthMutation = fc
  .oneof(
    fc.bigInt({ min: 0n, max: 400n }),
    fc.constantFrom(0n, 2n, 16_777_216n, 16_777_217n, 100_000_000n, 2n ** 32n, 2n ** 53n, 2n ** 63n),
  )
  .map(
    (length): Mutation =>
      (bytes) => {
        if (bytes.length < LENGTH_BYTES) return bytes
        const copy = Buffer.from(bytes)
        copy.writeBigUInt64LE(length)
        return copy
      },
  )

/** Damage to a good file, or to one that was damaged before. */
export const damage: fc.Arbitrary<Mutation> = severalOf(
  fc.oneof({ weight: 3, arbitrary: byteMutation }, { weight: 5, arbitrary: headerMutation }, { weight: 1, arbitrary: lengthMutation }),
)

/** Files that were good before they were damaged. A few are still good, or have become other good files. */
export const damagedFiles: fc.Arbitrary<Buffer> = fc.tuple(goodFiles, damage).map(([file, mutate]) => mutate(file))

/**
 * What the package reads; undefined when it refuses in the right way.
 *
 * @throws Error for any other outcome: another error, or content that is not what the file says.
 */
export function readOrRefuse(bytes: Buffer): SafetensorsContent | undefined {
  const content = refuseOr(() => decodeSafetensors(bytes, 'damaged'))
  if (content !== undefined) checkContent(bytes, content)
  return content
}

/** On one line, without characters that would drive a terminal. */
const REFUSAL = /^damaged: expected (?!.*[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]).+ but found .+$/u

function refuseOr<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const { code, message } = error as Error & { code?: unknown }
    if (code === 'ERR_INVALID_FILE' && REFUSAL.test(message) && message.length < 400) return undefined
    throw new Error('a refusal in another way', { cause: error })
  }
}

/** Compares with a reader that believes what it reads: the content is correct already. */
function checkContent(bytes: Buffer, { tensors, metadata: texts }: SafetensorsContent): void {
  const dataStart = LENGTH_BYTES + Number(bytes.readBigUInt64LE())
  const { __metadata__: stated = {}, ...rest } = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, dataStart)) as Record<string, object>
  const entries = Object.entries(rest) as [string, { dtype: TypeName; shape: number[]; data_offsets: [number, number] }][]
  let last = dataStart
  for (const [name, { dtype, shape: sizes, data_offsets: offsets }] of entries) {
    const tensor = tensors.get(name)
    const [begin, end] = offsets.map((offset) => dataStart + offset) as [number, number]
    const count = sizes.reduce((product, size) => product * size, 1)
    if (tensor === undefined || String(tensor.shape) !== String(sizes)) throw new Error(`${name} has another shape`)
    if (tensor.data.length !== count || end - begin !== count * TYPES[dtype]) throw new Error(`${name} has another size`)
    if (!areEqual(tensor.data, valuesOf(dtype, bytes.subarray(begin, end)))) throw new Error(`${name} has other values`)
    last = Math.max(last, end)
  }
  if (tensors.size !== entries.length || last !== bytes.length) throw new Error('there are other tensors, or other data')
  if (JSON.stringify({ ...texts }) !== JSON.stringify(stated)) throw new Error('there are other metadata')
}

/** The values that some bytes of a file say, by another way than lib/formats/dtype.ts. */
export function valuesOf(dtype: TypeName, bytes: Buffer): Float32Array {
  const copy = Uint8Array.from(bytes).buffer
  if (dtype === 'F32') return new Float32Array(copy)
  if (dtype === 'F64') return Float32Array.from(new Float64Array(copy), Math.fround)
  return new Float32Array(Uint32Array.from(new Uint16Array(copy), dtype === 'BF16' ? (half) => half << 16 : bitsOfHalf).buffer)
}

/** The bits of a float32 with the value of a float16, by the fields of both. */
function bitsOfHalf(half: number): number {
  const [sign, exponent, fraction] = [(half & 0x8000) << 16, (half >> 10) & 0x1f, half & 0x3ff]
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  const leading = 31 - Math.clz32(fraction) // A subnormal becomes a normal number: its highest bit is the hidden one.
  return sign | ((leading + 103) << 23) | ((fraction << (23 - leading)) & 0x7fffff)
}

/** As numbers: all NaN are equal, and 0 is not -0. */
export function areEqual(got: Float32Array, want: Float32Array): boolean {
  return got.length === want.length && got.every((value, index) => Object.is(value, want[index]))
}
