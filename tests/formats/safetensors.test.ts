import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../../lib/formats/safetensors'
import { expectError } from '../support/expect-error'

const FIXTURES = join(__dirname, '..', 'fixtures', 'safetensors')

function fixture(name: string): Buffer {
  return readFileSync(join(FIXTURES, name))
}

function tensor(shape: number[], values: Iterable<number>): SafetensorsTensor {
  return { data: Float32Array.from(values), shape }
}

/** -1, -0.75, -0.5 ... as in the generator of the fixtures. */
function ramp(...shape: number[]): SafetensorsTensor {
  const count = shape.reduce((product, size) => product * size, 1)
  return tensor(
    shape,
    Array.from({ length: count }, (_, index) => index / 4 - 1),
  )
}

/** The tensors of float32.safetensors, in the order in which the generator inserts them. */
const FLOATS = new Map([
  ['b', ramp(2, 3)],
  ['FC.weight', ramp(4)],
  ['a.b', ramp(1, 2, 1)],
  ['Zebra', ramp(0, 5)],
  ['quo"te\n', ramp(3)],
  ['é', ramp(2)],
  ['scalar', tensor([], [-0.5])],
])

/** A file with this header (JSON text or a value) and some bytes of data. */
function file(header: unknown, data: number | Uint8Array = 0, headerLength?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerLength ?? BigInt(json.length))
  return Buffer.concat([length, json, typeof data === 'number' ? Buffer.alloc(data) : data])
}

/** A tensor's entry in the header. */
function entry(shape: unknown, begin: unknown, end: unknown, dtype: unknown = 'F32'): object {
  return { dtype, shape, data_offsets: [begin, end] }
}

describe('files of the Python package', () => {
  test('are read: names, shapes, values, metadata', () => {
    const { tensors, metadata } = decodeSafetensors(fixture('float32.safetensors'), 'float32')
    expect(tensors).toEqual(FLOATS)
    expect({ ...metadata }).toEqual({ format: 'pt' })
  })

  test('equal what our writer makes from the same content, byte for byte', () => {
    expect(Buffer.from(encodeSafetensors(FLOATS, { format: 'pt' }))).toEqual(fixture('float32.safetensors'))
  })

  test('with smaller and larger floats are converted', () => {
    const expected = JSON.parse(fixture('other-types.json').toString()) as Record<string, (number | string)[]>
    const { tensors } = decodeSafetensors(fixture('other-types.safetensors'), 'other-types')
    expect([...tensors.keys()]).toEqual(['double', 'brain', 'half'])
    for (const [name, { data }] of tensors) {
      const wanted = expected[name]?.map((value) => (typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value))
      expect([...data]).toEqual(wanted)
    }
    expect(tensors.get('half')?.shape).toEqual([3, 3])
  })

  test('keep NaN of every type', () => {
    const bytes = Buffer.alloc(4 + 8 + 2 + 2)
    bytes.writeFloatLE(Number.NaN, 0)
    bytes.writeDoubleLE(Number.NaN, 4)
    bytes.writeUInt16LE(0x7e00, 12)
    bytes.writeUInt16LE(0x7fc0, 14)
    const header = { a: entry([1], 0, 4), b: entry([1], 4, 12, 'F64'), c: entry([1], 12, 14, 'F16'), d: entry([1], 14, 16, 'BF16') }
    for (const { data } of decodeSafetensors(file(header, bytes), 'x').tensors.values()) expect([...data]).toEqual([Number.NaN])
  })

  test('with integers are refused by name and type', async () => {
    await expectError(() => decodeSafetensors(fixture('integers.safetensors'), 'file'), 'ERR_INVALID_FILE', '"steps"', 'F32', '"I64"')
  })
})

describe('writing', () => {
  test('and reading gives back what was written, bit for bit', () => {
    const bits = Uint32Array.of(0, 0x80000000, 1, 0x7fc12345, 0x7f800000, 0xff800000, 0x7f7fffff)
    const tensors = new Map([['all', tensor([7], new Float32Array(bits.buffer))]])
    const decoded = decodeSafetensors(encodeSafetensors(tensors), 'x').tensors.get('all')
    expect(new Uint32Array(decoded?.data.buffer ?? new ArrayBuffer())).toEqual(bits)
  })

  test('gives the same bytes whatever the order of insertion', () => {
    const metadata = { format: 'pt', b: '2', a: '1' }
    const reversed = encodeSafetensors(new Map([...FLOATS].reverse()), Object.fromEntries(Object.entries(metadata).reverse()))
    expect(reversed).toEqual(encodeSafetensors(FLOATS, metadata))
  })

  test('what was read gives the same file again', () => {
    const bytes = fixture('float32.safetensors')
    const { tensors, metadata } = decodeSafetensors(bytes, 'x')
    expect(Buffer.from(encodeSafetensors(tensors, metadata))).toEqual(bytes)
  })

  test('starts the data at a multiple of 8 bytes, whatever the names', () => {
    for (let letters = 1; letters <= 16; letters++) {
      const bytes = Buffer.from(encodeSafetensors(new Map([['n'.repeat(letters), ramp(1)]])))
      expect(Number(bytes.readBigUInt64LE()) % 8).toBe(0)
      expect(bytes.readFloatLE(bytes.length - 4)).toBe(-1)
    }
  })

  test('an empty file is a file', () => {
    const bytes = encodeSafetensors(new Map())
    expect(decodeSafetensors(bytes, 'x')).toEqual({ tensors: new Map(), metadata: Object.create(null) })
  })

  test('takes a view into a larger buffer', () => {
    const view = new Float32Array(Float32Array.of(9, 9, 1, 2, 9).buffer, 8, 2)
    const { tensors } = decodeSafetensors(encodeSafetensors(new Map([['v', { data: view, shape: [2] }]])), 'x')
    expect([...(tensors.get('v')?.data ?? [])]).toEqual([1, 2])
  })

  test.each<[string, () => unknown, 'ERR_INVALID_ARGUMENT' | 'ERR_INVALID_SHAPE', string]>([
    ['the name of the metadata', () => encodeSafetensors(new Map([['__metadata__', ramp(1)]])), 'ERR_INVALID_ARGUMENT', '__metadata__'],
    ['half a character', () => encodeSafetensors(new Map([['\ud800', ramp(1)]])), 'ERR_INVALID_ARGUMENT', 'well-formed'],
    ['half a character in metadata', () => encodeSafetensors(FLOATS, { a: '\udfff' }), 'ERR_INVALID_ARGUMENT', '"a"'],
    ['metadata that is no text', () => encodeSafetensors(FLOATS, { a: 5 as unknown as string }), 'ERR_INVALID_ARGUMENT', '5'],
    ['a shape for other values', () => encodeSafetensors(new Map([['t', tensor([2], [1])]])), 'ERR_INVALID_SHAPE', '1 values'],
    ['a negative size', () => encodeSafetensors(new Map([['t', tensor([-1, -1], [1])]])), 'ERR_INVALID_SHAPE', '[-1,-1]'],
    ['17 dimensions', () => encodeSafetensors(new Map([['t', tensor(Array(17).fill(1), [1])]])), 'ERR_INVALID_SHAPE', '"t"'],
    ['17 MiB of text', () => encodeSafetensors(new Map(), { a: 'x'.repeat(17 * 2 ** 20) }), 'ERR_INVALID_ARGUMENT', 'at most 16777216'],
  ])('refuses %s', async (_, write, code, part) => {
    await expectError(write, code, part)
  })
})

describe('names with a meaning in JavaScript', () => {
  test('are ordinary tensors', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '']
    const tensors = new Map(names.map((name, index) => [name, tensor([1], [index])]))
    const { tensors: decoded, metadata } = decodeSafetensors(encodeSafetensors(tensors), 'x')
    for (const [index, name] of names.entries()) expect([...(decoded.get(name)?.data ?? [])]).toEqual([index])
    expect(metadata['constructor']).toBeUndefined()
  })

  test('are ordinary metadata and never become a prototype', () => {
    const header = '{"__metadata__":{"__proto__":"text","constructor":"more"}}'
    const { metadata } = decodeSafetensors(file(header), 'x')
    expect(Object.getPrototypeOf(metadata)).toBeNull()
    expect(Object.entries(metadata)).toEqual([
      ['__proto__', 'text'],
      ['constructor', 'more'],
    ])
    expect('text' in {}).toBe(false)
  })

  test('do not supply missing fields of a tensor', async () => {
    const inherited = '{"a":{"__proto__":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}'
    await expectError(() => decodeSafetensors(file(inherited, 4), 'x'), 'ERR_INVALID_FILE', 'tensor "a" with dtype', 'nothing')
  })
})

const HALVES = { a: entry([2], 0, 8), b: entry([1], 8, 12) }

describe('a wrong file', () => {
  test.each<[string, Buffer, string[]]>([
    ['empty', Buffer.alloc(0), ['at least 8 bytes', 'an empty file']],
    ['half a length', Buffer.alloc(7), ['at least 8 bytes', '7 bytes']],
    ['nothing but zeros', Buffer.alloc(8), ['a JSON object', '""']],
    ['text', Buffer.from('PNG and more than eight bytes'), ['a safetensors file', 'text that begins with "PNG and more']],
    ['unknown bytes', Buffer.alloc(20, 0xa7), ['a header length of', 'Is it a safetensors file?']],
    ['the largest length', file('{}', 0, 2n ** 64n - 1n), ['at most 16777216', '18446744073709551615']],
    ['a length above the limit', file('{}', 0, 16_777_217n), ['at most 16777216', '16777217']],
    ['a length beyond the file', file('{}', 0, 3n), ['a header of 3 bytes', '2 bytes. The file is truncated']],
    ['a length that cuts the header', file('{}', 0, 1n), ['valid JSON', 'text that is not']],
    ['an array', file([]), ['a JSON object', '"[]"']],
    ['a byte order mark', file('\ufeff{}'), ['a JSON object']],
    ['a space first', file(' {}'), ['a JSON object', '" {}"']],
    ['no UTF-8', file('{"\xff":1}'.replace('ÿ', 'y'), 0), ['tensor "y"']],
    ['broken UTF-8', Buffer.concat([file('', 0, 5n), Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])]), ['UTF-8 text', 'other bytes']],
    ['half a character in a name', file('{"\\ud800":{}}'), ['well-formed text', '"\\ud800"']],
    ['half a character in metadata', file('{"__metadata__":{"x":"a\\udc00"}}'), ['well-formed text', '"a\\udc00"']],
    ['two objects', file('{}{}'), ['valid JSON']],
    ['zeros as padding', file('{}\0\0'), ['valid JSON']],
    ['a name twice', file('{"a":1,"a":2}'), ['different names', '"a" twice']],
    ['a name twice, written differently', file('{"a":1,"\\u0061":2}'), ['different names', '"\\u0061" twice']],
    ['a name twice with other names between', file(`{"a":{"b":{},"c":"}{"},"d":["}"],"a":0}`), ['different names', '"a" twice']],
    ['a name of quotes, backslashes and braces twice', file(String.raw`{"\"\\{":1,"\u0022\u005c{":2}`), ['different names', 'twice']],
    ['two metadata', file('{"__metadata__":{},"__metadata__":{}}'), ['"__metadata__" twice']],
    ['a part twice', file('{"a":{"dtype":"F32","dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4), ['"dtype" twice']],
    ['metadata with a name twice', file('{"__metadata__":{"x":"1","x":"2"}}'), ['"x" twice']],
    ['metadata that is an array', file({ __metadata__: [] }), ['an object as __metadata__', '[]']],
    ['metadata that is nothing', file({ __metadata__: null }), ['an object as __metadata__', 'null']],
    ['metadata with a number', file({ __metadata__: { format: 5 } }), ['text as __metadata__ "format"', '5']],
    ['a tensor that is a number', file({ a: 5 }), ['tensor "a" with dtype', 'nothing']],
    ['a tensor that is nothing', file({ a: null }), ['tensor "a"', 'nothing']],
    ['an unknown type', file({ a: entry([1], 0, 4, 'F31') }, 4), ['"F31"']],
    ['a type that every object has', file({ a: entry([1], 0, 4, 'constructor') }, 4), ['"constructor"']],
    ['a type that is a list', file({ a: entry([1], 0, 4, ['F32']) }, 4), ['["F32"]']],
    ['no shape', file({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), ['a shape', 'nothing']],
    ['a shape that is a number', file({ a: entry(1, 0, 4) }, 4), ['a shape', '1']],
    ['a negative size', file({ a: entry([-1], 0, 4) }, 4), ['0 or more', '[-1]']],
    ['two negative sizes', file({ a: entry([-1, -1], 0, 4) }, 4), ['0 or more']],
    ['half a size', file({ a: entry([0.5, 2], 0, 4) }, 4), ['0 or more', '[0.5,2]']],
    ['a size as text', file({ a: entry(['1'], 0, 4) }, 4), ['["1"]']],
    ['a size beyond exact numbers', file('{"a":{"dtype":"F32","shape":[9007199254740993],"data_offsets":[0,4]}}', 4), ['a shape']],
    ['an infinite size', file('{"a":{"dtype":"F32","shape":[1e999],"data_offsets":[0,4]}}', 4), ['a shape']],
    [
      'sizes whose product overflows 64 bits',
      file({ a: entry([2 ** 32, 2 ** 32], 0, 0) }),
      ['fewer than 2^53 bytes', '[4294967296,4294967296]'],
    ],
    ['sizes whose product overflows before a zero', file({ a: entry([2 ** 40, 2 ** 40, 0], 0, 0) }), ['fewer than 2^53 bytes']],
    ['sizes that take too many bytes', file({ a: entry([2 ** 52], 0, 4) }, 4), ['fewer than 2^53 bytes']],
    ['minus zero as a size', file('{"a":{"dtype":"F32","shape":[-0],"data_offsets":[0,0]}}'), ['0 or more']],
    ['minus zero as an offset', file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[-0,4]}}', 4), ['data_offsets [begin, end]']],
    ['sizes whose product is no exact number', file({ a: entry([2 ** 27, 2 ** 27, 1], 0, 4) }, 4), ['fewer than 2^53 bytes']],
    ['17 dimensions', file({ a: entry(Array(17).fill(1), 0, 4) }, 4), ['at most 16 integers']],
    ['half an offset', file({ a: entry([1], 0.5, 4.5) }, 5), ['data_offsets [begin, end]', '[0.5,4.5]']],
    ['offsets as text', file({ a: entry([1], '0', '4') }, 4), ['data_offsets [begin, end]']],
    ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), ['data_offsets [begin, end]', 'nothing']],
    ['three offsets', file({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 4] } }, 4), ['[0,4,4]']],
    ['offsets the wrong way round', file({ a: entry([1], 4, 0) }, 4), ['4 bytes for shape [1]', '[4,0]']],
    ['a negative offset', file({ a: entry([1], -4, 0) }, 4), ['[-4,0]']],
    ['an offset beyond exact numbers', file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,1e300]}}', 4), ['data_offsets']],
    ['fewer bytes than the shape', file({ a: entry([2], 0, 4) }, 4), ['8 bytes for shape [2] of F32', '[0,4]']],
    ['more bytes than the shape', file({ a: entry([1], 0, 8) }, 8), ['4 bytes for shape [1]']],
    ['an overlap', file({ a: entry([2], 0, 8), b: entry([2], 4, 12) }, 12), ['tensor "b"', 'byte 8', 'Tensors overlap']],
    ['one place for two', file({ a: entry([1], 0, 4), b: entry([1], 0, 4) }, 4), ['Tensors overlap']],
    ['a gap', file({ a: entry([1], 0, 4), b: entry([1], 8, 12) }, 12), ['tensor "b"', 'byte 4', 'There is a gap']],
    ['a gap in front', file({ a: entry([1], 4, 8) }, 8), ['byte 0', 'There is a gap']],
    ['a tensor of no bytes far away', file({ a: entry([0], 100, 100) }), ['byte 0', 'There is a gap']],
    ['a byte too few', file(HALVES, 11), ['12 bytes of data', '11. The file is truncated']],
    ['a byte too many', file(HALVES, 13), ['12 bytes of data', '13. The file has trailing bytes']],
    ['data without tensors', file({}, 4), ['0 bytes of data', '4. The file has trailing bytes']],
  ])('%s', async (_, bytes, parts) => {
    await expectError(() => decodeSafetensors(bytes, 'file'), 'ERR_INVALID_FILE', 'file: expected', ...parts)
  })

  test('every shorter copy of a good file', async () => {
    const bytes = fixture('float32.safetensors')
    for (let length = 0; length < bytes.length; length++) {
      await expectError(() => decodeSafetensors(bytes.subarray(0, length), 'file'), 'ERR_INVALID_FILE')
    }
  })

  test('every flipped byte of the header is refused or understood, never a crash', () => {
    const bytes = Buffer.from(encodeSafetensors(new Map([['a', ramp(2)]]), { format: 'pt' }))
    for (let index = 0; index < bytes.length - 8; index++) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const damaged = Buffer.from(bytes)
        damaged[index] = (damaged[index] ?? 0) ^ mask
        expect(outcome(damaged)).toMatch(/^(read|ERR_INVALID_FILE)$/)
      }
    }
  })

  test.each([
    ['arrays', `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
    ['objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['a shape', `{"a":{"dtype":"F32","shape":${'['.repeat(100_000)}${']'.repeat(100_000)},"data_offsets":[0,4]}}`],
  ])('nested 100000 levels deep: %s', async (_, header) => {
    await expectError(() => decodeSafetensors(file(header), 'file'), 'ERR_INVALID_FILE')
  })

  test('more tensors than can be read are not written, either', async () => {
    const empty = { data: new Float32Array(0), shape: [0] }
    const tensors = new Map(Array.from({ length: 4096 }, (_, index) => [`t${index}`, empty]))
    expect(decodeSafetensors(encodeSafetensors(tensors), 'file').tensors.size).toBe(4096)
    await expectError(() => encodeSafetensors(tensors.set('more', empty)), 'ERR_INVALID_ARGUMENT', 'at most 4096 tensors', '4097')
  })

  test('more tensors than any network has', async () => {
    const header = Object.fromEntries(Array.from({ length: 4097 }, (_, index) => [`t${index}`, entry([0], 0, 0)]))
    await expectError(() => decodeSafetensors(file(header), 'file'), 'ERR_INVALID_FILE', 'at most 4096 tensors', '4097')
  })

  test.each([5, { dtype: 'F32', shape: [1], data_offsets: [0, 4], extra: {} }])(
    'a long or strange name keeps the message short and on one line',
    async (value) => {
      const name = `\n\u2028\u009b2J\u202e${'x'.repeat(10_000)}`
      for (const header of [
        { [name]: value, other: 5 },
        `{${JSON.stringify(name)}:1,${JSON.stringify(name)}:2}`,
        `{${JSON.stringify(name)}}`,
      ]) {
        const { message } = await expectError(() => decodeSafetensors(file(header, 4), 'file'), 'ERR_INVALID_FILE')
        expect(message.length).toBeLessThan(300)
        expect(message).toMatch(/^[^\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+$/u)
      }
    },
  )
})

function outcome(bytes: Uint8Array): string {
  try {
    decodeSafetensors(bytes, 'file')
    return 'read'
  } catch (error) {
    return String((error as { code?: string }).code ?? error)
  }
}
