/** Data sets of other kinds through all commands: what is told, what is kept, and the names of the classes all the way. */
import { cpSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ImageRNN } from '../../lib'
import { readModelFile } from '../../lib/model/model-file'
import { eventsOf, eventsOfType, lastEvent, linesOf, onlyEvent, useCommandLine } from '../support/command-line'
import { REPOSITORY } from '../support/run-program'
import { TINY_NETWORK } from '../support/tiny-mnist'

const { path, run, succeed } = useCommandLine()

beforeEach(() => {
  const fixtures = join(REPOSITORY, 'tests', 'fixtures', 'data')
  for (const name of ['pictures', 'emnist', 'npz', 'csv', 'npy']) cpSync(join(fixtures, name), path(name), { recursive: true })
})

const EPOCH = [...TINY_NETWORK, '--epochs', '1', '--run', 'run']
const configOf = (folder = 'run') => JSON.parse(readFileSync(path(folder, 'config.json'), 'utf8'))

test('a folder of pictures, from the training to the export', async () => {
  const trained = await succeed(['--data', 'pictures', ...EPOCH, '--json'])
  const types = eventsOf(trained).map(({ type }) => type)
  expect(types[0]).toBe('start')
  expect(onlyEvent(trained, 'data')).toMatchObject({
    description: 'pictures by class: 28 x 28, dark on light, inverted',
    classNames: ['high', 'low'],
    trainSamples: 6,
    testSamples: 4,
    reading: { format: 'pictures', imageSize: '28x28', ink: 'dark' },
  })
  expect(eventsOfType(trained, 'reading').at(-1)).toEqual({ type: 'reading', done: 10, total: 10 })

  expect(configOf()).toMatchObject({
    data: 'pictures',
    options: { classNames: ['high', 'low'], numClasses: 2, format: 'pictures', imageSize: '28x28', ink: 'dark', orientation: 'upright' },
  })
  const card = readFileSync(path('run', 'README.md'), 'utf8')
  expect(card).toMatch(/^\| high +\| /m)
  expect(card).toMatch(/^npx rnn-mnist-train --data pictures .* --format pictures --orientation upright .* --ink dark$/m)
  expect(card).toContain('type: imagefolder')
  expect((await readModelFile(path('run', 'model.safetensors'))).classNames).toEqual(['high', 'low'])
  using model = await ImageRNN.load(path('run', 'model.safetensors'))
  expect(model.options.classNames).toEqual(['high', 'low'])

  const model1 = ['--model', join('run', 'model.safetensors'), '--data', 'pictures']
  const text = linesOf(await succeed(['evaluate', ...model1]))
  expect(text[0]).toBe('pictures by class: 28 x 28, dark on light, inverted')
  expect(text.filter((line) => /^ *0 high /.test(line))).toHaveLength(2) // Confusion matrix and table.
  const evaluation = onlyEvent(await succeed(['evaluate', ...model1, '--json']), 'evaluation')
  expect(evaluation.perClass.map(({ label, name }) => [label, name])).toEqual([
    [0, 'high'],
    [1, 'low'],
  ])
  expect(await succeed(['forward', ...model1])).toMatch(/^Image 0, label 0 high, answer \d (high|low):$/m)
  const explored = await succeed(['explore', '--data', 'pictures'])
  expect(explored).toMatch(/^0 high +3 +2$/m)
  await succeed(['export', '--onnx', 'model.onnx', '--model', join('run', 'model.safetensors')])
  const onnx = readFileSync(path('model.onnx'), 'latin1')
  expect(onnx).toContain('class_names')
  expect(onnx).toContain('["high","low"]')
  const shown = await succeed(['runs', 'show', 'run'])
  expect(shown).toMatch(/^ *0 high /m)
})

test('a model is measured by the names of its classes, not by their order', async () => {
  await succeed(['--data', 'pictures', ...EPOCH, '--quiet'])
  const evaluate = ['evaluate', '--model', join('run', 'model.safetensors'), '--json']
  const { confusionMatrix } = onlyEvent(await succeed([...evaluate, '--data', 'pictures']), 'evaluation')
  // With a class before the others, their numbers are others: 1 and 2.
  const more = path('more')
  cpSync(path('pictures'), more, { recursive: true })
  for (const part of ['train', 'test']) renameSync(join(more, part, 'low'), join(more, part, 'above'))
  const refused = await run([...evaluate, '--data', 'more'])
  expect(refused.code).toBe(1)
  expect(lastEvent(refused.stdout, 'error').message).toContain('a model whose class 0 is "above" but found "high"')
  // Without the class 0 in both parts, class 1 counts as 0.
  for (const part of ['train', 'test']) {
    renameSync(join(more, part, 'above'), join(more, part, 'low'))
    if (part === 'test') rmSync(join(more, part, 'high'), { recursive: true })
  }
  const { confusionMatrix: part } = onlyEvent(await succeed([...evaluate, '--data', 'more']), 'evaluation')
  expect(part).toEqual([[0, 0], confusionMatrix[1]])
})

test('a run that goes on reads its data as before', async () => {
  const data = ['--data', 'emnist', '--subset', 'letters', '--label-names', 'emnist/emnist-letters-mapping.txt']
  await succeed([...data, ...TINY_NETWORK, '--epochs', '2', '--stop-after-epochs', '1', '--run', 'run', '--quiet'])
  expect(configOf()).toMatchObject({ data: 'emnist', options: { subset: 'letters', orientation: 'transposed', firstLabel: 1 } })
  const resumed = await succeed(['--resume', '--run', 'run', '--json'])
  expect(onlyEvent(resumed, 'data').description).toBe('EMNIST letters: transposed, labels from 1')
  expect(configOf().options.classNames[25]).toBe('Z/z')
  // What looks into the run reads them so, too.
  for (const command of [
    ['runs', 'report', 'run'],
    ['plot', 'confusion', '--run', 'run'],
  ]) {
    const looked = await succeed([...command, '--json'])
    expect(onlyEvent(looked, 'data').description).toBe('EMNIST letters: transposed, labels from 1')
  }
  const other = await run(['--resume', '--run', 'run', '--orientation', 'upright', '--epochs', '3', '--json'])
  expect(lastEvent(other.stdout, 'error').code).toBe('ERR_INVALID_DATA')
})

test('single files are kept in the configuration, and read again', async () => {
  const files = ['--train-images', 'npy/train-images.npy', '--train-labels', 'npy/train-labels.npy', '--test-split', '1']
  await succeed([...files, ...TINY_NETWORK, '--epochs', '2', '--stop-after-epochs', '1', '--run', 'run', '--quiet'])
  const dataFiles = { trainImages: 'npy/train-images.npy', trainLabels: 'npy/train-labels.npy' }
  expect(configOf()).toMatchObject({ data: 'npy/train-images.npy', dataFiles, options: { testSplit: 1 } })
  await succeed(['--resume', '--run', 'run', '--quiet'])
  expect(configOf()).toMatchObject({ dataFiles })
  expect(readFileSync(path('run', 'README.md'), 'utf8')).toContain('--train-images train-images.npy --train-labels train-labels.npy')
})

test('floats are shown as they are', async () => {
  cpSync(join(REPOSITORY, 'tests', 'fixtures', 'data', 'idx-types'), path('idx-types'), { recursive: true })
  const explored = await succeed(['explore', '--data', 'idx-types', '--subset', 'float32', '--test-split', '1', '--json'])
  const { pixels } = onlyEvent(explored, 'explore')
  expect(pixels.train.minimum).toBe(0)
  expect(pixels.train.maximum).toBeCloseTo(1, 5)
})

test('a search goes on with the data that it began with, and names them in its command', async () => {
  const data = ['--data', 'csv/digit-recognizer', '--test-split', '0.5']
  const flags = ['--trials', '2', '--epochs', '1', '--hidden-size', '8', '--num-layers', '1', '--validation-split', '2', '--device', 'cpu']
  const found = await succeed(['search', ...data, ...flags, '--search', 'found', '--json'])
  expect(onlyEvent(found, 'ranking').command).toMatch(/^rnn-mnist-train --data csv\/digit-recognizer --test-split 0\.5 /)
  const resumed = await succeed(['search', '--resume', '--search', 'found', '--json'])
  expect(onlyEvent(resumed, 'data').testSamples).toBe(10)
})

test.each([
  ['both a folder and files', ['--data', 'emnist', '--train-images', 'x'], 'trainImages'],
  ['labels without images', ['--train-labels', 'x'], 'trainImages'],
])('%s are wrong usage', async (_, args, part) => {
  const { code, stderr } = await run(['explore', ...args])
  expect(code).toBe(2)
  expect(stderr).toContain(part)
})

test('sequences of different length, from the training to what is shown of them', async () => {
  const data = ['--data', join('npz', 'sequences.npz')]
  const augmented = await run([...data, ...EPOCH, '--augment-shift', '1'])
  expect(augmented).toMatchObject({ code: 1, stderr: expect.stringContaining('--augment-shift') })
  expect(existsSync(path('run'))).toBe(false) // Refused before there is anything to clean up.
  const explored = await run(['explore', ...data, '--augment-flip', '0.5'])
  expect(explored).toMatchObject({ code: 1, stderr: expect.stringMatching(/for --augment-flip but received 0\.5/) })
  const usual = await run(['explore', ...data, '--augment'])
  expect(usual).toMatchObject({ code: 1, stderr: expect.stringMatching(/for --augment-shift \(of --augment\) but received 1\.5/) })
  expect(existsSync(path('explore.png'))).toBe(false)

  await succeed([...data, ...EPOCH, '--normalize', '--quiet'])
  const model = ['--model', join('run', 'model.safetensors')]
  expect(await succeed(['explore', ...data])).toMatch(/^Values +Training +Test$/m)
  expect(linesOf(await succeed(['hook', ...model, ...data])).join('\n')).not.toContain('NaN')
  await succeed(['plot', 'thinking', 'states', 'gradients', 'mistakes', '--run', 'run', '--output', 'pictures-of-run'])
})
