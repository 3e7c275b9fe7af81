/** The only door to the addon, whose exports binding.ts describes. */
import { isMainThread } from 'node:worker_threads'
import { TorchRnnError } from '../errors'
import { describeRefusal } from '../host/permissions'
import { PACKAGE_ROOT } from '../version'
import type { NativeBinding } from './binding'
import type { LoadedAddon } from './load-addon'

let loaded: LoadedAddon<NativeBinding> | undefined

/** The addon, loaded with libtorch at the first call. @throws TorchRnnError `ERR_LIBRARY_LOAD`, which lists the places tried. */
export function native(): NativeBinding {
  loaded ??= load()
  return loaded.binding
}

function load(): LoadedAddon<NativeBinding> {
  const result = loadUnlessRefused()
  if (isMainThread) process.once('exit', () => result.binding.stopEverything())
  return result
}

function loadUnlessRefused(): LoadedAddon<NativeBinding> {
  try {
    // Only now: whoever imports the package, or asks the command line for help, may never need it.
    const { loadAddon } = require('./load-addon') as typeof import('./load-addon')
    return loadAddon<NativeBinding>(PACKAGE_ROOT)
  } catch (error) {
    const refusal = describeRefusal(error)
    if (refusal === undefined) throw error
    const message = `Could not load torch-rnn-mnist: ${refusal.problem}.\n  ${refusal.advice}`
    throw new TorchRnnError('ERR_LIBRARY_LOAD', message, { cause: error })
  }
}

/** Why a CUDA device may be missing, in words; for the error of whoever asks for one. */
export function describeCuda(): string {
  return loaded?.cudaProblem ?? 'libtorch is not loaded yet'
}

/** The folder of the libtorch that is loaded; empty before that. */
export function loadedLibraries(): string {
  return loaded?.libraries ?? ''
}
