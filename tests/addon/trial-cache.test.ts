/** What is remembered of the trials of a libtorch, and for how long. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { ADDON_FILES } from '../../lib/addon/find-addon'
import { LIBRARY_NAMES } from '../../lib/addon/platform'
import { TrialCache } from '../../lib/addon/trial-cache'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const CUDA_PROBLEM = { cudaProblem: 'a crash' }
const HOUR_MS = 3_600_000

const LIBRARIES = [...LIBRARY_NAMES.dependencies, LIBRARY_NAMES.cpu, ...LIBRARY_NAMES.cuda].map((name) => ['lib', name])
const FILES = [...LIBRARIES, ...Object.values(ADDON_FILES).map((name) => ['addon', name])] as [string, string][]

beforeEach(() => {
  for (const folder of ['tmp', 'lib', 'addon']) mkdirSync(path(folder))
  for (const names of FILES) writeFileSync(path(...names), 'a library')
  jest.spyOn(os, 'tmpdir').mockReturnValue(path('tmp'))
})

afterEach(() => {
  jest.restoreAllMocks()
})

function cache(): TrialCache {
  return new TrialCache(path('lib'), path('addon'))
}

/** The file of the only entry. */
function entryFile(): string {
  const [folder] = readdirSync(path('tmp')) as [string]
  const [file] = readdirSync(path('tmp', folder)) as [string]
  return path('tmp', folder, file)
}

/** Changes when the only entry was made. */
function setAge(ms: number): void {
  const entry = JSON.parse(readFileSync(entryFile(), 'utf8')) as object
  writeFileSync(entryFile(), JSON.stringify({ ...entry, time: Date.now() - ms }))
}

test('nothing is known at first', () => {
  expect(cache().read()).toBeUndefined()
})

test.each([[{}], [CUDA_PROBLEM]])('%j is remembered', (result) => {
  cache().write(result)
  expect(cache().read()).toEqual(result)
})

test.each(FILES)('after %s/%s was changed, replaced or removed, nothing is known', (...names) => {
  cache().write({})
  expect(cache().read()).toEqual({})
  const changes = [
    () => appendFileSync(path(...names), '.'),
    () => utimesSync(path(...names), 1, 1),
    () => renameSync(path(...names), path('away')),
  ]
  for (const change of changes) {
    change()
    expect(cache().read()).toBeUndefined()
    cache().write({})
  }
  writeFileSync(path(...names), 'a library') // Another file of the same size.
  expect(cache().read()).toBeUndefined()
})

test.each(['TORCH_RNN_MNIST_CUDA', 'CUDA_VISIBLE_DEVICES'])('with another %s nothing is known', (name) => {
  const old = process.env[name]
  cache().write({})
  try {
    process.env[name] = 'another'
    expect(cache().read()).toBeUndefined()
  } finally {
    if (old === undefined) delete process.env[name]
    else process.env[name] = old
  }
  expect(cache().read()).toEqual({})
})

test.each([
  ['is remembered for less than an hour', HOUR_MS - 60_000, CUDA_PROBLEM],
  ['is forgotten after an hour', HOUR_MS, undefined],
  ['is forgotten when the clock was set back by more', -HOUR_MS - 60_000, undefined],
])('a failure of CUDA %s', (_, age, expected) => {
  cache().write(CUDA_PROBLEM)
  setAge(age)
  expect(cache().read()).toEqual(expected)
})

test('a success is remembered for longer', () => {
  cache().write({})
  setAge(100 * HOUR_MS)
  expect(cache().read()).toEqual({})
})

test.each(['', '{"result":{', 'null', '[]', '{}', '{"result":null,"time":1}'])('an entry with the content %j is ignored', (content) => {
  cache().write({})
  writeFileSync(entryFile(), content)
  expect(cache().read()).toBeUndefined()
})
