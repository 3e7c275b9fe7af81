/**
 * CUDA: a GPU computes what the CPU computes; on any machine, the error message when there is no GPU.
 *
 * The GPU tests need a libtorch with CUDA (LIBTORCH, LIBTORCH_USE_PYTORCH=1) and are skipped when it finds no device. With
 * TEST_CUDA_LIBTORCH=<a PyTorch with CUDA> its libraries are also tried on a machine without a GPU.
 */
import { type BatchEvent, ImageDataset, ImageRNN, type TrainOptions } from '../../lib'
import { native } from '../../lib/addon/native'
import { runScript, WELL_ENDED } from '../support/child-script'
import { expectClose } from '../support/expect-close'
import { expectError } from '../support/expect-error'
import { describeWhere, testWhere } from '../support/needs'
import { divergingDataset, smallDataset, smallImages, smallOptions, useModels } from '../support/sample-models'

const DEVICES = Array.from({ length: native().cudaDeviceCount() }, (_, index) => `cuda:${index}`)
const describeWithGpu = describeWhere(DEVICES.length > 0, 'a GPU with CUDA')
const describeWithoutGpu = describeWhere(DEVICES.length === 0, 'no GPU with CUDA')
const CUDA_LIBTORCH = process.env['TEST_CUDA_LIBTORCH']
const testWithCudaLibraries = testWhere(CUDA_LIBTORCH !== undefined, 'TEST_CUDA_LIBTORCH, a PyTorch with CUDA')

const createModel = useModels()
const DATA = smallDataset(40)

/** Sums in another order differ by float32 rounding, carried through ten updates. */
const LOGITS = { atol: 1e-5 }
const LOSSES = { rtol: 1e-4 }

async function lossesOf(model: ImageRNN, options: TrainOptions = {}): Promise<number[]> {
  const losses: number[] = []
  const onBatch = ({ batchLoss }: BatchEvent) => void losses.push(batchLoss)
  await model.train(DATA, { epochs: 2, batchSize: 8, logInterval: 1, ...options, onBatch })
  return losses
}

describeWithGpu('a GPU', () => {
  test.each(DEVICES)('%s computes and learns the same as the CPU', async (device) => {
    const [cpu, gpu] = [createModel(), createModel({ device })]
    expect(gpu.device).toBe(device)
    expectClose((await gpu.forward(smallImages(9))).data, (await cpu.forward(smallImages(9))).data, LOGITS)
    expectClose(await lossesOf(gpu), await lossesOf(cpu), LOSSES)
    const [onGpu, onCpu] = [await gpu.evaluate(DATA), await cpu.evaluate(DATA)]
    expectClose([onGpu.loss], [onCpu.loss], LOSSES)
  })

  test.each(DEVICES)('%s inspects, normalises and reads sequences of different length as the CPU does', async (device) => {
    const normalization = { mean: [0.1, 0.2, 0.3, 0.4, 0.5], std: [1, 2, 0.5, 1, 0.25] }
    const lengths = [4, 1, 3, 2, 4, 1, 2, 3]
    const { data, shape } = smallImages(8)
    const labels = lengths.map((length) => length % 3)
    const [cpu, gpu] = [createModel({ normalization }), createModel({ normalization })]
    await gpu.to(device) // With its normalization.
    const sequences = { data, shape, lengths }
    expectClose((await gpu.forward(sequences)).data, (await cpu.forward(sequences)).data, LOGITS)
    const [onGpu, onCpu] = [await gpu.inspect(sequences, { labels }), await cpu.inspect(sequences, { labels })]
    expectClose(onGpu.hiddenStates.data, onCpu.hiddenStates.data, LOGITS)
    expectClose(onGpu.probabilities.data, onCpu.probabilities.data, LOGITS)
    expectClose(onGpu.gradientNorms?.data ?? [], onCpu.gradientNorms?.data ?? [], LOGITS)
    const dataset = new ImageDataset({ images: data, shape, labels, lengths })
    const losses = []
    for (const model of [gpu, cpu])
      losses.push((await model.train(dataset, { epochs: 3, batchSize: 3 })).epochs.map(({ trainLoss }) => trainLoss))
    expectClose(losses[0] ?? [], losses[1] ?? [], LOSSES)
  })

  test.each(DEVICES)('a model moves to %s and back unchanged, and keeps learning', async (device) => {
    const model = createModel()
    const state = await model.stateDict()
    const logits = await model.forward(smallImages(3))
    await model.to(device)
    expect(model.device).toBe(device)
    expect(await model.stateDict()).toEqual(state)
    expectClose((await model.forward(smallImages(3))).data, logits.data, LOGITS)
    await model.train(DATA, { epochs: 1 })
    await model.to('cpu')
    expect(model.device).toBe('cpu')
    await model.train(DATA, { epochs: 1 })
  })

  test.each(DEVICES)('%s computes in float32 unless tf32 is asked for, with both kinds of model in one process', async (device) => {
    const changes = { inputSize: 64, hiddenSize: 256, numLayers: 2 }
    const images = { data: Float32Array.from({ length: 32 * 8 * 64 }, (_, index) => Math.sin(index)), shape: [32, 8, 64] as const }
    const [cpu, exact, fast] = [
      createModel(changes),
      createModel({ ...changes, device }),
      createModel({ ...changes, device, precision: 'tf32' }),
    ]
    const [expected, first, rounded, second] = await Promise.all([cpu, exact, fast, exact].map((model) => model.forward(images)))
    if (expected === undefined || first === undefined || rounded === undefined || second === undefined) throw new Error('no logits')
    expectClose(first.data, expected.data, LOGITS)
    expectClose(rounded.data, expected.data, { atol: 0.05 })
    expect(second).toEqual(first)
  })

  test.each(DEVICES)('%s trains with every option of the optimizer as the CPU does', async (device) => {
    const [cpu, gpu] = [createModel(), createModel({ device })]
    const options: TrainOptions = { optimizer: 'adamw', clipGradNorm: 0.1, labelSmoothing: 0.1, accumulationSteps: 2, emaDecay: 0.9 }
    expectClose(await lossesOf(gpu, options), await lossesOf(cpu, options), LOSSES)
    expectClose((await gpu.forward(smallImages(9))).data, (await cpu.forward(smallImages(9))).data, { atol: 1e-4 }) // The average.
  })

  // A GPU is not waited for after each batch, so more of them follow before this is noticed.
  test.each(DEVICES)('a training that diverges on %s ends with finite parameters', async (device) => {
    const model = createModel({ device, nonlinearity: 'relu' })
    const options = { epochs: 1, batchSize: 1, learningRate: 100, logInterval: 1000 }
    const error = await model.train(divergingDataset(), options).catch((reason) => reason)
    expect(error).toMatchObject({ code: 'ERR_NOT_FINITE', message: expect.stringMatching(/of batch \d+/) })
    for (const { data } of Object.values(await model.stateDict())) expect(data.every(Number.isFinite)).toBe(true)
  })

  test.each(DEVICES)('%s computes in bfloat16 about what the CPU does, where it can', async (device) => {
    const [cpu, gpu] = [createModel({ precision: 'bf16' }), createModel({ device, precision: 'bf16' })]
    const images = smallImages(8)
    const logits = await gpu.forward(images).catch((error) => error)
    if (logits.code === undefined) {
      expectClose(logits.data, (await cpu.forward(images)).data, { atol: 0.02 })
      expectClose((await lossesOf(gpu)).slice(0, 3), (await lossesOf(cpu)).slice(0, 3), { rtol: 0.02 })
    } else {
      expect(logits).toMatchObject({ code: 'ERR_DEVICE_UNAVAILABLE', message: expect.stringContaining('compute capability 8.0') })
    }
  })

  test.each(DEVICES)('%s repeats a training bit for bit', async (device) => {
    const [first, second] = [createModel({ device }), createModel({ device })]
    expect(await lossesOf(first)).toEqual(await lossesOf(second))
    expect(await first.stateDict()).toEqual(await second.stateDict())
  })

  test('is what auto takes', () => {
    expect(createModel({ device: 'auto' }).device).toBe('cuda:0')
  })

  test('too large a network gives one clear error, and the device still works', async () => {
    // Some 250 GB of parameters.
    const model = new ImageRNN({ hiddenSize: 16384, numLayers: 64, device: 'cuda' })
    await expectError(() => model.forward({ data: new Uint8Array(784), shape: [28, 28] }), 'ERR_OUT_OF_MEMORY', 'memory')
    model.dispose()
    await createModel({ device: 'cuda' }).forward(smallImages(1))
  }, 120_000)

  test('a number one too high is refused, with the available devices', async () => {
    const device = `cuda:${DEVICES.length}`
    await expectError(() => new ImageRNN({ device }), 'ERR_DEVICE_UNAVAILABLE', device, `${DEVICES.length} CUDA device`)
  })
})

describeWithoutGpu('without a GPU', () => {
  test('the error says what was requested, what is available, and why', async () => {
    for (const device of ['cuda', 'cuda:0', 'cuda:7']) {
      await expectError(
        () => new ImageRNN(smallOptions({ device })),
        'ERR_DEVICE_UNAVAILABLE',
        `${device} was asked for`,
        'no CUDA',
        'Why:',
      )
    }
  })

  test('a model takes either precision, and computes the same', async () => {
    const [exact, fast] = [createModel(), createModel({ precision: 'tf32' })]
    expect(await fast.forward(smallImages(3))).toEqual(await exact.forward(smallImages(3)))
  })

  test('auto is the CPU', () => {
    expect(createModel({ device: 'auto' }).device).toBe('cpu')
  })

  test('the error says that CUDA was switched off', async () => {
    const body = "try { new ImageRNN({ device: 'cuda' }) } catch ({ code, message }) { console.log(code, message) }"
    const { stdout } = await runScript(body, { env: { TORCH_RNN_MNIST_CUDA: '0' } })
    expect(stdout).toContain('ERR_DEVICE_UNAVAILABLE cuda was asked for')
    expect(stdout).toContain('switched off by TORCH_RNN_MNIST_CUDA=0')
  })

  testWithCudaLibraries('the libraries of a PyTorch with CUDA load, list no device, and train on the CPU', async () => {
    const body = `
      const model = new ImageRNN({ ...options, device: 'auto' })
      const { epochs } = await model.train(dataset(), { epochs: 1 })
      console.log(model.device, epochs.length)
      console.log(require('node:fs').readFileSync('/proc/self/maps', 'utf8').includes('libtorch_cuda.so'))
      try { new ImageRNN({ device: 'cuda' }) } catch ({ code, message }) { console.log(code, message) }
    `
    // 1: opened although no driver asks for it.
    const outcome = await runScript(body, { env: { LIBTORCH: CUDA_LIBTORCH, TORCH_RNN_MNIST_CUDA: '1' } })
    expect(outcome).toMatchObject(WELL_ENDED)
    expect(outcome.stdout).toContain('cpu 1\ntrue\nERR_DEVICE_UNAVAILABLE cuda was asked for')
    expect(outcome.stdout).toContain('finds no GPU that it can use')
  })
})
