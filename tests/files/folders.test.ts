/** Folders as they are made and looked at. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { exists, isFile, isFolder, makeFolder } from '../../lib/files/folders'
import { expectError } from '../support/expect-error'
import { testOnPosix } from '../support/needs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

test('a folder is made with those above it, and one of several attempts has made it', async () => {
  const made = await Promise.all(Array.from({ length: 4 }, () => makeFolder(path('a', 'b', 'c'))))
  expect(made.sort()).toEqual([false, false, false, true])
  expect(await isFolder(path('a', 'b', 'c'))).toBe(true)
})

test('a file in the place of a folder is refused', async () => {
  writeFileSync(path('file'), '')
  await expectError(() => makeFolder(path('file')), 'ERR_FILE_SYSTEM', `Cannot write ${path('file')}`, 'is no folder')
})

testOnPosix('symbolic links')('folders and files are told apart, through links', async () => {
  mkdirSync(path('folder'))
  writeFileSync(path('file'), '')
  for (const [target, name] of [
    ['folder', 'to folder'],
    ['file', 'to file'],
    ['none', 'to none'],
  ] as const) {
    symlinkSync(target, path(name))
  }
  const look = async (name: string) => [await exists(path(name)), await isFolder(path(name)), await isFile(path(name))]
  for (const name of ['folder', 'to folder']) expect(await look(name)).toEqual([true, true, false])
  for (const name of ['file', 'to file']) expect(await look(name)).toEqual([true, false, true])
  for (const name of ['none', 'to none']) expect(await look(name)).toEqual([false, false, false])
})
