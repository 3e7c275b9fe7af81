/** The largest header that is read at all, full of what takes most memory and time, is refused soon and in little memory. */
import { join } from 'node:path'
import { REPOSITORY, runNode } from '../support/run-program'

const HEADER_BYTES = 16 * 1024 * 1024
/** The file, its text as a string, and not much more; without limits, some of these took a gigabyte. */
const HEAP_MEGABYTES = 96
/** For the whole process. Without limits, some of these took five seconds each. */
const LIMIT_MS = 20_000

/** Expressions that make a header: `fill(before, unit, after)` repeats the unit until the header has {@link HEADER_BYTES}. */
const HEADERS = {
  'empty objects': `fill('{"a":[', '{},', '1]}')`,
  'empty lists': `fill('{"a":[', '[],', '1]}')`,
  numbers: `fill('{"a":[', '1,', '1]}')`,
  texts: `fill('{"a":[', '"",', '1]}')`,
  'quotes alone': `fill('{"a":', '"', '}')`,
  'lists in lists': `fill('{"a":', '[', '')`,
  'objects in objects': `fill('', '{"a":', '')`,
  tensors: `fill('{', '"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},', '"b":1}')`,
  'a long name': `fill('{"', 'x', '":1}')`,
  'a name of escapes': `fill('{"', '\\\\u0041', '":1}')`,
  'a name of backslashes': `fill('{"', '\\\\\\\\', '":1}')`,
}

test.each(Object.entries(HEADERS))('%s', async (_, header) => {
  const program = `
    const { decodeSafetensors } = require(process.argv[1])
    const file = Buffer.alloc(8 + ${HEADER_BYTES}, ' ')
    file.writeBigUInt64LE(${HEADER_BYTES}n)
    const fill = (before, unit, after) => {
      const last = file.length - after.length
      file.write(before, 8)
      file.fill(unit, 8 + before.length, last - ((last - 8 - before.length) % unit.length))
      file.write(after, last)
    }
    ${header}
    try {
      decodeSafetensors(file, 'file')
      console.log('read')
    } catch ({ code, message }) {
      console.log(code, message.length < 300)
    }`
  const settings = { limitMs: LIMIT_MS }
  const reader = join(REPOSITORY, 'dist', 'formats', 'safetensors.js')
  const outcome = await runNode([`--max-old-space-size=${HEAP_MEGABYTES}`, '--eval', program, reader], settings)
  expect(outcome).toMatchObject({ code: 0, stderr: '', stdout: 'ERR_INVALID_FILE true\n' })
})
