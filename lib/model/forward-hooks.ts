import type { NativeForwardEvent } from '../addon/binding'
import { unexpected } from '../errors'
import type { Tensor } from '../tensor'
import type { ModelSession } from './session'

/** The modules that can be hooked, by PyTorch's names: the whole model (`''`), its recurrent layers, or its linear layer. */
export type ModuleName = '' | 'basic_rnn' | 'FC'

const MODULE_NAMES: readonly ModuleName[] = ['', 'basic_rnn', 'FC']

/**
 * One forward pass through one module. Letters: N batch, T time steps (rows), F features (columns), H hidden, L layers, C classes.
 *
 * | module | inputs | outputs |
 * |---|---|---|
 * | `''` | images `[N, T, F]`, scaled | logits `[N, C]` |
 * | `'basic_rnn'` | sequences `[T, N, F]`, initial state `[L, N, H]` | the top layer's states `[T, N, H]`, every layer's last state `[L, N, H]` |
 * | `'FC'` | the top layer's last state `[N, H]` | logits `[N, C]` |
 */
export interface ForwardHookEvent {
  /** The module that computed. */
  readonly module: ModuleName
  /** True during training, false in forward and evaluate. */
  readonly training: boolean
  /** Copies of what flows through the network, which all hooks of this pass share. */
  readonly inputs: readonly Tensor[]
  /** Copies of what flows through the network, which all hooks of this pass share. */
  readonly outputs: readonly Tensor[]
}

/** Looks at a forward pass. The pass goes on when it returns, or when the promise that it returns is fulfilled. */
export type ForwardHook = (event: ForwardHookEvent) => void | Promise<void>

/** A registered hook. */
export interface HookHandle {
  /** Removes the hook. Further calls do nothing. */
  remove(): void
}

/** The hooks of one model, in the order of registration. The addon knows one native hook for each module that has any. */
export class ForwardHooks {
  readonly #session: ModelSession
  readonly #hooks = new Map<ModuleName, Set<{ readonly hook: ForwardHook }>>()

  constructor(session: ModelSession) {
    this.#session = session
  }

  /** @throws TorchRnnError `ERR_INVALID_ARGUMENT`. */
  add(module: ModuleName, hook: ForwardHook): HookHandle {
    if (!MODULE_NAMES.includes(module)) throw unexpected('ERR_INVALID_ARGUMENT', 'module', "'', 'basic_rnn' or 'FC'", module)
    if (typeof hook !== 'function') throw unexpected('ERR_INVALID_ARGUMENT', 'hook', 'a function', hook)
    const registered = this.#hooks.get(module) ?? new Set()
    this.#hooks.set(module, registered)
    const { native, callbacks } = this.#session
    const entry = { hook: callbacks.bind(hook) } // An object of its own: the same function may be registered twice.
    registered.add(entry)
    if (registered.size === 1) {
      native.setForwardHook(
        module,
        callbacks.wrap<NativeForwardEvent>((event) => this.#run(event)),
      )
      this.#tellSession()
    }
    return { remove: () => this.#remove(module, entry) }
  }

  #remove(module: ModuleName, entry: { readonly hook: ForwardHook }): void {
    const registered = this.#hooks.get(module)
    if (!registered?.delete(entry) || registered.size > 0) return
    this.#session.native.setForwardHook(module, null)
    this.#tellSession()
  }

  #tellSession(): void {
    this.#session.setHooked([...this.#hooks.values()].some(({ size }) => size > 0))
  }

  async #run({ module, training, inputs, outputs }: NativeForwardEvent): Promise<void> {
    // Like the arrays, the lists around them are of this realm.
    const event: ForwardHookEvent = { module, training, inputs: Array.from(inputs), outputs: Array.from(outputs) }
    const registered = this.#hooks.get(module) ?? new Set()
    for (const entry of [...registered]) {
      // An earlier hook may have removed this one.
      if (registered.has(entry)) await entry.hook(event)
    }
  }
}
