/** Archives: other readers take them, whatever the files' sizes, and the event loop turns meanwhile. */
import { writeFileSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { encodeZip } from '../../lib/formats/zip'
import { runPython } from '../support/python'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const MEBIBYTE = 1024 ** 2

/** Bytes that follow no simple pattern. */
function formulaBytes(count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => (index * 2654435761) >>> 23)
}

test("Python's reader finds every file whole", async () => {
  // Around the sizes of a block, a piece and several pieces.
  const sizes = [0, 1, 65_534, 65_535, 65_536, 98_304, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 3 * MEBIBYTE + 12_345]
  const files = sizes.map((size) => [`folder/ä ${size}`, formulaBytes(size)] as const)
  writeFileSync(path('archive.zip'), await encodeZip(files))
  const program = `
import json, sys, zipfile, zlib
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
print(json.dumps([[entry.filename, entry.file_size, zlib.crc32(archive.read(entry)), entry.date_time] for entry in archive.infolist()]))`
  const read = JSON.parse(await runPython(['-c', program, path('archive.zip')]))
  expect(read).toEqual(files.map(([name, content]) => [name, content.length, crc32(content), [1980, 1, 1, 12, 0, 0]]))
})

test('it stops between two pieces', async () => {
  const controller = new AbortController()
  const reason = new Error('stopped')
  const made = encodeZip([['file', new Uint8Array(4 * MEBIBYTE)]], controller.signal)
  setImmediate(() => setImmediate(() => controller.abort(reason)))
  await expect(made).rejects.toBe(reason)
})
