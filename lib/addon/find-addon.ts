/** Finds the compiled addon, or the reason why there is none. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { MUSL } from 'detect-libc'
import { findCLibrary } from '../host/c-library'
import { PACKAGE_VERSION } from '../version'
import { OLD_SYSTEM_ADVICE } from './load-error'
import { buildFolder, type Manifest, readManifest, resolvePackage, type TriedPlace } from './packages'
import { isAtLeast, PLATFORM } from './platform'

/** The files of the addon: itself, and the loader, which opens libtorch first. */
export const ADDON_FILES = { addon: 'torch_rnn_mnist.node', loader: 'loader.node' } as const

/** The package with the addon for the running platform. */
export const ADDON_PACKAGE = `@torch-rnn-mnist/addon-${PLATFORM}`

/** A place where the addon was looked for. `folder` is set when it can be used from there. */
export interface AddonPlace extends TriedPlace {
  readonly folder?: string
  /** The oldest glibc that the package in `folder` runs on, measured in its binaries. Absent for an addon that was built here. */
  readonly glibc?: string
  /** What to do when this addon cannot be used, when installing is not enough. */
  readonly advice?: string
}

/** What is read from the package.json of an addon package. */
interface AddonManifest extends Manifest {
  readonly torchRnnMnist?: {
    /** The oldest glibc that the addon and libtorch run on, as found out when the package was made. */
    readonly glibc?: string
  }
}

/**
 * Looks for the addon. Returns the places that it looked at; if one has a usable addon, it is the last.
 *
 * A folder that the user names (`TORCH_RNN_MNIST_ADDON`) ends the search even when it cannot be used. Otherwise an addon that was built
 * here, in a clone or by `rnn-mnist-train build`, comes before one that npm installed.
 */
export function searchAddon(packageRoot: string): AddonPlace[] {
  const named = process.env['TORCH_RNN_MNIST_ADDON']
  if (named !== undefined && named !== '') return [findNamed(named)]
  const folder = join(buildFolder(packageRoot), 'Release')
  const description = `an addon built here, ${folder}`
  if (existsSync(join(folder, ADDON_FILES.addon))) return [{ description, folder }]
  return [{ description, problem: 'nothing was built' }, findAddonPackage(packageRoot)]
}

function findNamed(name: string): AddonPlace {
  const description = `TORCH_RNN_MNIST_ADDON=${name}`
  const folder = resolve(name) // `require` takes absolute paths only.
  // Only the user can change what the user named.
  const advice = `Set TORCH_RNN_MNIST_ADDON to a folder with ${Object.values(ADDON_FILES).join(' and ')}, or unset it.`
  const missing = Object.values(ADDON_FILES).find((file) => !existsSync(join(folder, file)))
  return missing === undefined ? { description, folder, advice } : { description, problem: `${missing} is missing in it`, advice }
}

function findAddonPackage(packageRoot: string): AddonPlace {
  const folder = resolvePackage(ADDON_PACKAGE, packageRoot)
  if (folder === undefined) return { description: `the package ${ADDON_PACKAGE}`, problem: 'it is not installed' }
  const description = `the package ${ADDON_PACKAGE}, ${folder}`
  const { object: manifest, problem: damage } = readManifest<AddonManifest>(folder)
  if (manifest === undefined) return { description, problem: damage, advice: REINSTALL }
  const problem = problemOf(manifest, folder)
  if (problem !== undefined) return { description, ...problem }
  const glibc = manifest.torchRnnMnist?.glibc
  return { description, folder, ...(glibc === undefined ? {} : { glibc }) }
}

function problemOf(manifest: AddonManifest, folder: string): Required<Pick<AddonPlace, 'problem' | 'advice'>> | undefined {
  if (manifest.version !== PACKAGE_VERSION) {
    const problem = `it is version ${manifest.version}, but torch-rnn-mnist is ${PACKAGE_VERSION}`
    return { problem, advice: `Run \`npm install torch-rnn-mnist@${PACKAGE_VERSION}\`, which brings the right one.` }
  }
  for (const file of Object.values(ADDON_FILES)) {
    if (!existsSync(join(folder, file))) return { problem: `${file} is missing in it`, advice: REINSTALL }
  }
  const floor = manifest.torchRnnMnist?.glibc
  return floor === undefined ? undefined : cLibraryProblem(floor)
}

function cLibraryProblem(floor: string): { problem: string; advice: string } | undefined {
  const { family, version } = findCLibrary()
  if (family === MUSL) return { problem: 'it is for glibc, and this system has musl', advice: MUSL_ADVICE }
  if (version === undefined || isAtLeast(version, floor)) return undefined
  return { problem: `it needs glibc ${floor}, and this system has glibc ${version}`, advice: OLD_SYSTEM_ADVICE }
}

const REINSTALL = 'Remove node_modules and run `npm install`.'

/** What to do on a system with musl. */
export const MUSL_ADVICE =
  'PyTorch itself is made for glibc only, and so is this package: use a system with glibc, such as the image node:22-slim instead of node:22-alpine.'
