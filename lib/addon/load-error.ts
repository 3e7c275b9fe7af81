/** The error for everything that can go wrong while the addon is loaded. */
import { TorchRnnError } from '../errors'
import { REQUIRED_TORCH_VERSION } from './find-libtorch'
import type { TriedPlace } from './packages'

/** Why loading ends here, and what the user can do. */
export interface LoadFailure {
  /** "no libtorch was found". */
  readonly problem: string
  readonly places: readonly TriedPlace[]
  /** The one thing to do, as whole sentences: "Run `npm run build`." */
  readonly advice: string
  readonly cause?: unknown
}

/** `ERR_LIBRARY_LOAD`: what is wrong, every place that was tried and why it was no good, and what helps. */
export function loadError({ problem, places, advice, cause }: LoadFailure): TorchRnnError {
  const tried = places.map((place) => `\n  - ${place.description}: ${place.problem ?? 'found'}`).join('')
  const message = `Could not load torch-rnn-mnist: ${problem} (needs libtorch ${REQUIRED_TORCH_VERSION}).${tried === '' ? '' : `\n  Looked at:${tried}`}\n  ${advice}`
  return new TorchRnnError('ERR_LIBRARY_LOAD', message, cause === undefined ? {} : { cause })
}

/** Explains the system's message about a library that does not load, and what to do about it. Clear messages come back as they are. */
export function explainLoadFailure(message: string): { readonly problem: string; readonly advice?: string } {
  const [, lacking] = /version `((?:GLIBCXX|GLIBC|CXXABI)_[\d.]+)' not found/.exec(message) ?? []
  if (/LoadLibraryEx failed with error 126$|The specified module could not be found/.test(message)) {
    return { problem: `a library that it needs is missing, and Windows does not say which (${message})`, advice: VISUAL_CPP_ADVICE }
  }
  if (lacking === undefined) return { problem: message }
  const owner = lacking.startsWith('GLIBC_') ? 'C library (glibc)' : "compiler's library (libstdc++.so.6)"
  return { problem: `this system's ${owner} is too old: it lacks ${lacking} (${message})`, advice: OLD_SYSTEM_ADVICE }
}

const VISUAL_CPP_ADVICE =
  'Usually it belongs to the Visual C++ runtime: install the newest Microsoft Visual C++ Redistributable for x64 (of Visual Studio 2022 17.8 or newer).'

/** How to compile the addon where no package fits; the second half of a sentence. */
export const BUILD_ADVICE = 'set LIBTORCH to a folder with libtorch and run `npx rnn-mnist-train build`.'

/** What to do on a system that is too old for the addon. */
export const OLD_SYSTEM_ADVICE = `Use a newer system, such as the image node:22-slim, or compile for this one: ${BUILD_ADVICE}`
