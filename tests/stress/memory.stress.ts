/**
 * Memory stays flat, and threads end. Each script warms up, measures the process, repeats its work many times and measures again. The
 * children run with --expose-gc, so that garbage is collected before each measurement.
 */
import { runScript, WELL_ENDED } from '../support/child-script'

/**
 * What the allocator and libtorch's caches may still take once warm. Blocks that one thread allocates and another frees leave gaps, so the
 * resident memory varies: runs showed up to 11 MB, and up to 50 MB when hooks get many copies. A leaked model would take 0.2 MB, and what
 * a hook is given 0.1 MB, so a leak of either would show as hundreds of MB.
 */
const LIMIT_MB = 60
const HOOKS_LIMIT_MB = 150
/** The number of models that V8 keeps before it collects them varies; when none was collected, they took 950 MB. */
const COLLECTED_LIMIT_MB = 200
/** V8's own heap does not vary once it is collected. */
const HEAP_LIMIT_MB = 1
const TIME_LIMIT_MS = 300_000

interface Growth {
  /** Of the resident memory, in MB. */
  readonly resident: number
  /** Of V8's heap, in MB. */
  readonly heap: number
  /** Of the number of threads; 0 when the system does not report it. */
  readonly threads: number
}

/** Runs `work(rounds)` to warm up, then again. Returns how much the process grew in the second part. */
async function growth(work: string, warmUp: number, rounds: number): Promise<Growth> {
  const body = `
    ${work}
    const { existsSync, readdirSync } = require('node:fs')
    const TASKS = '/proc/self/task'
    const measure = async () => {
      for (let i = 0; i < 5; i += 1) {
        gc()
        await new Promise((resolve) => setImmediate(resolve))
      }
      const { rss, heapUsed } = process.memoryUsage()
      return { resident: rss / 2 ** 20, heap: heapUsed / 2 ** 20, threads: existsSync(TASKS) ? readdirSync(TASKS).length : 0 }
    }
    await work(${warmUp})
    const before = await measure()
    await work(${rounds})
    const after = await measure()
    console.log(JSON.stringify(Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]))))
  `
  const outcome = await runScript(body, { limitMs: TIME_LIMIT_MS }, ['--expose-gc'])
  expect(outcome).toMatchObject(WELL_ENDED)
  const grown: Growth = JSON.parse(outcome.stdout)
  const { resident, heap, threads } = grown
  console.info(`${expect.getState().currentTestName}: ${resident.toFixed(1)} MB, heap ${heap.toFixed(2)} MB, ${threads} threads`)
  return grown
}

async function expectFlat(work: string, warmUp: number, rounds: number, limitMb = LIMIT_MB): Promise<void> {
  const { resident, heap, threads } = await growth(work, warmUp, rounds)
  expect(threads).toBeLessThanOrEqual(0)
  expect(heap).toBeLessThan(HEAP_LIMIT_MB)
  expect(resident).toBeLessThan(limitMb)
}

jest.setTimeout(2 * TIME_LIMIT_MS)

test('over 100 short epochs', async () => {
  const work = `
    const model = new ImageRNN(options)
    const data = dataset()
    const work = async (epochs) => { await model.train(data, { epochs, batchSize: 8, logInterval: 1, onBatch: () => {} }) }
  `
  await expectFlat(work, 50, 100)
})

test('over 10000 hook calls', async () => {
  const work = `
    const model = new ImageRNN(options)
    const batch = dataset().images(0, 100)
    let calls = 0
    for (const module of ['', 'basic_rnn', 'FC']) model.registerForwardHook(module, () => { calls += 1 })
    const work = async (rounds) => {
      calls = 0
      while (calls < rounds) await model.forward(batch)
    }
  `
  await expectFlat(work, 12_000, 10_000, HOOKS_LIMIT_MB)
})

test('over 1000 models that are disposed of', async () => {
  const work = `
    const batch = dataset().images(0, 1)
    const work = async (rounds) => {
      for (let i = 0; i < rounds; i += 1) {
        const model = new ImageRNN(options)
        await model.forward(batch)
        model.dispose()
      }
    }
  `
  await expectFlat(work, 200, 1000)
})

test('over 1000 models and data sets that are left to the garbage collector', async () => {
  const work = `
    const work = async (rounds) => {
      for (let i = 0; i < rounds; i += 1) {
        const model = new ImageRNN(options)
        model.registerForwardHook('FC', () => {})
        await model.evaluate(dataset())
      }
    }
  `
  // No call of gc() in between: V8 collects only because it is told how much memory they take.
  await expectFlat(work, 1000, 1000, COLLECTED_LIMIT_MB)
})

test('over 100 workers', async () => {
  const work = `
    const script = \`
      const { ImageDataset, ImageRNN } = require(process.env.PACKAGE_UNDER_TEST)
      const model = new ImageRNN({ inputSize: 2, hiddenSize: 8, numClasses: 2, device: 'cpu', threads: 1 })
      model.train(new ImageDataset({ images: new Uint8Array(16), shape: [4, 2, 2], labels: [0, 1, 0, 1] }), { epochs: 1 })
    \`
    const work = async (rounds) => {
      for (let i = 0; i < rounds; i += 1) await once(new Worker(script, { eval: true }), 'exit')
    }
  `
  await expectFlat(work, 30, 100)
})
