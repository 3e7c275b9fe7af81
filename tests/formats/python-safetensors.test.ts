/**
 * The same files in Python: its package (with NumPy; the set-up installs both) reads what is written here, writes what is read here, and
 * refuses what is refused here, but for the differences below.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { decodeSafetensors, encodeSafetensors, type SafetensorsContent } from '../../lib/formats/safetensors'
import { readModelFile } from '../../lib/model/model-file'
import { areEqual, damagedFiles, goodFiles, type TypeName, valuesOf } from '../support/damaged-safetensors'
import { expectClose } from '../support/expect-close'
import { runPython } from '../support/python'
import { PYTHON_IMAGES } from '../support/python-models'
import { useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

/** Runs exchange.py, and returns the lines that it prints, which are JSON. */
async function python(args: readonly string[], input?: Buffer): Promise<unknown[]> {
  const program = [join(__dirname, 'exchange.py'), ...args]
  const output = await runPython(program, { packages: 'python-safetensors', ...(input === undefined ? {} : { input }) })
  return output
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}

const hexOf = (values: Float32Array) => Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')

/** The tanh network has the tutorial's sizes. */
const NETWORKS = [
  { hiddenSize: 150, numLayers: 3, nonlinearity: 'tanh' },
  { hiddenSize: 8, numLayers: 2, nonlinearity: 'relu' },
] as const

describe.each(NETWORKS)('a model of $numLayers x $hiddenSize $nonlinearity neurons', (network) => {
  const create = () => createModel({ inputSize: 28, numClasses: 10, ...network })

  test('that is saved here has the same names, shapes, bits and metadata in Python', async () => {
    const model = create()
    await model.save(path('model'))
    const [read] = await python(['read', path('model')])
    const state = Array.from(await model.stateDict(), ([name, { data, shape }]) => [name, { dtype: 'float32', shape, hex: hexOf(data) }])
    const architecture = { inputSize: 28, numClasses: 10, ...network }
    expect(read).toEqual({ metadata: { format: 'pt', 'torch-rnn-mnist': expect.any(String) }, tensors: Object.fromEntries(state) })
    expect(JSON.parse((read as { metadata: Record<string, string> }).metadata['torch-rnn-mnist'] as string)).toEqual(architecture)
  })

  test('that Python saved again is the same model here', async () => {
    await create().save(path('model'))
    await python(['copy', path('model'), path('copy')])
    expect(await readModelFile(path('copy'))).toEqual(await readModelFile(path('model')))
  })

  // ReLU does not bound its values: relative to their size. In doubles NumPy shows how far float32 itself is from the exact logits.
  test.each([
    ['float32', 1e-5],
    ['float64', 1e-5],
  ])('gives the logits of a plain loop in NumPy, in %s', async (dtype, tolerance) => {
    const model = create()
    await model.save(path('model'))
    writeFileSync(path('images'), PYTHON_IMAGES.data)
    const [logits] = (await python(['logits', path('model'), path('images')])) as Record<string, number[][]>[]
    const { data, shape } = await model.forward(PYTHON_IMAGES)
    expectClose(data, logits?.[dtype]?.flat() ?? [], { atol: tolerance, rtol: tolerance }, shape)
  })
})

const FIELDS = '"dtype":"F32","shape":[0]'
const ENTRY = headerWith(FIELDS).slice(1, -1)

/** A header with one tensor of no bytes. */
function headerWith(fields: string): string {
  return `{"a":{${fields},"data_offsets":[0,0]}}`
}

function fileWith(header: string): Buffer {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return Buffer.concat([length, Buffer.from(header)])
}

const headerOf = (file: Buffer) => file.toString('utf8', 8, 8 + Number(file.readBigUInt64LE()))

/** For each file: its tensors as [type, shape, bytes in hex] by name, or the reason why Python refuses it. */
async function judge(files: readonly Buffer[]): Promise<(Record<string, [TypeName, number[], string]> | string)[]> {
  const framed = files.flatMap((file) => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(file.length)
    return [length, file]
  })
  return (await python(['judge'], Buffer.concat(framed))) as Awaited<ReturnType<typeof judge>>
}

function read(file: Buffer): SafetensorsContent | string {
  try {
    return decodeSafetensors(file, 'file')
  } catch (error) {
    return (error as Error).message
  }
}

/** Why a file is refused here and not in Python: our message, and a header (for no data) that shows it. */
const STRICTER: Readonly<Record<string, readonly [message: RegExp, header: string]>> = {
  'types that no network here has': [/ with dtype F64, F32, F16, BF16 but found "[A-Z0-9_]+"\.$/, headerWith('"dtype":"I64","shape":[0]')],
  'a name twice, which the format forbids': [/ different names in the header /, `{${ENTRY},${ENTRY}}`],
  'metadata that are null instead of absent': [/ an object as __metadata__ but found null\.$/, '{"__metadata__":null}'],
  'white space before the header, which the format forbids': [/ a JSON object as header but found " /, ' {}'],
  'sizes and products from 2^53 on, which are no exact numbers': [
    / integers, 0 or more, but found .*\d{16}| of fewer than 2\^53 bytes /,
    headerWith('"dtype":"F32","shape":[9007199254740992,0]'),
  ],
  'more than 16 dimensions': [/ a shape of at most 16 integers/, headerWith(`"dtype":"F32","shape":[${Array(17).fill(0).join()}]`)],
  'lists in lists, deeper than 64': [/ JSON of at most 64 levels /, headerWith(`${FIELDS},"x":${'['.repeat(65)}${']'.repeat(65)}`)],
}

/** Why a file is refused in Python and not here: what its header has. */
const LOOSER: Readonly<Record<string, readonly [pattern: RegExp, header: string]>> = {
  'an integer that is written as 1.0 or 1e2, which is the same number in JSON': [
    /[[,]\d+(\.0|e\d)[^[]*\]/,
    headerWith('"dtype":"F32","shape":[0.0]'),
  ],
  'a number beyond the range of doubles in a field that means nothing': [/1e999/, headerWith(`${FIELDS},"x":1e999`)],
}

/** The difference that explains why one reader takes a file and the other does not; undefined where they agree. */
function differenceIn(file: Buffer, ours: SafetensorsContent | string, theirs: object | string): string | undefined {
  if (typeof ours === typeof theirs) return undefined
  const [differences, text] = typeof ours === 'string' ? [STRICTER, ours] : [LOOSER, headerOf(file)]
  const known = Object.entries(differences).find(([, [pattern]]) => pattern.test(text))?.[0]
  return (
    known ??
    `here: ${typeof ours === 'string' ? ours : 'read'}; in Python: ${typeof theirs === 'string' ? theirs : 'read'}; ${headerOf(file)}`
  )
}

function expectSameTensors(ours: SafetensorsContent, theirs: Record<string, [TypeName, number[], string]>): void {
  expect([...ours.tensors.keys()].sort()).toEqual(Object.keys(theirs).sort())
  for (const [name, [dtype, shape, hex]] of Object.entries(theirs)) {
    const tensor = ours.tensors.get(name)
    expect(tensor?.shape).toEqual(shape)
    expect(areEqual(tensor?.data ?? new Float32Array(), valuesOf(dtype, Buffer.from(hex, 'hex')))).toBe(true)
  }
}

describe('Python and this package', () => {
  test('read the same from good files', async () => {
    const files = fc.sample(goodFiles, { numRuns: 500, seed: 1 })
    for (const [index, theirs] of (await judge(files)).entries()) {
      const ours = decodeSafetensors(files[index] as Buffer, 'file')
      if (typeof theirs === 'string') throw new Error(`${theirs}: ${files[index]}`)
      expectSameTensors(ours, theirs)
    }
  })

  test.each(Object.entries({ ...STRICTER, ...LOOSER }))('differ in %s', async (name, [, header]) => {
    const file = fileWith(header)
    expect(differenceIn(file, read(file), (await judge([file]))[0] as object | string)).toBe(name)
  })

  test('refuse the same damaged files, and read the same from the others, but for these differences', async () => {
    const files = fc.sample(damagedFiles, { numRuns: 10_000, seed: 1 })
    const answers = await judge(files)
    expect(answers.length).toBe(files.length)
    const differences = new Set<string>()
    let agreed = 0
    for (const [index, file] of files.entries()) {
      const [ours, theirs] = [read(file), answers[index] as (typeof answers)[number]]
      const difference = differenceIn(file, ours, theirs)
      if (difference !== undefined) differences.add(difference)
      else if (typeof ours !== 'string' && typeof theirs !== 'string') {
        expectSameTensors(ours, theirs)
        agreed += 1
      }
    }
    const known = [...Object.keys(STRICTER), ...Object.keys(LOOSER)]
    expect([...differences].filter((difference) => !known.includes(difference))).toEqual([])
    expect(agreed).toBeGreaterThan(100) // About one in thirty is still good.
  })
})

test('a file of this package is the file that Python writes from the same content', async () => {
  const { tensors, metadata } = decodeSafetensors(
    readFileSync(join(__dirname, '..', 'fixtures', 'safetensors', 'float32.safetensors')),
    'x',
  )
  writeFileSync(path('ours'), encodeSafetensors(tensors, metadata))
  await python(['copy', path('ours'), path('theirs')])
  expect(readFileSync(path('theirs'))).toEqual(readFileSync(path('ours')))
})
