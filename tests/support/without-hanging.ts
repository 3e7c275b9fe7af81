import { setTimeout as delay } from 'node:timers/promises'

/** The work of a test takes some milliseconds, unless it hangs. */
const HANG_MS = 20_000

/** Waits for work that fails the test when it does not end. */
export async function withoutHanging<Result>(work: Promise<Result>): Promise<Result> {
  const timer = new AbortController()
  const hang = delay(HANG_MS, undefined, { signal: timer.signal }).then((): never => {
    throw new Error(`Not all calls had settled after ${HANG_MS} ms: they wait for each other.`)
  })
  try {
    return await Promise.race([work, hang])
  } finally {
    timer.abort()
    await hang.catch(() => {}) // That it was aborted.
  }
}
