/** The lock of a run's folder, held, left and fought over by real processes. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs, { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import promises from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { isInUse, LOCK_FILE, RunLock } from '../../lib/checkpoints/run-lock'
import { temporaryName } from '../../lib/files/durable-file'
import { findProcess, identifyProcess, type ProcessIdentity, processMark } from '../../lib/host/process-identity'
import { expectError } from '../support/expect-error'
import { testOnLinux, testOnPosix } from '../support/needs'
import { REPOSITORY, RunningProgram, startNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { untilGone } from '../support/wait-for'

const path = useTemporaryFolder()
const LOCK = [LOCK_FILE]

/** Takes the lock of the folder `argv[1]` when a line comes on stdin, or at once; keeps it until it is killed. */
const SCRIPT = `
const { RunLock } = require(${JSON.stringify(join(REPOSITORY, 'dist', 'checkpoints', 'run-lock.js'))})
const { existsSync } = require('node:fs')
const [folder, gate] = process.argv.slice(1)
console.log('ready')
while (gate !== undefined && !existsSync(gate)); // All begin in the same moment.
RunLock.take(folder).then(
  () => { console.log('held'); setInterval(() => undefined, 1000) },
  (error) => console.log(error.code ?? error),
)`

function startHolder(folder: string, ...gate: string[]): RunningProgram {
  return startNode(['-e', SCRIPT, folder, ...gate])
}

/** A lock that a killed process has left. Returns its content. */
async function leaveLock(): Promise<string> {
  const holder = startHolder(path())
  await holder.line(/^held$/)
  await holder.kill()
  return readFileSync(path(...LOCK), 'utf8')
}

/** Writes a lock whose holder is like this process, with changes. */
function writeLock(changes: Partial<Record<keyof ProcessIdentity, unknown>>): void {
  writeFileSync(path(...LOCK), JSON.stringify({ ...identifyProcess(), ...changes }))
}

/** What a process calls its temporary files. Default: one of this system. */
function temporaryOf(pid: number, place = processMark().split('-')[1]): string {
  return `.torch-rnn-mnist-${pid}-${place}-0123456789abcdef.tmp`
}

test('a folder is taken once, and again after its release; nothing stays', async () => {
  const lock = await RunLock.take(path())
  expect(readdirSync(path())).toEqual(LOCK)
  await expectError(() => RunLock.take(path()), 'ERR_BUSY', `${path()} is in use by another run: process ${process.pid} `)
  await lock.release()
  expect(readdirSync(path())).toEqual([])
  await (await RunLock.take(path())).release()
})

test('a folder that another process holds is refused, with its number and since when', async () => {
  const holder = startHolder(path())
  await holder.line(/^held$/)
  const { message } = await expectError(() => RunLock.take(path()), 'ERR_BUSY', `process ${holder.pid} has been at work there since 20`)
  expect(message).toMatch(/Wait for it, or end it\. If that process is no run, delete .*run\.lock\.$/)
})

testOnLinux('what a killed process left is taken over, with nothing of it remaining', async () => {
  const left = await leaveLock()
  writeFileSync(path(temporaryOf(JSON.parse(left).pid)), 'half a file')
  writeFileSync(path(`${LOCK_FILE}.0123456789abcdef`), left) // Its holder was killed while it took over an earlier lock.
  const lock = await RunLock.take(path())
  expect(readFileSync(path(...LOCK), 'utf8')).not.toBe(left)
  expect(readdirSync(path())).toEqual(LOCK)
  await lock.release()
})

test('of the temporary files of others, only those that are old are removed', async () => {
  const own = temporaryName(path('model'))
  const [running, elsewhere] = [path(temporaryOf(process.ppid)), path(temporaryOf(4711, '00000000'))]
  for (const file of [own, running, elsewhere]) writeFileSync(file, 'half a model')
  await (await RunLock.take(path())).release()
  expect(readdirSync(path()).map((name) => path(name))).toEqual([own, running, elsewhere].sort())
  const aDayAgo = new Date(Date.now() - 24 * 60 * 60 * 1000 - 1000)
  for (const file of [own, running, elsewhere]) utimesSync(file, aDayAgo, aDayAgo)
  await (await RunLock.take(path())).release()
  expect(readdirSync(path())).toEqual([])
})

describe.each([
  ['a process number that another program has got', { started: '1' }],
  ['an earlier start of the system', { boot: '00000000-0000-0000-0000-000000000000', pid: 1 }],
])('%s', (_, changes) => {
  testOnLinux('is no reason to wait: the lock is taken over', async () => {
    writeLock(changes)
    await (await RunLock.take(path())).release()
    expect(readdirSync(path())).toEqual([])
  })
})

describe.each([
  ['of another machine', { host: 'elsewhere' }, 'process 4711 of "elsewhere"'],
  ['of another container', { namespace: 'pid:[1]' }, 'process 4711 of another machine or container'],
])('a lock %s', (_, changes, part) => {
  testOnLinux('cannot be judged: it is refused, and the error names the file to delete', async () => {
    writeLock({ ...changes, pid: 4711 })
    const { message } = await expectError(() => RunLock.take(path()), 'ERR_BUSY', part, 'cannot be looked at from here')
    expect(message).toContain(`If it has ended, delete ${path(...LOCK)}.`)
    expect(readdirSync(path())).toEqual(LOCK)
    unlinkSync(path(...LOCK))
    await (await RunLock.take(path())).release()
  })
})

const DAMAGED: [string, string][] = [
  ['an empty lock', ''],
  ['half a lock', '{"host":"'],
  ['a lock of something else', '42'],
  ['a lock with the number of a group of processes', JSON.stringify({ ...identifyProcess(), pid: -1 })],
  ['a lock from no time', JSON.stringify({ ...identifyProcess(), time: 1e300 })],
]
test.each(DAMAGED)('%s was left by a crash and is taken over, unless it may be being written now', async (_, content) => {
  writeFileSync(path(...LOCK), content)
  await expectError(() => RunLock.take(path()), 'ERR_BUSY', 'does not say by whom', 'Try again in 10 seconds.')
  expect(readFileSync(path(...LOCK), 'utf8')).toBe(content)
  const longAgo = new Date(Date.now() - 11_000)
  utimesSync(path(...LOCK), longAgo, longAgo)
  await (await RunLock.take(path())).release()
})

testOnLinux.each([
  ['a lock that its holder left', leaveLock],
  [
    'an empty lock',
    async () => {
      writeFileSync(path(...LOCK), '')
      utimesSync(path(...LOCK), 1, 1)
    },
  ],
  [
    'a lock whose new owner died while taking it over',
    async () => {
      await leaveLock()
      const marker = markerName()
      writeFileSync(path(marker), JSON.stringify({ ...identifyProcess(), started: '1' }))
    },
  ],
])('of many processes that take over %s at once, exactly one succeeds', async (_, leave) => {
  for (let round = 0; round < 2; round += 1) {
    await leave()
    const gate = path('gate')
    const processes = Array.from({ length: 4 }, () => startHolder(path(), gate))
    await Promise.all(processes.map((process) => process.line(/^ready$/)))
    writeFileSync(gate, '')
    const outcomes = await Promise.all(processes.map((process) => process.line(/^(held|ERR_\w+)$/)))
    expect(outcomes.sort()).toEqual(['ERR_BUSY', 'ERR_BUSY', 'ERR_BUSY', 'held'])
    await Promise.all(processes.map((process) => process.kill()))
    for (const name of readdirSync(path())) rmSync(path(name))
  }
})

/** The marker of the lock that is there, as a process makes it that takes the lock over. */
function markerName(): string {
  const digits = createHash('sha256')
    .update(path(...LOCK))
    .update(readFileSync(path(...LOCK), 'utf8'))
    .digest('hex')
  return `${LOCK_FILE}.${digits.slice(0, 16)}`
}

test('a lock that somebody else has put in its place is not removed', async () => {
  const lock = await RunLock.take(path())
  writeFileSync(path(...LOCK), 'of somebody else')
  await lock.release()
  expect(readFileSync(path(...LOCK), 'utf8')).toBe('of somebody else')
})

testOnPosix('links and FIFOs').each<[string, string, (file: string) => void]>([
  ['a link to nothing', 'a symbolic link', (file) => symlinkSync('none', file)],
  ['a link to a file without end', 'a symbolic link', (file) => symlinkSync('/dev/zero', file)],
  ['a FIFO', 'a FIFO (named pipe)', (file) => execFileSync('mkfifo', [file])],
  ['a folder', 'a folder', (file) => mkdirSync(file)],
])('%s with the name of the lock is refused', async (_, kind, make) => {
  make(path(...LOCK))
  for (const attempt of [() => RunLock.take(path()), () => isInUse(path())]) {
    await expectError(attempt, 'ERR_INVALID_FILE', `${path(...LOCK)}: expected a regular file but found ${kind}.`, 'delete it')
  }
  expect(readdirSync(path())).toEqual(LOCK)
})

test('of a large file with the name of the lock, no more is read than a lock has', async () => {
  // What stands behind that would make it a lock that is held.
  writeFileSync(path(...LOCK), `${' '.repeat(10_000)}${JSON.stringify(identifyProcess())}`)
  utimesSync(path(...LOCK), 1, 1)
  expect(await isInUse(path())).toBe(false)
  await (await RunLock.take(path())).release()
})

test('a lock that comes and goes is not waited for for ever', async () => {
  const refuse = () => Promise.reject(Object.assign(new Error('there is one'), { code: 'EEXIST', syscall: 'link' }))
  const spy = jest.spyOn(promises, 'link').mockImplementation(refuse)
  try {
    await expectError(() => RunLock.take(path()), 'ERR_BUSY', 'run.lock comes and goes. Try again.')
  } finally {
    spy.mockRestore()
  }
  expect(readdirSync(path())).toEqual([])
})

test('a folder that cannot be cleaned up is not held', async () => {
  const denied = Object.assign(new Error('denied'), { code: 'EACCES', syscall: 'scandir' })
  const spy = jest.spyOn(promises, 'readdir').mockRejectedValue(denied)
  try {
    await expectError(() => RunLock.take(path()), 'ERR_FILE_SYSTEM', `Cannot write ${path()}: permission denied (EACCES).`)
  } finally {
    spy.mockRestore()
  }
  expect(readdirSync(path())).toEqual([])
  await (await RunLock.take(path())).release()
})

test('a process that exits in the middle removes its lock', async () => {
  const program = startNode([
    '-e',
    `${SCRIPT}\nsetTimeout(() => undefined, 0)\nconst { log } = console\nconsole.log = (text) => { log(text); if (text === 'held') process.exit(3) }`,
    path(),
  ])
  expect(await program.ended).toMatchObject({ code: 3, stdout: 'ready\nheld\n' })
  expect(readdirSync(path())).toEqual([])
})

test('a folder that has vanished has no lock to release', async () => {
  mkdirSync(path('run'))
  const lock = await RunLock.take(path('run'))
  rmSync(path('run'), { recursive: true })
  await lock.release()
  await expectError(() => RunLock.take(path('run')), 'ERR_FILE_SYSTEM', `Cannot write ${path('run', ...LOCK)}: its folder does not exist`)
})

test('where there are no hard links, the lock is made without', async () => {
  const refuse = () => Promise.reject(Object.assign(new Error('no links'), { code: 'EPERM', syscall: 'link' }))
  const spy = jest.spyOn(promises, 'link').mockImplementation(refuse)
  try {
    const lock = await RunLock.take(path())
    await expectError(() => RunLock.take(path()), 'ERR_BUSY')
    await lock.release()
    expect(readdirSync(path())).toEqual([])
  } finally {
    spy.mockRestore()
  }
})

testOnLinux('a lock of another machine with the same host name cannot be judged either', async () => {
  const { readFileSync: read } = fs
  const withMachine = ((file: string, ...rest: [BufferEncoding]) =>
    file === '/etc/machine-id' ? 'this' : read(file, ...rest)) as typeof read
  const spy = jest.spyOn(fs, 'readFileSync').mockImplementation(withMachine)
  try {
    writeLock({ machine: 'that', pid: 4711 })
    await expectError(() => RunLock.take(path()), 'ERR_BUSY', 'process 4711 of another machine', 'cannot be looked at from here')
  } finally {
    spy.mockRestore()
  }
})

testOnLinux('the identity of the machine itself is not told', async () => {
  const { readFileSync: read } = fs
  const id = '0123456789abcdef0123456789abcdef'
  const withMachine = ((file: string, ...rest: [BufferEncoding]) =>
    file === '/etc/machine-id' ? `${id}\n` : read(file, ...rest)) as typeof read
  const spy = jest.spyOn(fs, 'readFileSync').mockImplementation(withMachine)
  try {
    const lock = await RunLock.take(path())
    // echo -n torch-rnn-mnist | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
    expect(JSON.parse(read(path(...LOCK), 'utf8'))).toMatchObject({
      machine: '2c9a2fe5a4748a5a640861f70cfc282a471734b1481647ee9ead556a091a62fc',
    })
    await lock.release()
  } finally {
    spy.mockRestore()
  }
})

describe('a process', () => {
  test('is found while it runs, and not any more when it has ended', async () => {
    const program = startNode(['-e', 'console.log("ready"); setInterval(() => undefined, 1000)'])
    await program.line(/^ready$/)
    const identity = identifyProcess(program.pid)
    expect(findProcess(identity)).toBe('running')
    await program.kill()
    expect(findProcess(identity)).toBe('ended')
  })

  testOnLinux('has ended, too, while its parent has not asked how', async () => {
    // The shell is replaced by a program that knows nothing of a child, which ends only then: the shell itself would ask how.
    const child = '(until grep -q sleep /proc/$$/comm; do :; done)'
    const parent = new RunningProgram('sh', ['-c', `${child} & echo $!; exec sleep 1000`], {})
    const pid = Number(await parent.line(/^\d+$/))
    await untilGone(pid)
    expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ')
    expect(findProcess(identifyProcess(pid))).toBe('ended')
  })

  test('of which the system tells little is taken for the one that has its number', async () => {
    const little = { host: hostname(), machine: null, boot: null, namespace: null, started: null, time: 0 }
    expect(findProcess({ ...little, pid: process.pid })).toBe('running')
    const program = startNode(['-e', ''])
    const { pid } = program
    await program.ended
    expect(findProcess({ ...little, pid })).toBe('ended')
  })
})
