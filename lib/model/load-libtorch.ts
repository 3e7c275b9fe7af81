import { checkSignal } from '../abort'
import { loadNative } from '../addon/native'
import { resolveOptions } from '../options/checks'

/** When to stop loading. */
export interface LoadOptions {
  /** Rejects the call with its reason (an `AbortError` by default). The load itself goes on while other calls wait for it. */
  signal?: AbortSignal | undefined
}

/**
 * Finds libtorch, tries it in another process where that is necessary, and opens it. Only the opening blocks the event loop, for some 150 ms.
 * Without this, the first `new ImageRNN()` does the same and blocks all the time: for seconds or even minutes where a libtorch that you named
 * (`LIBTORCH`, `LIBTORCH_USE_PYTORCH=1`) has to be tried.
 *
 * Calls at the same time share one load. Once libtorch is loaded, a call does nothing; after a failure, the next call tries again.
 *
 * @throws TorchRnnError `ERR_LIBRARY_LOAD`, whose message lists every place that was tried, `ERR_INVALID_OPTION`; and the signal's reason
 *   after an abort.
 */
export async function loadLibtorch(options: LoadOptions = {}): Promise<void> {
  resolveOptions({}, options, 'loadLibtorch', ['signal'])
  checkSignal(options?.signal)
  await loadNative(options?.signal)
}
