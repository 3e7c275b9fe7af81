/** Programs are run in two ways, blocking and not. Both report the same, and neither waits for ever. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Program, type ProgramEnd, type ProgramSteps, runBlocking, runWaiting } from '../../lib/addon/run-program'
import { testOnLinux } from '../support/needs'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { untilGone } from '../support/wait-for'

const path = useTemporaryFolder()
const LIMIT_MS = 60_000
/** Runs much longer than the limits here: where one is missing, the test fails and does not hang. */
const HANG = 'setTimeout(() => process.exit(), 20_000)'

function* one(program: Program): ProgramSteps<ProgramEnd> {
  return yield program
}

function node(script: string, limitMs = LIMIT_MS): ProgramSteps<ProgramEnd> {
  return one({ command: process.execPath, args: ['-e', script], limitMs })
}

describe.each([
  ['blocking', async <Result>(steps: ProgramSteps<Result>) => runBlocking(steps)],
  ['waiting', <Result>(steps: ProgramSteps<Result>) => runWaiting(steps)],
])('%s', (_, run) => {
  test('tells what a program printed and its exit code', async () => {
    const script = "console.log('out'); console.error('err'); process.exitCode = 3"
    expect(await run(node(script))).toEqual({ kind: 'ended', code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' })
  })

  test('tells the signal that ended a program, and what it had printed', async () => {
    const script = "require('fs').writeSync(1, 'half'); process.kill(process.pid, 'SIGKILL')"
    expect(await run(node(script))).toEqual({ kind: 'ended', code: null, signal: 'SIGKILL', stdout: 'half', stderr: '' })
  })

  test('kills a program at its time limit', async () => {
    expect(await run(node(HANG, 200))).toEqual({ kind: 'overdue', limitMs: 200 })
  })

  test('does not wait for a program that another one left behind, with the same output', async () => {
    // It also ends once nobody reads what it prints.
    const left = `setInterval(() => console.log('here'), 100); ${HANG}`
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(left)}], { stdio: 'inherit' }); ${HANG}`
    expect(await run(node(script, 1000))).toEqual({ kind: 'overdue', limitMs: 1000 })
  })

  test('tells why a program could not be started', async () => {
    const end = await run(one({ command: path('nowhere'), args: [], limitMs: LIMIT_MS }))
    expect(end).toMatchObject({ kind: 'not started', problem: expect.stringContaining('ENOENT') })
  })

  test('sets the variables of a program', async () => {
    const program = { command: process.execPath, args: ['-e', 'console.log(process.env.WORD)'], limitMs: LIMIT_MS }
    expect(await run(one({ ...program, env: { ...process.env, WORD: 'yes' } }))).toMatchObject({ stdout: 'yes\n' })
  })

  test('goes on with how each program ended', async () => {
    function* two(): ProgramSteps<unknown[]> {
      return [yield* node('process.exitCode = 1'), yield* node('process.exitCode = 2')]
    }
    expect(await run(two())).toMatchObject([{ code: 1 }, { code: 2 }])
  })
})

describe('an abort', () => {
  test('before the start starts nothing', async () => {
    const steps = node(`require('fs').writeFileSync(${JSON.stringify(path('started'))}, '')`)
    await expect(runWaiting(steps, AbortSignal.abort('no'))).rejects.toBe('no')
    expect(existsSync(path('started'))).toBe(false)
  })

  test('kills the running program, and rejects with its reason', async () => {
    const stop = new AbortController()
    function* twice(): ProgramSteps<void> {
      setImmediate(() => stop.abort('enough'))
      yield* node(HANG)
      throw new Error('went on')
    }
    await expect(runWaiting(twice(), stop.signal)).rejects.toBe('enough')
  })
})

testOnLinux('a process that exits takes its running program with it', async () => {
  const script = `
    const { runWaiting } = require(${JSON.stringify(join(REPOSITORY, 'dist', 'addon', 'run-program.js'))})
    function* steps() { yield { command: process.execPath, args: ['-e', ${JSON.stringify(HANG)}], limitMs: ${LIMIT_MS} } }
    void runWaiting(steps())
    console.log(require('node:fs').readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'))
    process.exit()
  `
  const { code, stdout } = await runNode(['-e', script])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^\d+ \n$/)
  await untilGone(Number(stdout))
})
