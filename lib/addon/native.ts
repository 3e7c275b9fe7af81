/** The only door to the addon, whose exports binding.ts describes. */
import { isMainThread } from 'node:worker_threads'
import { unlessAborted } from '../abort'
import { TorchRnnError } from '../errors'
import { describeRefusal } from '../host/permissions'
import { PACKAGE_ROOT } from '../version'
import type { NativeBinding } from './binding'
import type { LoadedAddon } from './load-addon'

let loaded: LoadedAddon<NativeBinding> | undefined

/** A load without blocking that is under way, and how many calls wait for it. */
interface Loading {
  readonly done: Promise<void>
  readonly abort: AbortController
  waiting: number
}
let loading: Loading | undefined

/** The addon, loaded with libtorch at the first call. @throws TorchRnnError `ERR_LIBRARY_LOAD`, which lists the places tried. */
export function native(): NativeBinding {
  try {
    return (loaded ?? keep(loadModule().loadAddonBlocking<NativeBinding>(PACKAGE_ROOT))).binding
  } catch (error) {
    throw explainRefusal(error)
  }
}

/**
 * Loads the addon without blocking this thread while libtorch is searched for and tried. Calls at the same time share one load. It is given up
 * when the signals of all of them are aborted. After a failure, the next call tries again.
 *
 * @throws TorchRnnError `ERR_LIBRARY_LOAD`; and the signal's reason after an abort.
 */
export async function loadNative(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  if (loaded !== undefined) return
  loading ??= startLoading()
  const current = loading
  current.waiting += 1
  try {
    await unlessAborted(current.done, signal)
  } finally {
    current.waiting -= 1
    if (current.waiting === 0) abandon(current)
  }
}

function startLoading(): Loading {
  const abort = new AbortController()
  const done = loadModule()
    .loadAddonWaiting<NativeBinding>(PACKAGE_ROOT, abort.signal)
    .then(
      (result) => void keep(result),
      (error) => {
        throw explainRefusal(error)
      },
    )
    .finally(() => abandon(started))
  const started = { done, abort, waiting: 0 }
  return started
}

/** Ends a load if it still runs. The next call starts another one. */
function abandon(given: Loading): void {
  given.abort.abort()
  if (loading === given) loading = undefined
}

function loadModule(): typeof import('./load-addon') {
  // Only now: whoever imports the package, or asks the command line for help, may never need it.
  return require('./load-addon')
}

/** Keeps what was loaded first: a call that blocks may have come while another one waited. */
function keep(result: LoadedAddon<NativeBinding>): LoadedAddon<NativeBinding> {
  if (loaded === undefined) {
    loaded = result
    if (isMainThread) process.once('exit', () => result.binding.stopEverything())
  }
  return loaded
}

/** The error for what this program was refused while it loaded the addon; any other error as it is. */
function explainRefusal(error: unknown): unknown {
  const refusal = describeRefusal(error)
  if (refusal === undefined) return error
  const message = `Could not load torch-rnn-mnist: ${refusal.problem}.\n  ${refusal.advice}`
  return new TorchRnnError('ERR_LIBRARY_LOAD', message, { cause: error })
}

/** Why a CUDA device may be missing, in words; for the error of whoever asks for one. */
export function describeCuda(): string {
  return loaded?.cudaProblem ?? 'libtorch is not loaded yet'
}

/** The number of CUDA devices where it is known without starting the driver; else 0. */
export function knownCudaDevices(): number {
  return loaded?.cudaDevices ?? 0
}

/** The folder of the libtorch that is loaded; empty before that. */
export function loadedLibraries(): string {
  return loaded?.libraries ?? ''
}
