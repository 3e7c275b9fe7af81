import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The user "nobody" of Linux: owns nothing. */
const NOBODY = 65534

/** Gives every test of a file its own folder, removed afterwards. The result is a function: the folder exists only within a test. */
export function useTemporaryFolder(): (...names: string[]) => string {
  return makeFolder(beforeEach, afterEach)
}

/** Like {@link useTemporaryFolder}, but one folder for all tests of a file: for files that take long to make and are only read. */
export function useSharedTemporaryFolder(): (...names: string[]) => string {
  return makeFolder(beforeAll, afterAll)
}

function makeFolder(before: (make: () => void) => void, after: (remove: () => void) => void): (...names: string[]) => string {
  let folder = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-test-'))
    chmodSync(folder, 0o755)
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  return (...names) => join(folder, ...names)
}

/** Calls `run` without the rights of root, who is never denied a permission. */
export async function asOrdinaryUser<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return run()
  process.seteuid?.(NOBODY)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

/** The open files of this process below a folder; empty when the system does not list them. */
export function openFilesBelow(folder: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd')
    .map((descriptor) => linkTarget(`/proc/self/fd/${descriptor}`))
    .filter((target) => target.startsWith(folder))
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // The descriptor that listed the folder is closed by now.
    return ''
  }
}
