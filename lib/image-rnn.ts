import { types } from 'node:util'
import { Callbacks, isInsideCallbackOf } from './callbacks'
import { readModelFile, writeModelFile } from './checkpoints/model-file'
import { type ImageBatch, type ImageDataset, rawData } from './data/dataset'
import { type ErrorCode, TorchRnnError, unexpected } from './errors'
import type { BatchEvent, EpochEvent } from './events'
import { type ForwardHook, ForwardHooks, type HookHandle, type ModuleName } from './forward-hooks'
import { type NativeDataset, type NativeEpoch, type NativeImageRnn, type NativeProgress, native } from './native'
import {
  MODEL_OPTIONS,
  type ModelOptions,
  type PlacementOptions,
  resolveOptions,
  TRAIN_OPTIONS,
  type TrainHyperparameters,
} from './options'
import type { Tensor } from './tensor'

/** How to train, and whom to tell. */
export interface TrainOptions extends TrainHyperparameters {
  /**
   * Stops the training: the running batch is finished, the model is left as it is then, and `train` rejects with the signal's reason
   * (an `AbortError` by default).
   */
  signal?: AbortSignal
  /**
   * Called every `logInterval` batches and after the last one of an epoch. Training goes on meanwhile, but waits when the call before it
   * is not done yet. What it throws, or rejects with, ends the training.
   */
  onBatch?: (event: BatchEvent) => void | Promise<void>
  /** Called, and waited for, after every epoch. May use the model: evaluate it, for instance. What it throws ends the training. */
  onEpoch?: (event: EpochEvent) => void | Promise<void>
}

const CALLBACK_OPTIONS = ['signal', 'onBatch', 'onEpoch'] as const

/** What a training did, epoch by epoch. */
export interface History {
  /** One entry an epoch, in order. */
  readonly epochs: readonly EpochEvent[]
}

/** How well a model does on a dataset. */
export interface Evaluation {
  /** Share of samples classified correctly, 0 to 1. */
  accuracy: number
  /** Mean cross entropy over the samples, in nats. */
  loss: number
  /** Number of samples, N. */
  samples: number
  /** `[C][C]` counts: row = the label, column = the model's answer. */
  confusionMatrix: number[][]
  /** Duration of the evaluation. */
  seconds: number
}

/** Samples that evaluate computes at once: large enough to keep all cores busy, small enough to stop soon. */
const EVALUATION_BATCH = 1000

/** Native copies of datasets, made at first use and freed with the dataset. */
const nativeDatasets = new WeakMap<ImageDataset, NativeDataset>()

/**
 * A recurrent network that reads an image row by row: stacked plain (Elman) layers over the rows, and one linear layer that turns the top
 * layer's last state into a score for each class.
 *
 * Everything that computes runs on a thread of the model's own, in the order of the calls, and returns a promise.
 */
export class ImageRNN {
  /** The options as resolved. */
  readonly options: Readonly<Required<ModelOptions>>
  readonly #native: NativeImageRnn
  readonly #callbacks = new Callbacks(this)
  readonly #hooks: ForwardHooks
  #training = false
  #disposed = false

  /**
   * Creates a network with random weights that follow from `seed`.
   *
   * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_DEVICE_UNAVAILABLE`, `ERR_LIBRARY_LOAD`.
   */
  constructor(options: ModelOptions = {}) {
    const resolved = resolveOptions(MODEL_OPTIONS, options, 'ImageRNN')
    this.#native = translated(() => new (native().ImageRnn)(resolved))
    this.#hooks = new ForwardHooks(this.#native, this.#callbacks)
    this.options = Object.freeze(resolved)
  }

  /** Where the model computes, as resolved: `'cpu'` or `'cuda:0'`. */
  get device(): string {
    return this.#native.device
  }

  /** What trains, as resolved. */
  get engine(): 'torch' {
    return 'torch' // the only one so far, so that 'auto' means it too
  }

  /** True once {@link dispose} was called. */
  get disposed(): boolean {
    return this.#disposed
  }

  /**
   * Computes the scores of images, in eval mode.
   *
   * @param images - `[N, T, F]`, or `[T, F]` for one image: bytes 0 to 255, which are divided by 255, or floats, used as they are. Copied.
   * @returns Logits `[N, C]`.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_BUSY` from inside a hook of this model, `ERR_DISPOSED`.
   */
  async forward(images: Readonly<ImageBatch>): Promise<Tensor> {
    this.#checkUsable('forward')
    return await this.#run(() => this.#native.forward(toBatch(images)), callerOf(this.forward))
  }

  /**
   * Trains with Adam on the cross entropy. A fresh optimizer each time; the weights go on from where they are.
   *
   * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA` when the dataset does not fit the model,
   *   `ERR_BUSY` while another training runs, `ERR_DISPOSED`, `ERR_OUT_OF_MEMORY`; and what a callback throws.
   */
  async train(dataset: ImageDataset, options: TrainOptions = {}): Promise<History> {
    const hyperparameters = resolveOptions<TrainHyperparameters>(TRAIN_OPTIONS, options, 'train', CALLBACK_OPTIONS)
    checkCallbacks(options)
    this.#checkUsable('train')
    if (this.#training)
      throw new TorchRnnError('ERR_BUSY', 'This model is being trained. Wait for that, or abort it, before train is called again.')
    const data = toNativeDataset(dataset)
    options.signal?.throwIfAborted()
    const caller = callerOf(this.train)
    this.#training = true
    const stop = () => this.#native.stopTraining()
    options.signal?.addEventListener('abort', stop)
    try {
      await this.#run(() => this.#native.startTraining(hyperparameters), caller)
      return await this.#trainEpochs(data, hyperparameters, options, caller)
    } catch (error) {
      options.signal?.throwIfAborted() // An abort may show as an interrupted hook; the reason is what the caller waits for.
      throw error
    } finally {
      options.signal?.removeEventListener('abort', stop)
      this.#training = false
    }
  }

  /**
   * Measures loss, accuracy and confusions on a dataset, in eval mode.
   *
   * @throws TorchRnnError `ERR_INVALID_SHAPE` or `ERR_INVALID_DATA` when the dataset does not fit the model, `ERR_BUSY`, `ERR_DISPOSED`.
   */
  async evaluate(dataset: ImageDataset): Promise<Evaluation> {
    this.#checkUsable('evaluate')
    const data = toNativeDataset(dataset)
    const result = await this.#run(() => this.#native.evaluate(data, { batchSize: EVALUATION_BATCH }), callerOf(this.evaluate))
    const hits = result.confusionMatrix.reduce((sum, row, label) => sum + (row[label] ?? 0), 0)
    return { accuracy: hits / result.samples, ...result }
  }

  /**
   * Registers a function that sees every forward pass through a module, in training and evaluation, as PyTorch's method of this name.
   *
   * Hooks of one module run in the order of registration. The call that a pass belongs to waits for its hooks, and rejects with what one
   * throws. Inside a hook this model cannot be called (`ERR_BUSY`): it is waiting for the hook.
   *
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_DISPOSED`.
   */
  registerForwardHook(module: ModuleName, hook: ForwardHook): HookHandle {
    this.#checkNotDisposed()
    return this.#hooks.add(module, hook)
  }

  /**
   * Copies of all parameters by PyTorch's names, such as `basic_rnn.weight_ih_l0`.
   *
   * @throws TorchRnnError `ERR_BUSY` from inside a hook of this model, `ERR_DISPOSED`.
   */
  async stateDict(): Promise<Map<string, Tensor>> {
    this.#checkUsable('stateDict')
    return new Map(Object.entries(await this.#run(() => this.#native.stateDict(), callerOf(this.stateDict))))
  }

  /**
   * Replaces all parameters.
   *
   * @throws TorchRnnError `ERR_INVALID_DATA` for missing or unknown names, `ERR_INVALID_SHAPE`, `ERR_INVALID_ARGUMENT`, `ERR_BUSY` during
   *   training, `ERR_DISPOSED`; the model is unchanged then.
   */
  async loadStateDict(state: ReadonlyMap<string, Tensor>): Promise<void> {
    if (!types.isMap(state)) throw unexpected('ERR_INVALID_ARGUMENT', 'state', 'a Map from names to tensors', state)
    this.#checkUsable('loadStateDict')
    if (this.#training)
      throw new TorchRnnError('ERR_BUSY', 'This model is being trained. Wait for that, or abort it, before its parameters are replaced.')
    await this.#run(() => this.#native.loadStateDict(Object.fromEntries(state)), callerOf(this.loadStateDict))
  }

  /**
   * Writes the parameters as a safetensors file, by PyTorch's names, with the architecture in its metadata. Completely or not at all: what
   * was there before survives a crash and a full disk. During training this waits for the end of the epoch.
   *
   * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_BUSY` from inside a hook of this model, `ERR_DISPOSED`.
   */
  async save(path: string): Promise<void> {
    if (typeof path !== 'string' || path === '') throw unexpected('ERR_INVALID_ARGUMENT', 'path', 'the path of a file', path)
    this.#checkUsable('save')
    const state = await this.#run(() => this.#native.stateDict(), callerOf(this.save))
    await writeModelFile(path, this.options, new Map(Object.entries(state)))
  }

  /**
   * Reads a model from a safetensors file: one of {@link ImageRNN.save}, or a state dict of the same network from Python. Such a file does
   * not tell its activation, which is then taken to be tanh.
   *
   * @param options - Where and how the model computes.
   * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_INVALID_OPTION`, `ERR_DEVICE_UNAVAILABLE`, `ERR_LIBRARY_LOAD`.
   */
  static async load(path: string, options: PlacementOptions = {}): Promise<ImageRNN> {
    if (typeof path !== 'string' || path === '') throw unexpected('ERR_INVALID_ARGUMENT', 'path', 'the path of a file', path)
    const { device, engine, seed, threads } = MODEL_OPTIONS
    const placement = resolveOptions<PlacementOptions>({ device, engine, seed, threads }, options, 'ImageRNN.load')
    const { architecture, state } = await readModelFile(path)
    const model = new ImageRNN({ ...architecture, ...placement })
    try {
      await model.loadStateDict(state)
      return model
    } catch (error) {
      model.dispose()
      throw error
    }
  }

  /** Threads that one operation uses on the CPU, as libtorch reports it from the model's thread. @throws TorchRnnError `ERR_DISPOSED`. */
  async threadCount(): Promise<number> {
    this.#checkUsable('threadCount')
    return await this.#run(() => this.#native.threadCount(), callerOf(this.threadCount))
  }

  /**
   * Frees the model. Returns at once: calls that wait reject with `ERR_DISPOSED`, a running one stops after its batch. Further calls do
   * nothing.
   */
  dispose(): void {
    this.#disposed = true
    this.#native.dispose()
  }

  /** {@link dispose}, for `using model = new ImageRNN()`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  async #trainEpochs(
    data: NativeDataset,
    hyperparameters: Required<TrainHyperparameters>,
    options: TrainOptions,
    caller: Caller,
  ): Promise<History> {
    const { epochs } = hyperparameters
    const epochEvents: EpochEvent[] = []
    const onBatch = options.onBatch && this.#callbacks.bind(options.onBatch)
    for (let epoch = 1; epoch <= epochs; epoch += 1) {
      options.signal?.throwIfAborted()
      const report =
        onBatch === undefined ? null : this.#callbacks.wrap((progress: NativeProgress) => onBatch(toBatchEvent(progress, epoch, epochs)))
      const result = await this.#run(() => this.#native.trainEpoch(data, hyperparameters, report), caller)
      options.signal?.throwIfAborted()
      if (!result.completed) throw new TorchRnnError('ERR_DISPOSED', 'The model was disposed while it was being trained.')
      const event = toEpochEvent(result, epoch, epochs)
      epochEvents.push(event)
      await options.onEpoch?.(event)
    }
    return { epochs: epochEvents }
  }

  #checkUsable(method: string): void {
    this.#checkNotDisposed()
    if (isInsideCallbackOf(this)) {
      throw new TorchRnnError(
        'ERR_BUSY',
        `${method} was called from inside a hook or onBatch of this model, which waits for that to return.`,
      )
    }
  }

  #checkNotDisposed(): void {
    if (this.#disposed) throw new TorchRnnError('ERR_DISPOSED', 'The model was disposed and cannot be used any more.')
  }

  /** Runs a native call; its errors become {@link TorchRnnError}s with the stack of the public method's caller. */
  async #run<Result>(call: () => Promise<Result>, caller: Caller): Promise<Result> {
    try {
      return await this.#callbacks.call(call)
    } catch (error) {
      const failure = this.#callbacks.takeThrown(error)
      throw failure === undefined ? toPublicError(error, caller) : failure.thrown
    }
  }
}

/** From where a public method was called. */
interface Caller {
  readonly stack: string
}

/** To be used before the method's first `await`: after it, its caller is not on the stack any more. */
function callerOf(method: (...args: never[]) => unknown): Caller {
  const caller = { stack: '' }
  Error.captureStackTrace(caller, method)
  return caller
}

/** What native code throws or rejects with. */
interface NativeError {
  readonly code: ErrorCode
  readonly message: string
  readonly detail?: string
}

function isNativeError(error: unknown): error is NativeError {
  return (
    typeof error === 'object' &&
    error !== null &&
    !(error instanceof TorchRnnError) &&
    String((error as { code?: unknown }).code).startsWith('ERR_')
  )
}

function toPublicError(error: unknown, caller?: Caller): unknown {
  if (!isNativeError(error)) return error
  const result = new TorchRnnError(error.code, error.message, error.detail === undefined ? {} : { detail: error.detail })
  if (caller !== undefined) result.stack = `${result.name}: ${result.message}\n${caller.stack.split('\n').slice(1).join('\n')}`
  return result
}

function translated<Result>(call: () => Result): Result {
  try {
    return call()
  } catch (error) {
    throw toPublicError(error)
  }
}

function checkCallbacks(options: TrainOptions): void {
  for (const name of ['onBatch', 'onEpoch'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') throw unexpected('ERR_INVALID_OPTION', name, 'a function', value)
  }
  const signal: unknown = options.signal
  if (signal !== undefined && typeof (signal as AbortSignal | null)?.throwIfAborted !== 'function') {
    throw unexpected('ERR_INVALID_OPTION', 'signal', 'an AbortSignal', signal)
  }
}

function toNativeDataset(dataset: ImageDataset): NativeDataset {
  const raw = rawData(dataset)
  let result = nativeDatasets.get(dataset)
  if (result === undefined) {
    result = translated(
      () => new (native().Dataset)({ data: raw.images, shape: raw.shape }, { data: raw.labels, shape: [raw.labels.length] }),
    )
    nativeDatasets.set(dataset, result)
  }
  return result
}

function toBatch(images: Readonly<ImageBatch>): ImageBatch {
  const shape: readonly number[] = images?.shape
  if (!Array.isArray(shape) || !ArrayBuffer.isView(images.data)) {
    throw unexpected('ERR_INVALID_ARGUMENT', 'images', 'an object { data: Uint8Array or Float32Array, shape: [N, T, F] or [T, F] }', images)
  }
  return { data: images.data, shape: (shape.length === 2 ? [1, ...shape] : shape) as ImageBatch['shape'] }
}

function toBatchEvent(progress: NativeProgress, epoch: number, epochs: number): BatchEvent {
  const { batch, batches, samples, batchLoss, loss, accuracy, seconds } = progress
  const samplesPerSecond = samples / seconds
  return {
    type: 'batch',
    epoch,
    epochs,
    batch,
    batches,
    samples,
    batchLoss,
    trainLoss: loss,
    trainAccuracy: accuracy,
    seconds,
    samplesPerSecond,
  }
}

function toEpochEvent(result: NativeEpoch, epoch: number, epochs: number): EpochEvent {
  const { samples, loss, accuracy, seconds } = result
  return { type: 'epoch', epoch, epochs, trainLoss: loss, trainAccuracy: accuracy, seconds, samplesPerSecond: samples / seconds }
}
