import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { checkWritable, tryToWrite, writeFileDurably } from '../../lib/files/durable-file'
import { expectError } from '../support/expect-error'
import { testOnPosix } from '../support/needs'
import { ORDINARY_USER, testAsOrdinaryUser } from '../support/ordinary-user'
import { REPOSITORY, runNode } from '../support/run-program'
import { asOrdinaryUser, openFilesBelow, useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const testOnUnix = testOnPosix('permissions of Unix')

const NEW = Uint8Array.from({ length: 3 * 2 ** 20 }, (_, index) => index % 251)
const write = (name: string) => writeFileDurably(path(name), NEW)
const content = (name: string) => readFileSync(path(name))

/** The methods of the file handles of `node:fs`. */
async function fileHandlePrototype(): Promise<FileHandle> {
  const handle = await open(path(), 'r')
  await handle.close()
  return Object.getPrototypeOf(handle) as FileHandle
}

afterEach(() => {
  jest.restoreAllMocks()
  expect(openFilesBelow(path())).toEqual([])
})

describe('a file is written', () => {
  test('where none exists, and over another one', async () => {
    await write('file')
    expect(NEW.length).toBe(content('file').length)
    expect(Buffer.compare(content('file'), NEW)).toBe(0)
    await writeFileDurably(path('file'), new Uint8Array(0))
    expect(content('file')).toHaveLength(0)
    expect(readdirSync(path())).toEqual(['file'])
  })

  test('from a view of a larger buffer', async () => {
    await writeFileDurably(path('file'), NEW.subarray(5, 9))
    expect(Array.from(content('file'))).toEqual([5, 6, 7, 8])
  })

  test('with the longest possible name', async () => {
    const name = 'x'.repeat(255)
    await write(name)
    expect(readdirSync(path())).toEqual([name])
  })

  testOnUnix('with the permissions of the old one, whatever the umask', async () => {
    writeFileSync(path('file'), 'old')
    chmodSync(path('file'), 0o666)
    const before = process.umask(0o077)
    try {
      await write('file')
      await write('new')
    } finally {
      process.umask(before)
    }
    expect([statSync(path('file')).mode & 0o7777, statSync(path('new')).mode & 0o7777]).toEqual([0o666, 0o600])
  })

  test("without FileHandle.sync, which Yarn's Plug'n'Play lacks", async () => {
    jest.spyOn(await fileHandlePrototype(), 'sync').mockRejectedValue(new Error('Method not implemented.'))
    await write('file')
    expect(Buffer.compare(content('file'), NEW)).toBe(0)
  })
})

describe('a symbolic link stays, and its target is written', () => {
  beforeEach(() => {
    mkdirSync(path('folder'))
    symlinkSync('folder', path('folder-link'))
    symlinkSync('target', path('folder', 'second'))
    symlinkSync('folder-link/second', path('first'))
  })

  testOnUnix.each([
    ['that is there', () => writeFileSync(path('folder', 'target'), 'old')],
    ['that is not there yet', () => undefined],
  ])('%s', async (_, prepare) => {
    prepare()
    await write('first')
    expect(Buffer.compare(content('folder/target'), NEW)).toBe(0)
    expect([readlinkSync(path('first')), readlinkSync(path('folder', 'second'))]).toEqual(['folder-link/second', 'target'])
    expect(readdirSync(path('folder')).sort()).toEqual(['second', 'target'])
  })

  testOnUnix('but not a circle of links', async () => {
    symlinkSync('two', path('one'))
    symlinkSync('one', path('two'))
    await expectError(() => write('one'), 'ERR_FILE_SYSTEM', path('one'), 'ELOOP')
    expect(lstatSync(path('one')).isSymbolicLink()).toBe(true)
  })
})

describe('nothing is written', () => {
  test.each([
    ['into a folder that is missing', 'none/file', 'its folder does not exist (ENOENT). Create the folder first.'],
    ['in place of a folder', '.', 'it is a folder, not a regular file. Choose another name.'],
  ])('%s', async (_, name, part) => {
    for (const attempt of [() => write(name), () => checkWritable(path(name))])
      await expectError(attempt, 'ERR_FILE_SYSTEM', path(name), part)
    expect(readdirSync(path())).toEqual([])
  })

  testOnUnix('in place of a FIFO', async () => {
    execFileSync('mkfifo', [path('fifo')])
    await expectError(() => write('fifo'), 'ERR_FILE_SYSTEM', 'it is a FIFO (named pipe)')
    expect(lstatSync(path('fifo')).isFIFO()).toBe(true)
  })

  testOnUnix('into a folder without permission', async () => {
    mkdirSync(path('folder'), { mode: 0o555 })
    await asOrdinaryUser(async () => {
      for (const attempt of [() => write('folder/file'), () => checkWritable(path('folder', 'file'))]) {
        await expectError(attempt, 'ERR_FILE_SYSTEM', path('folder', 'file'), 'permission denied (EACCES)')
      }
    })
  })

  testAsOrdinaryUser('over a write-protected file, even where its folder would allow it', async () => {
    writeFileSync(path('file'), 'old', { mode: 0o444 })
    const script = `
      const { writeFileDurably } = require(${JSON.stringify(join(REPOSITORY, 'dist', 'files', 'durable-file.js'))})
      writeFileDurably(${JSON.stringify(path('file'))}, Buffer.from('new')).catch(({ message }) => console.log(message))
    `
    const { stdout } = await runNode(['--eval', script], ORDINARY_USER)
    expect(stdout).toContain(`Cannot write ${path('file')}: permission denied (EACCES).`)
    expect(content('file').toString()).toBe('old')
    expect(readdirSync(path())).toEqual(['file'])
  })

  test('of a file that cannot be written completely: the old one stays, and no temporary file remains', async () => {
    writeFileSync(path('file'), 'old')
    const full = Object.assign(new Error('no space'), { code: 'ENOSPC', syscall: 'write' })
    jest.spyOn(await fileHandlePrototype(), 'writeFile').mockRejectedValue(full)
    await expectError(() => write('file'), 'ERR_FILE_SYSTEM', `Cannot write ${path('file')}: the disk is full (ENOSPC).`)
    expect(content('file').toString()).toBe('old')
    expect(readdirSync(path())).toEqual(['file'])
  })

  test('by the checks whether a file can be written', async () => {
    await checkWritable(path('file'))
    await tryToWrite(path())
    expect(readdirSync(path())).toEqual([])
  })

  test.each([
    ['writing', 'writeFile', 'ENOSPC', 'the disk is full'],
    ['replacing', 'chmod', 'EPERM', 'permission denied'],
  ] as const)('by the trial of a folder in which %s fails; it says so', async (_, method, code, reason) => {
    jest.spyOn(await fileHandlePrototype(), method).mockRejectedValue(Object.assign(new Error(code), { code, syscall: method }))
    await expectError(() => tryToWrite(path()), 'ERR_FILE_SYSTEM', `Cannot write a file in ${path()}: ${reason} (${code}).`)
    expect(readdirSync(path())).toEqual([])
  })
})
