import { type ErrorCode, TorchRnnError } from '../../lib/errors'

/** Checks that `attempt` fails with a TorchRnnError of this code, whose message is one line with every part. Returns the error. */
export async function expectError(attempt: () => unknown, code: ErrorCode, ...parts: string[]): Promise<TorchRnnError> {
  const error = await failureOf(attempt)
  if (!(error instanceof TorchRnnError)) throw new Error(`Expected a TorchRnnError ${code}, got ${String(error)}`, { cause: error })
  expect(error).toMatchObject({ code })
  expect(error.message).not.toMatch(/[\n\r]/)
  for (const part of parts) expect(error.message).toContain(part)
  return error
}

async function failureOf(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt()
  } catch (error) {
    return error
  }
  return 'no failure'
}
