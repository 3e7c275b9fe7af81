/**
 * Calls in any order, from outside and from inside hooks and callbacks, on one model or several: every call settles, and in a way that the
 * state of its model allows. Programs are generated; a failing one is shrunk to its shortest form. Where the order is fixed,
 * call-outcomes.test.ts knows the outcome exactly.
 */
import fc from 'fast-check'
import { type HookHandle, ImageRNN, type ModuleName, type Tensor, TorchRnnError, type TrainOptions } from '../../lib'
import { smallDataset, smallImages, smallOptions } from '../support/sample-models'
import { withoutHanging } from '../support/without-hanging'

const MODELS = 2
const DATA = smallDataset(12)
const RUNS = 300
/** Parameters to load: any. */
let state: Map<string, Tensor>
beforeAll(async () => {
  const model = new ImageRNN(smallOptions())
  state = await model.stateDict()
  model.dispose()
})

/** What was known when a call was made. */
interface Circumstances {
  readonly target: ImageRNN
  readonly method: Method
  readonly wasDisposed: boolean
  readonly wasTraining: boolean
  /** Whether it was made inside a hook or onBatch, for which its model may be waiting. */
  readonly isInside: boolean
}

type Method = 'forward' | 'predict' | 'inspect' | 'evaluate' | 'stateDict' | 'loadStateDict' | 'train' | 'to' | 'dispose'

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

const CHANGING: readonly Method[] = ['loadStateDict', 'train', 'to']
const METHODS: readonly Method[] = [
  'forward',
  'predict',
  'inspect',
  'evaluate',
  'stateDict',
  'loadStateDict',
  'train',
  'train',
  'to',
  'dispose',
]
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
  readonly #training = new Set<ImageRNN>()
  readonly #handles: HookHandle[] = []

  async run({ hooks, calls }: Program): Promise<void> {
    for (const hook of hooks) this.#register(hook)
    await this.#runAll(calls, false)
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
      if (left >= 0) await this.#runAll(calls, true)
    })
    this.#handles.push(handle)
  }

  async #runAll(calls: readonly Call[], isInside: boolean): Promise<void> {
    for (const each of calls) {
      const target = this.#model(each.model)
      const { method } = each
      const circumstances = { target, method, wasDisposed: target.disposed, wasTraining: this.#training.has(target), isInside }
      const outcome = this.#start(each, isInside).then(
        () => expectAllowed(circumstances, undefined),
        (error) => expectAllowed(circumstances, error),
      )
      this.#outcomes.push(outcome)
      if (each.awaited) await outcome
    }
  }

  async #start({ model: index, method, onBatch, onEpoch }: Call, isInside: boolean): Promise<unknown> {
    const target = this.#model(index)
    switch (method) {
      case 'train':
        return await this.#train(target, {
          onBatch: () => this.#runAll(onBatch, true),
          onEpoch: () => this.#runAll(onEpoch, isInside),
        })
      case 'forward':
      case 'predict':
      case 'inspect':
        return await target[method](smallImages(2))
      case 'evaluate':
        return await target.evaluate(DATA)
      case 'stateDict':
        return await target.stateDict()
      case 'loadStateDict':
        return await target.loadStateDict(state)
      case 'to':
        return await target.to('cpu')
      case 'dispose':
        return target.dispose()
    }
  }

  async #train(target: ImageRNN, callbacks: Pick<TrainOptions, 'onBatch' | 'onEpoch'>): Promise<void> {
    const training = target.train(DATA, { epochs: 2, batchSize: 5, logInterval: 1, ...callbacks })
    // A second training is refused, and does not end the first one.
    const isFirst = !this.#training.has(target)
    this.#training.add(target)
    try {
      await training
    } finally {
      if (isFirst) this.#training.delete(target)
    }
  }

  #model(index: number): ImageRNN {
    const found = this.#models[index]
    if (found === undefined) throw new Error(`No model ${index}`)
    return found
  }
}

/** Checks how a call ended; `error` is undefined when it resolved. Anything that is not an error of ours fails the program. */
function expectAllowed({ target, method, wasDisposed, wasTraining, isInside }: Circumstances, error: unknown): void {
  if (error !== undefined && !(error instanceof TorchRnnError)) throw error
  const isChanging = CHANGING.includes(method)
  const allowed: unknown[] = []
  if (method === 'dispose') allowed.push(undefined)
  else if (wasDisposed) allowed.push('ERR_DISPOSED')
  else {
    if (!isChanging || !wasTraining) allowed.push(undefined)
    if ((isChanging && wasTraining) || isInside) allowed.push('ERR_BUSY')
    if (target.disposed && !(isChanging && wasTraining)) allowed.push('ERR_DISPOSED')
  }
  const outcome = error?.code
  if (!allowed.includes(outcome))
    throw new Error(`${method} ended with ${outcome}, but only ${allowed.join(' or ')} is right.`, { cause: error })
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
