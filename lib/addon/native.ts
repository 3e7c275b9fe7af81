/** The only door to the addon, whose exports binding.ts describes. */
import { isMainThread } from 'node:worker_threads'
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
  // Only now: whoever imports the package, or asks the command line for help, may never need it.
  const { loadAddon } = require('./load-addon') as typeof import('./load-addon')
  const result = loadAddon<NativeBinding>(PACKAGE_ROOT)
  if (isMainThread) process.once('exit', () => result.binding.stopEverything())
  return result
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
