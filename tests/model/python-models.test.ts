/**
 * Models from Python, and back. fixtures/python-models/make_models.py made the files, and their logits with the tutorial's class in PyTorch.
 * Tolerance: the same float32 arithmetic in another order of summation, of about 30 products up to 1 for each value.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ImageRNN } from '../../lib'
import { decodeSafetensors, encodeSafetensors } from '../../lib/formats/safetensors'
import { expectClose } from '../support/expect-close'
import { PYTHON_IMAGES } from '../support/python-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const FOLDER = join(__dirname, '..', 'fixtures', 'python-models')
const LOGITS = JSON.parse(readFileSync(join(FOLDER, 'logits.json'), 'utf8')) as Record<string, number[][]>
const TOLERANCE = 2e-6

const fixture = (name: string) => join(FOLDER, `${name}.safetensors`)

async function withModel<T>(file: string, use: (model: ImageRNN) => Promise<T>): Promise<T> {
  await using model = await ImageRNN.load(file, { device: 'cpu', threads: 1 })
  return await use(model)
}

test.each(Object.entries(LOGITS))("%s gives PyTorch's logits", async (name, expected) => {
  const { data, shape } = await withModel(fixture(name), (model) => model.forward(PYTHON_IMAGES))
  expectClose(data, expected.flat(), { atol: TOLERANCE }, shape)
})

// The script loaded the committed files with load_state_dict(strict=True).
test.each(['torch-tanh', 'numpy-relu'])('%s, loaded and saved, is the file that PyTorch loaded strictly', async (name) => {
  await withModel(fixture(name), (model) => model.save(path('resaved')))
  expect(readFileSync(path('resaved'))).toEqual(readFileSync(fixture(`resaved-${name}`)))
})

test('the activation is what the metadata state, and tanh without them', async () => {
  const read = (name: string) => withModel(fixture(name), async ({ options }) => options)
  const sizes = { inputSize: 28, hiddenSize: 8, numLayers: 2, numClasses: 10 }
  expect(await read('torch-tanh')).toMatchObject({ ...sizes, nonlinearity: 'tanh' })
  expect(await read('torch-relu')).toMatchObject({ ...sizes, nonlinearity: 'relu' })
  expect(await read('numpy-relu')).toMatchObject({ ...sizes, nonlinearity: 'relu' })
})

test('metadata of others are kept from no reader, and change nothing', () => {
  const { tensors, metadata } = decodeSafetensors(readFileSync(fixture('numpy-relu')), 'numpy-relu')
  expect(metadata).toMatchObject({ license: 'MIT', empty: '', ä: '\n' })
  expect(decodeSafetensors(encodeSafetensors(tensors, metadata), 'again')).toEqual({ tensors, metadata })
})
