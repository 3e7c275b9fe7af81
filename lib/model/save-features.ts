import type { Tensor } from '../tensor'
import type { HookHandle, ModuleName } from './forward-hooks'
import type { ImageRNN } from './image-rnn'

/**
 * Keeps the outputs of a module in its latest forward pass, by a forward hook: the tutorial's class of this name.
 *
 * @example
 * const activations = new SaveFeatures(model, 'basic_rnn')
 * await model.forward(test.images(0, 128))
 * activations.close()
 * activations.features[0].shape // [28, 128, 150]: the top layer's state after each row
 * activations.features[1].shape // [3, 128, 150]: each layer's state after the last row
 */
export class SaveFeatures {
  #features: readonly Tensor[] = []
  readonly #handle: HookHandle

  /**
   * Registers the hook.
   *
   * @param module - Whose outputs are kept: `''` (the whole model), `'basic_rnn'` or `'FC'`. Default `'basic_rnn'`.
   * @throws TorchRnnError `ERR_INVALID_ARGUMENT`, `ERR_DISPOSED`.
   */
  constructor(model: ImageRNN, module: ModuleName = 'basic_rnn') {
    this.#handle = model.registerForwardHook(module, ({ outputs }) => {
      this.#features = outputs
    })
  }

  /** The outputs of the latest pass (shapes: see {@link ForwardHookEvent}); empty before the first one. Kept after {@link close}. */
  get features(): readonly Tensor[] {
    return this.#features
  }

  /** Removes the hook. Further calls do nothing. */
  close(): void {
    this.#handle.remove()
  }

  /** {@link close}, for `using activations = new SaveFeatures(model)`. */
  [Symbol.dispose](): void {
    this.close()
  }
}
