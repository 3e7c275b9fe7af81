import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks'
import type { NativeCallback } from '../addon/binding'

/** One call of a user's function by the computing thread of a model. */
interface CallbackCall {
  readonly model: object
  /** True until the function is done. Until then the thread waits for it. */
  running: boolean
}

/**
 * The callbacks that the running code is a part of, remembered through every `await`. The computing thread waits for a callback, so a call
 * of the same model from inside one would wait for itself. Some of these callbacks may be over: a timer that one has set still runs in its
 * context.
 */
const enclosingCalls = new AsyncLocalStorage<readonly CallbackCall[]>()

/** What {@link Callbacks.call} rejects with when a callback failed. */
export class ThrownByCallback {
  /** What the callback threw, or rejected with: anything. */
  readonly thrown: unknown

  constructor(thrown: unknown) {
    this.thrown = thrown
  }
}

/** A call of the addon that has not settled. */
interface PendingCall {
  readonly model: object
  /** What its callbacks threw, by the numbers that the addon knows. Freed with the call: a callback may fail after it, when nobody asks. */
  readonly failures: Map<number, unknown>
  /** The callbacks inside which it was made, the outermost first. */
  readonly madeIn: readonly CallbackCall[]
}

/** The pending calls of all models of this thread. */
const pendingCalls = new Set<PendingCall>()

/**
 * Whether a call of `model` by the running code would wait for itself. It would if `model` waits for a callback that the running code is a
 * part of. It also would if `model` waits for a callback that has called another model, and that one waits for such a callback, and so on.
 */
export function wouldWaitForItself(model: object): boolean {
  const waitForUs = new Set(runningCalls().map((call) => call.model))
  if (waitForUs.size === 0) return false
  const mustEndBefore = new Set([model])
  // A loop over a set also visits what the loop adds.
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

/** Wraps the callbacks of one model, and lets the calls that they belong to reject with what they throw. */
export class Callbacks {
  readonly #model: object
  /** The calls of this model that have not settled, in the order in which they run. */
  readonly #pending = new Set<PendingCall>()
  #lastFailure = 0

  constructor(model: object) {
    this.#model = model
  }

  /**
   * Calls the addon. The callbacks of that call then count as running inside the same callbacks as this code.
   *
   * @throws ThrownByCallback when one of them fails; else what the addon rejects with.
   */
  async call<Result>(call: () => Promise<Result>): Promise<Result> {
    const entry: PendingCall = { model: this.#model, failures: new Map(), madeIn: runningCalls() }
    this.#pending.add(entry)
    pendingCalls.add(entry)
    try {
      return await call()
    } catch (error) {
      const { code, failure } = error as { code?: string; failure?: number }
      if (code !== 'ERR_CALLBACK_FAILED' || failure === undefined) throw error
      throw new ThrownByCallback(entry.failures.get(failure))
    } finally {
      this.#pending.delete(entry)
      pendingCalls.delete(entry)
    }
  }

  /** Makes a callback for the addon: it runs `handle`, waits for it, and never throws. */
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
          (error) => {
            this.#lastFailure += 1
            current?.failures.set(this.#lastFailure, error)
            finish(this.#lastFailure)
          },
        )
    }
  }

  /**
   * Makes a user's function run in the asynchronous context in which the user gave it to us, as an event emitter does: the addon calls it
   * without any context. AsyncResource.bind would not do: it forgets which callbacks the function runs inside of.
   */
  bind<Event, Result>(userFunction: (event: Event) => Result): (event: Event) => Result {
    const context = new AsyncResource('torch-rnn-mnist')
    return (event) => {
      const calls = runningCalls()
      return context.runInAsyncScope(() => enclosingCalls.run([...runningCalls(), ...calls], userFunction, event))
    }
  }
}
