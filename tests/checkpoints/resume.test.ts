/** Trainings that keep checkpoints in a folder and go on from there, through the public interface. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import type { BatchEvent, EpochEvent, History, ImageDataset, ImageRNN, ModelOptions, TrainOptions } from '../../lib'
import { readCheckpoint } from '../../lib/checkpoints/checkpoint-file'
import { LOCK_FILE } from '../../lib/checkpoints/run-lock'
import { expectError } from '../support/expect-error'
import { smallDataset, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

/** Seven batches an epoch, the last one smaller. */
const DATA = smallDataset(50)
const PLAIN: TrainOptions = { epochs: 3, batchSize: 8, logInterval: 1, learningRate: 0.01 }

/** Every kind of training that a pause could disturb. */
const KINDS: [string, TrainOptions][] = [
  ['plain', PLAIN],
  ['without shuffling', { ...PLAIN, shuffle: false }],
  ['with a schedule and validation', { ...PLAIN, schedule: 'one-cycle', validationSplit: 10 }],
  ['with an average of the parameters', { ...PLAIN, emaDecay: 0.9, optimizer: 'adamw', clipGradNorm: 0.5, labelSmoothing: 0.1 }],
  ['with muon', { ...PLAIN, optimizer: 'muon', momentum: 0.9 }],
  ['with accumulation', { ...PLAIN, accumulationSteps: 2 }],
  ['with plateau', { ...PLAIN, schedule: 'plateau', plateauPatience: 0, gamma: 0.5, learningRate: 0.05, validationData: smallDataset(7) }],
]

/** What a training came to, without its times. */
async function outcomeOf(model: ImageRNN, { epochs, ...history }: History) {
  const timeless = epochs.map((event) => ({ ...event, seconds: 0, samplesPerSecond: 0 }))
  return { ...history, epochs: timeless, state: Object.fromEntries(await model.stateDict()) }
}

async function train(options: TrainOptions, model = createModel()) {
  return await outcomeOf(model, await model.train(DATA, options))
}

/** Optimizer and parameters of the latest checkpoint of a folder. */
async function lastState(folder: string) {
  const names = readdirSync(folder).filter((name) => name.startsWith('epoch'))
  return (await readCheckpoint(`${folder}/${names.at(-1)}`)).state
}

/** Checkpoints of a folder, without what is there besides. */
const checkpointsIn = (folder: string) => readdirSync(path(folder)).sort()

const EVERYWHERE = (['fused', 'torch'] as const).flatMap((engine) => KINDS.map(([name, options]) => [name, engine, options] as const))

describe.each(EVERYWHERE)('a training %s, with the engine %s,', (_, engine, options) => {
  const newModel = () => createModel({ engine })

  test('goes on from each of its checkpoints to the same end, in another process as it were', async () => {
    const whole = await train({ ...options, checkpoints: { folder: path('whole'), every: '3b', keep: 100 } }, newModel())
    const names = checkpointsIn('whole').filter((name) => name.startsWith('epoch'))
    expect(names.length).toBeGreaterThanOrEqual(6)
    for (const name of names) {
      mkdirSync(path(name))
      copyFileSync(path('whole', name), path(name, name))
      copyFileSync(path('whole', 'best.safetensors'), path(name, 'best.safetensors'))
      const { validationData } = options
      const model = newModel()
      await model.train(DATA, { epochs: 1 }) // Whatever it learned before is replaced.
      expect(await train({ resume: path(name), ...(validationData && { validationData }) }, model)).toEqual(whole)
      expect(await lastState(path(name))).toEqual(await lastState(path('whole')))
    }
  })

  test('that was aborted within an epoch goes on from the exact batch to the same end', async () => {
    const whole = await train(options, newModel())
    const controller = new AbortController()
    const onBatch = ({ epoch, batch }: BatchEvent) => {
      if (epoch === 2 && batch === 4) controller.abort()
    }
    const first = newModel().train(DATA, { ...options, signal: controller.signal, onBatch, checkpoints: { folder: path('run') } })
    await expect(first).rejects.toMatchObject({ name: 'AbortError' })
    expect(checkpointsIn('run').some((name) => /^epoch-00001-batch-0000[4-6]\.safetensors$/.test(name))).toBe(true)
    const events: string[] = []
    const onCheckpoint = ({ epoch, batch }: { epoch: number; batch?: number }) => void events.push(`${epoch}.${batch ?? 0}`)
    expect(await train({ ...options, resume: path('run'), onCheckpoint }, newModel())).toEqual(whole)
    expect(events).toEqual(['2.0', '3.0'])
  })
})

describe('checkpoints', () => {
  test('by default come after every epoch, and two stay, besides the best', async () => {
    const files: string[] = []
    const onCheckpoint = ({ file }: { file: string }) => void files.push(file)
    await train({ ...PLAIN, epochs: 4, checkpoints: { folder: path('some', 'where') }, onCheckpoint })
    expect(files).toEqual([1, 2, 3, 4].map((epoch) => path('some', 'where', `epoch-0000${epoch}.safetensors`)))
    expect(checkpointsIn('some/where')).toEqual(['best.safetensors', 'epoch-00003.safetensors', 'epoch-00004.safetensors'])
    expect(readFileSync(path('some', 'where', 'best.safetensors'))).toEqual(readFileSync(files.at(-1) as string))
  })

  test('may come after batches; those within an epoch say so in their names', async () => {
    await train({ ...PLAIN, checkpoints: { folder: path('run'), every: '3b', keep: 100 } })
    const within = [
      '00000-batch-00003',
      '00000-batch-00006',
      '00001-batch-00002',
      '00001-batch-00005',
      '00002-batch-00001',
      '00002-batch-00004',
    ]
    expect(checkpointsIn('run')).toEqual(
      ['best', ...within.map((name) => `epoch-${name}`), 'epoch-00003'].map((name) => `${name}.safetensors`),
    )
  })

  test('may have a URL as folder, and are events of the stream', async () => {
    const types: string[] = []
    const options = { ...PLAIN, epochs: 1, checkpoints: { folder: pathToFileURL(path('run')), every: 1, keep: 1 } }
    for await (const { type } of createModel().trainEvents(DATA, { epochs: 1, batchSize: 50, checkpoints: options.checkpoints }))
      types.push(type)
    expect(types).toEqual(['batch', 'epoch', 'checkpoint'])
    const resumed = createModel().trainEvents(DATA, { resume: pathToFileURL(path('run')), epochs: 2 })
    for await (const event of resumed) if (event.type === 'epoch') types.push(`epoch ${event.epoch}`)
    expect(types.at(-1)).toBe('epoch 2')
  })

  test('of a training that is over are gone on from to nothing', async () => {
    const whole = await train({ ...PLAIN, checkpoints: { folder: path('run') } })
    const events: EpochEvent[] = []
    expect(await train({ resume: path('run'), onEpoch: (event) => void events.push(event) })).toEqual(whole)
    expect(events).toEqual([])
  })

  test('of a training that may get longer: it goes on as if that had been asked for at first', async () => {
    await train({ ...PLAIN, epochs: 1, checkpoints: { folder: path('run') } })
    const { epochs, state } = await train({ resume: path('run'), epochs: 3 })
    const whole = await train(PLAIN)
    expect(state).toEqual(whole.state)
    expect(epochs.map(({ trainLoss }) => trainLoss)).toEqual(whole.epochs.map(({ trainLoss }) => trainLoss))
  })

  test('of a later place than the one that a training went back to are removed once a new one is safe', async () => {
    await train({ ...PLAIN, checkpoints: { folder: path('run'), keep: 3 } })
    const names = () => checkpointsIn('run').filter((name) => name.startsWith('epoch'))
    const file = path('run', 'epoch-00001.safetensors')
    const seen: string[][] = []
    await train({ resume: file, checkpoints: { every: '4b' }, onCheckpoint: () => void seen.push(names()) })
    expect(seen[0]).toEqual(['epoch-00001.safetensors', 'epoch-00001-batch-00001.safetensors'].sort())
    expect(names()).toEqual(['epoch-00002-batch-00006.safetensors', 'epoch-00003.safetensors'])
  })

  test('go on in another folder where that is asked for', async () => {
    await train({ ...PLAIN, epochs: 2, checkpoints: { folder: path('run') } })
    const before = checkpointsIn('run')
    await train({ resume: path('run'), epochs: 3, checkpoints: { folder: path('other') } })
    expect(checkpointsIn('run')).toEqual(before)
    expect(checkpointsIn('other')).toEqual(['best.safetensors', 'epoch-00003.safetensors'])
  })

  test('are found through a link to their folder, too', async () => {
    await train({ ...PLAIN, epochs: 1, checkpoints: { folder: path('run') } })
    symlinkSync(path('run'), path('link'), 'junction')
    await train({ resume: path('link', 'epoch-00001.safetensors'), epochs: 2, checkpoints: { folder: path('run') } })
    expect(checkpointsIn('run')).toContain('epoch-00002.safetensors')
  })
})

describe('early stopping with validation', () => {
  /** A rate that soon makes the validation worse, so that the best epoch is not the last. */
  const options: TrainOptions = { ...PLAIN, epochs: 50, learningRate: 0.02, validationSplit: 20, earlyStoppingPatience: 3 }

  test('goes back to the best epoch, also when that was before the pause, and once more when all is over', async () => {
    const whole = await train({ ...options, checkpoints: { folder: path('whole') } })
    const last = whole.epochs.length
    expect(whole).toMatchObject({ ended: 'early-stopping', bestEpoch: last - 3 })
    const stopBeforeEnd = ({ epoch }: EpochEvent) => epoch < last - 1
    await train({ ...options, checkpoints: { folder: path('run'), keep: 1 }, onEpoch: stopBeforeEnd })
    expect(await train({ resume: path('run') })).toEqual(whole)
    expect(await train({ resume: path('run') })).toEqual(whole)
  })

  test('refuses to go on where the best epoch is not kept any more', async () => {
    await train({ ...options, checkpoints: { folder: path('whole'), keep: 1 } })
    mkdirSync(path('alone'))
    const name = checkpointsIn('whole').find((file) => file.startsWith('epoch')) as string
    copyFileSync(path('whole', name), path('alone', name))
    await expectError(
      () => train({ resume: path('alone') }),
      'ERR_FILE_SYSTEM',
      'early stopping may go back to epoch',
      'is not kept any more',
    )
    expect(readdirSync(path('alone'))).toEqual([name])
  })
})

describe('a checkpoint', () => {
  let file = ''
  beforeEach(async () => {
    await train({ ...PLAIN, schedule: 'cosine', clipGradNorm: 1, checkpoints: { folder: path('run') } })
    file = path('run', 'epoch-00002.safetensors')
  })

  test.each<[TrainOptions, string]>([
    [{ learningRate: 0.02 }, 'Expected 0.01 for learningRate, as in the checkpoint'],
    [{ betas: [0.8, 0.999] }, 'Expected [0.9, 0.999] for betas, as in the checkpoint'],
    [{ emaDecay: 0.9 }, 'Expected no value for emaDecay, as in the checkpoint'],
    [{ epochs: 2 }, 'Expected 3 for epochs, as in the checkpoint'],
    [{ epochs: 4 }, 'The schedule cosine depends on it.'],
    [{ shuffle: false }, 'Expected true for shuffle, as in the checkpoint'],
    [{ validationSplit: 5 }, 'Expected no value for validationSplit'],
    [{ optimizerState: 'keep' }, 'Expected resume or optimizerState but received both'],
  ])('is not gone on from with %j', async (options, message) => {
    await expectError(() => train({ ...options, resume: file }), 'ERR_INVALID_OPTION', message)
  })

  test('is gone on from with options that say the same, or change nothing', async () => {
    const { epochs } = await train({ resume: file, learningRate: 0.01, betas: [0.9, 0.999], epochs: 3, logInterval: 5 })
    expect(epochs).toHaveLength(3)
  })

  test.each<[ModelOptions, string]>([
    [{ hiddenSize: 7 }, 'Expected 6 for hiddenSize, as in the checkpoint'],
    [{ nonlinearity: 'relu' }, 'Expected tanh for nonlinearity'],
    [{ seed: 2 }, 'Expected 1 for seed'],
  ])('is not gone on from by a model with %j, which stays as it was', async (changes, message) => {
    const model = createModel(changes)
    const before = await model.stateDict()
    await expectError(
      () => train({ resume: file }, model),
      'ERR_INVALID_OPTION',
      message,
      'The model must have the same architecture and seed',
    )
    expect(await model.stateDict()).toEqual(before)
  })

  test.each<[string, ImageDataset, TrainOptions, string]>([
    ['other training samples', smallDataset(49), {}, 'The training samples are not those'],
    ['samples in another order', smallDataset(50).randomSplit([50], { seed: 3 })[0] as ImageDataset, {}, 'expected 50 with SHA-256'],
    ['validation samples', DATA, { validationData: smallDataset(5) }, 'The validation samples are not those'],
  ])('is not gone on from with %s', async (_, dataset, options, message) => {
    await expectError(() => createModel().train(dataset, { resume: file, ...options }), 'ERR_INVALID_DATA', message)
  })

  test('is gone on from with another number of threads, and a warning', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    await train({ resume: file }, createModel({ threads: 2 }))
    expect(warn.mock.calls).toEqual([
      [
        expect.stringContaining('the number of threads was 1 and is 2. The training goes on, but not bit for bit'),
        { code: 'TORCH_RNN_MNIST_NOT_BIT_EXACT' },
      ],
    ])
    warn.mockClear()
    await train({ resume: file, checkpoints: { folder: path('other') } })
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  test('is gone on from with another engine, and a warning', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    await train({ resume: file }, createModel({ engine: 'torch' }))
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining(': the engine was fused and is torch. The training'), { code: 'TORCH_RNN_MNIST_NOT_BIT_EXACT' }],
    ])
    warn.mockClear()
    await train({ resume: path('run') })
    expect(warn.mock.calls).toEqual([[expect.stringContaining(': the engine was torch and is fused. '), expect.anything()]])
    warn.mockRestore()
  })

  test('that is damaged, missing or none is refused', async () => {
    writeFileSync(path('damaged'), readFileSync(file).subarray(0, 1000))
    await expectError(() => train({ resume: path('damaged') }), 'ERR_INVALID_FILE', 'The file is truncated')
    await expectError(() => train({ resume: path('nowhere') }), 'ERR_FILE_SYSTEM', 'Cannot read', 'it does not exist')
    await expectError(() => train({ resume: path() }), 'ERR_FILE_SYSTEM', 'There is no checkpoint in')
    await createModel().save(path('model.safetensors'))
    await expectError(
      () => train({ resume: path('model.safetensors') }),
      'ERR_INVALID_FILE',
      'expected a checkpoint of a training but found none',
    )
  })
})

describe('the folder of checkpoints', () => {
  test('is used by one training at a time', async () => {
    const onEpoch = async ({ epoch }: EpochEvent) => {
      if (epoch !== 2) return
      expect(checkpointsIn('run')).toContain(LOCK_FILE)
      await expectError(() => train({ ...PLAIN, checkpoints: { folder: path('run') } }), 'ERR_BUSY', 'is in use by another run')
      await expectError(() => train({ resume: path('run') }), 'ERR_BUSY', 'is in use by another run')
    }
    await train({ ...PLAIN, checkpoints: { folder: path('run') }, onEpoch })
    expect(checkpointsIn('run')).not.toContain(LOCK_FILE)
  })

  test('is not shared by two trainings one after the other', async () => {
    await train({ ...PLAIN, epochs: 1, checkpoints: { folder: path('run') } })
    const again = () => train({ ...PLAIN, checkpoints: { folder: path('run') } })
    await expectError(again, 'ERR_FILE_SYSTEM', 'holds checkpoints of a training already (epoch-00001.safetensors)', 'Resume it')
  })

  test('that cannot be made is refused before the training', async () => {
    writeFileSync(path('file'), '')
    const model = createModel()
    const before = await model.stateDict()
    const attempt = () => train({ ...PLAIN, checkpoints: { folder: path('file', 'folder') } }, model)
    await expectError(attempt, 'ERR_FILE_SYSTEM', 'Cannot write', 'a part of the path is not a folder')
    expect(await model.stateDict()).toEqual(before)
  })
})

test.each([
  [{}, 'Expected the path of a folder for checkpoints.folder but received undefined.'],
  [{ folder: 5 }, 'the path of a folder, or a file: URL, for checkpoints.folder but received 5'],
  [{ folder: 'x', every: 0 }, 'for checkpoints.every but received 0 (number)'],
  [{ folder: 'x', every: 1.5 }, 'a number of epochs from 1, or of batches such as "100b", for checkpoints.every'],
  [{ folder: 'x', every: '100 b' }, 'for checkpoints.every but received "100 b"'],
  [{ folder: 'x', keep: 0 }, 'an integer from 1 to 1000000 for keep but received 0'],
  [{ folder: 'x', when: 1 }, 'Unknown option "when" (string) for checkpoints'],
  ['x', 'an object for the options of checkpoints but received "x"'],
])('the options %j of checkpoints are refused', async (checkpoints, message) => {
  await expectError(() => train({ ...PLAIN, checkpoints: checkpoints as never }), 'ERR_INVALID_OPTION', message)
})

test.each([5, '', null])('resume: %j is refused', async (resume) => {
  await expectError(() => train({ ...PLAIN, resume: resume as never }), 'ERR_INVALID_OPTION', 'the path of a checkpoint or of a folder')
})
