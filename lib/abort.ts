/** What all calls do about an `AbortSignal`. */
import { unexpected } from './errors'

/** @throws TorchRnnError `ERR_INVALID_OPTION` */
export function checkSignal(signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.throwIfAborted !== 'function') {
    throw unexpected('ERR_INVALID_OPTION', 'signal', 'an AbortSignal', signal)
  }
}

/**
 * What an aborted call rejects with: the reason of its signal. An error of another kind that ended the call is kept as the reason's `cause`,
 * where the reason is an object without one.
 */
export function abortReason(signal: AbortSignal, error: unknown): unknown {
  const reason: unknown = signal.reason
  const takesCause = typeof reason === 'object' && reason !== null && !('cause' in reason) && Object.isExtensible(reason)
  if (takesCause && error !== reason) Object.defineProperty(reason, 'cause', { value: error, configurable: true, writable: true })
  return reason
}

/** Waits for work that an abort cannot end: the wait then rejects with the signal's reason, and the work goes on. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal | undefined): Promise<Result> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal?.reason)
    signal?.addEventListener('abort', abort)
    work.finally(() => signal?.removeEventListener('abort', abort)).then(resolve, reject)
  })
}
