/** The one error of everything that can go wrong before the addon is there. */
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

/** The system's reason for not loading a library: what its words mean where they are hard to read, and what helps then. */
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
  'Mostly it is one of the Visual C++ runtime: install the newest Microsoft Visual C++ Redistributable for x64 (of Visual Studio 2022 17.8 or newer).'

/** How the addon is compiled where no package has it. */
export const BUILD_ADVICE = 'set LIBTORCH to a folder with libtorch and run `npx rnn-mnist-train build`.'

/** What helps where the system is older than what the addon was built for. */
export const OLD_SYSTEM_ADVICE = `Use a newer system, such as the image node:22-slim, or compile for this one: ${BUILD_ADVICE}`
