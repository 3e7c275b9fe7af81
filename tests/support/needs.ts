/**
 * Tests that need something of the machine are skipped where it lacks that. The end of the run names them (skipped-tests.js). With
 * TEST_NO_SKIPS=1 the run fails because of them, unless what they need is CUDA.
 */

/** `test`, or `test.skip` with the need in the title. */
export function testWhere(isThere: boolean, need: string): jest.It {
  return isThere ? test : (skipped(test.skip, need) as jest.It)
}

/** `describe`, or `describe.skip` with the need in the title. */
export function describeWhere(isThere: boolean, need: string): jest.Describe {
  return isThere ? describe : (skipped(describe.skip, need) as jest.Describe)
}

export const testOnLinux = testWhere(process.platform === 'linux', 'Linux')
export const describeOnLinux = describeWhere(process.platform === 'linux', 'Linux')

/** `test` on every system but Windows. @param need - What Windows lacks. */
export function testOnPosix(need: string): jest.It {
  return testWhere(process.platform !== 'win32', need)
}

/** Whether a run may leave out tests because of what the machine lacks. */
export const MAY_SKIP = process.env['TEST_NO_SKIPS'] !== '1'

/** Registers a test, or a group of tests. */
type Register = (title: string, body: never, limitMs?: number) => void

function skipped(skip: jest.It | jest.Describe, need: string): unknown {
  const named =
    (register: Register): Register =>
    (title, body, limitMs) =>
      register(`${title} (needs ${need})`, body, limitMs)
  return Object.assign(named(skip as Register), { each: (table: readonly never[]) => named(skip.each(table) as Register) })
}
