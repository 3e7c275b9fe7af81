/**
 * Nothing outlives its use, and nothing that is in use is freed. The scripts drop what they made and wait until it is collected. If something
 * keeps it, the script ends at its time limit.
 */
import { runScript, WELL_ENDED } from '../support/child-script'

const COLLECT = `
  const { setImmediate: turn } = require('node:timers/promises')
  /** Collects garbage until isDone holds. A turn of the event loop comes between: what a WeakRef returns is kept until the turn ends. */
  const collectUntil = async (isDone) => {
    do {
      await turn()
      gc()
      await turn()
    } while (!isDone())
  }
  const isGone = (reference) => reference.deref() === undefined
`

/** The addon itself, whose storages borrow arrays that a script can see. */
const NATIVE = `${COLLECT}
  const { join, dirname } = require('node:path')
  const { native } = require(join(dirname(process.env.PACKAGE_UNDER_TEST), 'addon', 'native.js'))
  const { allocateResult } = require(join(dirname(process.env.PACKAGE_UNDER_TEST), 'addon', 'result-arrays.js'))
  const { ImageStorage, Dataset, ImageRnn } = native()
  const newData = (arrays) => {
    const [images, labels] = [new Uint8Array(6 * 20), new Uint8Array(6)]
    arrays.push(new WeakRef(images), new WeakRef(labels))
    const storage = new ImageStorage({ data: images, shape: [6, 4, 5] }, { data: labels, shape: [6] })
    return new Dataset(storage, { first: 0, count: 6 })
  }
  const plainAdam = { optimizer: 'adam', betas: [0.9, 0.999], weightDecay: 0, momentum: 0.95, clipGradNorm: 0 }
  const newModel = () => {
    const others = { nonlinearity: 'tanh', recurrentInit: 'identity', precision: 'float32', engine: 'auto', seed: 1, cores: 1, cudaDevices: 0 }
    return new ImageRnn({ ...options, ...others }, allocateResult)
  }
`

async function run(body: string): Promise<string> {
  const outcome = await runScript(body, {}, ['--expose-gc'])
  expect(outcome).toMatchObject(WELL_ENDED)
  return outcome.stdout
}

describe('the arrays of a data set', () => {
  test('are released with it, after every kind of use', async () => {
    await run(`${NATIVE}
      const arrays = []
      const model = newModel()
      const range = { call: 1, epoch: 0, first: 0, batchSize: 2, shuffle: true, logInterval: 1, accumulationSteps: 1, labelSmoothing: 0, augmentation: null }
      const use = async () => {
        newData(arrays)
        await model.evaluate(newData(arrays), { call: 1, batchSize: 0, mistakes: 0 })
        const data = newData(arrays)
        await model.startTraining(data, newData(arrays), plainAdam, { call: 1, batchSize: 0, keepState: false })
        await model.trainBatches(data, { ...range, learningRates: new Float64Array(3) }, null)
      }
      await use()
      await collectUntil(() => arrays.every(isGone))
    `)
  })

  test('are released after a range that failed, although the training could go on', async () => {
    await run(`${NATIVE}
      const arrays = []
      const model = newModel()
      const fail = (event, settle) => settle(1)
      const range = { call: 1, epoch: 0, first: 0, batchSize: 2, shuffle: true, logInterval: 1, accumulationSteps: 1, labelSmoothing: 0, augmentation: null, learningRates: new Float64Array(2) }
      const use = async () => {
        const data = newData(arrays)
        await model.startTraining(data, null, plainAdam, { call: 1, batchSize: 0, keepState: false })
        const error = await model.trainBatches(data, range, fail).catch((error) => error)
        if (error.code !== 'ERR_CALLBACK_FAILED') throw error
      }
      await use()
      await collectUntil(() => arrays.every(isGone))
      await model.trainingState() // The training is still there.
    `)
  })

  test('stay while a call uses them, although nothing else refers to them', async () => {
    const output = await run(`${NATIVE}
      const arrays = []
      const model = newModel()
      let release
      const held = new Promise((resolve) => model.setForwardHook('', (event, settle) => {
        release = () => settle(0)
        resolve()
      }))
      const evaluation = model.evaluate(newData(arrays), { call: 1, batchSize: 3, mistakes: 0 })
      await held
      const garbage = new WeakRef({})
      await collectUntil(() => isGone(garbage))
      console.log(arrays.some(isGone))
      model.setForwardHook('', null)
      release()
      console.log((await evaluation).samples)
    `)
    expect(output).toBe('false\n6\n')
  })
})

test('the memory of many data sets is not kept', async () => {
  const output = await run(`${COLLECT}
    const megabytes = 16
    const model = new ImageRNN(options)
    const use = async () => {
      const data = new ImageDataset({ images: new Uint8Array(megabytes * 2 ** 20), shape: [megabytes * 2 ** 18, 1, 4], labels: new Uint8Array(megabytes * 2 ** 18) })
      await new ImageRNN({ ...options, inputSize: 4, hiddenSize: 1 }).evaluate(data.slice(0, 2))
    }
    for (let round = 0; round < 8; round += 1) await use()
    await collectUntil(() => process.memoryUsage().arrayBuffers < megabytes * 2 ** 20)
    console.log('collected')
  `)
  expect(output).toBe('collected\n')
})

test('results outlive their model', async () => {
  const output = await run(`${COLLECT}
    const results = []
    const models = []
    const use = async () => {
      const model = new ImageRNN(options)
      models.push(new WeakRef(model))
      model.registerForwardHook('FC', ({ outputs }) => void results.push(outputs[0]))
      results.push(await model.forward(dataset().images(0, 2)))
    }
    await use()
    await collectUntil(() => models.every(isGone))
    console.log(results.length, String(results[0].data) === String(results[1].data), results[0].data.every(Number.isFinite))
  `)
  expect(output).toBe('2 true true\n')
})

test('one tensor of a state keeps no other', async () => {
  await run(`${COLLECT}
    const model = new ImageRNN(options)
    const others = []
    const pickOne = async () => {
      const [first, ...rest] = (await model.stateDict()).values()
      others.push(...rest.map(({ data }) => new WeakRef(data.buffer)))
      return first
    }
    const kept = await pickOne()
    await collectUntil(() => others.every(isGone))
    if (kept.data.length === 0) throw new Error('The tensor is empty.')
  `)
})

describe('what a callback throws', () => {
  test('is released after its call has rejected with it', async () => {
    await run(`${COLLECT}
      const model = new ImageRNN(options)
      const errors = []
      const use = async () => {
        const hook = model.registerForwardHook('FC', () => {
          const error = new Error('deliberate')
          errors.push(new WeakRef(error))
          throw error
        })
        const error = await model.forward(dataset().images(0, 2)).catch((error) => error)
        if (error.message !== 'deliberate') throw error
        hook.remove()
      }
      await use()
      await collectUntil(() => errors.length === 1 && errors.every(isGone))
    `)
  })

  test('is not kept when its call was stopped before', async () => {
    await run(`${COLLECT}
      const model = new ImageRNN(options)
      const errors = []
      const use = async () => {
        const controller = new AbortController()
        let fail
        const failed = new Promise((resolve, reject) => {
          fail = () => {
            const error = new Error('too late')
            errors.push(new WeakRef(error))
            reject(error)
          }
        })
        const hook = model.registerForwardHook('FC', () => {
          controller.abort()
          return failed
        })
        const error = await model.forward(dataset().images(0, 2), { signal: controller.signal }).catch((error) => error)
        if (error.name !== 'AbortError') throw error
        fail()
        hook.remove()
      }
      await use()
      await collectUntil(() => errors.length === 1 && errors.every(isGone))
      await model.forward(dataset().images(0, 2)) // The model, whose hook failed too late, is there still.
    `)
  })
})
