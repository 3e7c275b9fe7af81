import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The libtorch that the addon is made for; its C++ ABI is stable within one version only. */
export const REQUIRED_TORCH_VERSION = '2.15.0'

/** A place where libtorch was looked for. */
export interface LibtorchPlace {
  /** Where, in words: "LIBTORCH=/opt/libtorch". */
  readonly description: string
  /** The folder with the libraries themselves; absent when there is none, and then `problem` says why. */
  readonly libraries?: string
  readonly problem?: string
}

/** File names of libtorch's libraries on one platform. */
interface LibraryNames {
  /** In the order in which they must be opened, where they lie beside each other. */
  readonly dependencies: readonly string[]
  readonly cpu: string
  readonly cuda: readonly string[]
  /** The driver's library; without it there is no use in opening the CUDA ones. */
  readonly cudaDriver: string
}

const LINUX: LibraryNames = {
  dependencies: ['libgomp.so.1', 'libcudart.so.13', 'libcupti.so.13', 'libc10.so'],
  cpu: 'libtorch_cpu.so',
  cuda: ['libc10_cuda.so', 'libtorch_cuda.so'],
  cudaDriver: 'libcuda.so.1',
}
const MACOS: LibraryNames = { dependencies: ['libomp.dylib', 'libc10.dylib'], cpu: 'libtorch_cpu.dylib', cuda: [], cudaDriver: '' }
const WINDOWS: LibraryNames = {
  dependencies: ['libiomp5md.dll', 'c10.dll'],
  cpu: 'torch_cpu.dll',
  cuda: ['c10_cuda.dll', 'torch_cuda.dll'],
  cudaDriver: 'nvcuda.dll',
}

/** The names for the running platform. */
export const LIBRARY_NAMES: LibraryNames = process.platform === 'win32' ? WINDOWS : process.platform === 'darwin' ? MACOS : LINUX

/**
 * Looks for libtorch in the documented order and returns every place it looked at, the one to use last.
 *
 * A place that the user named (`LIBTORCH`, `LIBTORCH_USE_PYTORCH`) ends the search even when it is no good: something else than what was
 * asked for would be a surprise.
 */
export function searchLibtorch(packageRoot: string): LibtorchPlace[] {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  if (LIBTORCH !== undefined && LIBTORCH !== '') return [checkPlace(`LIBTORCH=${LIBTORCH}`, join(LIBTORCH, 'lib'))]
  if (LIBTORCH_USE_PYTORCH === '1') return [findPyTorch()]
  const places = [findPlatformPackage()]
  if (places[0]?.problem !== undefined) {
    const fetched = join(packageRoot, '.cache', 'libtorch', `${REQUIRED_TORCH_VERSION}-${process.platform}-${process.arch}`)
    places.push(checkPlace(`the copy fetched by a clone's set-up, ${fetched}`, join(fetched, 'lib')))
  }
  return places
}

function checkPlace(description: string, libraries: string): LibtorchPlace {
  const cpu = join(libraries, LIBRARY_NAMES.cpu)
  if (!existsSync(cpu)) return { description, problem: `${cpu} does not exist` }
  const version = writtenVersion(libraries)
  if (version !== undefined && !isRequiredVersion(version)) return { description, problem: versionProblem(version) }
  return { description, libraries }
}

/** The version that libtorch's folder states in a file; undefined when it states none. */
function writtenVersion(libraries: string): string | undefined {
  const root = dirname(libraries)
  const buildVersion = join(root, 'build-version') // as in libtorch's own archives
  if (existsSync(buildVersion)) return readFileSync(buildVersion, 'utf8').trim()
  const pythonVersion = join(root, 'version.py') // as in PyTorch's wheels
  if (existsSync(pythonVersion)) return /__version__ = '([^']+)'/.exec(readFileSync(pythonVersion, 'utf8'))?.[1]
  return undefined
}

/** Whether a version such as "2.15.0+cu132" is the one needed, or the user wants no check. */
export function isRequiredVersion(version: string): boolean {
  return version.split('+')[0] === REQUIRED_TORCH_VERSION || process.env['LIBTORCH_BYPASS_VERSION_CHECK'] === '1'
}

/** Why a version is refused. */
export function versionProblem(version: string): string {
  return `it holds libtorch ${version}, but ${REQUIRED_TORCH_VERSION} is needed (LIBTORCH_BYPASS_VERSION_CHECK=1 tries it all the same)`
}

// find_spec does not import torch, which would take seconds.
const FIND_TORCH = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"

function findPyTorch(): LibtorchPlace {
  const description = 'the PyTorch of python3 (LIBTORCH_USE_PYTORCH=1)'
  try {
    const folder = execFileSync('python3', ['-c', FIND_TORCH], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
    if (folder === '') return { description, problem: 'python3 has no torch' }
    return checkPlace(`${description}, ${folder}`, join(folder, 'lib'))
  } catch (error) {
    return { description, problem: `python3 could not be asked: ${(error as Error).message.split('\n')[0]}` }
  }
}

function findPlatformPackage(): LibtorchPlace {
  const name = `@torch-rnn-mnist/libtorch-${process.platform}-${process.arch}`
  try {
    const folder = dirname(require.resolve(`${name}/package.json`))
    return checkPlace(`the package ${name}, ${folder}`, join(folder, 'lib'))
  } catch {
    return { description: `the package ${name}`, problem: 'it is not installed' }
  }
}
