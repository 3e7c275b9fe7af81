/** Loads the addon and the libtorch that it needs, in the right order. */
import { existsSync } from 'node:fs'
import { endianness } from 'node:os'
import { join } from 'node:path'
import { debuglog } from 'node:util'
import { TorchRnnError } from '../errors'
import { checkNotBundled } from '../host/bundle'
import { describeRefusal } from '../host/permissions'
import { ADDON_FILES, type AddonPlace, searchAddon } from './find-addon'
import { buildRecord, isRequiredVersion, type LibtorchPlace, REQUIRED_TORCH_VERSION, searchLibtorch, versionProblem } from './find-libtorch'
import { explainLoadFailure, loadError } from './load-error'
import { explainMissingAddon } from './missing-addon'
import { isClone } from './packages'
import { LIBRARY_NAMES, PLATFORM } from './platform'
import { isTrial, tryLibtorch } from './trial'

/** The addon, ready for use. `Binding` is what it exports. */
export interface LoadedAddon<Binding> {
  readonly binding: Binding
  /** The folder of libtorch's libraries. */
  readonly libraries: string
  /** Why there may be no CUDA device. */
  readonly cudaProblem: string
}

/** What loader.node exports: it opens libtorch before the addon, which is linked with it, is loaded. */
interface NativeLoader {
  /** Opens a library for good. */
  open(path: string): void
  /** The version of an open libtorch_cpu. */
  torchVersion(path: string): string
  /** The first folder that any thread of this process claimed. */
  claim(libraries: string): string
}

const debug = debuglog('torch-rnn-mnist')

/** @throws TorchRnnError `ERR_LIBRARY_LOAD`, which lists every place tried. */
export function loadAddon<Binding>(packageRoot: string): LoadedAddon<Binding> {
  requireLittleEndian()
  checkNotBundled()
  const addon = findAddon(packageRoot)
  const advice = remedy(packageRoot)
  const place = findLibtorch(packageRoot, addon.folder, advice)
  const trial = place.isNamed === true && !isTrial() ? tryLibtorch(place.libraries, addon.folder) : {}
  if (trial.loadError !== undefined) throw new TorchRnnError('ERR_LIBRARY_LOAD', trial.loadError)
  if (trial.problem !== undefined) throw doesNotLoad(place, trial.problem, advice)
  const loader = requireAddon<NativeLoader>(join(addon.folder, ADDON_FILES.loader), addon, advice)
  // Two copies of libtorch in one process would corrupt each other: all threads use the first one.
  const libraries = loader.claim(place.libraries)
  debug('addon: %s', addon.folder)
  debug('libtorch: %s', libraries)
  openLibtorch(loader, libraries, place, advice)
  const cudaProblem = trial.cudaProblem ?? tryToOpenCuda(loader, libraries)
  debug('CUDA: %s', cudaProblem) // The CPU works without it.
  return { binding: requireAddon<Binding>(join(addon.folder, ADDON_FILES.addon), addon, advice), libraries, cudaProblem }
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

function findLibtorch(packageRoot: string, addonFolder: string, advice: string): LibtorchPlace & { readonly libraries: string } {
  const places = searchLibtorch(packageRoot, addonFolder)
  const place = places.at(-1)
  if (place?.libraries !== undefined) return { ...place, libraries: place.libraries }
  throw loadError({ problem: 'no libtorch was found', places, advice })
}

function openLibtorch(loader: NativeLoader, libraries: string, place: LibtorchPlace, advice: string): void {
  const cpu = join(libraries, LIBRARY_NAMES.cpu)
  try {
    for (const name of LIBRARY_NAMES.dependencies) openIfThere(loader, join(libraries, name))
    loader.open(cpu)
    const version = loader.torchVersion(cpu)
    if (!isRequiredVersion(version)) throw new Error(versionProblem(version))
  } catch (error) {
    const explained = explainLoadFailure((error as Error).message)
    throw doesNotLoad(place, explained.problem, explained.advice ?? advice, error)
  }
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
  const paths = LIBRARY_NAMES.cuda.map((name) => join(libraries, name))
  if (paths.length === 0 || !paths.every((path) => existsSync(path))) {
    return `the libtorch in ${libraries} is for the CPU alone; LIBTORCH or LIBTORCH_USE_PYTORCH=1 can name one with CUDA`
  }
  try {
    if (wish !== '1') loader.open(LIBRARY_NAMES.cudaDriver)
  } catch {
    return `libtorch has CUDA, but there is no NVIDIA driver (${LIBRARY_NAMES.cudaDriver} does not load)`
  }
  try {
    for (const path of paths) loader.open(path)
  } catch (error) {
    return `libtorch's CUDA libraries do not load: ${(error as Error).message}`
  }
  return 'libtorch with CUDA is loaded, but finds no GPU that it can use'
}

function openIfThere(loader: NativeLoader, path: string): void {
  if (!existsSync(path)) return
  debug('opening %s', path)
  loader.open(path)
}

function requireAddon<Addon>(path: string, place: AddonPlace, advice: string): Addon {
  try {
    return require(path) as Addon
  } catch (error) {
    const explained = describeRefusal(error) ?? explainLoadFailure((error as Error).message)
    const places = [{ description: place.description, problem: explained.problem }]
    throw loadError({ problem: 'the addon does not load', places, advice: explained.advice ?? advice, cause: error })
  }
}

function remedy(packageRoot: string): string {
  // A place that the user named ends the search, so only the user can change it.
  if (process.env['LIBTORCH']) return `Set LIBTORCH to a folder with libtorch ${REQUIRED_TORCH_VERSION}, or unset it.`
  if (process.env['LIBTORCH_USE_PYTORCH'] === '1') {
    return `Install PyTorch ${REQUIRED_TORCH_VERSION} where python3 finds it, or unset LIBTORCH_USE_PYTORCH.`
  }
  if (isClone(packageRoot)) return 'Run `npm run build`.'
  const record = buildRecord(packageRoot)
  if (existsSync(record)) return `Run \`rnn-mnist-train build\` again, or remove ${record} to use the packages of npm.`
  return 'Remove node_modules and run `npm install --include=optional`. `npx rnn-mnist-train doctor` tells more.'
}
