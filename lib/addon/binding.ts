/** What the addon exports, as types. A test compares them with the addon. */
import type { ResolvedModelOptions } from '../options/options'

/** Numbers with their shape, row-major. */
export interface NativeArray {
  data: Float32Array
  shape: number[]
}

/** Numbers in double precision with their shape, row-major. */
export interface NativeDoubles {
  data: Float64Array
  shape: number[]
}

/** Whole numbers, exact up to 2^53. */
export type NativeCounts = NativeDoubles

/** Makes the array of a result, which the addon then fills. What it throws rejects the call that the result belongs to. */
export type NativeAllocator = (dtype: 'float32' | 'float64', shape: readonly number[]) => NativeArray | NativeDoubles

/** Images, labels or parameters on their way in. Copied, except by {@link NativeBinding.ImageStorage}. */
export interface NativeInput {
  data: Uint8Array | Float32Array
  shape: readonly number[]
}

/** Images, or sequences of different length on their way in. */
export interface NativeSequences extends NativeInput {
  /** `[N]`: how many steps of each are real, 1 to T. Undefined: all. */
  lengths?: Int32Array | undefined
}

/** Progress of an epoch: means over the samples so far, seconds since the start of the range of batches that runs. */
export interface NativeProgress {
  batch: number
  batches: number
  samples: number
  batchLoss: number
  loss: number
  accuracy: number
  /** Norm of the gradient of the latest update over all parameters, before it was clipped; 0 before the first update. */
  gradientNorm: number
  seconds: number
}

export interface NativeEvaluation {
  loss: number
  samples: number
  seconds: number
  /** `[C, C]`. Row: label; column: prediction. */
  confusion: NativeCounts
  /** Only where some were asked for: the surest first; of equally sure ones, the first of the data set. */
  mistakes?: NativeMistakes
}

/** `[K]` each. */
export interface NativeMistakes {
  samples: NativeCounts
  answers: NativeCounts
  /** Of the answer. */
  probabilities: NativeArray
}

export interface NativePrediction {
  /** `[N]` */
  classes: NativeCounts
  /** `[N, C]` */
  probabilities: NativeArray
}

export interface NativeInspection {
  /** `[L, T, N, H]` */
  hiddenStates: NativeArray
  /** `[T, N, C]` */
  probabilities: NativeArray
  /** `[L, T, N]`; only with labels. */
  gradientNorms?: NativeArray
}

/** Objects and lists are of the addon's realm, the arrays in them are those of {@link NativeAllocator}. */
export interface NativeForwardEvent {
  module: '' | 'basic_rnn' | 'FC'
  training: boolean
  inputs: NativeArray[]
  outputs: NativeArray[]
}

/**
 * A callback from the computing thread. It must not throw and must call `settle` once it is done with the event: with 0, or with a number
 * above 0 when it failed. The call it belongs to then rejects with `ERR_CALLBACK_FAILED` and that number as `failure`.
 */
export type NativeCallback<Event> = (event: Event, settle: (failure: number) => void) => void

/** A call that {@link NativeImageRnn.stop} can end. */
export interface NativeCall {
  /** A number of the model's own that no other pending call has, from 1. */
  call: number
  /** Samples that are computed at once; 0 leaves it to the addon. */
  batchSize: number
}

/** How gradients become updates. */
export interface NativeOptimizer {
  optimizer: 'adam' | 'adamw' | 'muon'
  betas: readonly [number, number]
  weightDecay: number
  /** Of Muon. */
  momentum: number
  /** 0: gradients are not clipped. */
  clipGradNorm: number
  /** Undefined: there is no average. */
  emaDecay?: number | undefined
}

/** The largest random changes of an image: pixels, degrees, a share, degrees; and the probability of a flip. At most 1000, 180, 0.9, 80 and 1. */
export interface NativeAugmentation {
  shift: number
  rotation: number
  scale: number
  shear: number
  flip: number
}

/** Which samples to change as in an epoch of the model with this seed. */
export interface NativeAugmentedSamples {
  samples: Uint32Array
  seed: number
  /** Epoch of the model, from 0. */
  epoch: number
  /** Null: the images as they are. */
  augmentation: NativeAugmentation | null
}

/** A range of batches of one epoch. */
export interface NativeBatchRange extends NativeCall {
  /** Epoch of the model, from 0: decides the order of the samples. */
  epoch: number
  /** First batch of the range, from 0. Batch 0 starts the sums of the epoch anew. */
  first: number
  /** The step size of each batch of the range, which tells how long it is. An update takes that of its last batch. */
  learningRates: Float64Array
  shuffle: boolean
  /** Batches whose gradients make one update, counted from the start of the epoch; the last one of the epoch may have fewer. */
  accumulationSteps: number
  labelSmoothing: number
  /** Null: the images as they are. */
  augmentation: NativeAugmentation | null
  /** Batches between two progress events; the last one of the range always reports. */
  logInterval: number
}

/** All that a training goes on from, between two updates. */
export interface NativeTrainingState {
  /** The parameters that are trained, and Adam's running means of their gradients and of the squares of these, by PyTorch's names. */
  values: Record<string, NativeArray>
  firstMoment: Record<string, NativeArray>
  secondMoment: Record<string, NativeArray>
  /** The average of the parameters, which the model holds between two ranges; null where there is none. */
  average: Record<string, NativeArray> | null
  /** Updates since the start of the training. */
  updates: number
  /** Batches of the running epoch that are in updates. */
  epochBatches: number
  /** Sums over the samples of these batches. */
  epochLoss: number
  epochHits: number
  epochSamples: number
}

/** Images with labels inside the addon, which borrows the arrays that it was made of. */
export interface NativeStorage {
  readonly nativeStorage: never
}

/** Some samples of a storage. */
export interface NativeDataset {
  readonly nativeDataset: never
}

/** What a network is made of, and where it computes. */
export interface NativeModelOptions extends Omit<ResolvedModelOptions, 'normalization'> {
  /** `[F]` each. */
  normalization?: { mean: Float64Array; std: Float64Array } | undefined
  /** The CPU cores that the process may use: `threads` 0 takes no more threads. */
  cores: number
  /** The number of CUDA devices where it is known. 0: the addon counts them when it needs to, which can take seconds. */
  cudaDevices: number
}

/** One network with its thread. What returns a promise is queued there. */
export interface NativeImageRnn {
  /** As resolved for where the model is: "cpu" or "cuda:0". */
  readonly device: string
  /** As resolved for this device. */
  readonly engine: 'torch' | 'fused'
  /** What the engine computes with on this processor, as the engine names it: "avx512" with fused, "AVX512" with torch. */
  readonly instructionSet: string
  forward(images: NativeSequences, options: NativeCall): Promise<NativeArray>
  predict(images: NativeSequences, options: NativeCall): Promise<NativePrediction>
  /** Labels: bytes `[N]`. Without them, no gradients are computed. The addon chooses the size of its batches. */
  inspect(images: NativeSequences, labels: NativeInput | null, options: NativeCall): Promise<NativeInspection>
  /** `mistakes`: the most that are kept; 0 for none. */
  evaluate(dataset: NativeDataset, options: NativeCall & { mistakes: number }): Promise<NativeEvaluation>
  /**
   * Checks that all the data fits, and starts a fresh optimizer; or goes on with the state of the one before, where `keepState` is set and
   * there is one, perhaps with other options. An average that begins starts from the parameters as they are; where one ends, the model gets
   * the parameters.
   */
  startTraining(
    train: NativeDataset,
    validation: NativeDataset | null,
    optimizer: NativeOptimizer,
    options: NativeCall & { keepState: boolean },
  ): Promise<void>
  /**
   * The range begins with batch 0 or where the epoch stands, and consists of whole groups; else `ERR_INVALID_ARGUMENT`. A stop or an error in
   * the middle of a group drops it: everything is as it was after the last update. `ERR_NOT_FINITE`: that update was not applied.
   */
  trainBatches(dataset: NativeDataset, range: NativeBatchRange, onProgress: NativeCallback<NativeProgress> | null): Promise<NativeProgress>
  /** After {@link startTraining}. */
  trainingState(): Promise<NativeTrainingState>
  /**
   * After {@link startTraining}. Checks everything before it changes anything: names, shapes, that all numbers are finite, and that there is an
   * average exactly where the optimizer keeps one; else `ERR_INVALID_DATA` or `ERR_INVALID_SHAPE`.
   */
  loadTrainingState(state: NativeTrainingState): Promise<void>
  stateDict(): Promise<Record<string, NativeArray>>
  loadStateDict(state: Record<string, NativeInput>): Promise<void>
  /** Drops the training. */
  to(options: { device: string }): Promise<void>
  /** The number of threads that compute on the CPU. */
  threadCount(): Promise<number>
  /** Ends a call: a running one after its batch, a waiting one at once. It rejects with `ERR_ABORTED`, unless that was its last batch. */
  stop(options: { call: number }): void
  setForwardHook(module: string, hook: NativeCallback<NativeForwardEvent> | null): void
  /** Stops everything at once; resolves when the thread has ended and freed the network. */
  dispose(): Promise<void>
}

export interface NativeBinding {
  /** The version of libtorch's headers that the addon was built with. */
  readonly torchVersion: string
  /** Borrows all arrays: nobody may change or transfer them any more. */
  readonly ImageStorage: new (
    images: NativeSequences,
    labels: NativeInput,
  ) => NativeStorage
  readonly Dataset: new (storage: NativeStorage, samples: Uint32Array | { readonly first: number; readonly count: number }) => NativeDataset
  readonly ImageRnn: new (options: NativeModelOptions, allocate: NativeAllocator) => NativeImageRnn
  /**
   * Writes the images that a training sees of some samples of a data set, by their indices in it: floats `[N, T, F]`. It computes on the
   * calling thread, some 4 ns for each pixel.
   *
   * @param into - Gets the images. Its shape must be theirs.
   */
  augment(dataset: NativeDataset, options: NativeAugmentedSamples, into: NativeArray): void
  /**
   * Of a square float matrix `[N, N]`, which need not be symmetric: `[N, 2]`, real and imaginary parts. It is computed on a thread that all these
   * calls share, not on that of a model. `ERR_NOT_FINITE` for a matrix with NaN or an infinity.
   */
  eigenvalues(matrix: NativeInput, allocate: NativeAllocator): Promise<NativeDoubles>
  cudaDeviceCount(): number
  /** What libtorch computes with on the CPU: the instruction set it chose ("AVX2"), and its BLAS ("mkl"). */
  cpuBackend(): { capability: string; blas: string }
  /**
   * The instruction sets of the fused engine that this processor has, fastest first, and the one that models take. Throws
   * `ERR_INVALID_ARGUMENT` when the environment variable `TORCH_RNN_MNIST_CPU` names none of them.
   */
  instructionSets(): { supported: string[]; chosen: string }
  /** Stops and joins every computing thread of the process, which is about to exit. */
  stopEverything(): void
}
