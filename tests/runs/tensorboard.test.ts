/** TensorBoard's event files, read by TensorBoard itself. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeScalars } from '../../lib/formats/tensorboard'
import { EventFile } from '../../lib/runs/event-file'
import { EVENT_FILE } from '../../lib/runs/run-files'
import { RunLogs } from '../../lib/runs/run-logs'
import type { EpochEvent } from '../../lib/training/events'
import { runPython } from '../support/python'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** Values by tag: [step, value], in the order in which TensorBoard has them. */
async function readScalars(folder: string): Promise<Record<string, [number, number | null][]>> {
  const { version, scalars } = JSON.parse(await runPython([join(__dirname, 'read_event_files.py'), folder], { packages: 'tensorboard' }))
  expect(version).toBe(2)
  return scalars
}

const eventFiles = () =>
  readdirSync(path())
    .filter((name) => EVENT_FILE.test(name))
    .sort()

/** An epoch of ten updates, with values that float32 holds exactly. */
function epochEvent(epoch: number, trainLoss = 1 / 2 ** epoch): EpochEvent {
  const step = 10 * epoch
  const measured = { trainLoss, trainAccuracy: 0.5, validationLoss: 2 * trainLoss, validationAccuracy: 0.25 }
  return { type: 'epoch', epoch, epochs: 9, step, learningRate: 2 ** -10, ...measured, seconds: 4, samplesPerSecond: 75 }
}

const EVALUATION = { samples: 4, loss: 0.125, accuracy: 0.75, confusionMatrix: [[4]], perClass: [], seconds: 1 }

test('a run has every value at its step', async () => {
  const logs = RunLogs.begin(path())
  await logs.addEpoch(epochEvent(1))
  await logs.addEpoch(epochEvent(2))
  await logs.addEvaluation('test', EVALUATION)
  expect(eventFiles()).toEqual([expect.stringMatching(/^events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+\.0$/)])
  expect(await readScalars(path())).toEqual({
    'loss/train': [
      [10, 0.5],
      [20, 0.25],
    ],
    'loss/validation': [
      [10, 1],
      [20, 0.5],
    ],
    'accuracy/train': [
      [10, 0.5],
      [20, 0.5],
    ],
    'accuracy/validation': [
      [10, 0.25],
      [20, 0.25],
    ],
    learning_rate: [
      [10, 2 ** -10],
      [20, 2 ** -10],
    ],
    samples_per_second: [
      [10, 75],
      [20, 75],
    ],
    'loss/test': [[20, 0.125]],
    'accuracy/test': [[20, 0.75]],
  })
})

test('a run without validation has no values of it', async () => {
  const { validationLoss, validationAccuracy, ...epoch } = epochEvent(1)
  await RunLogs.begin(path()).addEpoch(epoch)
  expect(Object.keys(await readScalars(path()))).toEqual(['loss/train', 'accuracy/train', 'learning_rate', 'samples_per_second'])
})

describe('a run that goes on after a pause', () => {
  /** Three epochs, of which the third is to be computed again. */
  async function beginRun(): Promise<string> {
    const logs = RunLogs.begin(path())
    for (const epoch of [1, 2, 3]) await logs.addEpoch(epochEvent(epoch))
    return path(eventFiles()[0] as string)
  }

  const LOSSES = [
    [10, 0.5],
    [20, 0.25],
    [30, 8],
    [40, 1 / 16],
  ]

  async function goOn(): Promise<void> {
    const logs = await RunLogs.resume(path(), [epochEvent(1), epochEvent(2)])
    await logs.addEpoch(epochEvent(3, 8))
    await logs.addEpoch(epochEvent(4))
  }

  test('replaces the values from where it goes on', async () => {
    await beginRun()
    await goOn()
    expect(eventFiles()).toHaveLength(2)
    expect((await readScalars(path()))['loss/train']).toEqual(LOSSES)
  })

  // A process that is killed can leave a part of a record: within its length, its event, or its last checksum.
  test.each([3, 40, 'all but one'])('also when the older file ends in %s bytes of a record', async (bytes) => {
    const file = await beginRun()
    const torn = encodeScalars({ wallTime: 1, step: 40 }, { 'loss/train': 99, 'accuracy/train': 99 })
    appendFileSync(file, torn.subarray(0, typeof bytes === 'number' ? bytes : torn.length - 1))
    await goOn()
    expect((await readScalars(path()))['loss/train']).toEqual(LOSSES)
  })

  test('has the other logs as if it had never paused', async () => {
    await beginRun()
    appendFileSync(path('metrics.jsonl'), '{"type":"epo')
    await goOn()
    mkdirSync(path('straight'))
    const logs = RunLogs.begin(path('straight'))
    for (const event of [epochEvent(1), epochEvent(2), epochEvent(3, 8), epochEvent(4)]) await logs.addEpoch(event)
    for (const name of ['metrics.jsonl', 'metrics.csv', 'timing.jsonl']) {
      expect(readFileSync(path(name), 'utf8')).toBe(readFileSync(path('straight', name), 'utf8'))
    }
  })

  test('begins again where no epoch was whole', async () => {
    await beginRun()
    const logs = await RunLogs.resume(path(), [])
    await logs.addEpoch(epochEvent(1, 8))
    expect((await readScalars(path()))['loss/train']).toEqual([[10, 8]])
    expect(readFileSync(path('metrics.csv'), 'utf8').split('\n')).toHaveLength(3) // The headings, the epoch, and the end.
  })
})

test('a file that is begun later comes later by its name, also in the same second and with a clock that was set back', async () => {
  writeFileSync(path('events.out.tfevents.9999999000.host.1.0'), '')
  for (const step of [1, 2, 3]) await EventFile.create(path(), step)
  expect(eventFiles().map((name) => name.split('.')[3])).toEqual(['9999999000', '9999999001', '9999999002', '9999999003'])
})

test('numbers that are not finite, and those too large for float32, arrive as such', async () => {
  const file = await EventFile.create(path())
  await file.addScalars(1, { nan: Number.NaN, infinite: Number.NEGATIVE_INFINITY, large: 1e300 })
  const text = await runPython([join(__dirname, 'read_event_files.py'), path()], { packages: 'tensorboard' })
  expect(text).toContain('{"nan": [[1, NaN]], "infinite": [[1, -Infinity]], "large": [[1, Infinity]]}')
})

test('steps may be larger than 32 bits', async () => {
  const file = await EventFile.create(path())
  await file.addScalars(2 ** 40, { x: 1 })
  expect(await readScalars(path())).toEqual({ x: [[2 ** 40, 1]] })
})

test('a damaged record is seen by its checksums', async () => {
  const file = await EventFile.create(path())
  await file.addScalars(1, { x: 1 })
  await file.addScalars(2, { x: 2 })
  const bytes = readFileSync(file.path)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 5) ^ 1, bytes.length - 5) // The last byte of the last event.
  writeFileSync(file.path, bytes)
  expect(await readScalars(path())).toEqual({ x: [[1, 1]] })
})
