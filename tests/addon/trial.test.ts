/** What the end of a trial means: whether libtorch itself failed, and what is remembered. No process is started here. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import { LIBRARY_NAMES } from '../../lib/addon/platform'
import type { Program, ProgramEnd, ProgramSteps } from '../../lib/addon/run-program'
import { type LoadedFacts, runTrial, tryLibtorch, type Verdict } from '../../lib/addon/trial'
import { describeOnLinux } from '../support/needs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const saved = { ...process.env }

beforeEach(() => {
  for (const folder of ['tmp', 'cuda', 'cpu']) mkdirSync(path(folder))
  for (const name of LIBRARY_NAMES.cuda) writeFileSync(path('cuda', name), '')
  jest.spyOn(os, 'tmpdir').mockReturnValue(path('tmp'))
  delete process.env['TORCH_RNN_MNIST_CUDA']
})

afterEach(() => {
  jest.restoreAllMocks()
  delete process.env['TORCH_RNN_MNIST_CUDA']
  Object.assign(process.env, saved)
})

/** Plays the given ends of programs. Returns the result, and the programs that would have been run. */
function play<Result>(steps: ProgramSteps<Result>, ends: readonly ProgramEnd[]): { result: Result; programs: Program[] } {
  const programs: Program[] = []
  let step = steps.next()
  while (step.done !== true) {
    programs.push(step.value)
    const end = ends[programs.length - 1]
    if (end === undefined) throw new Error(`a program too many: ${step.value.command} ${step.value.args.join(' ')}`)
    step = steps.next(end)
  }
  expect(programs).toHaveLength(ends.length)
  return { result: step.value, programs }
}

const printed = (stdout: string, code = 0): ProgramEnd => ({ kind: 'ended', code, signal: null, stdout, stderr: '' })
const killed = (signal: NodeJS.Signals): ProgramEnd => ({ kind: 'ended', code: null, signal, stdout: '', stderr: '' })
const exited = (code: number): ProgramEnd => printed('', code)
const reported = (error: string, code?: string): ProgramEnd => printed(`${JSON.stringify({ error, code })}\n`)
const FACTS = { libraries: '/x', cudaDevices: 0 } as LoadedFacts
const REPORT = `a warning\n${JSON.stringify({ facts: FACTS })}\n`
const WORKS = printed(REPORT)
const OVERDUE: ProgramEnd = { kind: 'overdue', limitMs: 120_000 }

function tryWith(folder: 'cuda' | 'cpu', ends: readonly ProgramEnd[]): Verdict {
  return play(tryLibtorch(path(folder), path('addon')), ends).result
}

/** Whether the last trial is remembered: then another one runs no program. */
function isRemembered(folder: 'cuda' | 'cpu'): boolean {
  return tryLibtorch(path(folder), path('addon')).next().done === true
}

test('a trial has a time limit of two minutes, in both of its runs', () => {
  const { programs } = play(runTrial({ libraries: path('cuda') }), LIBRARY_NAMES.cuda.length > 0 ? [OVERDUE, OVERDUE] : [OVERDUE])
  for (const { limitMs } of programs) expect(limitMs).toBe(120_000)
})

test('success is remembered', () => {
  expect(tryWith('cpu', [WORKS])).toEqual({})
  expect(isRemembered('cpu')).toBe(true)
})

test('without a trial, because no process can be started, libtorch is used, and that is not remembered', () => {
  for (const problem of ['spawn EAGAIN', 'spawn ENOMEM', 'spawn EACCES']) {
    expect(tryWith('cuda', [{ kind: 'not started', problem }])).toEqual({})
    expect(isRemembered('cuda')).toBe(false)
  }
})

const BY_LIBTORCH: [string, ProgramEnd, string][] = [
  ...(['SIGSEGV', 'SIGABRT', 'SIGILL', 'SIGBUS', 'SIGFPE'] as const).map((signal): [string, ProgramEnd, string] => [
    signal,
    killed(signal),
    `was killed by ${signal}`,
  ]),
  ['an access violation on Windows', exited(0xc0000005), 'ended with exit code 3221225477'],
  ['the same while it exits, after its report', printed(REPORT, 0xc0000005), 'ended with exit code 3221225477'],
  ['an error', reported('no kernel image is available'), 'could not compute: no kernel image is available'],
]

const BY_CHANCE: [string, ProgramEnd, string][] = [
  ['SIGKILL, as for want of memory', killed('SIGKILL'), 'was killed by SIGKILL'],
  ['a time-out', OVERDUE, 'did not end within 120 s'],
  ['an exit without a report', exited(1), 'ended with exit code 1'],
  ['an exit with half a report', printed('{"facts":{"libr'), 'ended with exit code 0'],
  ['want of memory', reported('no memory', 'ERR_OUT_OF_MEMORY'), 'could not compute: no memory'],
]

const BY_SOMEBODY: [string, ProgramEnd, string][] = [
  ...(['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((signal): [string, ProgramEnd, string] => [
    signal,
    killed(signal),
    `was killed by ${signal}`,
  ]),
  ['Ctrl-C on Windows', exited(0xc000013a), 'ended with exit code 3221225786'],
]

describe('without CUDA', () => {
  test.each([...BY_LIBTORCH, ...BY_CHANCE, ...BY_SOMEBODY])('%s: it is not used, which is not remembered', (_, end, what) => {
    expect(tryWith('cpu', [end])).toMatchObject({ failure: { what } })
    expect(isRemembered('cpu')).toBe(false)
    expect(readdirSync(path('tmp'))).toEqual([])
  })
})

describeOnLinux('with CUDA', () => {
  test.each(BY_LIBTORCH)('%s, but not without CUDA: CUDA is not used, which is remembered', (_, end, what) => {
    const verdict = tryWith('cuda', [end, WORKS])
    expect(verdict).toEqual({ cudaProblem: `a process that tried libtorch's CUDA libraries ${what}` })
    expect(isRemembered('cuda')).toBe(true)
    expect(tryWith('cuda', [])).toEqual(verdict)
  })

  test.each(BY_CHANCE)(
    '%s, but not without CUDA: this process does not use CUDA, and says that the next one tries again',
    (_, end, what) => {
      const { cudaProblem } = tryWith('cuda', [end, WORKS])
      expect(cudaProblem).toContain(`a process that tried libtorch's CUDA libraries ${what}`)
      expect(cudaProblem).toContain('not remembered: the next program tries again')
      expect(isRemembered('cuda')).toBe(false)
    },
  )

  test.each(BY_SOMEBODY)('%s: libtorch is not loaded, and not tried a second time', (_, end, what) => {
    expect(tryWith('cuda', [end])).toMatchObject({ failure: { what, cause: 'stopped', advice: 'Try again.' } })
    expect(isRemembered('cuda')).toBe(false)
  })

  test.each([...BY_LIBTORCH, ...BY_CHANCE])('%s in both runs: the first failure is told, and not remembered', (_, end, what) => {
    expect(tryWith('cuda', [end, killed('SIGILL')])).toMatchObject({ failure: { what } })
    expect(isRemembered('cuda')).toBe(false)
  })

  test('an error of loading has nothing to do with CUDA, and its message is passed on', () => {
    expect(tryWith('cuda', [reported('Could not load', 'ERR_LIBRARY_LOAD')])).toMatchObject({ failure: { loadError: 'Could not load' } })
  })

  test('the second run is without CUDA, and there is none where CUDA is switched off', () => {
    const [first, second] = play(runTrial({ libraries: path('cuda') }), [OVERDUE, WORKS]).programs
    expect(first?.env?.['TORCH_RNN_MNIST_CUDA']).toBeUndefined()
    expect(second?.env?.['TORCH_RNN_MNIST_CUDA']).toBe('0')
    process.env['TORCH_RNN_MNIST_CUDA'] = '0'
    expect(play(runTrial({ libraries: path('cuda') }), [OVERDUE]).programs).toHaveLength(1)
  })
})
