/** Where models are saved and loaded, and how large they may be. */
import { existsSync, readdirSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { ImageRNN, loadIdx, loadMnist } from '../../lib'
import { parameterCount } from '../../lib/model/architecture'
import { checkSavable, writeModelFile } from '../../lib/model/model-file'
import { MODEL_OPTIONS } from '../../lib/options/options'
import { eventsOf, useCommandLine } from '../support/command-line'
import { expectError } from '../support/expect-error'
import { smallImages, useModels } from '../support/sample-models'
import { TINY_TEST_SAMPLES } from '../support/tiny-mnist'

const { path, run } = useCommandLine()
const createModel = useModels()

const SPECIAL = 'a file, with 100 % & # ü.safetensors'

describe('a file: URL', () => {
  test('is a place to save to and to load from, whatever its characters', async () => {
    const model = createModel()
    await model.save(pathToFileURL(path(SPECIAL)))
    expect(readdirSync(path()).sort()).toEqual([SPECIAL, 'data'])
    const loaded = await ImageRNN.load(pathToFileURL(path(SPECIAL)), { device: 'cpu', threads: 1 })
    expect(await loaded.forward(smallImages(3))).toEqual(await model.forward(smallImages(3)))
    loaded.dispose()
  })

  test('names data, too', async () => {
    const { test: images } = await loadMnist({ dir: pathToFileURL(path('data')) })
    expect(images.length).toBe(TINY_TEST_SAMPLES)
    const url = (name: string) => pathToFileURL(path('data', name))
    const same = await loadIdx({ images: url('t10k-images-idx3-ubyte.gz'), labels: url('t10k-labels-idx1-ubyte') })
    expect(same.images()).toEqual(images.images())
  })
})

test.each<[string, unknown, ...string[]]>([
  ['another URL', new URL('https://example.org/model'), 'or a file: URL, for', 'the URL "https://example.org/model"'],
  ['a URL of another machine', new URL('file://server/model'), 'or a file: URL, for', 'the URL "file://server/model"'],
  ['nothing', '', 'or a file: URL, for', '"" (string)'],
  ['a number', 5, 'or a file: URL, for', '5 (number)'],
])('%s is no path', async (_, value, ...parts) => {
  const place = value as string
  const model = createModel()
  await expectError(() => model.save(place), 'ERR_INVALID_ARGUMENT', 'Expected the path of a file, ', ...parts)
  await expectError(() => ImageRNN.load(place), 'ERR_INVALID_ARGUMENT', 'Expected the path of a file, ', ...parts)
  await expectError(() => loadMnist({ dir: place }), 'ERR_INVALID_OPTION', 'Expected the path of a folder, ', ...parts)
  await expectError(() => loadIdx({ images: place, labels: 'x' }), 'ERR_INVALID_OPTION', 'Expected the path of an IDX file, ', ...parts)
  await expectError(() => loadIdx({ images: 'x', labels: place }), 'ERR_INVALID_OPTION', ' for labels but received ', ...parts)
})

describe('a network that takes more than 4 GiB', () => {
  const network = { inputSize: 28, numLayers: 3, numClasses: 10, nonlinearity: 'tanh' } as const
  const LIMIT = 4 * 1024 ** 3
  const bytesOf = (hiddenSize: number) => 4 * parameterCount({ ...network, hiddenSize })
  /** The largest that fits. */
  const largest = Array.from({ length: MODEL_OPTIONS.hiddenSize.max }, (_, index) => index + 1).findLast((size) => bytesOf(size) <= LIMIT)

  test('is not saved: it could not be loaded again', async () => {
    const hiddenSize = largest ?? 0
    expect(bytesOf(hiddenSize)).toBeGreaterThan(0.999 * LIMIT)
    checkSavable({ ...network, hiddenSize })
    const tooLarge = { ...network, hiddenSize: hiddenSize + 1 }
    const attempt = () => writeModelFile(path('model'), tooLarge, new Map())
    const parts = [`at most ${LIMIT} bytes`, `one of ${bytesOf(hiddenSize + 1)} bytes`, 'Choose a smaller hiddenSize']
    await expectError(attempt, 'ERR_INVALID_OPTION', ...parts)
    expect(existsSync(path('model'))).toBe(false)
  })

  test('is not trained by the command line, which could not save it', async () => {
    const flags = ['--data', 'data', '--hidden-size', String((largest ?? 0) + 1), '--run', 'run', '--json']
    const { code, stdout } = await run(flags)
    expect(code).toBe(1)
    expect(eventsOf(stdout).map((event) => (event.type === 'error' ? event.code : event.type))).toEqual(['start', 'ERR_INVALID_OPTION'])
    expect(readdirSync(path())).toEqual(['data'])
  })
})
