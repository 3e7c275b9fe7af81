/** Random sequences of calls, aborts and disposals on two models, from outside and inside hooks: each ends as an oracle says. */
import { AsyncResource } from 'node:async_hooks'
import fc from 'fast-check'
import { ImageRNN, type Tensor, TorchRnnError } from '../../lib'
import { CallOracle, EPOCHS, type ExpectedCall, type HookRun, METHODS, type Method } from '../support/call-oracle'
import { type Deferred, deferred } from '../support/deferred'
import { SMALL, smallDataset, smallImages, smallOptions } from '../support/sample-models'
import { withoutHanging } from '../support/without-hanging'

const MODELS = 2
const DATA = smallDataset(6)
const RUNS = 150

/** One thing that a test does. Numbers pick among what there is at that moment. */
type Step =
  | { readonly kind: 'call'; readonly model: number; readonly method: Method }
  | { readonly kind: 'callInside'; readonly hook: number; readonly model: number; readonly method: Method }
  | { readonly kind: 'release'; readonly model: number }
  | { readonly kind: 'abort'; readonly call: number }
  | { readonly kind: 'dispose'; readonly model: number }

const model = fc.nat(MODELS - 1)
const method = fc.constantFrom(...METHODS)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('call' as const), model, method }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('callInside' as const), hook: model, model, method }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('release' as const), model }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('abort' as const), call: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dispose' as const), model }) },
)

/** A hook that holds its model. */
interface Gate {
  readonly release: () => void
  /** Runs a function in the asynchronous context of the hook. */
  readonly enter: (run: () => void) => void
}

interface RealCall {
  readonly outcome: Promise<void>
  readonly controller: AbortController
  /** What became of it: an outcome of the oracle, or anything else. */
  ended?: unknown
  result?: unknown
}

class Machine {
  readonly oracle = new CallOracle(MODELS)
  readonly #models: ImageRNN[] = []
  readonly #gates = new Map<HookRun, Gate>()
  /** For each model, what opens when it is held next. */
  readonly #reached: { at: Deferred; gate?: Gate }[] = []
  readonly #real = new Map<ExpectedCall, RealCall>()
  readonly #first: { readonly logits: Tensor; readonly state: Map<string, Tensor> }[] = []

  async create(): Promise<void> {
    for (let index = 0; index < MODELS; index += 1) {
      const created = new ImageRNN(smallOptions({ seed: index, engine: 'torch' })) // With the hook, too.
      this.#first.push({ logits: await created.forward(smallImages(2)), state: await created.stateDict() })
      const reached: { at: Deferred; gate?: Gate } = { at: deferred() }
      created.registerForwardHook('', async () => {
        const open = deferred()
        reached.gate = { release: open.resolve, enter: AsyncResource.bind((run: () => void) => run()) }
        reached.at.resolve()
        await open.promise
      })
      this.#models.push(created)
      this.#reached.push(reached)
    }
  }

  async take(each: Step): Promise<void> {
    const { oracle } = this
    if (each.kind === 'call') this.#call(each.model, each.method)
    if (each.kind === 'callInside') {
      const run = oracle.held(each.hook)
      if (run !== undefined) this.#gates.get(run)?.enter(() => this.#call(each.model, each.method, run))
    }
    if (each.kind === 'release') {
      const run = oracle.held(each.model)
      if (run !== undefined) {
        oracle.release(each.model)
        this.#gates.get(run)?.release()
      }
    }
    if (each.kind === 'abort') {
      const call = oracle.calls[each.call]
      if (call !== undefined)
        await this.#stop(
          call.model,
          () => oracle.abort(call),
          () => this.#real.get(call)?.controller.abort('stop'),
        )
    }
    if (each.kind === 'dispose') {
      await this.#stop(
        each.model,
        () => oracle.dispose(each.model),
        () => this.#models[each.model]?.dispose(),
      )
    }
    await this.#compare()
  }

  /** Lets all calls end. */
  async finish(): Promise<void> {
    for (let index = 0; index < MODELS; index += 1) {
      while (this.oracle.held(index) !== undefined) await this.take({ kind: 'release', model: index })
    }
    expect(this.oracle.calls.filter(({ outcome }) => outcome === undefined)).toEqual([])
    for (const each of this.#models) await each[Symbol.asyncDispose]()
  }

  dispose(): void {
    for (const each of this.#models) each.dispose()
  }

  /** Ends a held call, if it is the one that stops, and then its hook, which nobody waits for any more. */
  async #stop(index: number, expect: () => void, act: () => void): Promise<void> {
    const run = this.oracle.held(index)
    expect()
    act()
    if (run?.isOver !== true) return
    // While the hook still hangs.
    for (const [{ outcome }, real] of this.#real) if (outcome !== undefined) await real.outcome
    this.#gates.get(run)?.release()
    // The end of the hook is noted some promises later.
    await new Promise((resolve) => setImmediate(resolve))
  }

  #call(index: number, name: Method, inside?: HookRun): void {
    const controller = new AbortController()
    const expected = this.oracle.start(index, name, inside)
    const real: RealCall = {
      controller,
      outcome: this.#start(index, name, controller.signal).then(
        (result) => {
          real.ended = 'resolves'
          real.result = result
        },
        (error) => {
          real.ended = error === 'stop' ? 'aborted' : error instanceof TorchRnnError ? error.code : error
        },
      ),
    }
    this.#real.set(expected, real)
  }

  async #start(index: number, name: Method, signal: AbortSignal): Promise<unknown> {
    const target = this.#models[index] as ImageRNN
    switch (name) {
      case 'forward':
      case 'predict':
        return await target[name](smallImages(2), { signal })
      case 'evaluate':
        return await target.evaluate(DATA, { signal })
      case 'train':
        return await target.train(DATA, { epochs: EPOCHS, batchSize: DATA.length, signal })
      case 'loadStateDict':
        return await target.loadStateDict(this.#first[index]?.state as Map<string, Tensor>)
      case 'to':
        return await target.to('cpu')
      case 'stateDict':
      case 'threadCount':
        return await target[name]()
    }
  }

  /** Waits for what the oracle says must happen, and checks that nothing else did. */
  async #compare(): Promise<void> {
    for (const [index, reached] of this.#reached.entries()) {
      const run = this.oracle.held(index)
      if (run === undefined || this.#gates.has(run)) continue
      await reached.at.promise
      this.#gates.set(run, reached.gate as Gate)
      reached.at = deferred()
    }
    for (const [expected, real] of this.#real) {
      if (expected.outcome !== undefined) await real.outcome
      expect({ ...expected, outcome: real.ended }).toEqual({ ...expected, outcome: expected.outcome })
      if (real.ended === 'resolves') this.#checkResult(expected, real.result)
    }
  }

  #checkResult({ model: index, method: name, isUnchanged }: ExpectedCall, result: unknown): void {
    const { logits, state } = this.#first[index] as { logits: Tensor; state: Map<string, Tensor> }
    switch (name) {
      case 'forward':
        expect((result as Tensor).shape).toEqual([2, SMALL.numClasses])
        expect(String((result as Tensor).data) === String(logits.data)).toBe(isUnchanged)
        return
      case 'predict':
        expect((result as { classes: Uint8Array }).classes).toHaveLength(2)
        return
      case 'evaluate':
        expect((result as { samples: number }).samples).toBe(DATA.length)
        return
      case 'train':
        expect((result as { epochs: unknown[] }).epochs).toHaveLength(EPOCHS)
        return
      case 'stateDict':
        expect([...(result as Map<string, Tensor>).keys()]).toEqual([...state.keys()])
        return
      case 'to':
        expect(result).toBe(this.#models[index])
        return
      case 'threadCount':
        expect(result).toBe(1)
        return
      case 'loadStateDict':
        expect(result).toBeUndefined()
        return
    }
  }
}

test('every call ends as the oracle says', async () => {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const machine = new Machine()
    await machine.create()
    try {
      for (const each of steps) await withoutHanging(machine.take(each))
      await withoutHanging(machine.finish())
    } finally {
      machine.dispose() // A call that hangs would keep the process alive.
    }
  })
  // Not shrunk: a sequence that hangs would hang again and again.
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true })
}, 300_000)
