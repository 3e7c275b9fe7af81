/** Parameters that are not finite: they never replace a good file, and a file that has some is loaded with one warning. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { ImageDataset, type ImageRNN, type ModelOptions, type Tensor } from '../../lib'
import { encodeSafetensors } from '../../lib/formats/safetensors'
import { architectureMetadata, readModelFile } from '../../lib/model/model-file'
import { findNotFinite } from '../../lib/model/not-finite'
import { runScript, WELL_ENDED } from '../support/child-script'
import { eventsOfType, lastEvent, onlyEvent, TINY_DATA, useCommandLine } from '../support/command-line'
import { expectError } from '../support/expect-error'
import { smallDataset, useModels } from '../support/sample-models'
import { TINY_TRAIN_SAMPLES } from '../support/tiny-mnist'
import { SAME_PLACE } from '../support/tiny-model'

const { path, run, succeed } = useCommandLine()
const createModel = useModels()

const VALUES = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]

/** The state of a model, with these values at the end of a parameter. */
async function spoiledState(model: ImageRNN, values: readonly number[] = VALUES): Promise<Map<string, Tensor>> {
  const state = await model.stateDict()
  const { data } = state.get('basic_rnn.bias_hh_l1') as Tensor
  data.set(values, data.length - values.length)
  return state
}

/** A file that the package itself does not write. */
async function writeSpoiled(model: ImageRNN, file: string): Promise<void> {
  writeFileSync(path(file), encodeSafetensors(await spoiledState(model), architectureMetadata(model.options)))
}

describe('a model with parameters that are not finite', () => {
  test.each(VALUES)('is not saved (%p), and the file that is there stays as it was', async (value) => {
    const model = createModel()
    await model.save(path('model'))
    const [before, files] = [readFileSync(path('model')), readdirSync(path())]
    await model.loadStateDict(await spoiledState(model, [value]))
    const parts = [
      `Cannot save the model to ${path('model')}: 1 of ${model.parameterCount} parameters is not finite`,
      'basic_rnn.bias_hh_l1',
    ]
    await expectError(() => model.save(path('model')), 'ERR_NOT_FINITE', ...parts, 'Nothing was written', 'lower learning rate')
    await expectError(() => model.save(path('other')), 'ERR_NOT_FINITE')
    expect(readdirSync(path())).toEqual(files)
    expect(readFileSync(path('model'))).toEqual(before)
  })

  test('is loaded, with one process warning that names the file and counts the values', async () => {
    const model = createModel()
    await writeSpoiled(model, 'spoiled')
    await model.save(path('good'))
    const outcome = await runScript(
      `
      process.on('warning', ({ code, message }) => console.log(JSON.stringify({ code, message })))
      for (const file of ['good', 'spoiled']) {
        const model = await ImageRNN.load(file, { device: 'cpu', threads: 1 })
        console.log(file, (await model.stateDict()).get('basic_rnn.bias_hh_l1').data.slice(-3).join())
        model.dispose()
      }`,
      { cwd: path() },
    )
    const [good = '', warning = '', spoiled] = outcome.stdout.split('\n')
    expect(good).toMatch(/^good (-?0\.\d+,?){3}$/)
    const found = `3 of ${model.parameterCount} parameters are not finite (NaN or infinite), the first in basic_rnn.bias_hh_l1.`
    expect(JSON.parse(warning)).toEqual({ code: 'TORCH_RNN_MNIST_NOT_FINITE', message: expect.stringContaining(`In spoiled, ${found}`) })
    expect(spoiled).toBe('spoiled NaN,Infinity,-Infinity')
    // Node prints a warning, too, that nobody has turned off.
    expect(outcome.stderr.match(/\[TORCH_RNN_MNIST_NOT_FINITE\] Warning: In spoiled, /g)).toHaveLength(1)
    expect({ ...outcome, stdout: '' }).toMatchObject({ ...WELL_ENDED, stderr: expect.any(String) })
  })
})

test('a training that diverges keeps the model of the last good update, and says so', async () => {
  // All samples are one batch. The first update moves each weight by the learning rate, and from then on the states overflow.
  const diverging = ['--nonlinearity', 'relu', '--learning-rate', '100', '--num-layers', '8', '--batch-size', String(TINY_TRAIN_SAMPLES)]
  const network = ['--hidden-size', '16', ...SAME_PLACE]
  const { code, stdout } = await run([...TINY_DATA, ...network, ...diverging, '--epochs', '3', '--run', 'run', '--json'])
  expect(code).toBe(1)
  const [file, checkpoint] = [join('run', 'model.safetensors'), join('run', 'checkpoints', 'epoch-00001.safetensors')]
  expect(eventsOfType(stdout, 'checkpoint').map((event) => [event.epoch, event.file])).toEqual([[1, checkpoint]])
  expect(eventsOfType(stdout, 'model').map((event) => [event.epoch, event.file])).toEqual([file, file].map((name) => [1, name]))
  expect(onlyEvent(stdout, 'warning')).toEqual({
    type: 'warning',
    message: `Training ended early. The model as it is now was saved to ${file}. The latest checkpoint is ${checkpoint}.`,
  })
  expect(onlyEvent(stdout, 'error')).toMatchObject({ code: 'ERR_NOT_FINITE', message: expect.not.stringContaining('lost') })
  const { state } = await readModelFile(path(file))
  expect(await findNotFinite(state)).toBeUndefined()
})

describe('finite parameters whose outputs overflow', () => {
  /** With ReLU, weights by which any bright pixel overflows. Those that learn from dark images stay as they are. */
  async function overflowing(changes: ModelOptions): Promise<ImageRNN> {
    const model = createModel({ nonlinearity: 'relu', ...changes })
    const state = await model.stateDict()
    for (const [name, { data }] of state) data.fill(name === 'basic_rnn.weight_ih_l0' ? 3e38 : 0)
    await model.loadStateDict(state)
    return model
  }

  test('on validation samples end the training, and the update before them is kept', async () => {
    const model = await overflowing({})
    const dark = new ImageDataset({ images: new Uint8Array(9 * 20), shape: [9, 4, 5], labels: new Uint8Array(9), numClasses: 3 })
    const options = { epochs: 3, validationData: smallDataset(6), checkpoints: { folder: path('kept') } }
    const message = 'Epoch 1: The mean loss on the validation samples is not finite (NaN).'
    await expectError(() => model.train(dark, options), 'ERR_NOT_FINITE', message, 'lower learning rate')
    expect(readdirSync(path('kept'))).toEqual(['epoch-00000-batch-00001.safetensors'])
  })

  test('on test images make the command fail, after all is saved', async () => {
    const images = readFileSync(path('data', 'train-images-idx3-ubyte'))
    writeFileSync(path('data', 'train-images-idx3-ubyte'), images.fill(0, 16))
    const model = await overflowing({ inputSize: 28, numClasses: 10 })
    await model.save(path('start'))
    const { code, stdout } = await run([...TINY_DATA, ...SAME_PLACE, '--model', 'start', '--epochs', '1', '--run', 'run', '--json'])
    expect(code).toBe(1)
    expect(onlyEvent(stdout, 'evaluation')).toMatchObject({ loss: null })
    expect(lastEvent(stdout, 'error')).toEqual({
      ...{ type: 'error', code: 'ERR_NOT_FINITE' },
      message: expect.stringMatching(/^The mean loss on the test images is not finite \(NaN\)/),
    })
    expect(eventsOfType(stdout, 'model')).toHaveLength(1)
    expect(readdirSync(path('run'))).toEqual(expect.arrayContaining(['README.md', 'model.safetensors', 'metrics.jsonl']))
  })
})

describe('the command line warns once', () => {
  const COMMANDS = [['evaluate', ...TINY_DATA, ...SAME_PLACE], ['forward', ...TINY_DATA, ...SAME_PLACE], ['summary']]

  test.each(COMMANDS)('%s', async (...command) => {
    const model = createModel({ inputSize: 28, numClasses: 10 })
    await writeSpoiled(model, 'spoiled')
    const flags = [...command, '--model', 'spoiled']
    const message = expect.stringMatching(/^In spoiled, 3 of \d+ parameters are not finite .* basic_rnn\.bias_hh_l1\. /)
    expect(onlyEvent(await succeed([...flags, '--json']), 'warning')).toEqual({ type: 'warning', message })
    const { code, stderr } = await run([...flags, '--quiet'])
    expect(code).toBe(0)
    expect(stderr).toMatch(/^Warning: In spoiled, .*\n$/)
  })
})

test('a large model is looked at in slices, between which other events have their turn', async () => {
  const data = new Float32Array(5 * 2 ** 20)
  data[data.length - 1] = Number.NaN
  let [turns, isDone] = [0, false]
  const search = findNotFinite(new Map([['large', { data }]])).finally(() => {
    isDone = true
  })
  while (!isDone) {
    await setImmediate()
    turns += 1
  }
  expect(turns).toBeGreaterThanOrEqual(5)
  expect(await search).toEqual({ count: 1, of: data.length, name: 'large' })
})
