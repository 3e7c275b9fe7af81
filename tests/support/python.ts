/** Runs Python programs with the packages that the set-up installed for tests. */
import { join } from 'node:path'
import { REPOSITORY, runCommand } from './run-program'

const PYTHON = process.platform === 'win32' ? 'python' : 'python3'

/** What scripts/tensorboard/requirements.in names. */
const PACKAGES = join(REPOSITORY, '.cache', 'tensorboard')

/** Runs a Python program, checks that it succeeds, and returns what it printed. */
export async function runPython(args: readonly string[]): Promise<string> {
  const { stdout, ...outcome } = await runCommand(PYTHON, args, { env: { PYTHONPATH: PACKAGES, PYTHONDONTWRITEBYTECODE: '1' } })
  expect(outcome).toMatchObject({ code: 0, signal: null })
  return stdout
}
