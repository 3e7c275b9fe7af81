/**
 * Only a model's own thread enters the parallel regions of libtorch: libgomp keeps a pool for every thread that ever entered one, and when all
 * pools together have more threads than there are cores, every training step takes 2.3 times as long. On Linux a thread inherits the name of the
 * one that started it, and models name theirs, so their threads can be counted.
 */
import { existsSync } from 'node:fs'
import { PACKAGE, runScript, scriptText, WELL_ENDED } from '../support/child-script'
import { eventsOf, eventsOfType, MAIN } from '../support/command-line'
import { testOnLinux, testWhere } from '../support/needs'
import { runCommand } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** So many samples that libtorch would start threads: its grain is 32,768 elements. */
const MANY = 40_000

const COUNT = `
  const { existsSync, readdirSync, readFileSync } = require('node:fs')
  const nameOf = (id) => {
    const file = '/proc/self/task/' + id + '/comm'
    try {
      return [readFileSync(file, 'utf8').trim()]
    } catch (error) {
      if (existsSync(file)) throw error
      return [] // The thread ended meanwhile.
    }
  }
  const names = () => readdirSync('/proc/self/task').flatMap(nameOf)
  const count = (isCounted) => names().filter(isCounted).length
  const othersThreads = () => count((name) => name !== 'rnn-mnist-model')
  const modelThreads = () => count((name) => name === 'rnn-mnist-model')
  /** Starts the threads that Node itself starts late: those of libuv. */
  const warmUp = () => Promise.all(Array.from({ length: 8 }, () => require('node:fs/promises').stat('/')))
  const manyImages = new Float32Array(${MANY} * 20).map((_, index) => (index % 7) / 7)
  const many = () => new ImageDataset({ images: manyImages, shape: [${MANY}, 4, 5], labels: new Uint8Array(${MANY}) })
`

testOnLinux('no thread of libtorch belongs to the JavaScript thread, whatever crosses to the addon', async () => {
  const body = `${COUNT}
    await warmUp()
    const before = othersThreads()
    const model = new ImageRNN({ ...options, hiddenSize: 16, threads: 2 })
    const data = many()
    const [part, rest] = data.randomSplit([0.1, 0.9])
    await model.train(part.slice(0, 2000), { epochs: 1, validationData: part.slice(0, 1000), onBatch: () => {} })
    await model.evaluate(rest.slice(0, 1000))
    const hook = model.registerForwardHook('', () => {})
    await model.forward({ data: manyImages.subarray(0, 4000 * 20), shape: [4000, 4, 5] })
    hook.remove()
    await model.predict({ data: manyImages, shape: [${MANY}, 4, 5] })
    await model.evaluate(data)
    const large = new ImageRNN({ ...options, hiddenSize: 512, threads: 2 }) // Its matrices have more elements than a grain.
    await large.loadStateDict(await large.stateDict())
    await large.to('cpu')
    console.log(othersThreads() - before, modelThreads() > 2)
  `
  const outcome = await runScript(body)
  expect(outcome).toMatchObject(WELL_ENDED)
  expect(outcome.stdout).toBe('0 true\n')
})

testOnLinux('a model that does nothing keeps no threads of libtorch, and computes as before when it is used again', async () => {
  const body = `${COUNT}
    const { setImmediate } = require('node:timers/promises')
    const model = new ImageRNN({ ...options, hiddenSize: 256, threads: 3 })
    const data = many()
    const first = await model.evaluate(data.slice(0, 2000))
    const atWork = modelThreads()
    // Its threads end soon after its last call, and no new ones start.
    let idle = atWork
    while (idle > atWork - 2) {
      await setImmediate()
      idle = modelThreads()
    }
    const second = await model.evaluate(data.slice(0, 2000))
    console.log(second.loss === first.loss, modelThreads() - idle)
  `
  const outcome = await runScript(body)
  expect(outcome).toMatchObject(WELL_ENDED)
  expect(outcome.stdout).toBe('true 2\n')
})

const testWithTaskset = testWhere(process.platform === 'linux' && existsSync('/usr/bin/taskset'), 'taskset')

testWithTaskset('a model takes no more threads by itself than the cores that its process may use', async () => {
  const body = 'console.log(await new ImageRNN({ ...options, threads: 0 }).threadCount())'
  const env = { ...process.env, PACKAGE_UNDER_TEST: PACKAGE }
  const outcome = await runCommand('taskset', ['--cpu-list', '0', process.execPath, '-e', scriptText(body)], { env })
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/^1\n/) })
})

test('a model takes no more threads by itself than the CPU quota of its container allows, where Node may know the quota', async () => {
  const body = `
    require('node:os').availableParallelism = () => 1
    console.log(await new ImageRNN({ ...options, threads: 0 }).threadCount(), await new ImageRNN({ ...options, threads: 3 }).threadCount())
  `
  expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: '1 3\n' })
})

testWithTaskset('the command line warns of more threads than cores', async () => {
  const args = ['--cpu-list', '0', process.execPath, MAIN, 'forward', '--threads', '3', '--device', 'cpu', '--seed', '1']
  const warning = '--threads 3: this program may use 1 core. More threads than cores make it slower.'
  const { code, stderr } = await runCommand('taskset', args, { cwd: path() })
  expect({ code, stderr }).toEqual({ code: 0, stderr: `Warning: ${warning}\n` })
  const { stdout } = await runCommand('taskset', [...args, '--json'], { cwd: path() })
  expect(eventsOfType(stdout, 'warning')).toEqual([{ type: 'warning', message: warning }])
  expect(eventsOf(stdout)[0]).toMatchObject({ type: 'start', threads: 3 })
})

/** libgomp prints its settings when it is opened, as this variable asks it to. */
const SHOW_SETTINGS = { OMP_DISPLAY_ENV: 'verbose' }

testOnLinux.each([
  ['2000 by default', {}, "'2000'"],
  ['as the user sets it', { GOMP_SPINCOUNT: '77' }, "'77'"],
  ["by the user's policy", { OMP_WAIT_POLICY: 'PASSIVE' }, "'0'"],
])('a thread that waits for work spins %s, so that programs can share the cores', async (_, set, expected) => {
  const body = `
    const before = JSON.stringify(process.env)
    await new ImageRNN(options).threadCount()
    const { execFileSync } = require('node:child_process')
    const child = JSON.parse(execFileSync(process.execPath, ['-p', 'JSON.stringify(process.env)'], { encoding: 'utf8' }))
    console.log(before === JSON.stringify(process.env), child.GOMP_SPINCOUNT)
  `
  const { stdout, stderr } = await runScript(body, { env: { ...SHOW_SETTINGS, ...set } })
  expect(stderr).toContain(`GOMP_SPINCOUNT = ${expected}`)
  expect(stdout).toBe(`true ${'GOMP_SPINCOUNT' in set ? set.GOMP_SPINCOUNT : undefined}\n`)
})
