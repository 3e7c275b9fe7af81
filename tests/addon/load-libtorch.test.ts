/** `loadLibtorch` and `ImageRNN.load` wait for the trial of a libtorch without blocking the event loop. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { loadLibtorch } from '../../lib'
import { runScript, scriptText, WELL_ENDED } from '../support/child-script'
import { MAIN } from '../support/command-line'
import { expectError } from '../support/expect-error'
import { LIBRARIES } from '../support/libtorch'
import { makeNamedLibtorch, WAIT_IN_TRIAL } from '../support/named-libtorch'
import { describeOnLinux } from '../support/needs'
import { runNode, startNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { TINY_NETWORK, writeTinyMnist } from '../support/tiny-mnist'
import { untilGone, untilWritten } from '../support/wait-for'

const path = useTemporaryFolder()

/** A libtorch whose trial ends when the file `gate` is there. Its CUDA libraries do nothing but wait for that. */
function makeWaitingLibtorch(): Record<string, string> {
  mkdirSync(path('tmp'))
  makeNamedLibtorch(path('libtorch'), { 'libc10_cuda.so': WAIT_IN_TRIAL, 'libtorch_cuda.so': '' })
  const files = { TMPDIR: path('tmp'), GATE: path('gate'), STARTED: path('started') }
  return { LIBTORCH: path('libtorch'), TORCH_RNN_MNIST_CUDA: '1', ...files }
}

/** The process ids of the trials so far. */
function trials(): number[] {
  return readFileSync(path('started'), 'utf8').trim().split('\n').map(Number)
}

/** In scripts: `started()` resolves when a trial has told its process id; `openGate()` lets it end. */
const GATE = `
  const fs = require('node:fs')
  const { loadLibtorch } = require(process.env.PACKAGE_UNDER_TEST)
  const { setTimeout: pause } = require('node:timers/promises')
  const started = async () => { while (!fs.statSync(process.env.STARTED, { throwIfNoEntry: false })?.size) await pause(1) }
  const openGate = () => fs.writeFileSync(process.env.GATE, '')
`
const COMPUTE = 'console.log((await new ImageRNN(options).forward(dataset().images(0, 2))).shape)'
const COMPUTED = { ...WELL_ENDED, stdout: expect.stringContaining('[ 2, 3 ]') }

test('refuses unknown options and what is no signal', async () => {
  await expectError(() => loadLibtorch({ timeout: 1 } as object), 'ERR_INVALID_OPTION', 'timeout', 'signal')
  await expectError(() => loadLibtorch({ signal: 1 } as object), 'ERR_INVALID_OPTION', 'AbortSignal')
})

test('rejects with the reason of a signal that is aborted already', async () => {
  await expect(loadLibtorch({ signal: AbortSignal.abort('no') })).rejects.toBe('no')
})

test('loads once, and does nothing more after that', async () => {
  const body = `${GATE}
    await Promise.all([loadLibtorch(), loadLibtorch()])
    await loadLibtorch()
    ${COMPUTE}
  `
  expect(await runScript(body)).toMatchObject(COMPUTED)
})

test('tries again after a failure', async () => {
  mkdirSync(path('empty'))
  const body = `${GATE}
    const load = () => loadLibtorch().catch(({ code }) => code)
    console.log(await Promise.all([load(), load()]))
    process.env.LIBTORCH = process.env.CORRECT
    await loadLibtorch()
    ${COMPUTE}
  `
  const outcome = await runScript(body, { env: { LIBTORCH: path('empty'), CORRECT: `${LIBRARIES}/..` } })
  expect(outcome).toMatchObject(COMPUTED)
  expect(outcome.stdout).toContain("[ 'ERR_LIBRARY_LOAD', 'ERR_LIBRARY_LOAD' ]")
})

describeOnLinux('while a libtorch is tried', () => {
  test('the event loop is free, and all calls wait for one trial', async () => {
    const body = `${GATE}
      const loads = [loadLibtorch(), loadLibtorch({ signal: new AbortController().signal })]
      await started() // A blocked event loop would never come here.
      loads.push(loadLibtorch())
      openGate()
      await Promise.all(loads)
      ${COMPUTE}
    `
    expect(await runScript(body, { env: makeWaitingLibtorch() })).toMatchObject(COMPUTED)
    expect(trials()).toHaveLength(1)
  })

  test('ImageRNN.load leaves the event loop free, too', async () => {
    const save = `await new ImageRNN(options).save(${JSON.stringify(path('model.safetensors'))})`
    expect(await runScript(save)).toMatchObject(WELL_ENDED)
    const body = `${GATE}
      const loading = ImageRNN.load(${JSON.stringify(path('model.safetensors'))}, { device: 'cpu' })
      await started()
      openGate()
      console.log((await (await loading).forward(dataset().images(0, 2))).shape)
    `
    expect(await runScript(body, { env: makeWaitingLibtorch() })).toMatchObject(COMPUTED)
  })

  test('it works in a worker', async () => {
    const inWorker = `${GATE}
      const loading = loadLibtorch()
      await started()
      openGate()
      await loading
      ${COMPUTE}
    `
    const body = `const [code] = await once(new Worker(${JSON.stringify(scriptText(inWorker, false))}, { eval: true }), 'exit'); console.log(code)`
    const outcome = await runScript(body, { env: makeWaitingLibtorch() })
    expect(outcome).toMatchObject(COMPUTED)
    expect(outcome.stdout).toContain('\n0\n')
  })

  test('an aborted call rejects at once, and the others go on', async () => {
    const body = `${GATE}
      const stop = new AbortController()
      const loads = [loadLibtorch({ signal: stop.signal }).catch((reason) => console.log(reason)), loadLibtorch()]
      await started()
      stop.abort('enough')
      await loads[0]
      openGate()
      await loads[1]
      ${COMPUTE}
    `
    const outcome = await runScript(body, { env: makeWaitingLibtorch() })
    expect(outcome).toMatchObject(COMPUTED)
    expect(outcome.stdout).toContain('enough\n')
    expect(trials()).toHaveLength(1)
  })

  test('the trial is killed when no call waits for it any more, and the next call makes another one', async () => {
    const body = `${GATE}
      const stop = new AbortController()
      const loading = loadLibtorch({ signal: stop.signal }).catch((reason) => console.log(reason))
      await started()
      stop.abort('enough')
      await loading
      const next = loadLibtorch()
      openGate()
      await next
      ${COMPUTE}
    `
    const outcome = await runScript(body, { env: makeWaitingLibtorch() })
    expect(outcome).toMatchObject(COMPUTED)
    const [first, ...others] = trials()
    expect(others).toHaveLength(1)
    await untilGone(first as number)
  })

  test('a constructor blocks for a trial of its own, and both end with one libtorch', async () => {
    const body = `${GATE}
      const loading = loadLibtorch()
      await started()
      openGate()
      ${COMPUTE}
      await loading
      ${COMPUTE}
    `
    expect(await runScript(body, { env: makeWaitingLibtorch() })).toMatchObject(COMPUTED)
  })

  test('the program can exit, which ends the trial', async () => {
    const body = `${GATE}
      void loadLibtorch()
      await started()
      process.exit(5)
    `
    expect(await runScript(body, { env: makeWaitingLibtorch() })).toMatchObject({ code: 5, stderr: '' })
    await untilGone(trials()[0] as number)
  })

  describe.each([['train'], ['evaluate']])('%s', (command) => {
    const args = [MAIN, command, '--data', 'data', ...(command === 'train' ? TINY_NETWORK : ['--model', 'model.safetensors'])]

    beforeEach(async () => {
      writeTinyMnist(path('data'))
      const save = `await new ImageRNN({ inputSize: 28 }).save(${JSON.stringify(path('model.safetensors'))})`
      expect(await runScript(save)).toMatchObject(WELL_ENDED)
    })

    test('tells what it waits for, and can be interrupted', async () => {
      const program = startNode(args, { cwd: path(), env: makeWaitingLibtorch() })
      await program.line(/^Trying libtorch in another process/)
      await untilWritten(path('started')) // On a busy machine, the trial begins later than the line comes.
      program.signal('SIGINT')
      const { code, stderr } = await program.ended
      expect(code).toBe(130)
      expect(stderr).toMatch(/Error: Interrupted by SIGINT\n$/)
      await untilGone(trials()[0] as number)
      expect(existsSync(path('runs'))).toBe(false)
    })

    test('goes on after the trial', async () => {
      const env = makeWaitingLibtorch()
      writeFileSync(path('gate'), '')
      expect(await runNode([...args, '--quiet'], { cwd: path(), env })).toMatchObject({ code: 0, stderr: '' })
    })
  })

  test('doctor can be interrupted', async () => {
    const program = startNode([MAIN, 'doctor'], { cwd: path(), env: makeWaitingLibtorch() })
    await program.line(/^ok {7}package files/)
    program.signal('SIGTERM')
    const { code, stderr } = await program.ended
    expect(code).toBe(143)
    expect(stderr).toMatch(/Error: Interrupted by SIGTERM\n$/)
  })
})
