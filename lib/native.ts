/** The only file that loads the addon: its typed interface, and how it and libtorch are found. */
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { debuglog } from 'node:util'
import { isMainThread } from 'node:worker_threads'
import { TorchRnnError } from './errors'
import { isRequiredVersion, LIBRARY_NAMES, type LibtorchPlace, REQUIRED_TORCH_VERSION, searchLibtorch, versionProblem } from './libtorch'
import type { ModelOptions } from './options'

/** Numbers with their shape, row-major. */
export interface NativeArray {
  data: Float32Array
  shape: number[]
}

/** Images or labels on their way in; copied by the callee. */
export interface NativeInput {
  data: Uint8Array | Float32Array
  shape: readonly number[]
}

/** Progress of an epoch; means over the samples so far. */
export interface NativeProgress {
  batch: number
  batches: number
  samples: number
  batchLoss: number
  loss: number
  accuracy: number
  seconds: number
}

export interface NativeEpoch extends NativeProgress {
  /** False when the epoch was stopped. */
  completed: boolean
}

export interface NativeEvaluation {
  loss: number
  samples: number
  seconds: number
  /** Row: label; column: prediction. */
  confusionMatrix: number[][]
}

export interface NativeForwardEvent {
  module: '' | 'basic_rnn' | 'FC'
  training: boolean
  inputs: NativeArray[]
  outputs: NativeArray[]
}

/**
 * A callback from the computing thread. It must not throw and must call `settle` once it is done with the event: with 0, or with a number
 * above 0 when it failed. The call it belongs to then rejects with `ERR_CALLBACK_FAILED` and that number as `detail`.
 */
export type NativeCallback<Event> = (event: Event, settle: (failure: number) => void) => void

export interface NativeEpochOptions {
  batchSize: number
  shuffle: boolean
  logInterval: number
}

/** An opaque dataset inside the addon. */
export interface NativeDataset {
  readonly nativeDataset: never
}

/** One network with its thread. What returns a promise is queued there. */
export interface NativeImageRnn {
  /** As resolved at construction: "cpu" or "cuda:0". */
  readonly device: string
  forward(images: NativeInput): Promise<NativeArray>
  predict(images: NativeInput): Promise<{ classes: Uint8Array; probabilities: NativeArray }>
  evaluate(dataset: NativeDataset, options: { batchSize: number }): Promise<NativeEvaluation>
  /** Checks that all the data fits, and starts a fresh optimizer. */
  startTraining(options: { learningRate: number }, train: NativeDataset, validation: NativeDataset | null): Promise<void>
  trainEpoch(dataset: NativeDataset, options: NativeEpochOptions, onProgress: NativeCallback<NativeProgress> | null): Promise<NativeEpoch>
  /** Ends the running epoch after its batch. */
  stopTraining(): void
  stateDict(): Promise<Record<string, NativeArray>>
  loadStateDict(state: Record<string, NativeInput>): Promise<void>
  /** Resolves to the device as resolved. */
  to(options: { device: string }): Promise<string>
  threadCount(): Promise<number>
  setForwardHook(module: string, hook: NativeCallback<NativeForwardEvent> | null): void
  /** Stops everything at once; resolves when the thread has ended and freed the network. */
  dispose(): Promise<void>
}

export interface NativeBinding {
  /** The version of libtorch's headers that the addon was built with. */
  readonly torchVersion: string
  readonly Dataset: new (images: NativeInput, labels: NativeInput) => NativeDataset
  readonly ImageRnn: new (options: Required<ModelOptions>) => NativeImageRnn
  cudaDeviceCount(): number
  /** A random permutation of 0 to `count` - 1, by which splits deal out samples. */
  splitOrder(options: { seed: number; count: number }): Uint32Array
  /** Stops and joins every computing thread of the process, which is about to exit. */
  stopEverything(): void
}

interface NativeLoader {
  open(path: string): void
  torchVersion(path: string): string
  claim(libraries: string): string
}

const PACKAGE_ROOT = dirname(__dirname) // lib/ and dist/ lie equally deep
const ADDON_FOLDER = join(PACKAGE_ROOT, 'build', 'Release')
const debug = debuglog('torch-rnn-mnist')

let loaded: NativeBinding | undefined
let cudaProblem = 'libtorch is not loaded yet'

/** The addon, loaded with libtorch at the first call. @throws TorchRnnError `ERR_LIBRARY_LOAD`, which lists the places tried. */
export function native(): NativeBinding {
  loaded ??= load()
  return loaded
}

function load(): NativeBinding {
  const addon = join(ADDON_FOLDER, 'torch_rnn_mnist.node')
  if (!existsSync(addon)) {
    throw loadError(`${addon} does not exist`, [], 'From a clone, `npm run build` makes it.')
  }
  const loader = requireAddon<NativeLoader>(join(ADDON_FOLDER, 'loader.node'))
  const places = searchLibtorch(PACKAGE_ROOT)
  const place = places.at(-1)
  if (place?.libraries === undefined) throw loadError('no libtorch was found', places, remedy())
  // Two copies of libtorch in one process would corrupt each other: all threads use the first one.
  const libraries = loader.claim(place.libraries)
  debug('libtorch: %s', libraries)
  openLibtorch(loader, libraries, place)
  const binding = requireAddon<NativeBinding>(addon)
  if (isMainThread) process.once('exit', () => binding.stopEverything())
  return binding
}

function openLibtorch(loader: NativeLoader, libraries: string, place: LibtorchPlace): void {
  const cpu = join(libraries, LIBRARY_NAMES.cpu)
  try {
    for (const name of LIBRARY_NAMES.dependencies) openIfThere(loader, join(libraries, name))
    loader.open(cpu)
    const version = loader.torchVersion(cpu)
    if (!isRequiredVersion(version)) throw new Error(versionProblem(version))
  } catch (error) {
    throw loadError('libtorch does not load', [{ description: place.description, problem: (error as Error).message }], remedy(), error)
  }
  openCuda(loader, libraries)
}

/** CUDA libraries must be there before the first tensor: libtorch decides only once whether there is CUDA. */
function openCuda(loader: NativeLoader, libraries: string): void {
  cudaProblem = tryToOpenCuda(loader, libraries)
  debug('CUDA: %s', cudaProblem) // The CPU works all the same.
}

/** Opens what CUDA needs, and tells why there may still be no device. */
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

/** Why a CUDA device may be missing, in words; for the error of whoever asks for one. */
export function describeCuda(): string {
  return cudaProblem
}

function openIfThere(loader: NativeLoader, path: string): void {
  if (!existsSync(path)) return
  debug('opening %s', path)
  loader.open(path)
}

function requireAddon<Addon>(path: string): Addon {
  try {
    return require(path) as Addon
  } catch (error) {
    throw loadError(`${path} does not load: ${(error as Error).message}`, [], remedy(), error)
  }
}

function remedy(): string {
  // A place that the user named ends the search, so only the user can change it.
  if (process.env['LIBTORCH']) return `Set LIBTORCH to a folder with libtorch ${REQUIRED_TORCH_VERSION}, or unset it.`
  if (process.env['LIBTORCH_USE_PYTORCH'] === '1') {
    return `Install PyTorch ${REQUIRED_TORCH_VERSION} where python3 finds it, or unset LIBTORCH_USE_PYTORCH.`
  }
  return existsSync(join(PACKAGE_ROOT, 'scripts', 'bootstrap'))
    ? 'Run `npm run build`.'
    : `Set LIBTORCH to a folder with libtorch ${REQUIRED_TORCH_VERSION}, or LIBTORCH_USE_PYTORCH=1 where python3 has PyTorch ${REQUIRED_TORCH_VERSION}.`
}

function loadError(problem: string, places: readonly LibtorchPlace[], advice: string, cause?: unknown): TorchRnnError {
  const tried = places.map((place) => `\n  - ${place.description}: ${place.problem ?? 'found'}`).join('')
  const message = `Could not load torch-rnn-mnist: ${problem} (needs libtorch ${REQUIRED_TORCH_VERSION}).${tried === '' ? '' : `\n  Looked at:${tried}`}\n  ${advice}`
  return new TorchRnnError('ERR_LIBRARY_LOAD', message, cause === undefined ? {} : { cause })
}
