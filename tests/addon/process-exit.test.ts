/** Processes and worker threads that used the addon end by themselves, at once, and without a crash. */
import { runScript, scriptText, WELL_ENDED } from '../support/child-script'
import { REPOSITORY } from '../support/run-program'

/** Code by which a script starts a worker with another script. `threw`: the error that ended the worker; `exited`: its exit code. */
function startWorker(body: string): string {
  return `
    const worker = new Worker(${JSON.stringify(scriptText(body, false))}, { eval: true })
    let threw
    worker.on('error', (error) => { threw = error })
    const exited = once(worker, 'exit')
  `
}

/** Code that lets a thread look for the eigenvalues of some large matrices, and does not wait for them. */
const FIND_EIGENVALUES = `
  const { loadLibtorch, plotEigenvalues } = require(process.env.PACKAGE_UNDER_TEST)
  await loadLibtorch()
  const data = new Float32Array(400 * 400).map((_, index) => Math.sin(index))
  const state = new Map([['basic_rnn.weight_hh_l0', { data, shape: [400, 400] }]])
  const found = [1, 2, 3].map(() => plotEigenvalues(state))
`

/** A worker that reports when its endless training has started. */
const TRAINING_WORKER = startWorker(`
  await startTraining(new ImageRNN(options))
  require('node:worker_threads').parentPort.postMessage('training')
`)

describe('a process ends by itself', () => {
  test.each([
    ['after a training', 'const model = new ImageRNN(options); await model.train(dataset(), { epochs: 2 }); model.dispose()'],
    ['with a model that was never disposed of', 'global.model = new ImageRNN(options); await model.train(dataset(), { epochs: 2 })'],
    ['with a model that was never used', 'global.model = new ImageRNN(options)'],
    [
      'with models whose threads wait for work',
      `global.models = [1, 2, 3].map((seed) => new ImageRNN({ ...options, seed }))
      await Promise.all(models.map((model) => model.stateDict()))`,
    ],
    [
      'with a hook registered',
      `global.model = new ImageRNN(options)
      model.registerForwardHook('', () => {})
      await model.forward(dataset().images(0, 2))`,
    ],
    [
      'after an abort',
      `const controller = new AbortController()
      const endless = { epochs: 1e6, signal: controller.signal, onBatch: () => controller.abort() }
      const error = await new ImageRNN(options).train(dataset(), endless).catch((error) => error)
      if (error.name !== 'AbortError') throw error`,
    ],
    [
      'after dispose during a training',
      `const model = new ImageRNN(options)
      const { training } = await startTraining(model)
      model.dispose()
      const error = await training.catch((error) => error)
      if (error.code !== 'ERR_DISPOSED') throw error`,
    ],
    ['after eigenvalues, without any model', `${FIND_EIGENVALUES}; await Promise.all(found)`],
    [
      'after a failure that it caught',
      `try {
        new ImageRNN({ device: 'cuda:99' })
      } catch (error) {
        if (error.code !== 'ERR_DEVICE_UNAVAILABLE') throw error
      }`,
    ],
  ])('%s', async (_, body) => {
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: '' })
  })

  test('but not before the promises that it waits for are settled', async () => {
    const body = 'new ImageRNN(options).train(dataset(), { epochs: 3 }).then(({ epochs }) => console.log(epochs.length))'
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringMatching(/^3\n/) })
  })

  test('when its models were garbage-collected', async () => {
    const body = `
      const models = []
      const use = async (seed) => {
        const model = new ImageRNN({ ...options, seed })
        models.push(new WeakRef(model))
        await model.forward(dataset().images(0, 2))
      }
      for (let seed = 0; seed < 20; seed += 1) await use(seed)
      const turn = () => new Promise((resolve) => setImmediate(resolve))
      do {
        await turn() // What a WeakRef gives is kept until the end of the turn.
        gc()
        await turn()
      } while (models.some((model) => model.deref() !== undefined))
    `
    expect(await runScript(body, {}, ['--expose-gc'])).toMatchObject(WELL_ENDED)
  })
})

describe('a process can be ended during a training', () => {
  test('by process.exit, with its code', async () => {
    const outcome = await runScript('await startTraining(new ImageRNN(options)); process.exit(7)')
    expect(outcome).toMatchObject({ code: 7, signal: null, stderr: '', isWorkDone: false })
  })

  test('by process.exit, also while eigenvalues are found', async () => {
    const body = `${FIND_EIGENVALUES}; await Promise.race([found[0], new Promise(setImmediate)]); process.exit(7)`
    expect(await runScript(body)).toMatchObject({ code: 7, signal: null, stderr: '', isWorkDone: false })
    expect(await runScript(`process.removeAllListeners('exit');${body}`)).toMatchObject({ code: 7, signal: null, stderr: '' })
  })

  test('by process.exit inside onBatch, inside a hook and inside a timer', async () => {
    const train = (callbacks: string, first = '') =>
      `const model = new ImageRNN({ ...options, engine: 'torch' }); ${first}; await model.train(dataset(), { epochs: 1e6, batchSize: 4, logInterval: 1${callbacks} })`
    const bodies = [
      train(', onBatch: () => process.exit(7)'),
      train('', "model.registerForwardHook('FC', () => process.exit(7))"),
      train(', onBatch: () => { setImmediate(() => process.exit(7)) }'),
    ]
    for (const body of bodies) expect(await runScript(body)).toMatchObject({ code: 7, signal: null, stderr: '' })
  })

  test('by process.exit, also when the exit listeners of the package were removed', async () => {
    const body = "await startTraining(new ImageRNN(options)); process.removeAllListeners('exit'); process.exit(7)"
    expect(await runScript(body)).toMatchObject({ code: 7, signal: null, stderr: '' })
  })

  test('by an uncaught exception, which is reported as usual', async () => {
    const body =
      "await startTraining(new ImageRNN(options)); setImmediate(() => { throw new Error('deliberate') }); await new Promise(() => {})"
    const outcome = await runScript(body)
    expect(outcome).toMatchObject({ code: 1, signal: null })
    expect(outcome.stderr).toContain('Error: deliberate')
  })

  test('by an unhandled rejection: a callback that throws', async () => {
    const body = "await new ImageRNN(options).train(dataset(), { onBatch: () => { throw new Error('deliberate') } })"
    const outcome = await runScript(body)
    expect(outcome).toMatchObject({ code: 1, signal: null })
    expect(outcome.stderr).toContain('Error: deliberate')
  })

  test('by a signal', async () => {
    const body = "await startTraining(new ImageRNN(options)); process.kill(process.pid, 'SIGTERM'); await new Promise(() => {})"
    expect(await runScript(body)).toMatchObject({ code: null, signal: 'SIGTERM', stderr: '' })
  })
})

describe('a worker thread', () => {
  test('trains, and ends by itself with its model', async () => {
    const body = `
      ${startWorker(`
        const model = new ImageRNN(options)
        const { epochs } = await model.train(dataset(), { epochs: 2 })
        require('node:worker_threads').parentPort.postMessage(epochs.length)
      `)}
      const [message] = await once(worker, 'message')
      const [code] = await exited
      console.log(message, code, threw)
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('2 0 undefined') })
  })

  test('and the main thread use the addon at the same time, with the same numbers', async () => {
    const train = 'await new ImageRNN(options).train(dataset(), { epochs: 3 })'
    const body = `
      ${startWorker(`require('node:worker_threads').parentPort.postMessage((${train}).epochs.map(({ trainLoss }) => trainLoss))`)}
      const [[theirs], ours] = await Promise.all([once(worker, 'message'), (async () => ${train})()])
      await exited
      console.log(JSON.stringify(theirs) === JSON.stringify(ours.epochs.map(({ trainLoss }) => trainLoss)), theirs.length)
      await new ImageRNN(options).forward(dataset().images(0, 1)) // The worker's end took nothing away.
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('true 3') })
  })

  test('gets an error that says so when the end of the process stops its models', async () => {
    const body = `
      new ImageRNN(options) // Now this thread stops all models when it ends.
      ${startWorker(`
        const { training } = await startTraining(new ImageRNN(options))
        const told = new Int32Array(new SharedArrayBuffer(4))
        require('node:worker_threads').parentPort.postMessage(told)
        const { code, message } = await training.catch((error) => error)
        require('node:fs').writeSync(1, code + ': ' + message)
        Atomics.store(told, 0, 1)
        Atomics.notify(told, 0)
      `)}
      const [told] = await once(worker, 'message')
      // Comes after the listener of the package, and lets the worker write.
      process.on('exit', () => Atomics.wait(told, 0, 0))
      process.exit(0)
    `
    const { code, stdout } = await runScript(body)
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^ERR_DISPOSED: The program is ending/) })
  })

  test('is one of several that load and train at once, with the same numbers', async () => {
    const body = `
      const train = async () => (await new ImageRNN(options).train(dataset(), { epochs: 2 })).epochs.map(({ trainLoss }) => trainLoss)
      const script = ${JSON.stringify(
        scriptText(
          'const { epochs } = await new ImageRNN(options).train(dataset(), { epochs: 2 });' +
            "require('node:worker_threads').parentPort.postMessage(epochs.map(({ trainLoss }) => trainLoss))",
          false,
        ),
      )}
      const workers = Array.from({ length: 4 }, () => new Worker(script, { eval: true }))
      const losses = await Promise.all([train(), ...workers.map(async (worker) => (await once(worker, 'message'))[0])])
      console.log(losses.length, new Set(losses.map((each) => JSON.stringify(each))).size)
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('5 1') })
  })

  test('can be terminated while calls wait in the queue', async () => {
    const body = `
      ${startWorker(`
        const model = new ImageRNN(options)
        await startTraining(model)
        const batch = dataset().images(0, 5)
        const waiting = Array.from({ length: 50 }, () => Promise.all([model.forward(batch), model.stateDict(), model.evaluate(dataset())]))
        require('node:worker_threads').parentPort.postMessage(waiting.length)
      `)}
      await once(worker, 'message')
      await worker.terminate()
      console.log((await new ImageRNN(options).forward(dataset().images(0, 2))).shape)
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('[ 2, 3 ]') })
  })

  test('can be terminated during a training', async () => {
    const body = `
      ${TRAINING_WORKER}
      await once(worker, 'message')
      await worker.terminate()
      console.log(threw, (await new ImageRNN(options).forward(dataset().images(0, 2))).shape)
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('undefined [ 2, 3 ]') })
  })

  test('can be terminated while it finds eigenvalues, which its end takes from no other', async () => {
    const body = `
      ${startWorker(`
        ${FIND_EIGENVALUES}
        require('node:worker_threads').parentPort.postMessage(found.length)
      `)}
      await once(worker, 'message')
      await worker.terminate()
      ${FIND_EIGENVALUES}
      console.log((await Promise.all(found)).length)
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: '3\n' })
  })

  test('can be terminated while a hook waits, and while it is in one', async () => {
    const hooks = ['() => new Promise(() => {})', '() => { for (;;); }']
    for (const hook of hooks) {
      const body = `
        ${startWorker(`
          const model = new ImageRNN(options)
          model.registerForwardHook('FC', () => {
            require('node:worker_threads').parentPort.postMessage('in the hook')
            return (${hook})()
          })
          await model.forward(dataset().images(0, 1))
        `)}
        await once(worker, 'message')
        await worker.terminate()
      `
      expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: '' })
    }
  })

  test('that calls process.exit during a training ends only itself', async () => {
    const body = `
      ${startWorker('await startTraining(new ImageRNN(options)); process.exit(3)')}
      const [code] = await exited
      console.log(code, (await new ImageRNN(options).forward(dataset().images(0, 2))).shape)
    `
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('3 [ 2, 3 ]') })
  })

  test('does not stop the process from exiting, even while it trains', async () => {
    const body = `
      ${TRAINING_WORKER}
      await once(worker, 'message')
      await startTraining(new ImageRNN(options))
      process.exit(5)
    `
    expect(await runScript(body)).toMatchObject({ code: 5, signal: null, stderr: '' })
  })

  test('can use the addon after another worker has ended, repeatedly', async () => {
    const body = `
      for (let round = 0; round < 3; round += 1) {
        ${startWorker('await new ImageRNN(options).train(dataset(), { epochs: 1 })')}
        console.log((await exited)[0], threw)
      }
    `
    const outcome = await runScript(body)
    expect(outcome).toMatchObject(WELL_ENDED)
    expect(outcome.stdout.match(/^0 undefined$/gm)).toHaveLength(3)
  })
})

test('require and import, by the name of the package, give the same classes', async () => {
  const body = `
    const required = require('torch-rnn-mnist')
    const imported = await import('torch-rnn-mnist')
    const shared = Object.keys(required).filter((name) => required[name] === imported[name])
    console.log(Object.keys(required).length === shared.length, shared.join(' '))
  `
  const outcome = await runScript(body, { cwd: REPOSITORY }) // From inside, a package is found by its name too.
  expect(outcome).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('true') })
  for (const name of ['ImageRNN', 'ImageDataset', 'TorchRnnError', 'loadMnist']) expect(outcome.stdout).toContain(name)
})
