/** Every call that can take long obeys an AbortSignal: while it computes, while it waits for a hook, and while it is queued. */
import { getEventListeners } from 'node:events'
import type { ForwardHookEvent, ImageDataset, ImageRNN, InferenceOptions } from '../../lib'
import { deferred } from '../support/deferred'
import { expectError } from '../support/expect-error'
import { smallDataset, smallImages, useModels } from '../support/sample-models'

const createModel = useModels()

const TWELVE = smallDataset(12)
const NEVER = new Promise<void>(() => {})

type Call = (model: ImageRNN, options: InferenceOptions) => Promise<unknown>

const CALLS: [string, Call][] = [
  ['forward', (model, options) => model.forward(smallImages(12), options)],
  ['predict', (model, options) => model.predict(smallImages(12), options)],
  ['evaluate', (model, options) => model.evaluate(TWELVE, options)],
]

async function expectUsable(model: ImageRNN): Promise<void> {
  expect((await model.forward(smallImages(2))).shape).toEqual([2, 3])
}

describe.each(CALLS)('%s', (_, call) => {
  test('ends after the running batch, with the reason', async () => {
    const model = createModel()
    const controller = new AbortController()
    const sizes: unknown[] = []
    const hook = model.registerForwardHook('', ({ inputs }: ForwardHookEvent) => {
      sizes.push(inputs[0]?.shape[0])
      if (sizes.length === 2) controller.abort(new Error('enough'))
    })
    await expect(call(model, { batchSize: 4, signal: controller.signal })).rejects.toThrow('enough')
    expect(sizes).toEqual([4, 4])
    hook.remove()
    await expectUsable(model)
  })

  test('ends while it waits for a hook that never finishes', async () => {
    const model = createModel()
    const controller = new AbortController()
    const hook = model.registerForwardHook('FC', () => {
      controller.abort()
      return NEVER
    })
    await expect(call(model, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' })
    hook.remove()
    await expectUsable(model)
  })

  test('ends at once while it is queued', async () => {
    const model = createModel()
    const [reached, released] = [deferred(), deferred()]
    let passes = 0
    model.registerForwardHook('', () => {
      passes += 1
      reached.resolve()
      return released.promise
    })
    const first = call(model, {})
    await reached.promise
    const controller = new AbortController()
    const waiting = call(model, { signal: controller.signal })
    controller.abort()
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    released.resolve()
    await first
    await expectUsable(model)
    expect(passes).toBe(2) // Of the first call and of expectUsable.
  })

  test('computes nothing for a signal that is already aborted', async () => {
    const model = createModel()
    let passes = 0
    model.registerForwardHook('', () => {
      passes += 1
    })
    await expect(call(model, { signal: AbortSignal.abort('no reason to begin') })).rejects.toBe('no reason to begin')
    await expectUsable(model)
    expect(passes).toBe(1)
  })

  test('leaves no listener behind, and ignores a later abort', async () => {
    const model = createModel()
    const controller = new AbortController()
    await call(model, { signal: controller.signal })
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    const next = call(model, {})
    controller.abort()
    await next
  })

  test('refuses what is no signal, and an invalid batch size', async () => {
    const model = createModel()
    await expectError(() => call(model, { signal: {} as AbortSignal }), 'ERR_INVALID_OPTION', 'an AbortSignal for signal')
    await expectError(() => call(model, { batchSize: 0 }), 'ERR_INVALID_OPTION', 'batchSize')
    await expectError(() => call(model, { batch: 1 } as InferenceOptions), 'ERR_INVALID_OPTION', 'one of batchSize', 'signal')
  })
})

describe('train', () => {
  test('obeys an abort during validation: no event follows, and the last epoch does not resolve', async () => {
    const model = createModel()
    const controller = new AbortController()
    model.registerForwardHook('', ({ training }) => {
      if (!training) controller.abort()
    })
    let epochs = 0
    const options = { epochs: 1, batchSize: 4, validationData: smallDataset(6), signal: controller.signal }
    const onEpoch = () => {
      epochs += 1
    }
    await expect(model.train(TWELVE, { ...options, onEpoch })).rejects.toMatchObject({ name: 'AbortError' })
    expect(epochs).toBe(0)
  })

  test('hears an abort while it waits for its turn', async () => {
    const model = createModel()
    const [reached, released] = [deferred(), deferred()]
    const hook = model.registerForwardHook('', () => {
      reached.resolve()
      return released.promise
    })
    const first = model.evaluate(TWELVE)
    await reached.promise
    const controller = new AbortController()
    const training = model.train(TWELVE, { epochs: 1, signal: controller.signal })
    controller.abort()
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
    released.resolve()
    await first
    hook.remove()
    await expectUsable(model)
  })

  test('keeps an error that came with an abort as the cause of the reason', async () => {
    const model = createModel()
    const controller = new AbortController()
    const mistake = new Error('a mistake')
    const onEpoch = () => {
      controller.abort()
      throw mistake
    }
    const failed = model.train(TWELVE, { epochs: 1, signal: controller.signal, onEpoch })
    await expect(failed).rejects.toMatchObject({ name: 'AbortError', cause: mistake })
  })

  test('says which argument is not a data set', async () => {
    const model = createModel()
    await expectError(() => model.train({} as ImageDataset), 'ERR_INVALID_ARGUMENT', 'for the dataset')
    await expectError(() => model.train(TWELVE, { validationData: {} as ImageDataset }), 'ERR_INVALID_ARGUMENT', 'for validationData')
  })
})
