/** Runs as they are read back from their folders, which may hold anything. */
import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { findRuns, openRun } from '../../lib/runs/find-runs'
import { readRun } from '../../lib/runs/run-record'
import { summarizeRun } from '../../lib/runs/run-summary'
import { expectError } from '../support/expect-error'
import { testOnPosix } from '../support/needs'
import { runCommand } from '../support/run-program'
import { type SampleRun, writeSampleRun } from '../support/sample-runs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

describe('a run', () => {
  test('has its configuration, epochs and result', async () => {
    const run = await readRun(await writeSampleRun(path('run'), { options: { learningRate: 0.01 } }))
    expect(run).toMatchObject({
      ...{ name: 'run', state: 'done', created: '2026-11-24T21:25:08.000Z', data: undefined, seconds: 22, hasModel: true },
      network: { inputSize: 28, hiddenSize: 4, numLayers: 1, numClasses: 2, nonlinearity: 'tanh' },
      options: { learningRate: 0.01, epochs: 2, betas: [0.9, 0.999], seed: 1 },
      epochs: [
        { epoch: 1, step: 10, learningRate: 0.001, trainLoss: 2, trainAccuracy: 0.5 },
        { epoch: 2, step: 20, trainLoss: 1 },
      ],
      evaluation: { samples: 16, accuracy: 0.75, loss: 0.5, perClass: [{ recall: 7 / 8 }, { recall: 5 / 8 }] },
    })
    expect(run.epochs[0]).not.toHaveProperty('validationLoss')
  })

  test.each<[string, SampleRun, object]>([
    ['that was stopped', { isDone: false, end: { state: 'stopped', code: 'ERR_INTERRUPTED' } }, { state: 'stopped' }],
    ['that failed', { isDone: false, end: { state: 'failed', code: 'ERR_NOT_FINITE' } }, { state: 'failed', failure: 'ERR_NOT_FINITE' }],
    ['that has not trained yet', { isDone: false, epochs: [] }, { state: 'stopped', epochs: [], seconds: 0 }],
  ])('%s says so', async (_, sample, expected) => {
    expect(await readRun(await writeSampleRun(path('run'), sample))).toMatchObject(expected)
  })

  test('whose process was killed says so: its lock is left', async () => {
    const folder = await writeSampleRun(path('run'), { isDone: false, epochs: [{}] })
    writeFileSync(join(folder, 'run.lock'), '')
    utimesSync(join(folder, 'run.lock'), new Date(2001, 1, 1), new Date(2001, 1, 1))
    expect((await readRun(folder)).state).toBe('failed')
  })

  test('has the numbers that were not finite as NaN', async () => {
    const { epochs } = await readRun(await writeSampleRun(path('run'), { epochs: [{ trainLoss: Number.POSITIVE_INFINITY }] }))
    expect(epochs).toMatchObject([{ trainLoss: Number.NaN, trainAccuracy: 0.5 }])
  })

  test('is summed up with its best epoch, which has the lowest validation loss', async () => {
    const epochs = [0.5, 0.25, Number.NaN, 0.25].map((validationLoss, index) => ({ validationLoss, validationAccuracy: index / 10 }))
    const summary = summarizeRun(await readRun(await writeSampleRun(path('run'), { epochs })))
    expect(summary).toMatchObject({
      bestEpoch: 2,
      validationLoss: 0.25,
      validationAccuracy: 0.1,
      testAccuracy: 0.75,
      epochsDone: 4,
      epochs: 2,
    })
  })

  test('leaves out the line that was torn off when its process was killed', async () => {
    const folder = await writeSampleRun(path('run'), { isDone: false })
    for (const name of ['metrics.jsonl', 'timing.jsonl']) appendFileSync(join(folder, name), '{"type":"epoch","epo')
    expect(await readRun(folder)).toMatchObject({ epochs: [{ epoch: 1 }, { epoch: 2 }], seconds: 20 })
  })

  test('of a newer version may hold more', async () => {
    const folder = await writeSampleRun(path('run'), { config: { more: { seed: 'x' } } })
    appendFileSync(join(folder, 'metrics.jsonl'), '{"type":"other","x":1}\n')
    expect((await readRun(folder)).state).toBe('done')
  })
})

describe('a damaged file is named', () => {
  const line = (fields: object) =>
    `${JSON.stringify({ type: 'epoch', epoch: 1, step: 1, learningRate: 1, trainLoss: 1, trainAccuracy: 1, ...fields })}\n`
  const result = (fields: object) => `${JSON.stringify({ type: 'evaluation', samples: 1, loss: 1, confusionMatrix: [[1]], ...fields })}\n`
  const network = { inputSize: 28, hiddenSize: 4, numLayers: 1, numClasses: 2, nonlinearity: 'tanh' }
  const configWith = (fields: object) => JSON.stringify({ options: network, versions: {}, device: 'cpu', engine: 'torch', ...fields })
  const many = Array.from({ length: 257 }, () => Array.from({ length: 257 }, () => 1))

  const damaged: readonly [name: string, content: string, message: string][] = [
    ['config.json', '', 'a JSON object as configuration'],
    ['config.json', '[]', 'a JSON object'],
    ['config.json', '{"options":{}}', 'the option inputSize'],
    ['config.json', '{"options":[]}', 'an object as options'],
    ['config.json', '{"options":{"inputSize":0}}', 'an integer from 1 to 65536 as inputSize'],
    ['config.json', '{"options":{"device":"\\u001b[31m"}}', 'auto, cpu, cuda or cuda:N'],
    ['config.json', configWith({ device: 'cpu\n# heading' }), 'auto, cpu, cuda or cuda:N as device'],
    ['config.json', configWith({ device: 1 }), 'auto, cpu, cuda or cuda:N as device'],
    ['config.json', configWith({ engine: '<script>' }), 'one of auto, torch, fused as engine'],
    ['config.json', `{"x":"${'x'.repeat(8 * 1024 ** 2)}"}`, 'at most 8388608 bytes'],
    ['metrics.jsonl', 'no JSON\n', 'a JSON object as record'],
    ['metrics.jsonl', '\0\0\0\n', 'a JSON object'],
    ['metrics.jsonl', '{"type":"epoch","epoch":1,"epoch":2}\n', 'different names'],
    ['metrics.jsonl', line({ epoch: -1 }), 'an integer of at least 0 as epoch'],
    ['metrics.jsonl', line({ step: 1.5 }), 'an integer of at least 0 as step'],
    ['metrics.jsonl', line({ trainLoss: null }), 'a number as trainLoss'],
    ['metrics.jsonl', line({ trainLoss: '1' }), 'a number as trainLoss'],
    ['metrics.jsonl', line({ validationLoss: 1 }), 'a number as validationAccuracy'],
    ['metrics.jsonl', result({ confusionMatrix: [[1, 2]] }), 'a square confusionMatrix'],
    ['metrics.jsonl', result({ confusionMatrix: [] }), 'a square confusionMatrix'],
    ['metrics.jsonl', result({ confusionMatrix: [[-1]] }), 'a square confusionMatrix'],
    ['metrics.jsonl', result({ confusionMatrix: [[2]] }), 'a confusionMatrix of one or more samples, 1'],
    ['metrics.jsonl', result({ samples: 0, confusionMatrix: [[0]] }), 'a confusionMatrix of one or more samples'],
    ['metrics.jsonl', result({ confusionMatrix: many }), 'a square confusionMatrix'],
    ['timing.jsonl', '{"type":"epoch"}\n', 'a number as seconds'],
    ['timing.jsonl', '{"type":"end","state":"done","code":"X"}\n', 'an end with a state and a code'],
  ]

  test.each(damaged.map(([name, content, message]) => [name, message, content] as const))(
    '%s: expected %s',
    async (name, message, content) => {
      const folder = await writeSampleRun(path('run'))
      writeFileSync(join(folder, name), content)
      await expectError(() => readRun(folder), 'ERR_INVALID_FILE', join(folder, name), message)
    },
  )

  test('metrics.jsonl of a terabyte, of which nothing is read', async () => {
    const folder = await writeSampleRun(path('run'))
    truncateSync(join(folder, 'metrics.jsonl'), 2 ** 40) // A file with a hole takes no room.
    await expectError(() => readRun(folder), 'ERR_INVALID_FILE', 'metrics.jsonl', 'at most')
  })

  testOnPosix('named pipes')('a named pipe in place of metrics.jsonl', async () => {
    const folder = await writeSampleRun(path('run'))
    rmSync(join(folder, 'metrics.jsonl'))
    await runCommand('mkfifo', [join(folder, 'metrics.jsonl')])
    await expectError(() => readRun(folder), 'ERR_INVALID_FILE', 'a regular file')
  })
})

describe('the runs of a folder', () => {
  test('are found from the oldest to the newest; other folders are named, files are nobody’s concern', async () => {
    await writeSampleRun(path('runs', 'b'), { created: '2026-01-02T00:00:00.000Z' })
    await writeSampleRun(path('runs', 'a'), { created: '2026-01-03T00:00:00.000Z' })
    await writeSampleRun(path('runs', 'c'), { created: '2026-01-01T00:00:00.000Z' })
    mkdirSync(path('runs', 'empty'))
    mkdirSync(path('runs', 'bad'))
    writeFileSync(path('runs', 'bad', 'config.json'), '{')
    writeFileSync(path('runs', 'notes.txt'), 'no run')
    symlinkSync('nowhere', path('runs', 'broken'))
    const { runs, problems } = await findRuns(path('runs'))
    expect(runs.map(({ name }) => name)).toEqual(['c', 'b', 'a'])
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining(join('bad', 'config.json')),
      expect.stringMatching(/empty is no run: expected a folder with config\.json\./),
    ])
  })

  test('have a newest one, which no older one replaces when it is damaged', async () => {
    await writeSampleRun(path('runs', 'a'), { created: '2026-01-02T00:00:00.000Z' })
    await writeSampleRun(path('runs', 'b'), { created: '2026-01-01T00:00:00.000Z' })
    writeFileSync(path('runs', 'b', 'metrics.jsonl'), 'damaged\n') // No log of an older run is read.
    mkdirSync(path('runs', 'empty'))
    expect((await openRun(path('runs'))).name).toBe('a')
    writeFileSync(path('runs', 'a', 'metrics.jsonl'), 'damaged\n')
    await expectError(() => openRun(path('runs')), 'ERR_INVALID_FILE', join('a', 'metrics.jsonl'), 'the newest run', 'name it')
    // A configuration that does not tell when the run began counts from when it was written: now.
    writeFileSync(path('runs', 'b', 'config.json'), '{')
    await expectError(() => openRun(path('runs')), 'ERR_INVALID_FILE', join('b', 'config.json'), 'the newest run')
    // One that was written long ago is not the newest.
    utimesSync(path('runs', 'b', 'config.json'), new Date(2001, 1, 1), new Date(2001, 1, 1))
    await expectError(() => openRun(path('runs')), 'ERR_INVALID_FILE', join('a', 'metrics.jsonl'))
  })

  test('that are none are named', async () => {
    mkdirSync(path('runs', 'empty'), { recursive: true })
    await expectError(() => openRun(path('runs')), 'ERR_INVALID_FILE', 'empty is no run')
  })

  test('that is not there are none', async () => {
    expect(await findRuns(path('runs'))).toEqual({ runs: [], problems: [] })
    await expectError(() => openRun(path('runs')), 'ERR_FILE_SYSTEM', 'There are no runs in', 'train: rnn-mnist-train')
  })

  test('can be named by name or path', async () => {
    await writeSampleRun(path('runs', 'a'))
    await writeSampleRun(path('elsewhere'))
    expect((await openRun(path('runs'), 'a')).path).toBe(path('runs', 'a'))
    expect((await openRun(path('runs'), path('elsewhere'))).path).toBe(path('elsewhere'))
    await expectError(() => openRun(path('runs'), 'b'), 'ERR_FILE_SYSTEM', 'There is no run b.', 'has a.')
    // The same folder, written in another way.
    await expectError(() => openRun(`.${sep}${relative('.', path('runs'))}${sep}`, 'b'), 'ERR_FILE_SYSTEM', ' has a.')
    mkdirSync(path('empty'))
    await expectError(() => openRun(path('runs'), path('empty')), 'ERR_INVALID_FILE', 'empty is no run')
  })
})
