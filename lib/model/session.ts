/** The part of a model that users do not see: its object in the addon, and the rules for calling that. */

import { abortReason } from '../abort'
import type { NativeImageRnn } from '../addon/binding'
import { knownCudaDevices, native } from '../addon/native'
import { type Caller, toPublicError, translated } from '../addon/native-errors'
import { allocateResult } from '../addon/result-arrays'
import { TorchRnnError } from '../errors'
import type { ResolvedModelOptions } from '../options/options'
import { warnOnce } from '../warnings'
import { Callbacks, ThrownByCallback, wouldWaitForItself } from './callbacks'
import { usableCores } from './usable-cores'

/** Makes a call of the addon with the number by which it can be stopped. */
export type NativeCallMaker<Result> = (call: number) => Promise<Result>

/** One model of the addon: whether it may be called now, and what its calls reject with. */
export class ModelSession {
  readonly native: NativeImageRnn
  readonly callbacks: Callbacks
  readonly #model: object
  readonly #engine: ResolvedModelOptions['engine']
  #calls = 0
  #pending = 0
  #nextEpoch = 0
  readonly #whenOthersWait = new Set<() => void>()
  #isTraining = false
  #isHooked = false
  #isDisposed = false

  /**
   * @param model - The public object that hooks and callbacks may call.
   * @throws TorchRnnError `ERR_DEVICE_UNAVAILABLE`, `ERR_LIBRARY_LOAD`.
   */
  constructor(model: object, options: ResolvedModelOptions) {
    this.#model = model
    this.callbacks = new Callbacks(model)
    this.#engine = options.engine
    this.native = translated(() => makeNative(options))
  }

  get isDisposed(): boolean {
    return this.#isDisposed
  }

  /** @throws TorchRnnError `ERR_DISPOSED`, or `ERR_BUSY` inside a callback that the model waits for. */
  checkUsable(method: string): void {
    this.checkNotDisposed()
    if (!wouldWaitForItself(this.#model)) return
    throw new TorchRnnError(
      'ERR_BUSY',
      `${method} was called from inside a hook or onBatch that this model waits for: it would wait for itself.`,
    )
  }

  /** @param what - What cannot be done meanwhile: "it is moved". @throws TorchRnnError `ERR_BUSY`. */
  checkNotTraining(what: string): void {
    if (!this.#isTraining) return
    throw new TorchRnnError('ERR_BUSY', `This model is being trained. Wait for that, or abort it, before ${what}.`)
  }

  /** @throws TorchRnnError `ERR_DISPOSED`. */
  checkNotDisposed(): void {
    if (this.#isDisposed) throw new TorchRnnError('ERR_DISPOSED', 'The model was disposed and cannot be used any more.')
  }

  /** Runs a training. Until it settles, calls that change the model are refused. */
  async whileTraining<Result>(train: () => Promise<Result>): Promise<Result> {
    this.#isTraining = true
    this.#warnOfHooks()
    try {
      return await train()
    } finally {
      this.#isTraining = false
    }
  }

  /** @param isHooked - Whether a forward hook is registered from now on. */
  setHooked(isHooked: boolean): void {
    this.#isHooked = isHooked
    this.#warnOfHooks()
  }

  /** The engine that was chosen for its speed cannot train now. Where it was asked for by its name, the addon refuses to train. */
  #warnOfHooks(): void {
    if (!this.#isTraining || !this.#isHooked || this.#engine !== 'auto' || this.native.engine !== 'fused') return
    warnOnce(
      'TORCH_RNN_MNIST_ENGINE',
      'While a forward hook is registered, training is computed by the engine torch, because hooks see its tensors, and takes longer than with fused. Remove the hook, or choose the engine torch to ask for that.',
    )
  }

  /** The number of the next epoch of this model, from 0: a second training does not repeat the orders of the first one. */
  get nextEpoch(): number {
    return this.#nextEpoch
  }

  /** An epoch begins, or goes on. */
  useEpoch(epoch: number): void {
    this.#nextEpoch = Math.max(this.#nextEpoch, epoch + 1)
  }

  /** Calls `listener` as soon as a call waits for another one. @returns What to call when nobody wants to know that any more. */
  whenOthersWait(listener: () => void): () => void {
    if (this.#pending > 1) listener()
    this.#whenOthersWait.add(listener)
    return () => this.#whenOthersWait.delete(listener)
  }

  /**
   * Calls the addon. Its errors become {@link TorchRnnError}s with the stack of the public method's caller; a callback's error comes
   * through as it is; an aborted call rejects with the reason of its signal.
   */
  async run<Result>(call: NativeCallMaker<Result>, caller: Caller, signal?: AbortSignal): Promise<Result> {
    signal?.throwIfAborted()
    const result = await this.#runUnlessStopped(call, caller, signal)
    signal?.throwIfAborted() // The abort may have come during the last batch.
    return result
  }

  async #runUnlessStopped<Result>(call: NativeCallMaker<Result>, caller: Caller, signal: AbortSignal | undefined): Promise<Result> {
    this.#calls += 1
    this.#pending += 1
    if (this.#pending > 1) for (const listener of this.#whenOthersWait) listener()
    const number = this.#calls
    const stop = () => this.native.stop({ call: number })
    try {
      const result = this.callbacks.call(() => call(number))
      signal?.addEventListener('abort', stop)
      return await result
    } catch (error) {
      const isStopped = (error as { code?: unknown }).code === 'ERR_ABORTED'
      const reason = error instanceof ThrownByCallback ? error.thrown : toPublicError(error, caller)
      if (signal?.aborted !== true) throw reason
      throw isStopped ? signal.reason : abortReason(signal, reason)
    } finally {
      this.#pending -= 1
      signal?.removeEventListener('abort', stop)
    }
  }

  /** Stops everything at once; resolves when the memory is free. */
  async dispose(): Promise<void> {
    this.#isDisposed = true
    await this.native.dispose()
  }
}

function makeNative(options: ResolvedModelOptions): NativeImageRnn {
  const { ImageRnn } = native() // First: only then is the number of devices known.
  const { normalization, ...plain } = options
  const arrays = normalization && { mean: Float64Array.from(normalization.mean), std: Float64Array.from(normalization.std) }
  const place = { cores: usableCores(), cudaDevices: knownCudaDevices() }
  return new ImageRnn({ ...plain, ...place, normalization: arrays }, allocateResult)
}
