/** What classes are called: in data sets, in models, in their files, and in evaluations. */
import { readFileSync } from 'node:fs'
import { ImageDataset, ImageRNN } from '../../lib'
import { nameOfClass, numberAndName } from '../../lib/data/class-names'
import { readModelFile } from '../../lib/model/model-file'
import { expectError } from '../support/expect-error'
import { smallOptions } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const NAMES = ['cat', 'dog', 'お']

function dataset(classNames?: readonly string[]): ImageDataset {
  return new ImageDataset({ images: new Uint8Array(6 * 9), shape: [6, 3, 3], labels: [0, 1, 0, 1, 0, 1], classNames })
}

test('a data set keeps them, and its parts have them, too', () => {
  const given = [...NAMES]
  const animals = dataset(given)
  given[0] = 'changed'
  expect(animals.classNames).toEqual(NAMES)
  expect(Object.isFrozen(animals.classNames)).toBe(true)
  expect(animals.numClasses).toBe(3) // One of them has no sample.
  expect(animals.slice(1, 3).classNames).toEqual(NAMES)
  expect(animals.randomSplit([0.5, 0.5])[1]?.classNames).toEqual(NAMES)
  expect(dataset().classNames).toBeUndefined()
})

test('a model has as many classes as names, and its file tells them', async () => {
  const { numClasses, ...options } = smallOptions()
  using model = new ImageRNN({ ...options, inputSize: 3, classNames: NAMES })
  expect(model.options).toMatchObject({ numClasses: 3, classNames: NAMES })
  await model.save(path('model.safetensors'))
  expect((await readModelFile(path('model.safetensors'))).classNames).toEqual(NAMES)
  using same = await ImageRNN.load(path('model.safetensors'))
  expect(same.options.classNames).toEqual(NAMES)
  await model.exportOnnx(path('model.onnx'))
  expect(readFileSync(path('model.onnx'), 'utf8')).toContain(JSON.stringify(NAMES))
})

test('an evaluation has them: those of the model, else those of the data', async () => {
  const { numClasses, ...options } = smallOptions({ inputSize: 3 })
  using named = new ImageRNN({ ...options, classNames: ['a', 'b', 'c'] })
  using nameless = new ImageRNN({ ...options, numClasses: 3 })
  const names = async (model: ImageRNN, data: ImageDataset) => (await model.evaluate(data)).perClass.map(({ name }) => name)
  expect(await names(named, dataset(NAMES))).toEqual(['a', 'b', 'c'])
  expect(await names(nameless, dataset(NAMES))).toEqual(NAMES)
  const { perClass } = await nameless.evaluate(dataset())
  expect(Object.keys(perClass[0] ?? {})).not.toContain('name')
})

test.each<[string, unknown, string]>([
  ['no list', 'cat', 'a list of names'],
  ['an empty name', ['cat', ''], 'a list of names'],
  ['a name of two lines', ['cat', 'a\nb'], 'a list of names'],
  ['a name of 101 characters', ['cat', 'x'.repeat(101)], 'a list of names'],
  ['the same name twice', ['cat', 'cat'], 'different names'],
  ['too few', ['cat'], '3 names, one for each class'],
])('%s is refused', async (_, classNames, part) => {
  const names = classNames as readonly string[]
  const images = { images: new Uint8Array(9), shape: [1, 3, 3] as [number, number, number], labels: [0], numClasses: 3 }
  await expectError(() => new ImageDataset({ ...images, classNames: names }), 'ERR_INVALID_OPTION', 'classNames', part)
  await expectError(() => new ImageRNN({ numClasses: 3, classNames: names }), 'ERR_INVALID_OPTION', 'classNames', part)
})

test('a class without a name is its number; in a table it has both', () => {
  expect([nameOfClass(1, NAMES), nameOfClass(7, NAMES), nameOfClass(7)]).toEqual(['dog', '7', '7'])
  expect([numberAndName(3, 'cat'), numberAndName(3, '3'), numberAndName(3, undefined)]).toEqual(['3 cat', '3', '3'])
  expect(numberAndName(0, 'a name longer than a table')).toBe('0 a name longer t…')
})
