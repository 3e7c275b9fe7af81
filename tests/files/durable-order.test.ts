/** A file is on the disk before its name is, and names before the promise settles, those of folders too. No test of the result alone can show this. */
import type * as fs from 'node:fs'
import type * as promises from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileDurably } from '../../lib/files/durable-file'
import { makeFolder } from '../../lib/files/folders'
import { testOnPosix } from '../support/needs'
import { useTemporaryFolder } from '../support/temporary-folder'

/** What was done to files, in order. */
const mockSteps: string[] = []
/** The paths of open files. */
const mockPaths = new Map<number, string>()

jest.mock('node:fs/promises', () => {
  const actual = jest.requireActual<typeof promises>('node:fs/promises')
  const open: typeof actual.open = async (path, ...rest) => {
    const handle = await actual.open(path, ...rest)
    const writeFile = handle.writeFile.bind(handle)
    const close = handle.close.bind(handle)
    mockPaths.set(handle.fd, String(path))
    return Object.assign(handle, {
      writeFile: async (...content: Parameters<typeof writeFile>) => {
        await writeFile(...content)
        mockSteps.push(`write ${path}`)
      },
      close: async () => {
        mockSteps.push(`close ${path}`)
        await close()
      },
    })
  }
  const rename: typeof actual.rename = async (from, to) => {
    await actual.rename(from, to)
    mockSteps.push(`rename ${from} ${to}`)
  }
  return { ...actual, open, rename }
})

jest.mock('node:fs', () => {
  const actual = jest.requireActual<typeof fs>('node:fs')
  const fsync = (descriptor: number, done: (error?: Error | null) => void) => {
    actual.fsync(descriptor, (error) => {
      mockSteps.push(`sync ${mockPaths.get(descriptor)}`)
      done(error)
    })
  }
  return { ...actual, fsync }
})

const path = useTemporaryFolder()

afterEach(() => {
  mockSteps.length = 0
})

test('write, sync the file, rename it, sync the folder', async () => {
  await writeFileDurably(path('file'), Buffer.from('content'))
  const temporary = mockSteps[0]?.replace('write ', '')
  expect(temporary).toMatch(/\.torch-rnn-mnist-\d+-[0-9a-f]{8}-[0-9a-f]{16}\.tmp$/)
  const folder = dirname(path('file'))
  expect(mockSteps).toEqual([
    `write ${temporary}`,
    `sync ${temporary}`,
    `close ${temporary}`,
    `rename ${temporary} ${path('file')}`,
    `sync ${folder}`,
    `close ${folder}`,
  ])
})

testOnPosix('folders that can be flushed')('each new folder: sync the one that it is in', async () => {
  await makeFolder(path('runs', 'first'))
  const steps = [path(), path('runs')].flatMap((folder) => [`sync ${folder}`, `close ${folder}`])
  expect(mockSteps).toEqual(steps)
  await makeFolder(path('runs', 'first'))
  expect(mockSteps).toEqual(steps)
})
