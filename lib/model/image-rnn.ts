import { types } from 'node:util'
import { checkSignal } from '../abort'
import { loadNative } from '../addon/native'
import { callerOf } from '../addon/native-errors'
import type { Trainee } from '../checkpoints/open-checkpoints'
import type { ImageDataset } from '../data/dataset'
import { type ImageInput, toBatch } from '../data/image-batch'
import { toNativeDataset } from '../data/native-data'
import { unexpected } from '../errors'
import { toPath } from '../files/path-argument'
import { checkOption, resolveOptions } from '../options/checks'
import { resolveModelOptions } from '../options/model-options'
import {
  type BatchingOptions,
  INFERENCE_OPTIONS,
  MISTAKE_OPTIONS,
  type MistakeOptions,
  MODEL_OPTIONS,
  type ModelOptions,
  ONNX_OPTIONS,
  type OnnxOptions,
  OPTIONS,
  type PlacementOptions,
  type ResolvedModelOptions,
} from '../options/options'
import type { Tensor } from '../tensor'
import type { TrainingEvent } from '../training/events'
import type { History, TrainEventsOptions, TrainOptions } from '../training/train-options'
import { warnOnce } from '../warnings'
import { parameterCount } from './architecture'
import { findBundledModel } from './bundled-model'
import { type Evaluation, toEvaluation, toMistakes } from './evaluation'
import { type ForwardHook, ForwardHooks, type HookHandle, type ModuleName } from './forward-hooks'
import { checkInspection, type Inspection, type InspectOptions, toInspection, toNativeLabels } from './inspection'
import { ModelSession } from './session'
import { drawSummary, summarize } from './summary'

/** Loaded when they are first needed: a program that only reads images starts faster without them. */
const PARTS = {
  training: (): typeof import('../training/train') => require('../training/train'),
  files: (): typeof import('./model-file') => require('./model-file'),
  onnx: (): typeof import('./onnx-file') => require('./onnx-file'),
}

/** How a model classifies images. */
export interface Prediction {
  /** `[N]`: the most probable class of each image; the lowest one where several are equal. */
  classes: Uint8Array
  /** `[N, C]`: the probability of each class, 0 to 1; each row adds up to 1. */
  probabilities: Tensor
}

/** How to compute many images, and when to stop. */
export interface InferenceOptions extends BatchingOptions {
  /** Stops the call: the running batch is finished, and the call rejects with the signal's reason (an `AbortError` by default). */
  signal?: AbortSignal | undefined
}

/** How to compute an evaluation, when to stop, and which mistakes to tell. */
export interface EvaluationOptions extends InferenceOptions, MistakeOptions {}

/**
 * A recurrent network that reads an image row by row: stacked plain (Elman) layers over the rows, and one linear layer that turns the top
 * layer's last state into a score for each class.
 *
 * Everything that computes runs on a thread of the model's own, in the order of the calls, and returns a promise.
 */
export class ImageRNN {
  /** The options as resolved. */
  readonly options: ResolvedModelOptions
  readonly #session: ModelSession
  readonly #hooks: ForwardHooks

  /**
   * Creates a network with random weights that follow from `seed`.
   *
   * The first model of a process loads libtorch, which blocks the event loop: for some 150 ms, or for seconds where a libtorch that you named
   * has to be tried first. {@link loadLibtorch} does that without blocking.
   *
   * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_DEVICE_UNAVAILABLE`, `ERR_LIBRARY_LOAD`; `ERR_INVALID_ARGUMENT` when the environment
   *   variable `TORCH_RNN_MNIST_CPU` names an instruction set that there is not.
   */
  constructor(options: ModelOptions = {}) {
    const resolved = resolveModelOptions(options, 'ImageRNN')
    this.#session = new ModelSession(this, resolved)
    this.#hooks = new ForwardHooks(this.#session)
    this.options = Object.freeze(resolved)
    this.#warnOfPrecision()
  }

  /** Where the model computes, as resolved: `'cpu'` or `'cuda:0'`. */
  get device(): string {
    return this.#session.native.device
  }

  /** What computes, as resolved for the device and the precision. */
  get engine(): 'torch' | 'fused' {
    return this.#session.native.engine
  }

  /** The instruction set that the engine uses on this processor, as it names it: `'avx512'` with `'fused'`, `'AVX512'` with `'torch'`. */
  get instructionSet(): string {
    return this.#session.native.instructionSet
  }

  /** How many numbers the network learns. */
  get parameterCount(): number {
    return parameterCount(this.options)
  }

  /** True once {@link dispose} was called. */
  get disposed(): boolean {
    return this.#session.isDisposed
  }

  /**
   * Computes the scores of images, in eval mode.
   *
   * @param images - `[N, T, F]`, or `[T, F]` for one image: bytes 0 to 255, which are divided by 255, or floats, used as they are; with `lengths`
   *   for sequences of different length. Copied.
   * @returns Logits `[N, C]`.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA` for floats that are not finite,
   *   `ERR_INVALID_OPTION`, `ERR_BUSY` from inside a hook of this model, `ERR_DISPOSED`; and the signal's reason after an abort.
   */
  async forward(images: Readonly<ImageInput>, options: InferenceOptions = {}): Promise<Tensor> {
    const { batchSize = 0, signal } = checkInference(options, 'forward')
    this.#session.checkUsable('forward')
    const batch = toBatch(images, this.options.inputSize)
    return await this.#session.run((call) => this.#session.native.forward(batch, { call, batchSize }), callerOf(this.forward), signal)
  }

  /**
   * Classifies images, in eval mode: the softmax of what {@link forward} gives.
   *
   * @param images - As for {@link forward}.
   * @throws TorchRnnError As {@link forward}.
   */
  async predict(images: Readonly<ImageInput>, options: InferenceOptions = {}): Promise<Prediction> {
    const { batchSize = 0, signal } = checkInference(options, 'predict')
    this.#session.checkUsable('predict')
    const batch = toBatch(images, this.options.inputSize)
    const predict = (call: number) => this.#session.native.predict(batch, { call, batchSize })
    const { classes, probabilities } = await this.#session.run(predict, callerOf(this.predict), signal)
    return { classes: new Uint8Array(classes.data), probabilities } // There are at most 256 classes.
  }

  /**
   * Looks inside the network while it reads images, in eval mode: the state of every layer after every row, what the network would answer after
   * it, and with labels, how much each state matters for the loss.
   *
   * The result holds L x T x N x H numbers, at most 2^28 (1 GiB): 21,304 images with the default network. It is computed by libtorch, whatever
   * the engine, in batches that take some hundred MiB at most. Forward hooks do not see it. After the end of a sequence with a length, all
   * numbers are 0.
   *
   * @param images - As for {@link forward}.
   * @throws TorchRnnError As {@link forward}; also `ERR_INVALID_SHAPE` for too many images or another number of labels, and
   *   `ERR_INVALID_DATA` for a label without a class.
   *
   * @example
   * const { hiddenStates, probabilities, gradientNorms } = await model.inspect(test.images(0, 8), { labels: test.labelsOf(0, 8) })
   */
  async inspect(images: Readonly<ImageInput>, options: InspectOptions = {}): Promise<Inspection> {
    const { labels, signal } = checkInspection(options)
    this.#session.checkUsable('inspect')
    const batch = toBatch(images, this.options.inputSize)
    const nativeLabels = toNativeLabels(labels, batch.shape[0] as number, this.options.numClasses)
    const inspect = (call: number) => this.#session.native.inspect(batch, nativeLabels, { call, batchSize: 0 })
    return toInspection(await this.#session.run(inspect, callerOf(this.inspect), signal))
  }

  /**
   * Trains on the cross entropy, by default with Adam. The weights go on from where they are; the optimizer is a fresh one, unless
   * `optimizerState` says otherwise.
   *
   * Until the promise settles, calls that read (forward, predict, inspect, evaluate, stateDict, save) have their turn between epochs, and calls
   * that change the model (train, to, loadStateDict) reject with `ERR_BUSY`.
   *
   * @throws TorchRnnError `ERR_INVALID_OPTION` (also for a forward hook with the engine `'fused'`), `ERR_INVALID_SHAPE`, `ERR_INVALID_DATA` when
   *   the dataset does not fit the model, `ERR_NO_VALIDATION`, `ERR_NOT_FINITE` when the training diverges (the model is then as after the latest update), `ERR_BUSY` while
   *   another training runs, `ERR_DISPOSED`, `ERR_OUT_OF_MEMORY`; and what a callback throws.
   */
  async train(dataset: ImageDataset, options: TrainOptions = {}): Promise<History> {
    return await PARTS.training().train(this.#trainee, dataset, options, callerOf(this.train))
  }

  /**
   * Trains as {@link train}, and yields what happens as a stream. The training begins with the first event that is asked for, and waits for
   * its reader: after an epoch or a checkpoint until the next event is asked for (the model can be used meanwhile), within an epoch at the
   * next batch event. Leaving the loop stops it after the running batch, and leaves the model as it is then. Errors are thrown from the
   * loop. Whoever calls `next()` by hand, and does not go on to the end, has to call `return()`: until then, the training waits.
   *
   * @returns After the last event, the history.
   * @throws As {@link train}.
   *
   * @example
   * for await (const event of model.trainEvents(train, { epochs: 3 })) {
   *   if (event.type === 'epoch' && event.trainAccuracy > 0.95) break
   * }
   */
  trainEvents(dataset: ImageDataset, options: TrainEventsOptions = {}): AsyncGenerator<TrainingEvent, History, undefined> {
    return PARTS.training().trainEvents(this.#trainee, dataset, options, callerOf(this.trainEvents))
  }

  /** With `engine: 'torch'`, this is what was asked for. */
  #warnOfPrecision(): void {
    const { engine, precision } = this.options
    if (engine !== 'auto' || precision !== 'bf16' || this.device !== 'cpu') return
    warnOnce(
      'TORCH_RNN_MNIST_ENGINE',
      'On the CPU, the precision bf16 is computed by the engine torch, because fused computes in float32. Choose the engine torch to ask for that.',
    )
  }

  get #trainee(): Trainee {
    const { options, device, engine, instructionSet } = this
    return { session: this.#session, options, device, engine, instructionSet }
  }

  /**
   * Measures loss, accuracy and confusions, and how well each class is recognised, in eval mode; with `{ mistakes: 24 }`, it also tells which
   * samples the model is surest of and yet wrong about.
   *
   * @throws TorchRnnError `ERR_INVALID_SHAPE` or `ERR_INVALID_DATA` when the dataset does not fit the model, `ERR_INVALID_OPTION`,
   *   `ERR_BUSY`, `ERR_DISPOSED`; and the signal's reason after an abort.
   */
  async evaluate(dataset: ImageDataset, options: EvaluationOptions = {}): Promise<Evaluation> {
    const { batchSize = 0, mistakes, signal } = checkEvaluation(options)
    this.#session.checkUsable('evaluate')
    const data = toNativeDataset(dataset)
    const evaluate = (call: number) => this.#session.native.evaluate(data, { call, batchSize, mistakes })
    const measured = await this.#session.run(evaluate, callerOf(this.evaluate), signal)
    const evaluation = toEvaluation(measured, this.options.classNames ?? dataset.classNames)
    if (measured.mistakes === undefined) return evaluation
    const labelOf = (sample: number) => dataset.labelsOf(sample, sample + 1)[0] as number
    return { ...evaluation, mistakes: toMistakes(measured.mistakes, labelOf) }
  }

  /**
   * Registers a function that sees every forward pass through a module, in training and evaluation, as PyTorch's method of this name.
   *
   * Hooks of one module run in the order of registration. The call that a pass belongs to waits for its hooks, and rejects with what one
   * throws. Inside a hook this model cannot be called (`ERR_BUSY`): it is waiting for the hook.
   *
   * While there are hooks, the passes run through libtorch's nn::RNN, whatever the engine (see {@link PlacementOptions.engine}).
   *
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_DISPOSED`.
   */
  registerForwardHook(module: ModuleName, hook: ForwardHook): HookHandle {
    this.#session.checkNotDisposed()
    return this.#hooks.add(module, hook)
  }

  /**
   * Copies of all parameters by PyTorch's names, such as `basic_rnn.weight_ih_l0`.
   *
   * @throws TorchRnnError `ERR_BUSY` from inside a hook of this model, `ERR_DISPOSED`.
   */
  async stateDict(): Promise<Map<string, Tensor>> {
    this.#session.checkUsable('stateDict')
    return new Map(Object.entries(await this.#session.run(() => this.#session.native.stateDict(), callerOf(this.stateDict))))
  }

  /**
   * Replaces all parameters.
   *
   * @throws TorchRnnError `ERR_INVALID_DATA` for missing or unknown names, `ERR_INVALID_SHAPE`, `ERR_INVALID_ARGUMENT`, `ERR_BUSY` during
   *   training, `ERR_DISPOSED`; the model is unchanged then.
   */
  async loadStateDict(state: ReadonlyMap<string, Tensor>): Promise<void> {
    if (!types.isMap(state)) throw unexpected('ERR_INVALID_ARGUMENT', 'state', 'a Map from names to tensors', state)
    this.#session.checkUsable('loadStateDict')
    this.#session.checkNotTraining('its parameters are replaced')
    await this.#session.run(() => this.#session.native.loadStateDict(Object.fromEntries(state)), callerOf(this.loadStateDict))
  }

  /**
   * Writes the parameters as a safetensors file, by PyTorch's names, with the architecture in its metadata. Completely or not at all: what
   * was there before survives a crash and a full disk. During training this waits for the end of the epoch.
   *
   * @param path - A path or a `file:` URL.
   * @throws TorchRnnError `ERR_FILE_SYSTEM`, `ERR_NOT_FINITE` for parameters that are NaN or infinite, which never replace a good file,
   *   `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION` for a network of more than 4 GiB, which `load` would refuse, `ERR_BUSY` from inside a hook
   *   of this model, `ERR_DISPOSED`.
   */
  async save(path: string | URL): Promise<void> {
    const file = toPath(path, 'path', 'the path of a file', 'ERR_INVALID_ARGUMENT')
    this.#session.checkUsable('save')
    const { checkSavable, writeModelFile } = PARTS.files()
    checkSavable(this.options)
    const state = await this.#session.run(() => this.#session.native.stateDict(), callerOf(this.save))
    await writeModelFile(file, this.options, new Map(Object.entries(state)))
  }

  /**
   * Writes the model in the format ONNX, with which other programs and browsers compute: input `images`, float32 `[N, T, F]`, numbers from 0
   * to 1; output `logits`, float32 `[N, C]`; for any N and T. With `{ lengths: true }` there is a second input `lengths`, int32 `[N]`, for sequences
   * of different length. Completely or not at all, as {@link ImageRNN.save}, which makes the file that
   * can be loaded again. During training this waits for the end of the epoch.
   *
   * @param path - A path or a `file:` URL.
   * @throws TorchRnnError `ERR_NOT_FINITE` for parameters with NaN or an infinity, `ERR_FILE_SYSTEM`, `ERR_INVALID_ARGUMENT`,
   *   `ERR_INVALID_OPTION` for a network of 2 GiB or more, which does not fit into such a file, `ERR_BUSY` from inside a hook of this model,
   *   `ERR_DISPOSED`, `ERR_OUT_OF_MEMORY`.
   */
  async exportOnnx(path: string | URL, options: OnnxOptions = {}): Promise<void> {
    const { lengths } = resolveOptions(ONNX_OPTIONS, options, 'exportOnnx')
    const file = toPath(path, 'path', 'the path of a file', 'ERR_INVALID_ARGUMENT')
    this.#session.checkUsable('exportOnnx')
    const { checkExportable, writeOnnxFile } = PARTS.onnx()
    checkExportable(this.options)
    const state = await this.#session.run(() => this.#session.native.stateDict(), callerOf(this.exportOnnx))
    await writeOnnxFile(file, this.options, new Map(Object.entries(state)), lengths)
  }

  /**
   * Reads a model from a safetensors file: one of {@link ImageRNN.save}, a checkpoint of a training (the average of its weights, where it has
   * one), or a state dict of the same network from Python, in float32, float64, float16 or bfloat16. The last one does not tell its
   * activation, which is then taken to be tanh; the metadata `{"torch-rnn-mnist": '{"nonlinearity": "relu"}'}` state another. Loads libtorch
   * as {@link loadLibtorch} does.
   *
   * Parameters that are NaN or infinite are loaded, with a process warning (`TORCH_RNN_MNIST_NOT_FINITE`).
   *
   * @param path - A path or a `file:` URL.
   * @param options - Where and how the model computes.
   * @throws TorchRnnError `ERR_INVALID_FILE`, `ERR_FILE_SYSTEM`, `ERR_INVALID_ARGUMENT`, `ERR_INVALID_OPTION`, `ERR_DEVICE_UNAVAILABLE`,
   *   `ERR_LIBRARY_LOAD`.
   */
  static async load(path: string | URL, options: PlacementOptions = {}): Promise<ImageRNN> {
    const file = toPath(path, 'path', 'the path of a file', 'ERR_INVALID_ARGUMENT')
    const placement = resolveOptions(OPTIONS.placement, options, 'ImageRNN.load')
    const { architecture, classNames, state } = await PARTS.files().readModelFile(file)
    await loadNative()
    const model = new ImageRNN({ ...architecture, ...placement, classNames })
    try {
      await model.loadStateDict(state)
      return model
    } catch (error) {
      model.dispose()
      throw error
    }
  }

  /**
   * Reads the model that comes with this package, which was trained on the handwritten digits of MNIST by the recipe `accurate`: 99.42 % of
   * MNIST's test set. {@link readDigits} brings the digits of any picture to the form that it reads.
   *
   * @param options - Where and how the model computes.
   * @throws TorchRnnError As {@link ImageRNN.load}.
   *
   * @example
   * const model = await ImageRNN.loadBundled()
   * const { classes } = await model.predict(await readDigits('photo.jpg'))
   */
  static async loadBundled(options: PlacementOptions = {}): Promise<ImageRNN> {
    return await ImageRNN.load(findBundledModel(), options)
  }

  /**
   * Moves the model to another device, as PyTorch's method of this name.
   *
   * @param device - `'auto'`, `'cpu'`, `'cuda'` or `'cuda:N'`.
   * @returns The model itself, once it is there.
   * @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_DEVICE_UNAVAILABLE`, `ERR_OUT_OF_MEMORY` (the model stays where it was), `ERR_BUSY`
   *   during training, `ERR_DISPOSED`.
   */
  async to(device: string): Promise<this> {
    checkOption('device', MODEL_OPTIONS.device, device)
    this.#session.checkUsable('to')
    this.#session.checkNotTraining('it is moved')
    await this.#session.run(() => this.#session.native.to({ device }), callerOf(this.to))
    this.#warnOfPrecision()
    return this
  }

  /**
   * A table of the layers with their output shapes and parameters, in Keras' manner.
   *
   * @example
   * console.log(model.summary())
   */
  summary(): string {
    return drawSummary(summarize(this.options))
  }

  /** Threads that compute on the CPU. @throws TorchRnnError `ERR_DISPOSED`, `ERR_BUSY` from inside a hook of this model. */
  async threadCount(): Promise<number> {
    this.#session.checkUsable('threadCount')
    return await this.#session.run(() => this.#session.native.threadCount(), callerOf(this.threadCount))
  }

  /**
   * Frees the model. Returns at once: calls that wait reject with `ERR_DISPOSED`, a running one stops after its batch. Further calls do
   * nothing.
   */
  dispose(): void {
    void this[Symbol.asyncDispose]()
  }

  /** {@link dispose}, for `using model = new ImageRNN()`. */
  [Symbol.dispose](): void {
    this.dispose()
  }

  /** {@link dispose}, and waits until the running call has ended and the memory is free, for `await using model = new ImageRNN()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session.dispose()
  }
}

/** @throws TorchRnnError `ERR_INVALID_OPTION` */
function checkInference(options: InferenceOptions, owner: string): InferenceOptions {
  const { batchSize } = resolveOptions(INFERENCE_OPTIONS, options, owner, ['signal'])
  const { signal } = options ?? {}
  checkSignal(signal)
  return { batchSize, signal }
}

/** @throws TorchRnnError `ERR_INVALID_OPTION` */
function checkEvaluation(options: EvaluationOptions): InferenceOptions & { mistakes: number } {
  const { batchSize, mistakes } = resolveOptions({ ...INFERENCE_OPTIONS, ...MISTAKE_OPTIONS }, options, 'evaluate', ['signal'])
  const { signal } = options ?? {}
  checkSignal(signal)
  return { batchSize, mistakes, signal }
}
