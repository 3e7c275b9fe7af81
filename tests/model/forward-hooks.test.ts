import { AsyncLocalStorage } from 'node:async_hooks'
import type { ForwardHook, ForwardHookEvent, ImageRNN, ModuleName, Tensor } from '../../lib'
import { expectError } from '../support/expect-error'
import { SMALL, smallDataset, smallImages, useModels } from '../support/sample-models'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const createModel = useModels()

const MODULES: readonly ModuleName[] = ['', 'basic_rnn', 'FC']
const { rows: T, inputSize: F, hiddenSize: H, numLayers: L, numClasses: C } = SMALL

/** Keeps every event of some modules, in the order in which they come. */
function record(model: ImageRNN, ...modules: ModuleName[]): ForwardHookEvent[] {
  const events: ForwardHookEvent[] = []
  for (const module of modules) model.registerForwardHook(module, (event) => void events.push(event))
  return events
}

function shapes(tensors: readonly Tensor[]): number[][] {
  return tensors.map(({ shape }) => shape)
}

/** What a promise rejects with, be it an Error or not. */
async function reasonOf(promise: Promise<unknown>): Promise<{ reason: unknown }> {
  const [outcome] = await Promise.allSettled([promise])
  if (outcome.status === 'fulfilled') throw new Error('Expected a rejection.')
  return { reason: outcome.reason }
}

describe('events', () => {
  test('come in the order of the computation, with the shapes of each module', async () => {
    const model = createModel()
    const events = record(model, ...MODULES)
    await model.forward(smallImages(7))
    expect(events.map(({ module, inputs, outputs }) => [module, shapes(inputs), shapes(outputs)])).toEqual([
      [
        'basic_rnn',
        [
          [T, 7, F],
          [L, 7, H],
        ],
        [
          [T, 7, H],
          [L, 7, H],
        ],
      ],
      ['FC', [[7, H]], [[7, C]]],
      ['', [[7, T, F]], [[7, C]]],
    ])
    for (const { data, shape } of events.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])) {
      expect(Object.prototype.toString.call(data)).toBe('[object Float32Array]') // Even when JavaScript passed bytes.
      expect(data).toHaveLength(shape.reduce((product, size) => product * size, 1))
    }
  })

  test('hold the inputs and outputs of the modules', async () => {
    const model = createModel()
    const events = record(model, 'basic_rnn', 'FC', '')
    const images = smallImages(3)
    const logits = await model.forward(images)
    const [rnn, linear, whole] = events as [ForwardHookEvent, ForwardHookEvent, ForwardHookEvent]
    const scaled = Float32Array.from(images.data, (value) => value / 255)
    expect(whole.inputs[0]?.data).toEqual(scaled)
    expect(whole.outputs[0]).toEqual(logits)
    expect(linear.outputs[0]).toEqual(logits)
    const [sequences, initial] = rnn.inputs as [Tensor, Tensor]
    const [output, final] = rnn.outputs as [Tensor, Tensor]
    const at = (sample: number, row: number) => (sample * T + row) * F
    for (const [sample, row] of [
      [0, 0],
      [2, 1],
      [1, 3],
    ] as const) {
      const time = (row * 3 + sample) * F // Time first in the RNN, sample first outside.
      expect(sequences.data.subarray(time, time + F)).toEqual(scaled.subarray(at(sample, row), at(sample, row) + F))
    }
    expect(initial.data.every((value) => value === 0)).toBe(true)
    const lastStep = output.data.slice((T - 1) * 3 * H)
    expect(final.data.slice((L - 1) * 3 * H)).toEqual(lastStep)
    expect(linear.inputs[0]?.data).toEqual(lastStep)
    expect(lastStep.some((value) => value !== 0)).toBe(true)
  })

  test('distinguish training from forward and evaluate, also between epochs', async () => {
    const model = createModel()
    const events = record(model, 'FC')
    await model.forward(smallImages(1))
    const onEpoch = async () => void (await model.evaluate(smallDataset(2)))
    await model.train(smallDataset(6), { epochs: 2, batchSize: 3, onEpoch })
    await model.forward(smallImages(1))
    expect(events.map(({ training }) => training)).toEqual([false, true, true, false, true, true, false, false])
    expect(events.map(({ inputs }) => inputs[0]?.shape[0])).toEqual([1, 3, 3, 2, 3, 3, 2, 1])
  })

  test('show a forward of many samples in one piece, and each batch of evaluate and train', async () => {
    const model = createModel()
    const events = record(model, '')
    const dataset = smallDataset(1500)
    await model.forward(dataset.images())
    await model.evaluate(dataset)
    await model.train(dataset, { epochs: 1, batchSize: 600 })
    expect(events.map(({ inputs }) => inputs[0]?.shape[0])).toEqual([1500, 1000, 500, 600, 600, 300])
  })

  test('are copies: neither changing nor reading them changes the result', async () => {
    const [watched, alone] = [createModel({ engine: 'torch' }), createModel({ engine: 'torch' })]
    for (const module of MODULES) {
      watched.registerForwardHook(module, ({ inputs, outputs }) => {
        for (const { data, shape } of [...inputs, ...outputs]) {
          data.fill(Number.NaN)
          shape.fill(0)
        }
      })
    }
    expect(await watched.forward(smallImages(3))).toEqual(await alone.forward(smallImages(3)))
    for (const model of [watched, alone]) await model.train(smallDataset(10), { epochs: 2, batchSize: 4 })
    expect(await watched.stateDict()).toEqual(await alone.stateDict())
  })
})

describe('registration', () => {
  test('of several hooks: they run in its order, each when the one before is done', async () => {
    const model = createModel()
    const steps: string[] = []
    const slow: ForwardHook = async () => {
      steps.push('slow begins')
      await new Promise((resolve) => setImmediate(resolve))
      steps.push('slow ends')
    }
    model.registerForwardHook('FC', slow)
    model.registerForwardHook('FC', () => void steps.push('quick'))
    model.registerForwardHook('', () => void steps.push('whole'))
    await model.forward(smallImages(1)).then(() => steps.push('resolved'))
    expect(steps).toEqual(['slow begins', 'slow ends', 'quick', 'whole', 'resolved'])
  })

  test('of one function twice: it runs twice, and each handle removes one', async () => {
    const model = createModel()
    let calls = 0
    const hook = () => {
      calls += 1
    }
    const [first, second] = [model.registerForwardHook('FC', hook), model.registerForwardHook('FC', hook)]
    await model.forward(smallImages(1))
    expect(calls).toBe(2)
    first.remove()
    first.remove()
    await model.forward(smallImages(1))
    expect(calls).toBe(3)
    second.remove()
    await model.forward(smallImages(1))
    expect(calls).toBe(3)
    model.registerForwardHook('FC', hook)
    await model.forward(smallImages(1))
    expect(calls).toBe(4)
  })

  test('of one model does not affect another', async () => {
    const [model, other] = [createModel(), createModel()]
    const events = record(model, ...MODULES)
    await other.forward(smallImages(1))
    expect(events).toEqual([])
  })

  test('refuses other modules and what is no function', async () => {
    const model = createModel()
    for (const module of ['fc', 'basic_rnn.weight_ih_l0', undefined, 0, 'toString']) {
      const register = () => model.registerForwardHook(module as ModuleName, () => {})
      await expectError(register, 'ERR_INVALID_ARGUMENT', 'module', "'basic_rnn'", "'FC'")
    }
    const register = () => model.registerForwardHook('FC', {} as ForwardHook)
    await expectError(register, 'ERR_INVALID_ARGUMENT', 'hook', 'a function', 'an object')
  })

  test('may change inside a hook: a removed one no longer runs, a new one runs from the next pass on', async () => {
    const model = createModel()
    const steps: string[] = []
    const once = model.registerForwardHook('FC', () => {
      steps.push('once')
      once.remove()
      later.remove()
      model.registerForwardHook('FC', () => void steps.push('new'))
    })
    const later = model.registerForwardHook('FC', () => void steps.push('later'))
    model.registerForwardHook('FC', () => void steps.push('stays'))
    await model.forward(smallImages(1))
    expect(steps).toEqual(['once', 'stays'])
    await model.forward(smallImages(1))
    expect(steps).toEqual(['once', 'stays', 'stays', 'new'])
  })

  test('may end inside the only hook, for good or for a while', async () => {
    const model = createModel()
    let calls = 0
    const only = model.registerForwardHook('basic_rnn', async () => {
      calls += 1
      only.remove()
    })
    await model.train(smallDataset(9), { epochs: 1, batchSize: 3 })
    expect(calls).toBe(1)
  })
})

describe('a failing hook', () => {
  const failures: [string, () => unknown][] = [
    ['an Error', () => new Error('deliberate')],
    ['an error with a code like ours', () => Object.assign(new Error('deliberate'), { code: 'ERR_INVALID_SHAPE' })],
    ['text', () => 'deliberate'],
    ['undefined', () => undefined],
  ]

  test.each(failures)('that throws %s rejects its call with exactly that; the model still works', async (_, makeError) => {
    const model = createModel()
    const expected = await model.forward(smallImages(2))
    for (const isAsync of [false, true]) {
      const error = makeError()
      const handle = model.registerForwardHook('FC', () => {
        if (isAsync) return Promise.reject(error)
        throw error
      })
      const calls = [() => model.forward(smallImages(2)), () => model.evaluate(smallDataset(2)), () => model.train(smallDataset(2))]
      for (const call of calls) expect((await reasonOf(call())).reason).toBe(error)
      handle.remove()
      // The training failed before its first update.
      expect(await model.forward(smallImages(2))).toEqual(expected)
    }
  })

  test('fails only the call that it belongs to', async () => {
    const model = createModel()
    const errors: Error[] = []
    model.registerForwardHook('FC', ({ inputs }) => {
      if (inputs[0]?.shape[0] !== 2) return
      errors.push(new Error(`failure ${errors.length}`))
      throw errors.at(-1)
    })
    const calls = [1, 2, 3, 2].map((count) => model.forward(smallImages(count)))
    const outcomes = await Promise.allSettled(calls)
    expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : outcome.value.shape))).toEqual([
      [1, C],
      errors[0],
      [3, C],
      errors[1],
    ])
    expect(errors).toHaveLength(2)
  })

  test('ends the pass: neither later hooks nor later modules see it', async () => {
    const model = createModel()
    const steps: string[] = []
    model.registerForwardHook('FC', () => void steps.push('before'))
    const failing = model.registerForwardHook('FC', () => {
      throw new Error('deliberate')
    })
    model.registerForwardHook('FC', () => void steps.push('after'))
    model.registerForwardHook('', () => void steps.push('whole'))
    await expect(model.forward(smallImages(1))).rejects.toThrow('deliberate')
    expect(steps).toEqual(['before'])
    failing.remove()
    await model.forward(smallImages(1))
    expect(steps).toEqual(['before', 'before', 'after', 'whole'])
  })

  test('in the middle of a training keeps the updates before it', async () => {
    const [model, reference] = [createModel({ engine: 'torch' }), createModel({ engine: 'torch' })]
    let passes = 0
    const handle = model.registerForwardHook('', () => {
      passes += 1
      if (passes === 3) throw new Error('deliberate')
    })
    await expect(model.train(smallDataset(12), { epochs: 5, batchSize: 4, shuffle: false })).rejects.toThrow('deliberate')
    handle.remove()
    await reference.train(smallDataset(8), { epochs: 1, batchSize: 4, shuffle: false })
    expect(await model.stateDict()).toEqual(await reference.stateDict())
    expect((await model.train(smallDataset(3), { epochs: 1 })).epochs).toHaveLength(1)
  })
})

describe('inside a hook', () => {
  /** Calls `run` in a hook of a model during one pass. Returns its result, or throws its error. */
  async function inHookOf<T>(model: ImageRNN, run: () => Promise<T>): Promise<T> {
    const results: T[] = []
    const handle = model.registerForwardHook('FC', async () => void results.push(await run()))
    try {
      await model.forward(smallImages(1))
    } finally {
      handle.remove()
    }
    return results[0] as T
  }

  const calls: [string, (model: ImageRNN) => Promise<unknown>][] = [
    ['forward', (model) => model.forward(smallImages(1))],
    ['train', (model) => model.train(smallDataset(1))],
    ['evaluate', (model) => model.evaluate(smallDataset(1))],
    ['stateDict', (model) => model.stateDict()],
    ['loadStateDict', (model) => model.loadStateDict(new Map())],
    ['save', (model) => model.save(path('model.safetensors'))],
    ['threadCount', (model) => model.threadCount()],
  ]

  test.each(calls)('%s of the same model is refused, as it would wait for itself', async (name, call) => {
    const model = createModel()
    await expectError(() => inHookOf(model, () => call(model)), 'ERR_BUSY', name, 'hook')
    const afterAwait = async () => {
      await new Promise((resolve) => setImmediate(resolve))
      return call(model)
    }
    await expectError(() => inHookOf(model, afterAwait), 'ERR_BUSY', name, 'hook')
    expect((await model.forward(smallImages(1))).shape).toEqual([1, C])
  })

  test('another model may be used', async () => {
    const [model, other] = [createModel({ seed: 1 }), createModel({ seed: 2 })]
    const expected = await other.forward(smallImages(3))
    expect(await inHookOf(model, () => other.forward(smallImages(3)))).toEqual(expected)
    const { epochs } = await inHookOf(model, () => other.train(smallDataset(3), { epochs: 2 }))
    expect(epochs).toHaveLength(2)
  })

  test('the same model is also refused when called through another model', async () => {
    const [model, other] = [createModel(), createModel()]
    other.registerForwardHook('FC', async () => void (await model.forward(smallImages(1))))
    await expectError(() => inHookOf(model, () => other.forward(smallImages(1))), 'ERR_BUSY', 'forward', 'hook')
    await other.forward(smallImages(1)) // Nobody waits for anybody now.
  })

  test('the model can be disposed of, which ends the call', async () => {
    const model = createModel()
    const disposeAndStay = () => {
      model.dispose()
      return new Promise<void>(() => {}) // A hook that returns at once may let the call end as usual.
    }
    await expectError(() => inHookOf(model, disposeAndStay), 'ERR_DISPOSED')
  })

  test('code that outlives the hook, such as a timer, may use the model afterwards', async () => {
    const model = createModel()
    let release = () => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    const later: Promise<Tensor>[] = []
    const handle = model.registerForwardHook('FC', () => {
      later.push(released.then(() => model.forward(smallImages(2))))
    })
    await model.forward(smallImages(1))
    handle.remove()
    release()
    expect((await later[0])?.shape).toEqual([2, C])
  })

  test('the asynchronous context is that of the registration', async () => {
    const model = createModel()
    const storage = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    const hook = async () => {
      seen.push(storage.getStore())
      await new Promise((resolve) => setImmediate(resolve))
      seen.push(storage.getStore())
    }
    const handle = storage.run('first', () => model.registerForwardHook('FC', hook))
    storage.run('second', () => model.registerForwardHook('FC', hook))
    await storage.run('caller', () => model.forward(smallImages(1)))
    expect(seen).toEqual(['first', 'first', 'second', 'second'])
    handle.remove()
    seen.length = 0
    await model.train(smallDataset(1), { epochs: 1 })
    expect(seen).toEqual(['second', 'second'])
  })
})
