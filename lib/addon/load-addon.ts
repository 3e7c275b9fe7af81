/** Loads the addon and the libtorch that it needs, in the right order. */
import { existsSync } from 'node:fs'
import { endianness } from 'node:os'
import { dirname, join } from 'node:path'
import { debuglog } from 'node:util'
import { TorchRnnError } from '../errors'
import { checkNotBundled } from '../host/bundle'
import { describeRefusal } from '../host/permissions'
import { ADDON_FILES, type AddonPlace, searchAddon } from './find-addon'
import {
  buildRecord,
  hasCudaLibraries,
  isRequiredVersion,
  type LibtorchPlace,
  REQUIRED_TORCH_VERSION,
  searchLibtorch,
  versionProblem,
} from './find-libtorch'
import { explainLoadFailure, loadError } from './load-error'
import { explainMissingAddon } from './missing-addon'
import { isClone } from './packages'
import { LIBRARY_NAMES, PLATFORM, PYTHON } from './platform'
import { type ProgramSteps, runBlocking, runWaiting } from './run-program'
import { describeFailure, isTrial, type TrialFailure, tryLibtorch } from './trial'

/** The addon, ready for use. `Binding` is what it exports. */
export interface LoadedAddon<Binding> {
  readonly binding: Binding
  /** The folder of libtorch's libraries. */
  readonly libraries: string
  /** Why there may be no CUDA device. */
  readonly cudaProblem: string
  /** The number of CUDA devices as a trial counted them; 0 when it is not known. */
  readonly cudaDevices: number
}

/** What loader.node exports: it opens libtorch before the addon, which is linked with it, is loaded. */
interface NativeLoader {
  /** Opens a library for good. */
  open(path: string): void
  /** The version of an open libtorch_cpu. */
  torchVersion(path: string): string
  /** Opens libtorch in a folder, after its dependencies. Returns its path, or that of the libtorch that this process has opened before. */
  openLibtorch(folder: string, dependencies: readonly string[], libtorch: string): string
  /** Sets an environment variable of the process unless it is set. */
  setDefault(name: string, value: string): void
}

type UsableLibtorch = LibtorchPlace & { readonly libraries: string }

/** Why there is no CUDA device although the CUDA libraries are open. */
const CUDA_IS_OPEN = 'libtorch with CUDA is loaded, but finds no GPU that it can use'

/** One of the two settings with which cuBLAS is deterministic, by its documentation. It reads the environment when it is first used. */
const CUBLAS_SETTING = ['CUBLAS_WORKSPACE_CONFIG', ':4096:8'] as const

const debug = debuglog('torch-rnn-mnist')

/** Blocks until all is loaded. @throws TorchRnnError `ERR_LIBRARY_LOAD`, which lists every place tried. */
export function loadAddonBlocking<Binding>(packageRoot: string): LoadedAddon<Binding> {
  return runBlocking(loadAddon<Binding>(packageRoot))
}

/**
 * {@link loadAddonBlocking} that leaves this thread free while other programs are asked.
 *
 * Only the libraries are opened on this thread, which takes some 150 ms. Another thread could open them, but if the process exited meanwhile,
 * its exit handlers would run beside libtorch's initialisation.
 */
export function loadAddonWaiting<Binding>(packageRoot: string, signal: AbortSignal): Promise<LoadedAddon<Binding>> {
  return runWaiting(loadAddon<Binding>(packageRoot), signal)
}

function* loadAddon<Binding>(packageRoot: string): ProgramSteps<LoadedAddon<Binding>> {
  requireLittleEndian()
  checkNotBundled()
  const addon = findAddon(packageRoot)
  const advice = remedy(packageRoot)
  const place = yield* findLibtorch(packageRoot, addon.folder, advice)
  const trial = place.isNamed === true && !isTrial() ? yield* tryLibtorch(place.libraries, addon.folder) : {}
  if (trial.failure !== undefined) throw failedTrial(place, trial.failure, advice)
  const loader = requireAddon<NativeLoader>(join(addon.folder, ADDON_FILES.loader), addon, advice)
  debug('addon: %s', addon.folder)
  const libraries = openLibtorch(loader, place, advice)
  debug('libtorch: %s', libraries)
  const cudaProblem = trial.cudaProblem ?? tryToOpenCuda(loader, libraries)
  debug('CUDA: %s', cudaProblem) // The CPU works without it.
  const isTried = libraries === place.libraries && cudaProblem === CUDA_IS_OPEN
  const binding = requireAddon<Binding>(join(addon.folder, ADDON_FILES.addon), addon, advice)
  return { binding, libraries, cudaProblem, cudaDevices: isTried ? (trial.cudaDevices ?? 0) : 0 }
}

function failedTrial(place: LibtorchPlace, failure: TrialFailure, advice: string): TorchRnnError {
  if (failure.loadError !== undefined) return new TorchRnnError('ERR_LIBRARY_LOAD', failure.loadError)
  return doesNotLoad(place, describeFailure(failure, 'a process that tried it'), failure.advice ?? advice)
}

/** Model files are little-endian, and their values are read and written without a conversion. */
function requireLittleEndian(): void {
  if (endianness() === 'LE') return
  const problem = `the processor (${process.arch}) is big-endian, and torch-rnn-mnist works on little-endian ones only`
  throw loadError({ problem, places: [], advice: 'Use a machine with an x64 or arm64 processor.' })
}

function findAddon(packageRoot: string): AddonPlace & { readonly folder: string } {
  const places = searchAddon(packageRoot)
  const addon = places.at(-1)
  if (addon?.folder !== undefined) return { ...addon, folder: addon.folder }
  throw loadError({
    problem: `there is no addon for ${PLATFORM} that can be used`,
    places,
    advice: addon?.advice ?? explainMissingAddon(packageRoot),
  })
}

function* findLibtorch(packageRoot: string, addonFolder: string, advice: string): ProgramSteps<UsableLibtorch> {
  const places = yield* searchLibtorch(packageRoot, addonFolder)
  const place = places.at(-1)
  if (place?.libraries !== undefined) return { ...place, libraries: place.libraries }
  throw loadError({ problem: 'no libtorch was found', places, advice })
}

/**
 * Opens the libtorch of a place. A process can have only one: if another thread, another copy of this package or another package has opened
 * one, that one is used, provided that it is of the right version.
 *
 * @returns The folder of the libraries.
 */
function openLibtorch(loader: NativeLoader, place: UsableLibtorch, advice: string): string {
  const { dependencies, cpu } = LIBRARY_NAMES
  const wanted = join(place.libraries, cpu)
  let opened = wanted
  try {
    opened = loader.openLibtorch(place.libraries, dependencies, cpu)
    const version = loader.torchVersion(opened)
    if (!isRequiredVersion(version)) throw new Error(versionProblem(version))
    return dirname(opened)
  } catch (error) {
    if (opened !== wanted) throw doesNotFit(opened, place, (error as Error).message)
    const explained = explainLoadFailure((error as Error).message)
    throw doesNotLoad(place, explained.problem, explained.advice ?? advice, error)
  }
}

function doesNotFit(opened: string, { description, libraries }: UsableLibtorch, problem: string): TorchRnnError {
  return loadError({
    problem: 'this process has already opened another libtorch, and it can have only one',
    places: [
      { description: `open in this process, ${opened}`, problem },
      { description, problem: `not opened, ${libraries}` },
    ],
    advice: `Use torch-rnn-mnist in a process of its own (child_process.fork), or have all packages use libtorch ${REQUIRED_TORCH_VERSION}.`,
  })
}

function doesNotLoad({ description }: LibtorchPlace, problem: string, advice: string, cause?: unknown) {
  return loadError({ problem: 'libtorch does not load', places: [{ description, problem }], advice, cause })
}

/**
 * Opens libtorch's CUDA libraries where they can be used. Returns why there may be no CUDA device. They must be open before the first
 * tensor: libtorch decides only once whether there is CUDA.
 */
function tryToOpenCuda(loader: NativeLoader, libraries: string): string {
  const wish = process.env['TORCH_RNN_MNIST_CUDA']
  if (wish === '0') return 'CUDA is switched off by TORCH_RNN_MNIST_CUDA=0'
  if (!hasCudaLibraries(libraries)) {
    return `the libtorch in ${libraries} is for the CPU alone; LIBTORCH or LIBTORCH_USE_PYTORCH=1 can name one with CUDA`
  }
  try {
    if (wish !== '1') loader.open(LIBRARY_NAMES.cudaDriver)
  } catch {
    return `libtorch has CUDA, but there is no NVIDIA driver (${LIBRARY_NAMES.cudaDriver} does not load)`
  }
  try {
    loader.setDefault(...CUBLAS_SETTING)
    for (const name of LIBRARY_NAMES.cuda) loader.open(join(libraries, name))
  } catch (error) {
    return `libtorch's CUDA libraries do not load: ${(error as Error).message}`
  }
  return CUDA_IS_OPEN
}

function requireAddon<Addon>(path: string, place: AddonPlace, advice: string): Addon {
  try {
    return require(path) as Addon
  } catch (error) {
    const explained = describeRefusal(error) ?? explainLoadFailure((error as Error).message)
    const places = [{ description: place.description, problem: explained.problem }]
    throw loadError({ problem: 'the addon does not load', places, advice: explained.advice ?? place.advice ?? advice, cause: error })
  }
}

function remedy(packageRoot: string): string {
  // A place that the user named ends the search, so only the user can change it.
  if (process.env['LIBTORCH']) return `Set LIBTORCH to a folder with libtorch ${REQUIRED_TORCH_VERSION}, or unset it.`
  if (process.env['LIBTORCH_USE_PYTORCH'] === '1') {
    return `Install PyTorch ${REQUIRED_TORCH_VERSION} where ${PYTHON} finds it, or unset LIBTORCH_USE_PYTORCH.`
  }
  if (isClone(packageRoot)) return 'Run `npm run build`.'
  const record = buildRecord(packageRoot)
  if (existsSync(record)) return `Run \`rnn-mnist-train build\` again, or remove ${record} to use the packages of npm.`
  return 'Remove node_modules and run `npm install --include=optional`. `npx rnn-mnist-train doctor` tells more.'
}
