/** Runs Python programs with the packages that the set-up installed for tests. */
import { delimiter, join } from 'node:path'
import { REPOSITORY, runCommand } from './run-program'

const PYTHON = process.platform === 'win32' ? 'python' : 'python3'

/** Some packages, by the folder in .cache/ where a step in scripts/bootstrap/steps/ installs them. */
export type PythonPackages = 'onnx' | 'python-safetensors' | 'tensorboard'

export interface PythonSettings {
  /** What the program can import besides Python's own modules. Default: nothing. */
  readonly packages?: PythonPackages
  /** What the program reads from stdin. Default: nothing. */
  readonly input?: Uint8Array
}

/** Runs a Python program, checks that it succeeds, and returns what it printed. */
export async function runPython(args: readonly string[], { packages, input }: PythonSettings = {}): Promise<string> {
  const folders = [...(packages === undefined ? [] : [join(REPOSITORY, '.cache', packages)]), process.env['PYTHONPATH'] ?? '']
  // A small matrix product needs no threads, and several test files run at once.
  const env = { PYTHONPATH: folders.join(delimiter), PYTHONDONTWRITEBYTECODE: '1', OPENBLAS_NUM_THREADS: '1' }
  const { code, signal, stdout, stderr } = await runCommand(PYTHON, args, { env, ...(input === undefined ? {} : { input }) })
  const reason = code === 0 ? '' : stderr
  expect({ code, signal, reason }).toEqual({ code: 0, signal: null, reason: '' })
  return stdout
}
