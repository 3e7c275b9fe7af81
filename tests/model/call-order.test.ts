/**
 * Calls in any order, from outside and from inside hooks and callbacks, on one model or several: every call settles, and rejects only with an
 * error of this package. Programs are generated; a failing one is shrunk to its shortest form.
 */
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { type HookHandle, ImageRNN, type ModuleName, TorchRnnError } from '../../lib'
import { smallDataset, smallImages, smallOptions } from '../support/sample-models'

const MODELS = 2
const DATA = smallDataset(12)
const RUNS = 300
/** A program takes some milliseconds, unless it hangs. */
const HANG_MS = 20_000

type Method = 'forward' | 'predict' | 'evaluate' | 'stateDict' | 'loadStateDict' | 'train' | 'to' | 'dispose'

/** A call, and what its callbacks do, if it has any. */
interface Call {
  readonly model: number
  readonly method: Method
  readonly awaited: boolean
  readonly onBatch: readonly Call[]
  readonly onEpoch: readonly Call[]
}

interface Hook {
  readonly model: number
  readonly module: ModuleName
  /** How often it acts before it removes itself: a hook that makes calls would otherwise never end. */
  readonly times: number
  readonly calls: readonly Call[]
}

interface Program {
  readonly hooks: readonly Hook[]
  readonly calls: readonly Call[]
}

const METHODS: readonly Method[] = ['forward', 'predict', 'evaluate', 'stateDict', 'loadStateDict', 'train', 'train', 'to', 'dispose']
const model = fc.nat(MODELS - 1)
const leaf = fc.record<Call>({
  model,
  method: fc.constantFrom(...METHODS),
  awaited: fc.boolean(),
  onBatch: fc.constant([]),
  onEpoch: fc.constant([]),
})
const some = { maxLength: 2 }
const call = fc.record<Call>({
  model,
  method: fc.constantFrom(...METHODS),
  awaited: fc.boolean(),
  onBatch: fc.array(leaf, some),
  onEpoch: fc.array(leaf, some),
})
const program = fc.record<Program>({
  hooks: fc.array(
    fc.record<Hook>({
      model,
      module: fc.constantFrom<ModuleName>('', 'basic_rnn', 'FC'),
      times: fc.integer({ min: 1, max: 2 }),
      calls: fc.array(call, some),
    }),
    { maxLength: 4 },
  ),
  calls: fc.array(call, { minLength: 1, maxLength: 5 }),
})

/** Runs a program and collects all its calls. */
class Machine {
  readonly #models = Array.from({ length: MODELS }, (_, index) => new ImageRNN(smallOptions({ seed: index })))
  readonly #outcomes: Promise<unknown>[] = []
  readonly #handles: HookHandle[] = []

  async run({ hooks, calls }: Program): Promise<void> {
    for (const hook of hooks) this.#register(hook)
    await this.#runAll(calls)
    // Calls may make calls: until there are no new ones.
    let settled = 0
    while (settled < this.#outcomes.length) {
      settled = this.#outcomes.length
      await Promise.all(this.#outcomes)
    }
  }

  async checkStillWorking(): Promise<void> {
    for (const handle of this.#handles) handle.remove()
    for (const each of this.#models) {
      if (!each.disposed) expect((await each.forward(smallImages(1))).shape).toEqual([1, 3])
      each.dispose()
    }
  }

  #register({ model: index, module, times, calls }: Hook): void {
    let left = times
    const handle = this.#model(index).registerForwardHook(module, async () => {
      left -= 1
      if (left <= 0) handle.remove()
      if (left >= 0) await this.#runAll(calls)
    })
    this.#handles.push(handle)
  }

  async #runAll(calls: readonly Call[]): Promise<void> {
    for (const each of calls) {
      const outcome = this.#start(each).catch(expectOurs)
      this.#outcomes.push(outcome)
      if (each.awaited) await outcome
    }
  }

  async #start({ model: index, method, onBatch, onEpoch }: Call): Promise<unknown> {
    const target = this.#model(index)
    switch (method) {
      case 'train':
        return await target.train(DATA, {
          epochs: 2,
          batchSize: 5,
          logInterval: 1,
          onBatch: () => this.#runAll(onBatch),
          onEpoch: () => this.#runAll(onEpoch),
        })
      case 'forward':
      case 'predict':
        return await target[method](smallImages(2))
      case 'evaluate':
        return await target.evaluate(DATA)
      case 'stateDict':
        return await target.stateDict()
      case 'loadStateDict':
        return await target.loadStateDict(await target.stateDict())
      case 'to':
        return await target.to('cpu')
      case 'dispose':
        return target.dispose()
    }
  }

  #model(index: number): ImageRNN {
    const found = this.#models[index]
    if (found === undefined) throw new Error(`No model ${index}`)
    return found
  }
}

/** Anything else fails the program. */
function expectOurs(error: unknown): void {
  if (!(error instanceof TorchRnnError) || !['ERR_BUSY', 'ERR_DISPOSED'].includes(error.code)) throw error
}

async function withoutHanging(work: Promise<void>): Promise<void> {
  const timer = new AbortController()
  const hang = delay(HANG_MS, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`Not all calls had settled after ${HANG_MS} ms: they wait for each other.`)
  })
  try {
    await Promise.race([work, hang])
  } finally {
    timer.abort()
    await hang.catch(() => {}) // That it was aborted.
  }
}

test('every program ends, and the models still work', async () => {
  const property = fc.asyncProperty(program, async (generated) => {
    const machine = new Machine()
    await withoutHanging(machine.run(generated))
    await withoutHanging(machine.checkStillWorking())
  })
  await fc.assert(property, { numRuns: RUNS })
}, 300_000)

test('two models whose hooks call each other, each for its own caller', async () => {
  const [first, second] = [new ImageRNN(smallOptions()), new ImageRNN(smallOptions())]
  const codes: unknown[] = []
  for (const [from, to] of [
    [first, second],
    [second, first],
  ] as const) {
    const handle = from.registerForwardHook('', async () => {
      handle.remove()
      await to.forward(smallImages(1)).catch((error) => codes.push(error.code))
    })
  }
  await withoutHanging(Promise.all([first.forward(smallImages(1)), second.forward(smallImages(1))]).then(() => {}))
  // The call that would have closed the circle.
  expect(codes).toEqual(['ERR_BUSY'])
  first.dispose()
  second.dispose()
})
