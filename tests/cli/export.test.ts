/** `export`: a model file becomes an ONNX file. tests/onnx checks what such a file holds. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeSafetensors } from '../../lib/formats/safetensors'
import { parameterShapes } from '../../lib/model/architecture'
import { architectureMetadata } from '../../lib/model/model-file'
import { eventsOf, linesOf, onlyEvent, useCommandLine } from '../support/command-line'
import { useModels } from '../support/sample-models'

const { path, run, succeed } = useCommandLine()
const createModel = useModels()

/** Nothing computes, so it must work where libtorch does not. */
const env = { LIBTORCH: join(__dirname, 'no-such-folder') }
const FILE = 'digits.safetensors'

/** Saves a model and what its `exportOnnx` writes. Returns the latter. */
async function saveModel(file: string, seed = 1): Promise<Buffer> {
  const model = createModel({ nonlinearity: 'relu', seed })
  await model.save(path(file))
  await model.exportOnnx(path('expected'))
  return readFileSync(path('expected'))
}

async function expectFailure(code: number, message: string, ...args: string[]): Promise<void> {
  const outcome = await run(['export', ...args], { env })
  expect({ ...outcome, stderr: linesOf(outcome.stderr)[0] }).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(message) })
}

test('writes the same bytes as the method, without libtorch', async () => {
  const expected = await saveModel(FILE)
  const stdout = await succeed(['export', '--model', FILE, '--onnx', 'model.onnx'], { env })
  const size = `${expected.length} bytes`
  expect(stdout).toBe(`Model: ${FILE}, 183 parameters\nONNX: model.onnx, ${size}, from images [N, T, 5] to logits [N, 3]\n`)
  expect(readFileSync(path('model.onnx')).equals(expected)).toBe(true)
  const quiet = await succeed(['export', '--model', FILE, '--onnx', 'model.onnx', '--quiet'], { env })
  expect(quiet).toBe(`ONNX: model.onnx, ${size}, from images [N, T, 5] to logits [N, 3]\n`)
})

test('--lengths adds the second input, as the method does', async () => {
  const model = createModel()
  await model.save(path(FILE))
  await model.exportOnnx(path('expected'), { lengths: true })
  const { length } = readFileSync(path('expected'))
  const stdout = await succeed(['export', '--model', FILE, '--onnx', 'model.onnx', '--lengths', '--json'], { env })
  expect(onlyEvent(stdout, 'export')).toMatchObject({ bytes: length, lengths: { name: 'lengths', shape: ['N'] } })
  expect(readFileSync(path('model.onnx')).equals(readFileSync(path('expected')))).toBe(true)
  const quiet = await succeed(['export', '--model', FILE, '--onnx', 'model.onnx', '--lengths', '--quiet'], { env })
  expect(quiet).toContain('from images [N, T, 5] and lengths [N] to logits [N, 3]')
})

test('takes the model of the newest run', async () => {
  mkdirSync(path('runs', 'a'), { recursive: true })
  mkdirSync(path('runs', 'b'))
  const newest = await saveModel(join('runs', 'a', 'model.safetensors'), 2)
  await saveModel(join('runs', 'b', 'model.safetensors'), 3)
  utimesSync(path('runs', 'b', 'model.safetensors'), 1, 1)
  await succeed(['export', '--onnx', 'model.onnx'], { env })
  expect(readFileSync(path('model.onnx')).equals(newest)).toBe(true)
})

test('tells another program with --json what it wrote', async () => {
  const { length } = await saveModel(FILE)
  const stdout = await succeed(['export', '--model', FILE, '--onnx', 'model.onnx', '--json'], { env })
  expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'export', 'done'])
  expect(onlyEvent(stdout, 'start')).toMatchObject({ command: 'export', model: FILE, parameters: 183, options: { hiddenSize: 6 } })
  expect(onlyEvent(stdout, 'export')).toEqual({
    type: 'export',
    format: 'onnx',
    file: 'model.onnx',
    bytes: length,
    input: { name: 'images', shape: ['N', 'T', 5] },
    output: { name: 'logits', shape: ['N', 3] },
  })
})

test('must be told what to write', async () => {
  await expectFailure(2, "required option '--onnx <file>' not specified")
  await expectFailure(2, 'Expected the path of a file.', '--onnx', '')
})

test('needs a model that can be used, and leaves an older file where there is none', async () => {
  await expectFailure(1, 'There is no trained model in runs', '--onnx', 'model.onnx')
  writeFileSync(path('model.onnx'), 'older')
  await expectFailure(1, 'Cannot read nowhere', '--model', 'nowhere', '--onnx', 'model.onnx')
  await expectFailure(1, 'expected a safetensors file', '--model', join('data', 't10k-labels-idx1-ubyte'), '--onnx', 'model.onnx')
  const architecture = { inputSize: 28, hiddenSize: 4, numLayers: 1, numClasses: 10, nonlinearity: 'tanh' } as const
  const diverged = Array.from(parameterShapes(architecture), ([name, shape]) => {
    return [name, { data: new Float32Array(shape.reduce((product, size) => product * size)).fill(Number.NaN), shape }] as const
  })
  writeFileSync(path('diverged'), encodeSafetensors(new Map(diverged), architectureMetadata(architecture)))
  await expectFailure(1, 'parameters are not finite', '--quiet', '--model', 'diverged', '--onnx', 'model.onnx')
  expect(readFileSync(path('model.onnx'), 'utf8')).toBe('older')
  expect(readdirSync(path()).sort()).toEqual(['data', 'diverged', 'model.onnx'])
})

test('never replaces the model that it reads', async () => {
  await saveModel(FILE)
  const before = readFileSync(path(FILE))
  symlinkSync(FILE, path('link.onnx'))
  for (const target of [FILE, join('data', '..', FILE), 'link.onnx']) {
    await expectFailure(1, `${target} is the model itself, which would be lost.`, '--model', FILE, '--onnx', target)
  }
  expect(readFileSync(path(FILE)).equals(before)).toBe(true)
})
