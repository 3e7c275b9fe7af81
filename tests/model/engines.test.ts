/** Which engine computes, and what it means: the same numbers, and the tensors of nn::RNN for hooks. */
import type { ForwardHookEvent, ImageRNN, ModelOptions, Tensor } from '../../lib'
import { native } from '../../lib/addon/native'
import { runScript, WELL_ENDED } from '../support/child-script'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset, smallImages, useModels } from '../support/sample-models'

const createModel = useModels()

/** Both engines sum in float32, in another order. */
const TOLERANCE = { atol: 1e-5, rtol: 1e-5 }
/** Adam divides by the gradient's own size, so a rounding of a small gradient grows. Its steps are 0.01 here. */
const STATE_TOLERANCE = { atol: 1e-4 }
const DATA = smallDataset(50)
const TRAINING = { epochs: 2, batchSize: 8, learningRate: 0.01 }

/** The process warnings while the test runs. */
let warnings: jest.SpyInstance
beforeEach(() => {
  warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
})
afterEach(() => warnings.mockRestore())

function warned(): unknown[] {
  return warnings.mock.calls.map(([message, options]) => [message, options])
}

async function expectSameState(model: ImageRNN, expected: ImageRNN): Promise<void> {
  const [actual, wanted] = await Promise.all([model.stateDict(), expected.stateDict()])
  for (const [name, { data, shape }] of wanted) expectClose((actual.get(name) as Tensor).data, data, STATE_TOLERANCE, shape)
}

describe('the engine', () => {
  test.each<[ModelOptions, 'torch' | 'fused']>([
    [{}, 'fused'],
    [{ precision: 'tf32' }, 'fused'], // Which a CPU computes in float32.
    [{ engine: 'fused' }, 'fused'],
    [{ engine: 'fused', device: 'auto' }, 'fused'],
    [{ engine: 'torch' }, 'torch'],
    [{ engine: 'torch', precision: 'bf16' }, 'torch'],
  ])('with %j is %s', async (options, engine) => {
    const model = createModel(options)
    expect(model).toMatchObject({ engine, device: 'cpu' })
    const { supported, chosen } = native().instructionSets()
    expect(supported).toContain(chosen)
    expect(model.instructionSet).toBe(engine === 'fused' ? chosen : native().cpuBackend().capability)
    await model.to('cpu')
    expect(model).toMatchObject({ engine, device: 'cpu' })
    expect(warned()).toEqual([])
  })

  test('fused is refused in bf16', async () => {
    const message = ['The engine fused computes in float32', 'bf16', 'Choose the engine auto or torch']
    await expectError(() => createModel({ engine: 'fused', precision: 'bf16' }), 'ERR_INVALID_OPTION', ...message)
  })

  test('auto is torch in bf16, and one warning says so', async () => {
    expect(createModel({ precision: 'bf16' }).engine).toBe('torch')
    await createModel({ precision: 'bf16' }).to('cpu')
    expect(warned()).toEqual([[expect.stringMatching(/precision bf16 .* engine torch/), { code: 'TORCH_RNN_MNIST_ENGINE' }]])
  })

  test('changes no number beyond rounding', async () => {
    const [fused, torch] = [createModel({ engine: 'fused', threads: 2 }), createModel({ engine: 'torch' })]
    for (const images of [smallImages(1), smallImages(37)]) {
      const [logits, expected] = await Promise.all([fused.forward(images), torch.forward(images)])
      expectClose(logits.data, expected.data, TOLERANCE, logits.shape)
    }
    const [history, expected] = [await fused.train(DATA, TRAINING), await torch.train(DATA, TRAINING)]
    expectClose(
      history.epochs.map(({ trainLoss }) => trainLoss),
      expected.epochs.map(({ trainLoss }) => trainLoss),
      { rtol: 1e-4 },
    )
    await expectSameState(fused, torch)
    const [evaluation, wanted] = [await fused.evaluate(DATA), await torch.evaluate(DATA)]
    expect(evaluation.confusionMatrix).toEqual(wanted.confusionMatrix)
  })
})

describe('while a hook is registered', () => {
  /** What a hook sees of a pass. */
  const seenBy = async (model: ImageRNN) => {
    const events: ForwardHookEvent[] = []
    const handle = model.registerForwardHook('basic_rnn', (event) => void events.push(event))
    const logits = await model.forward(smallImages(3))
    handle.remove()
    return { events, logits }
  }

  test.each(['auto', 'fused'] as const)('inference with the engine %s is that of torch, to the bit', async (engine) => {
    const [model, torch] = [createModel({ engine }), createModel({ engine: 'torch' })]
    const before = await model.forward(smallImages(3))
    const seen = await seenBy(model)
    expect(seen).toEqual(await seenBy(torch))
    expect(seen.events[0]?.outputs.map(({ shape }) => shape)).toEqual([
      [SMALL.rows, 3, SMALL.hiddenSize],
      [SMALL.numLayers, 3, SMALL.hiddenSize],
    ])
    expect(await model.forward(smallImages(3))).toEqual(before)
    expect(model.engine).toBe('fused')
    expect(warned()).toEqual([])
  })

  test('training with auto is that of torch, and one warning says so', async () => {
    const [model, torch] = [createModel(), createModel({ engine: 'torch' })]
    const handles = [model, torch].map((each) => each.registerForwardHook('FC', () => undefined))
    expect(warned()).toEqual([]) // Nothing is trained yet.
    const histories = [await model.train(DATA, TRAINING), await torch.train(DATA, TRAINING)]
    const [losses, expected] = histories.map(({ epochs }) => epochs.map(({ trainLoss }) => trainLoss))
    expect(losses).toEqual(expected)
    expect(await model.stateDict()).toEqual(await torch.stateDict())
    expect(warned()).toEqual([[expect.stringMatching(/forward hook .* engine torch/), { code: 'TORCH_RNN_MNIST_ENGINE' }]])
    await model.train(DATA, TRAINING)
    expect(warned()).toHaveLength(1)
    for (const handle of handles) handle.remove()
    // And with the other engine, it goes on from there.
    await Promise.all([model.train(DATA, TRAINING), torch.loadStateDict(await model.stateDict())])
    expect((await model.evaluate(DATA)).samples).toBe(50)
  })

  test('training with fused is refused, before it begins and within', async () => {
    const model = createModel({ engine: 'fused' })
    const handle = model.registerForwardHook('', () => undefined)
    const before = await model.stateDict()
    await expectError(() => model.train(DATA, TRAINING), 'ERR_INVALID_OPTION', 'forward hook', 'Remove the hook')
    expect(await model.stateDict()).toEqual(before)
    handle.remove()
    const onEpoch = () => void model.registerForwardHook('', () => undefined)
    await expectError(() => model.train(DATA, { ...TRAINING, onEpoch }), 'ERR_INVALID_OPTION', 'forward hook')
  })
})

test('a hook that comes while a model trains is warned of', async () => {
  const script = `
    process.on('warning', ({ code }) => console.log(code))
    const model = new ImageRNN(options)
    let handle
    const seen = []
    await model.train(dataset(), { epochs: 3, onEpoch: ({ epoch }) => {
      if (epoch === 1) handle = model.registerForwardHook('', ({ training }) => void seen.push(training))
      if (epoch === 2) handle.remove()
    } })
    console.log(seen.join())
  `
  const { stdout, ...outcome } = await runScript(script, {}, ['--no-warnings'])
  expect(outcome).toMatchObject(WELL_ENDED)
  expect(stdout.split('\n').slice(0, 2)).toEqual(['TORCH_RNN_MNIST_ENGINE', 'true,true,true,true'])
})

describe('TORCH_RNN_MNIST_CPU', () => {
  const script = `
    const model = new ImageRNN(options)
    const { data } = await model.forward({ data: images.subarray(0, 60), shape: [3, 4, 5] })
    console.log(JSON.stringify([model.engine, model.instructionSet, [...data]]))
  `

  test('forces an instruction set', async () => {
    const { data } = await createModel({ hiddenSize: 64, engine: 'torch' }).forward(smallImages(3))
    for (const set of native().instructionSets().supported) {
      const outcome = await runScript(script, { env: { TORCH_RNN_MNIST_CPU: set } })
      expect(outcome).toMatchObject(WELL_ENDED)
      const [engine, instructionSet, logits] = JSON.parse(outcome.stdout)
      expect([engine, instructionSet]).toEqual(['fused', set])
      expectClose(logits, [...data], TOLERANCE)
    }
  })

  test('is refused with a name that there is not, except where torch computes', async () => {
    const report = `try { ${script} } catch ({ code, message }) { console.log(code, message) }`
    const env = { TORCH_RNN_MNIST_CPU: 'avx1024' }
    const { stdout } = await runScript(report, { env })
    expect(stdout).toMatch(/^ERR_INVALID_ARGUMENT Expected one of .*portable.* TORCH_RNN_MNIST_CPU .*"avx1024"/)
    const { stdout: withTorch } = await runScript(script.replace('options)', "{ ...options, engine: 'torch' })"), { env })
    expect(JSON.parse(withTorch)[0]).toBe('torch')
  })
})
