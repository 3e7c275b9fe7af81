/** The only door to the addon, with its typed interface. How it and libtorch are found and opened is in loading/. */
import { isMainThread } from 'node:worker_threads'
import type { ModelOptions } from '../options/options'
import { PACKAGE_ROOT } from '../version'
import type { LoadedAddon } from './load-addon'

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
  /** What libtorch computes with on the CPU: the instruction set it chose ("AVX2"), and its BLAS ("mkl"). */
  cpuBackend(): { capability: string; blas: string }
  /** A random permutation of 0 to `count` - 1, by which splits deal out samples. */
  splitOrder(options: { seed: number; count: number }): Uint32Array
  /** Stops and joins every computing thread of the process, which is about to exit. */
  stopEverything(): void
}

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

/** The folder of the libtorch that is loaded; empty before that. */
export function loadedLibraries(): string {
  return loaded?.libraries ?? ''
}
