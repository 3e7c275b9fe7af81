/** Runs for others: which files, and what happens to files that are there already. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unzipSync } from 'fflate'
import { exportRun } from '../../lib/runs/export-run'
import { EVENT_FILE } from '../../lib/runs/run-files'
import { readRun } from '../../lib/runs/run-record'
import { expectError } from '../support/expect-error'
import { writeSampleRun } from '../support/sample-runs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const FILES = ['README.md', 'config.json', expect.stringMatching(EVENT_FILE), 'metrics.csv', 'metrics.jsonl', 'model.safetensors']

/** A run with everything that is not for others, too. */
async function sampleRun() {
  const folder = await writeSampleRun(path('run'))
  mkdirSync(join(folder, 'checkpoints'))
  for (const name of ['run.lock', '.torch-rnn-mnist-0.tmp', join('checkpoints', 'best.safetensors')]) writeFileSync(join(folder, name), 'x')
  return await readRun(folder)
}

const bytesOf = (...names: string[]) => readFileSync(path(...names))

test('a folder gets what matters to others, byte for byte', async () => {
  const { kind, files } = await exportRun(await sampleRun(), path('out'), false)
  expect(kind).toBe('folder')
  expect(files.map(({ name }) => name)).toEqual(FILES)
  expect(readdirSync(path('out')).sort()).toEqual(FILES)
  for (const { name, bytes } of files) {
    expect(bytesOf('out', name)).toHaveLength(bytes)
    if (name !== 'README.md') expect(bytesOf('out', name).equals(bytesOf('run', name))).toBe(true)
  }
  expect(bytesOf('out', 'README.md').toString()).toContain('library_name: pytorch')
})

test('an archive gets the same files, in a folder; the same run gives the same bytes, wherever it is made', async () => {
  const run = await sampleRun()
  await exportRun(run, path('out'), false)
  const zone = process.env['TZ']
  try {
    for (const [name, place] of [
      ['first.zip', 'Asia/Tokyo'],
      ['second.ZIP', 'America/Los_Angeles'],
    ] as const) {
      process.env['TZ'] = place
      expect(await exportRun(run, path(name), false)).toMatchObject({ kind: 'archive', output: path(name) })
    }
  } finally {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }
  expect(bytesOf('second.ZIP').equals(bytesOf('first.zip'))).toBe(true)
  const contents = Object.entries(unzipSync(bytesOf('first.zip')))
  expect(contents.map(([name]) => name)).toEqual(readdirSync(path('out')).map((name) => `run/${name}`))
  for (const [name, content] of contents) expect(Buffer.from(content).equals(bytesOf('out', name.slice('run/'.length)))).toBe(true)
})

test.each(['out', 'out.zip'])('%s that is there already stays, unless it may be replaced', async (name) => {
  const run = await sampleRun()
  await exportRun(run, path(name), false)
  const file = name === 'out' ? path('out', 'config.json') : path(name)
  const whole = readFileSync(file)
  writeFileSync(file, 'old')
  await expectError(() => exportRun(run, path(name), false), 'ERR_FILE_SYSTEM', 'it is there already', '--force')
  expect(readFileSync(file, 'utf8')).toBe('old')
  await exportRun(run, path(name), true)
  expect(readFileSync(file).equals(whole)).toBe(true)
})

test('a folder is made with those above it', async () => {
  await exportRun(await sampleRun(), path('for', 'others'), false)
  expect(readdirSync(path('for', 'others')).sort()).toEqual(FILES)
})

test('an empty folder is as good as none', async () => {
  mkdirSync(path('out'))
  expect((await exportRun(await sampleRun(), path('out'), false)).files).toHaveLength(FILES.length)
})

test('a run without a model, and its own folder, are refused', async () => {
  const run = await sampleRun()
  await expectError(() => exportRun(run, path('run'), true), 'ERR_FILE_SYSTEM', 'the folder of the run itself')
  rmSync(path('run', 'model.safetensors'))
  const before = await readRun(path('run'))
  await expectError(() => exportRun(before, path('out'), false), 'ERR_FILE_SYSTEM', 'has no model.safetensors yet')
})

test('it ends when it should stop, and leaves nothing behind', async () => {
  const run = await sampleRun()
  const reason = new Error('stopped')
  for (const name of ['out', 'out.zip']) {
    await expect(exportRun(run, path(name), false, AbortSignal.abort(reason))).rejects.toBe(reason)
  }
  expect(readdirSync(path())).toEqual(['run'])
})

test('a folder of a run that is gone is named', async () => {
  const run = await sampleRun()
  rmSync(path('run'), { recursive: true })
  await expectError(() => exportRun(run, path('out'), false), 'ERR_FILE_SYSTEM', 'run', 'it does not exist')
})

test('a folder that cannot be filled is not left behind', async () => {
  const run = await sampleRun()
  rmSync(path('run', 'metrics.csv'))
  mkdirSync(path('run', 'metrics.csv'))
  await expectError(() => exportRun(run, path('out'), false), 'ERR_INVALID_FILE', 'metrics.csv', 'a regular file')
  expect(readdirSync(path()).sort()).toEqual(['run'])
})
