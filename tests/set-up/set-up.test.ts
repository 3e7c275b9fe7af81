/** How the set-up runs its steps, tested with short steps in a copy of the scripts: the real ones take minutes. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyClone, startModule } from '../support/bootstrap-modules'
import { linesOf } from '../support/command-line'
import { testOnPosix } from '../support/needs'
import type { RunningProgram } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** A set-up with one step, whose tool runs this text with Node. Prints what happens, line by line. */
const SET_UP = `
  const step = {
    name: 'step',
    title: 'making something',
    advice: 'Look for the cause.',
    needs: () => [],
    fingerprint: () => 'what it is made from',
    outputs: () => [ROOT + '/output'],
    async run({ tool, warning }) {
      console.log('runs')
      await tool({ command: process.execPath, args: ['--eval', args[0]], onLine: (line) => (line.includes('warning:') ? warning() : console.log('tool: ' + line)) })
    },
  }
  try {
    await setUp([step])
    console.log('ready')
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error
    console.error(error.message)
    process.exitCode = error.exitCode
  }
`
const MAKES = `require('node:fs').writeFileSync('output', 'made')`
const MAKES_NOTHING = ''
const FAILS = `for (let line = 1; line <= 40; line++) console.log('line ' + line); console.error('the reason'); process.exit(3)`

/** Never ends by itself. It holds a lock, so that another process can wait for its end. */
const holds = () => `
  import(${JSON.stringify(path('scripts', 'bootstrap', 'lock.mjs'))})
    .then(({ lockAddress, takeLock }) => takeLock(lockAddress(${JSON.stringify(path('scripts'))}), () => {}))
    .then(() => { console.log('holds'); setInterval(() => {}, 1000) })
`

/** Like Ninja: its compiler has its own process group, and only Ninja can end it. */
const buildTool = () => `
  const { spawn } = require('node:child_process')
  const compiler = spawn(process.execPath, ['--eval', ${JSON.stringify(holds())}], { detached: true, stdio: 'inherit' })
  compiler.on('exit', () => process.exit(1))
  process.on('SIGTERM', () => compiler.kill())
`

beforeEach(() => {
  copyClone(path(), 'scripts')
})

function setUp(tool: string): RunningProgram {
  return startModule(['set-up.mjs', 'set-up-error.mjs', 'places.mjs'], SET_UP, [tool], path())
}

/** A process that waits for the end of the tool {@link holds}. */
async function waitForTool(): Promise<RunningProgram> {
  const text = `await takeLock(lockAddress(args[0]), () => console.log('waiting')); console.log('the tool is gone'); process.exit()`
  const watcher = startModule(['lock.mjs'], text, [path('scripts')])
  await watcher.line(/^waiting$/)
  return watcher
}

const testWithSignals = testOnPosix('signals that a program can handle')

test('a step runs when needed, and not again while its output exists', async () => {
  const first = await setUp(MAKES).ended
  expect(first).toMatchObject({ code: 0, stdout: 'runs\nready\n' })
  expect(linesOf(first.stderr)).toEqual([
    'set-up: making something: …',
    expect.stringMatching(/^set-up: making something: done after \d+\.\d s$/),
  ])
  expect(await setUp(MAKES).ended).toMatchObject({ code: 0, stdout: 'ready\n', stderr: '' })
  rmSync(path('output'))
  expect(await setUp(MAKES).ended).toMatchObject({ code: 0, stdout: 'runs\nready\n' })
  expect(readFileSync(path('output'), 'utf8')).toBe('made')
})

test('warnings are counted, and their log is named', async () => {
  const warns = (times: number) => `${MAKES}; console.log('a.cc:1: warning: unused\\n'.repeat(${times}))`
  const end = async (times: number) => linesOf((await setUp(warns(times)).ended).stderr).at(-1)
  const log = join('.cache', 'logs', 'step.log')
  expect(await end(2)).toMatch(new RegExp(`: done with 2 warnings, which are in ${log}, after `))
  rmSync(path('output'))
  expect(await end(1)).toContain(`: done with 1 warning, which is in ${log}, after `)
})

test('a failing tool ends the set-up: its last lines, its log and advice are shown, no stack', async () => {
  const { stdout, stderr, code } = await setUp(FAILS).ended
  expect(code).toBe(1)
  expect(stdout).not.toContain('ready')
  expect(stderr).toContain('The step "making something" failed: ')
  expect(stderr).toContain('ended with exit code 3. Its last lines:')
  expect(stderr).toContain('  | the reason\n')
  expect(stderr).toContain('  | line 40\n')
  expect(stderr).not.toContain('  | line 10\n')
  expect(stderr).toContain(`The whole log: ${path('.cache', 'logs', 'step.log')}`)
  expect(stderr).toMatch(/ {2}Look for the cause\.\n$/)
  expect(stderr).not.toMatch(/^\s+at /m)
  expect(readFileSync(path('.cache', 'logs', 'step.log'), 'utf8')).toContain('\nline 1\n')
  // It ended in an orderly way, so nothing is half written.
  expect(await setUp(MAKES).ended).toMatchObject({ code: 0, stdout: 'runs\nready\n' })
})

test('a tool that reports success without output fails the step', async () => {
  const { stderr, code } = await setUp(MAKES_NOTHING).ended
  expect(code).toBe(1)
  expect(stderr).toContain('its tools reported success, but output is missing.')
  expect(await setUp(MAKES).ended).toMatchObject({ code: 0, stdout: 'runs\nready\n' })
})

test('a folder that cannot be written to is named', async () => {
  writeFileSync(path('.cache'), 'a file where a folder must be')
  const { stdout, stderr, code } = await setUp(MAKES).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain(`Expected a folder that can be written to, but ${path()} gave: `)
})

testWithSignals('a set-up that is killed leaves no compiler of its build tool behind', async () => {
  const program = setUp(buildTool())
  await program.line(/^tool: holds$/)
  const watcher = await waitForTool()
  await program.kill()
  expect(await watcher.ended).toMatchObject({ code: 0, stdout: 'waiting\nthe tool is gone\n' })
})

testWithSignals('two at once: the second waits, and does the work of the first when that is killed with its tool', async () => {
  const first = setUp(holds())
  await first.line(/^tool: holds$/)
  const watcher = await waitForTool()
  const second = setUp(MAKES)
  await second.line(new RegExp(`^set-up: another set-up is running \\(pid ${first.pid}, making something\\), waiting$`))
  await first.kill()
  expect(await second.ended).toMatchObject({ code: 0, stdout: 'runs\nready\n' })
  // An orphan would keep writing into the folders of the next set-up.
  expect(await watcher.ended).toMatchObject({ code: 0, stdout: 'waiting\nthe tool is gone\n' })
})

testWithSignals('two at once: the second has nothing to do when the first has done it', async () => {
  const first = setUp(
    `process.once('SIGUSR2', () => { ${MAKES}; process.exit() }); setInterval(() => {}, 1000); console.log('pid ' + process.pid)`,
  )
  const [, pid] = /(\d+)/.exec(await first.line(/^tool: pid/)) ?? []
  const second = setUp(FAILS)
  await second.line(/waiting$/)
  process.kill(Number(pid), 'SIGUSR2')
  expect(await first.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/ready\n$/) })
  expect(await second.ended).toMatchObject({ code: 0, stdout: 'ready\n' })
})

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s', (name, code) => {
  testWithSignals.each([
    ['the tool', holds],
    ['a build tool with its compiler', buildTool],
  ])('ends %s and the set-up, which goes on at the next start', async (_, tool) => {
    const program = setUp(tool())
    await program.line(/^tool: holds$/)
    const watcher = await waitForTool()
    program.signal(name)
    const { stderr, ...outcome } = await program.ended
    expect(outcome).toMatchObject({ code, signal: null })
    expect(linesOf(stderr).at(-1)).toBe(`Set-up interrupted by ${name}. Run the same command again: it goes on where this one stopped.`)
    expect(await watcher.ended).toMatchObject({ code: 0, stdout: 'waiting\nthe tool is gone\n' })
    expect(await setUp(MAKES).ended).toMatchObject({ code: 0, stdout: 'runs\nready\n' })
  })

  testWithSignals('ends the waiting for another set-up', async () => {
    const first = setUp(holds())
    await first.line(/^tool: holds$/)
    const second = setUp(MAKES)
    await second.line(/waiting$/)
    second.signal(name)
    expect(await second.ended).toMatchObject({ code, stdout: '' })
  })
})
