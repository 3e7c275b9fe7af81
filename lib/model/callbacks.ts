import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { NativeCallback } from '../addon/binding'
import { TorchRnnError } from '../errors'

/** A number that stands for a failure that native code cannot have numbered: no memory for the event. */
const UNKNOWN_FAILURE = 0xffffffff

/** One call of a user's function by the computing thread of a model. */
interface CallbackCall {
  readonly model: object
  /** Until the function is done, the thread waits for it. */
  running: boolean
}

/**
 * The user's functions that the computing thread calls: it waits for them, so a call to the same model from inside one would wait for
 * itself. This remembers, through every `await`, of which calls the running code is a part, also of some that are over: what a callback
 * leaves behind, such as a timer, still runs in its context.
 */
const enclosingCalls = new AsyncLocalStorage<readonly CallbackCall[]>()

/** A native call that has not settled. */
interface PendingCall {
  readonly model: object
  /** The callbacks that it was made in, from the outermost on. */
  readonly madeIn: readonly CallbackCall[]
}

/** Those of all models of this thread. */
const pendingCalls = new Set<PendingCall>()

/**
 * Whether a call of `model` by the running code would wait for itself: `model` waits for a callback that the running code is a part of, or
 * for one that made a call of another model that does, and so on.
 */
export function wouldWaitForItself(model: object): boolean {
  const waitForUs = new Set(runningCalls().map((call) => call.model))
  if (waitForUs.size === 0) return false
  const mustEndBefore = new Set([model])
  // A set visits also what is added meanwhile.
  for (const other of mustEndBefore) {
    if (waitForUs.has(other)) return true
    for (const { model: next, madeIn } of pendingCalls) {
      if (madeIn.some((call) => call.running && call.model === other)) mustEndBefore.add(next)
    }
  }
  return false
}

function runningCalls(): CallbackCall[] {
  return (enclosingCalls.getStore() ?? []).filter((call) => call.running)
}

/** Wraps the callbacks of one model and keeps what they throw until the call they belong to rejects. */
export class Callbacks {
  readonly #model: object
  /** The native calls that have not settled, in their order, which is the one in which they run. */
  readonly #pending = new Set<PendingCall>()
  readonly #failures = new Map<number, unknown>()
  #lastFailure = 0

  constructor(model: object) {
    this.#model = model
  }

  /** Makes a native call of the model, whose callbacks then run, as this code does, inside the callbacks that wait for it. */
  async call<Result>(call: () => Promise<Result>): Promise<Result> {
    const entry = { model: this.#model, madeIn: runningCalls() }
    this.#pending.add(entry)
    pendingCalls.add(entry)
    try {
      return await call()
    } finally {
      this.#pending.delete(entry)
      pendingCalls.delete(entry)
    }
  }

  /** A native callback that runs `handle`, waits for it and never throws. */
  wrap<Event>(handle: (event: Event) => unknown): NativeCallback<Event> {
    return (event, settle) => {
      const call = { model: this.#model, running: true }
      const [current] = this.#pending // Native messages have no context of their own, so this tells whose callback it is.
      const finish = (failure: number): void => {
        call.running = false
        settle(failure)
      }
      enclosingCalls
        .run([...(current?.madeIn ?? []), call], async () => await handle(event))
        .then(
          () => finish(0),
          (error) => finish(this.#keep(error)),
        )
    }
  }

  /**
   * Ties a user's function to the asynchronous context in which it was given to us, as an event emitter would: its callers are native
   * messages, which have no context of their own. Use this, not AsyncResource.bind, which forgets inside which calls the function runs.
   */
  bind<Event, Result>(userFunction: (event: Event) => Result): (event: Event) => Result {
    const context = new AsyncResource('torch-rnn-mnist')
    return (event) => {
      const calls = runningCalls()
      return context.runInAsyncScope(() => enclosingCalls.run([...runningCalls(), ...calls], userFunction, event))
    }
  }

  /** What a callback threw, if that is why a native call rejected with `error`. Each failure can be taken once. */
  takeThrown(error: unknown): { readonly thrown: unknown } | undefined {
    const { code, failure } = error as { code?: string; failure?: number }
    if (code !== 'ERR_CALLBACK_FAILED' || failure === undefined) return undefined
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
