import { AsyncLocalStorage } from 'node:async_hooks'
import { TorchRnnError } from './errors'
import type { NativeCallback } from './native'

/** A number that stands for a failure that native code cannot have numbered: no memory for the event. */
const UNKNOWN_FAILURE = 0xffffffff

/**
 * The user's functions that the computing thread calls: it waits for them, so a call to the same model from inside one would wait for
 * itself. This remembers, through every `await`, for which model the running code is such a callback.
 */
const waitingModels = new AsyncLocalStorage<ReadonlySet<object>>()

/** Whether the running code was called by the computing thread of `model`, which waits for it. */
export function isInsideCallbackOf(model: object): boolean {
  return waitingModels.getStore()?.has(model) ?? false
}

/** Wraps the callbacks of one model and keeps what they throw until the call they belong to rejects. */
export class Callbacks {
  readonly #model: object
  readonly #failures = new Map<number, unknown>()
  #lastFailure = 0

  constructor(model: object) {
    this.#model = model
  }

  /** A native callback that runs `handle`, waits for it and never throws. */
  wrap<Event>(handle: (event: Event) => unknown): NativeCallback<Event> {
    return (event, settle) => {
      const models = new Set(waitingModels.getStore()).add(this.#model)
      waitingModels
        .run(models, async () => await handle(event))
        .then(
          () => settle(0),
          (error) => settle(this.#keep(error)),
        )
    }
  }

  /** What a callback threw, if that is why a native call rejected with `error`. Each failure can be taken once. */
  takeThrown(error: unknown): { readonly thrown: unknown } | undefined {
    const { code, detail } = error as { code?: string; detail?: string }
    if (code !== 'ERR_CALLBACK_FAILED') return undefined
    const failure = Number(detail)
    const thrown =
      failure === UNKNOWN_FAILURE
        ? new TorchRnnError('ERR_NATIVE', 'A callback could not be called.', { cause: error })
        : this.#failures.get(failure)
    this.#failures.delete(failure)
    return { thrown }
  }

  #keep(error: unknown): number {
    this.#lastFailure += 1
    this.#failures.set(this.#lastFailure, error)
    return this.#lastFailure
  }
}
