/** Uses the package in a process of its own, and reports how loading went. */
import { runScript, WELL_ENDED } from './child-script'
import type { ProgramSettings } from './run-program'

/** Variables that would change what a test is about. */
export const CLEAN = {
  LIBTORCH: undefined,
  LIBTORCH_USE_PYTORCH: undefined,
  LIBTORCH_BYPASS_VERSION_CHECK: undefined,
  TORCH_RNN_MNIST_CUDA: undefined,
}

/** The message of the `ERR_LIBRARY_LOAD` that the first model fails with. @param prologue - Runs before that. */
export async function loadFailure(env: ProgramSettings['env'], prologue = ''): Promise<string> {
  const body = `
    ${prologue}
    try {
      new ImageRNN(options)
      console.log('no failure')
    } catch (error) {
      if (!(error instanceof TorchRnnError)) throw error
      console.log(error.code + '\\n' + error.message)
    }
  `
  const outcome = await runScript(body, { env: { ...CLEAN, ...env } })
  expect(outcome).toMatchObject(WELL_ENDED)
  const [code, ...message] = outcome.stdout.split('\n')
  expect(code).toBe('ERR_LIBRARY_LOAD')
  return message.join('\n')
}

/** Loads and computes; both must succeed. */
export async function expectLoads(env: ProgramSettings['env']): Promise<{ stdout: string; stderr: string }> {
  const body = 'console.log((await new ImageRNN(options).forward(dataset().images(0, 2))).shape)'
  const outcome = await runScript(body, { env: { ...CLEAN, ...env } })
  expect(outcome).toMatchObject({ ...WELL_ENDED, stderr: expect.any(String), stdout: expect.stringContaining('[ 2, 3 ]') })
  return outcome
}
