/** Waits for work that an abort cannot end: the wait then rejects with the signal's reason, and the work goes on. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason)
    signal?.addEventListener('abort', abort)
    work.finally(() => signal?.removeEventListener('abort', abort)).then(resolve, reject)
  })
}
