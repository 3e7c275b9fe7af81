/** The folder of checkpoints: which ones stay, which one is the latest, and what a full disk or an unwritable folder costs: nothing. */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { join } from 'node:path'
import { readCheckpoint, type StoredCheckpoint } from '../../lib/checkpoints/checkpoint-file'
import { CheckpointFolder, findBestCheckpoint, findCheckpoint } from '../../lib/checkpoints/checkpoint-folder'
import { LOCK_FILE } from '../../lib/checkpoints/run-lock'
import { expectError } from '../support/expect-error'
import { onSmallDisk, PAGE, testOnSmallDisk } from '../support/full-disk'
import { testOnPosix } from '../support/needs'
import { REPOSITORY, runCommand } from '../support/run-program'
import { sampleCheckpoint } from '../support/sample-checkpoints'
import { asOrdinaryUser, useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const { origin } = sampleCheckpoint({ epochs: 0 })

const open = (keep = 2, resumed?: { checkpoint: StoredCheckpoint; file: string }) =>
  CheckpointFolder.open({ folder: path('kept'), every: { epochs: 1 }, keep }, origin, resumed)

/** The checkpoints that are there, without their ending. */
const names = () => readdirSync(path('kept')).flatMap((name) => (name === LOCK_FILE ? [] : [name.replace('.safetensors', '')]))

const LOSSES = [0.5, 0.25, 0.75, 0.5, 0.125]
const at = (epochs: number, batches = 0) => sampleCheckpoint({ epochs, batches, validationLosses: LOSSES })
/** The epochs of {@link LOSSES} that were the best so far. */
const isBest = (epoch: number) => [1, 2, 5].includes(epoch)

test('the newest ones stay, and the best', async () => {
  const keeper = await open()
  const seen: string[][] = []
  for (const epoch of [1, 2, 3, 4, 5]) {
    expect(await keeper.keep(at(epoch), isBest(epoch))).toBe(path('kept', `epoch-0000${epoch}.safetensors`))
    seen.push(names().sort())
  }
  expect(seen).toEqual([
    ['best', 'epoch-00001'],
    ['best', 'epoch-00001', 'epoch-00002'],
    ['best', 'epoch-00002', 'epoch-00003'],
    ['best', 'epoch-00003', 'epoch-00004'],
    ['best', 'epoch-00004', 'epoch-00005'],
  ])
  expect((await readCheckpoint(path('kept', 'best.safetensors'))).position).toEqual(at(5).position)
  expect((await keeper.readBest()).values).toEqual(at(5).state.values)
  await keeper.close()
  expect(names()).not.toContain(LOCK_FILE)
})

test('the best one stays as it was kept, whatever comes after it', async () => {
  const keeper = await open(1)
  for (const epoch of [1, 2, 3, 4]) await keeper.keep(at(epoch), isBest(epoch))
  expect(names().sort()).toEqual(['best', 'epoch-00004'])
  expect((await keeper.readBest()).values).toEqual(at(2).state.values)
})

test('the latest one is the one with the most epochs, then batches, whatever its name sorts like', async () => {
  const folder = path('run', 'checkpoints')
  mkdirSync(folder, { recursive: true })
  const all = ['epoch-00009', 'epoch-00010', 'epoch-00010-batch-00099', 'epoch-00010-batch-100000', 'epoch-1', 'epoch-000011', 'best']
  for (const name of all) writeFileSync(join(folder, `${name}.safetensors`), '')
  for (const asked of [folder, path('run')]) expect(await findCheckpoint(asked)).toBe(join(folder, 'epoch-00010-batch-100000.safetensors'))
  expect(await findCheckpoint(join(folder, 'anything'))).toBe(join(folder, 'anything'))
  expect(await findBestCheckpoint(folder)).toBe(join(folder, 'best.safetensors'))
})

test('an old one that cannot be removed is a warning, once, and not an error', async () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
  const refuse = () => Promise.reject(Object.assign(new Error('no'), { code: 'EPERM', syscall: 'unlink' }))
  const keeper = await open(1)
  await keeper.keep(at(1), true)
  const { rm } = promises
  const spy = jest
    .spyOn(promises, 'rm')
    .mockImplementation((file, ...rest) => (String(file).includes('epoch') ? refuse() : rm(file, ...rest)))
  try {
    for (const epoch of [2, 3]) await keeper.keep(at(epoch), isBest(epoch))
    expect(warn.mock.calls).toEqual(
      [1, 2].map((epoch) => [
        expect.stringContaining(`The old checkpoint ${path('kept', `epoch-0000${epoch}.safetensors`)} could not be removed (EPERM)`),
        { code: 'TORCH_RNN_MNIST_CHECKPOINT_STAYS' },
      ]),
    )
  } finally {
    spy.mockRestore()
    warn.mockRestore()
  }
  await keeper.keep(at(4), false)
  expect(names().sort()).toEqual(['best', 'epoch-00004'])
})

describe('a training that goes on', () => {
  /** Keeps the first epochs, as a process did that was then killed. */
  async function keepFirst(epochs: number, keep: number): Promise<void> {
    const keeper = await open(keep)
    for (let epoch = 1; epoch <= epochs; epoch += 1) await keeper.keep(at(epoch), isBest(epoch))
    await keeper.close()
  }
  const file = (epoch: number) => path('kept', `epoch-0000${epoch}.safetensors`)

  test('finds the best epoch that was kept before', async () => {
    await keepFirst(4, 1)
    const keeper = await open(1, { checkpoint: at(4), file: file(4) })
    expect((await keeper.readBest()).values).toEqual(at(2).state.values)
  })

  test('is itself the best one, where the process was killed before it could say so', async () => {
    await keepFirst(1, 2)
    await (await open(2, { checkpoint: at(1), file: file(1) })).close()
    const before = readFileSync(path('kept', 'best.safetensors'))
    cpSync(file(1), file(2))
    const keeper = await open(2, { checkpoint: at(2), file: file(2) })
    expect((await keeper.readBest()).values).toEqual(at(2).state.values)
    expect(readFileSync(path('kept', 'best.safetensors'))).not.toEqual(before)
  })

  test('from an earlier place finds the best epoch until there, as long as it is kept', async () => {
    await keepFirst(5, 9)
    const keeper = await open(9, { checkpoint: at(3), file: file(3) })
    expect((await keeper.readBest()).values).toEqual(at(2).state.values)
    await keeper.keep(at(3, 4), false)
    expect(names().sort()).toEqual(['best', 'epoch-00001', 'epoch-00002', 'epoch-00003', 'epoch-00003-batch-00004'])
  })

  const best = () => readFileSync(path('kept', 'best.safetensors'))

  test('from an earlier place loses nothing before its first new checkpoint is safe', async () => {
    await keepFirst(5, 9)
    const before = best()
    const keeper = await open(9, { checkpoint: at(2), file: file(2) })
    expect((await keeper.readBest()).values).toEqual(at(2).state.values)
    await keeper.close()
    expect(best()).toEqual(before)
    expect(names().sort()).toEqual(['best', 'epoch-00001', 'epoch-00002', 'epoch-00003', 'epoch-00004', 'epoch-00005'])
    const again = await open(9, { checkpoint: at(2), file: file(2) })
    await again.keep(at(2, 4), false)
    expect((await readCheckpoint(path('kept', 'best.safetensors'))).position).toEqual(at(2).position)
    expect((await again.readBest()).values).toEqual(at(2).state.values)
  })

  test('leaves no best epoch of a time from which it went back', async () => {
    await keepFirst(5, 2)
    const keeper = await open(2, { checkpoint: at(4), file: file(4) }) // The second epoch was its best one, and is not kept any more.
    expect(names()).toContain('best')
    await keeper.keep(at(4, 3), false)
    expect(names().sort()).toEqual(['epoch-00004', 'epoch-00004-batch-00003'])
  })

  test('without validation the best one is the latest epoch, also after going back', async () => {
    const plain = (epochs: number, batches = 0) => sampleCheckpoint({ epochs, batches })
    const keeper = await open(9)
    for (const epoch of [1, 2, 3]) await keeper.keep(plain(epoch), true)
    await keeper.keep(plain(1, 5), false)
    await keeper.close()
    writeFileSync(path('kept', 'best.safetensors'), readFileSync(await keepElsewhere(plain(3))))
    const resumed = await open(9, { checkpoint: plain(1, 5), file: path('kept', 'epoch-00001-batch-00005.safetensors') })
    expect((await resumed.readBest()).values).toEqual(plain(1).state.values)
  })

  async function keepElsewhere(checkpoint: StoredCheckpoint): Promise<string> {
    const keeper = await CheckpointFolder.open({ folder: path('elsewhere'), every: { epochs: 1 }, keep: 1 }, origin)
    return await keeper.keep(checkpoint, false)
  }

  test('does not mind a damaged best one, unless it may need it', async () => {
    await keepFirst(3, 1)
    writeFileSync(path('kept', 'best.safetensors'), 'damaged')
    await (await open(1, { checkpoint: at(3), file: file(3) })).close()
    const checkpoint = sampleCheckpoint({ epochs: 3, validationLosses: LOSSES, hyperparameters: { earlyStoppingPatience: 2 } })
    const attempt = () => open(1, { checkpoint, file: file(3) })
    await expectError(attempt, 'ERR_FILE_SYSTEM', 'early stopping may go back to epoch 2, but its checkpoint is not kept any more')
    expect(names().sort()).toEqual(['best', 'epoch-00003'])
  })

  test('does not go on among the checkpoints of another one', async () => {
    await keepFirst(1, 2)
    mkdirSync(path('other'))
    renameSync(file(1), path('other', 'epoch-00001.safetensors'))
    const attempt = () => open(1, { checkpoint: at(1), file: path('other', 'epoch-00001.safetensors') })
    await expectError(attempt, 'ERR_FILE_SYSTEM', 'holds checkpoints of a training already (best.safetensors)')
  })
})

describe('what is safe stays so', () => {
  /** Keeps two epochs, changes something, and tries to keep a third one. */
  async function keepThird(change: () => void, undo: () => void, ...message: string[]): Promise<void> {
    const keeper = await open(1)
    await keeper.keep(at(1), true)
    await keeper.keep(at(2), true)
    change()
    await expectError(() => keeper.keep(at(3), false), 'ERR_FILE_SYSTEM', ...message)
    undo()
  }

  testOnPosix('permissions')('in a folder that may not be written any more', async () => {
    chmodSync(path(), 0o777)
    const [readOnly, writable] = [0o555, 0o755].map((mode) => () => chmodSync(path('kept'), mode)) as [() => void, () => void]
    await asOrdinaryUser(() => keepThird(readOnly, writable, 'permission denied'))
    expect(names().sort()).toEqual(['best', 'epoch-00002'])
    expect((await readCheckpoint(path('kept', 'epoch-00002.safetensors'))).position).toEqual(at(2).position)
  })

  test('in a folder that is moved away', async () => {
    await keepThird(
      () => renameSync(path('kept'), path('moved')),
      () => renameSync(path('moved'), path('kept')),
      'its folder does not exist',
    )
    expect(names().sort()).toEqual(['best', 'epoch-00002'])
  })

  testOnSmallDisk('on a disk that becomes full: nothing is removed or torn before the new one is whole', async () => {
    mkdirSync(path('disk'))
    const dist = (...file: string[]) => JSON.stringify(join(REPOSITORY, 'dist', ...file))
    writeFileSync(
      path('checkpoints.json'),
      JSON.stringify(
        [1, 2, 3].map((epoch) => at(epoch)),
        writeArrays,
      ),
    )
    const script = `
      const { CheckpointFolder } = require(${dist('checkpoints', 'checkpoint-folder.js')})
      const read = (key, value) => (Array.isArray(value?.floats) ? Float32Array.from(value.floats) : value)
      const [first, second, third] = JSON.parse(require('node:fs').readFileSync('checkpoints.json', 'utf8'), read)
      ;(async () => {
        const keeper = await CheckpointFolder.open({ folder: 'disk', every: { epochs: 1 }, keep: 1 }, first.origin)
        await keeper.keep(first, true)
        await keeper.keep(second, false)
        await keeper.keep(third, false)
      })()`
    writeFileSync(path('script.cjs'), script)
    const size = readFileSync(await firstKept()).length
    // The lock, the best one, the one before, and room for a new one: just enough.
    const pages = 1 + 3 * Math.ceil(size / PAGE)
    const [command, ...args] = onSmallDisk(path('disk'), pages, [process.execPath, 'script.cjs'])
    expect(await runCommand(command, args, { cwd: path() })).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
    expect(readdirSync(path('disk.left')).sort()).toEqual(['best.safetensors', 'epoch-00003.safetensors'])
    const smaller = onSmallDisk(path('disk'), pages - 1, [process.execPath, 'script.cjs'])
    rmSync(path('disk.left'), { recursive: true })
    const outcome = await runCommand(smaller[0], smaller.slice(1), { cwd: path() })
    expect(outcome.stderr).toMatch(/the disk is full \(ENOSPC\)/)
    expect(readdirSync(path('disk.left')).sort()).toEqual(['best.safetensors', 'epoch-00001.safetensors'])
    for (const name of readdirSync(path('disk.left'))) await readCheckpoint(path('disk.left', name))
  })

  async function firstKept(): Promise<string> {
    const keeper = await open()
    return await keeper.keep(at(1), false)
  }
})

/** Typed arrays as JSON. */
function writeArrays(_: string, value: unknown): unknown {
  return value instanceof Float32Array ? { floats: Array.from(value) } : value
}
