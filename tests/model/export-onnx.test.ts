/** `exportOnnx` as a method of a model: its file, its errors, its turn. tests/onnx checks what it writes. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { fromBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from '../../lib/formats/onnx/onnx-proto'
import { parameterCount } from '../../lib/model/architecture'
import { checkExportable, writeOnnxFile } from '../../lib/model/onnx-file'
import { PACKAGE_VERSION } from '../../lib/version'
import { runScript, WELL_ENDED } from '../support/child-script'
import { expectError } from '../support/expect-error'
import { smallDataset, smallImages, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

const FILE = 'a model, with 100 % & # ü.onnx'

function readModel(file: string) {
  return fromBinary(ModelProtoSchema, readFileSync(file))
}

test('writes a file that describes the network, and replaces an older one', async () => {
  const model = createModel({ nonlinearity: 'relu' })
  writeFileSync(path(FILE), 'older')
  await model.exportOnnx(pathToFileURL(path(FILE)))
  expect(readdirSync(path())).toEqual([FILE])
  const { producerName, producerVersion, docString, metadataProps } = readModel(path(FILE))
  expect([producerName, producerVersion]).toEqual(['torch-rnn-mnist', PACKAGE_VERSION])
  expect(docString).toBe('Reads images row by row, 5 pixels each, with 2 recurrent layers of 6 relu neurons, and tells 3 classes apart.')
  expect(metadataProps.map(({ key, value }) => [key, JSON.parse(value)])).toEqual([
    ['torch-rnn-mnist', { inputSize: 5, hiddenSize: 6, numLayers: 2, numClasses: 3, nonlinearity: 'relu' }],
  ])
})

test('has its turn while the model trains, and leaves the model as it is', async () => {
  const model = createModel()
  let exported: Promise<void> | undefined
  await model.train(smallDataset(30), {
    epochs: 2,
    onBatch: () => {
      exported ??= model.exportOnnx(path('during.onnx')).catch((error: unknown) => expectBusy(error))
    },
    onEpoch: () => model.exportOnnx(path('between.onnx')),
  })
  await exported
  expect(existsSync(path('during.onnx'))).toBe(false) // A call that would wait for itself.
  await model.exportOnnx(path('after.onnx'))
  expect(readFileSync(path('after.onnx'))).toEqual(readFileSync(path('between.onnx')))
  const logits = await model.forward(smallImages(3))
  await model.exportOnnx(path('again.onnx'))
  expect(await model.forward(smallImages(3))).toEqual(logits)
})

function expectBusy(error: unknown): void {
  expect(error).toMatchObject({ code: 'ERR_BUSY' })
}

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'refuses %p, and leaves the file that was there',
  async (value) => {
    const model = createModel()
    const state = await model.stateDict()
    state.get('FC.bias')?.data.fill(value, 1, 2)
    await model.loadStateDict(state)
    writeFileSync(path(FILE), 'older')
    await expectError(() => model.exportOnnx(path(FILE)), 'ERR_NOT_FINITE', '1 of ', 'the first in FC.bias', 'Nothing was written')
    expect(readFileSync(path(FILE), 'utf8')).toBe('older')
    expect(readdirSync(path())).toEqual([FILE])
  },
)

test('names what is wrong with its path', async () => {
  const model = createModel()
  await expectError(() => model.exportOnnx(''), 'ERR_INVALID_ARGUMENT', 'Expected the path of a file')
  await expectError(() => model.exportOnnx(path('nowhere', 'model.onnx')), 'ERR_FILE_SYSTEM', 'its folder does not exist')
  await expectError(() => model.exportOnnx(path()), 'ERR_FILE_SYSTEM', 'it is a folder')
  model.dispose()
  await expectError(() => model.exportOnnx(path(FILE)), 'ERR_DISPOSED')
  expect(readdirSync(path())).toEqual([])
})

test('a network of 2 GiB or more is refused before anything is read of it', async () => {
  const network = { inputSize: 28, numLayers: 3, numClasses: 10, nonlinearity: 'tanh' } as const
  const LIMIT = 2 ** 31
  const bytesOf = (hiddenSize: number) => 4 * parameterCount({ ...network, hiddenSize })
  const largest = Array.from({ length: 16384 }, (_, index) => index + 1).findLast((size) => bytesOf(size) < LIMIT - 2 ** 20) ?? 0
  expect(bytesOf(largest)).toBeGreaterThan(0.999 * LIMIT)
  checkExportable({ ...network, hiddenSize: largest })
  const tooLarge = { ...network, hiddenSize: largest + 1 }
  // Without parameters: whoever looked for one would find it missing.
  const attempt = () => writeOnnxFile(path(FILE), tooLarge, new Map())
  await expectError(attempt, 'ERR_INVALID_OPTION', `one of ${bytesOf(largest + 1)} bytes`, 'smaller hiddenSize')
  expect(readdirSync(path())).toEqual([])
})

test('only a program that exports loads the definitions of the format', async () => {
  const outcome = await runScript(
    `
    const loaded = () => Object.keys(require.cache).some((file) => /[/\\\\]@bufbuild[/\\\\]|onnx-proto/.test(file))
    const model = new ImageRNN(options)
    await model.forward({ data: images, shape: [400, 4, 5] })
    console.log(loaded())
    await model.exportOnnx(process.env.FILE)
    console.log(loaded())
    model.dispose()
  `,
    { env: { FILE: path(FILE) } },
  )
  expect(outcome).toMatchObject({ ...WELL_ENDED, stdout: 'false\ntrue\n' })
})
