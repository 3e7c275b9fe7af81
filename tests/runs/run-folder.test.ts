/** The folder of a run: taken by one run alone, and what is written into it. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { join } from 'node:path'
import { toFileSystemError } from '../../lib/files/regular-file'
import { RunFolder } from '../../lib/runs/run-folder'
import type { EpochEvent } from '../../lib/training/events'
import { expectError } from '../support/expect-error'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const EPOCH: EpochEvent = {
  ...{ type: 'epoch', epoch: 1, epochs: 2, step: 10, learningRate: 0.001, trainLoss: 2.25, trainAccuracy: 0.5 },
  ...{ seconds: 3, samplesPerSecond: 100 },
}

const text = (...names: string[]) => readFileSync(path(...names), 'utf8')

describe('runs that choose one folder at once', () => {
  test.each<[string, string[], boolean]>([
    ['which is new', ['run'], false],
    ['in folders that are new', ['some', 'where', 'run'], false],
    ['which is there', ['run'], true],
  ])('%s: one gets it, the others are refused', async (_, names, isThere) => {
    if (isThere) mkdirSync(path(...names))
    const folder = path(...names)
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, (__, run) => RunFolder.create({ run }, folder)))
    const winners = Array.from(outcomes.entries()).filter(([, { status }]) => status === 'fulfilled')
    expect(winners).toHaveLength(1)
    expect(JSON.parse(text(...names, 'config.json'))).toEqual({ run: winners[0]?.[0] })
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') await expectError(() => Promise.reject(outcome.reason), 'ERR_BUSY', 'is in use by another run')
      else await outcome.value.close()
    }
    expect(readdirSync(folder)).toEqual(['config.json'])
    await expectError(() => RunFolder.create({}, folder), 'ERR_FILE_SYSTEM', 'holds a run already')
  })
})

test('a folder on a disk that is not there is refused', async () => {
  const missing = () => Promise.reject(Object.assign(new Error('no disk'), { code: 'ENOENT', syscall: 'mkdir' }))
  const spies = (['mkdir', 'stat'] as const).map((name) => jest.spyOn(promises, name).mockImplementation(missing))
  try {
    await expectError(() => RunFolder.create({}, path('run')), 'ERR_FILE_SYSTEM', 'Cannot write', 'ENOENT')
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
})

test.each(['metrics.csv', 'metrics.jsonl', 'timing.jsonl', 'model.safetensors', 'events.out.tfevents.1795684303.host.1.0'])(
  'a folder with %s of another run is refused',
  async (name) => {
    mkdirSync(path('run'))
    writeFileSync(path('run', name), 'precious')
    await expectError(() => RunFolder.create({}, path('run')), 'ERR_FILE_SYSTEM', `${path('run')} holds a run already`)
    expect(readdirSync(path('run'))).toEqual([name])
    expect(text('run', name)).toBe('precious')
  },
)

describe('a configuration that cannot be written', () => {
  const config = {}
  Object.assign(config, { config }) // JSON cannot express a circle.

  test('leaves no folder, and the error is not taken for one of the file system', async () => {
    await expect(RunFolder.create(config, path('run'))).rejects.toBeInstanceOf(TypeError)
    expect(existsSync(path('run'))).toBe(false)
  })

  test('leaves a folder that was there as it was', async () => {
    mkdirSync(path('run'))
    await expect(RunFolder.create(config, path('run'))).rejects.toBeInstanceOf(TypeError)
    expect(readdirSync(path('run'))).toEqual([])
  })
})

test('only errors of the operating system become errors of the file system', async () => {
  const system = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' })
  await expectError(() => Promise.reject(toFileSystemError('write', 'file', system)), 'ERR_FILE_SYSTEM', 'Cannot write file', 'ENOSPC')
  const mistakes = [new TypeError('no function'), Object.assign(new TypeError('no path'), { code: 'ERR_INVALID_ARG_VALUE' })]
  for (const mistake of mistakes) expect(toFileSystemError('write', 'file', mistake)).toBe(mistake)
})

describe('the metrics of an epoch', () => {
  test('are those of the training', async () => {
    await (await RunFolder.create({}, path('run'))).addEpoch(EPOCH)
    expect(text('run', 'metrics.csv')).toBe('epoch,step,learningRate,trainLoss,trainAccuracy\n1,10,0.001,2.25,0.5\n')
    expect(text('run', 'metrics.jsonl')).toBe(
      '{"type":"epoch","epoch":1,"step":10,"learningRate":0.001,"trainLoss":2.25,"trainAccuracy":0.5}\n',
    )
    expect(text('run', 'timing.jsonl')).toBe('{"type":"epoch","epoch":1,"seconds":3,"samplesPerSecond":100}\n')
  })

  test('include those of the validation, where there was one', async () => {
    const run = await RunFolder.create({}, path('run'))
    await run.addEpoch({ ...EPOCH, validationLoss: 2, validationAccuracy: 0.75 })
    await run.addEpoch({ ...EPOCH, epoch: 2, step: 20, validationLoss: Number.NaN, validationAccuracy: 0.125 })
    expect(text('run', 'metrics.csv').split('\n')).toEqual([
      'epoch,step,learningRate,trainLoss,trainAccuracy,validationLoss,validationAccuracy',
      '1,10,0.001,2.25,0.5,2,0.75',
      '2,20,0.001,2.25,0.5,NaN,0.125',
      '',
    ])
    const [first, second] = text('run', 'metrics.jsonl').split('\n')
    const training = '"learningRate":0.001,"trainLoss":2.25,"trainAccuracy":0.5'
    expect(first).toBe(`{"type":"epoch","epoch":1,"step":10,${training},"validationLoss":2,"validationAccuracy":0.75}`)
    const validation = '"validationLoss":null,"validationAccuracy":0.125,"nonFinite":["validationLoss"]'
    expect(second).toBe(`{"type":"epoch","epoch":2,"step":20,${training},${validation}}`)
  })

  test('fail with the name of the file that cannot be written', async () => {
    const run = await RunFolder.create({}, path('run'))
    mkdirSync(path('run', 'metrics.csv'))
    await expectError(() => run.addEpoch(EPOCH), 'ERR_FILE_SYSTEM', `Cannot write ${join(path('run'), 'metrics.csv')}: it is a folder`)
  })
})
