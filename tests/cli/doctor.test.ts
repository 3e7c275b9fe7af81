/** `doctor`: what it finds in a working installation, and in installations broken in every way that a test can produce. */
import { createHash } from 'node:crypto'
import { appendFileSync, chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REQUIRED_TORCH_VERSION } from '../../lib/addon/find-libtorch'
import { PLATFORM } from '../../lib/addon/platform'
import type { CheckEvent } from '../../lib/cli/commands/doctor'
import { eventsOf, eventsOfType, lastEvent, MAIN, TINY_DATA, useCommandLine } from '../support/command-line'
import { onSmallDisk, testOnSmallDisk } from '../support/full-disk'
import { ADDON, packagesIn, VERSION } from '../support/installed-package'
import { testOnLinux } from '../support/needs'
import { ORDINARY_USER, testAsOrdinaryUser } from '../support/ordinary-user'
import { type Outcome, runCommand, runNode } from '../support/run-program'

const { path, run, succeed } = useCommandLine()
const { modules, main, installMain, installAddon, installLibtorch } = packagesIn(path)

const NAMES = ['versions', 'addon', 'libtorch', 'package files', 'CPU', 'devices', 'self-test', 'data', 'write access', 'write access']

function runInstalled(args: readonly string[] = []): Promise<Outcome> {
  const env = { LIBTORCH: undefined, LIBTORCH_USE_PYTORCH: undefined }
  return runNode([main('dist', 'cli', 'main.js'), 'doctor', ...TINY_DATA, ...args], { cwd: path(), env })
}

/** The checks of a broken installation: all, and the failed ones. */
async function findBroken(outcome: Promise<Outcome>): Promise<{ checks: CheckEvent[]; broken: CheckEvent[] }> {
  const { code, stdout } = await outcome
  expect(code).toBe(1)
  const checks = eventsOfType(stdout, 'check')
  const broken = checks.filter(({ status }) => status === 'failed')
  const { code: errorCode, message } = lastEvent(stdout, 'error')
  expect(errorCode).toBe('ERR_CHECK_FAILED')
  expect(message).toBe(`${broken.length} check${broken.length === 1 ? '' : 's'} failed: ${broken.map(({ name }) => name).join(', ')}.`)
  return { checks, broken }
}

describe('where everything works', () => {
  test('it tells what this installation is made of', async () => {
    const stdout = await succeed(['doctor'])
    const lines = stdout.trimEnd().split('\n')
    expect(lines.map((line) => /^ok {7}([^:]+): /.exec(line)?.[1])).toEqual(NAMES)
    expect(stdout).toContain(`torch-rnn-mnist ${VERSION}, Node ${process.versions.node}, ${PLATFORM}`)
    expect(stdout).toMatch(
      new RegExp(
        `CPU: engine fused with \\w+, libtorch ${REQUIRED_TORCH_VERSION.replaceAll('.', '\\.')}, \\S+, BLAS \\S+, \\d+ of \\d+ threads`,
      ),
    )
    expect(stdout).toMatch(/self-test: one second of training: [1-9]\d* samples\/s, loss \d\.\d{3} to \d\.\d{3}/)
    expect(stdout).toContain('data: bundled MNIST: 60000 training and 10000 test images')
  })

  test('--quiet says nothing, --json all', async () => {
    expect(await succeed(['doctor', ...TINY_DATA, '--quiet'])).toBe('')
    const events = eventsOf(await succeed(['doctor', ...TINY_DATA, '--json']))
    expect(events[0]).toEqual({ type: 'start', command: 'doctor', version: VERSION, options: { data: 'data' } })
    expect(events.slice(1, -1).map((event) => (event.type === 'check' ? [event.name, event.status] : event.type))).toEqual(
      NAMES.map((name) => [name, 'ok']),
    )
    expect(events.at(-1)).toEqual({ type: 'done', seconds: expect.any(Number) })
  })

  test('it compares the files of installed packages with their checksums', async () => {
    installMain()
    installAddon()
    installLibtorch()
    const content = 'what was published\n'
    const line = `${createHash('sha256').update(content).digest('hex')}  some/file.js\n`
    writeFileSync(main('dist', 'file.js'), content)
    writeFileSync(main('SHA256SUMS'), line.replace('some', 'dist'))
    const { code, stdout } = await runInstalled()
    expect(code).toBe(0)
    expect(stdout).toContain('package files: 1 files of 1 packages are as they were published')
    expect(stdout).toMatch(/^ok {7}addon: the package .* \(needs glibc 2\.0 or newer\)$/m) // As its package.json says.

    appendFileSync(main('dist', 'file.js'), 'more')
    appendFileSync(main('SHA256SUMS'), line)
    const { broken } = await findBroken(runInstalled(['--json']))
    expect(broken).toEqual([
      {
        type: 'check',
        name: 'package files',
        status: 'failed',
        message: `${join('torch-rnn-mnist', 'dist', 'file.js')} was changed, ${join('torch-rnn-mnist', 'some', 'file.js')} cannot be read (ENOENT)`,
        remedy: 'Remove node_modules and install again.',
      },
    ])
  })
})

describe('it finds, and says how to repair', () => {
  test('a LIBTORCH without libtorch: what needs no libtorch is still checked', async () => {
    const { code, stdout } = await run(['doctor', ...TINY_DATA], { env: { LIBTORCH: path('nowhere') } })
    expect(code).toBe(1)
    expect(stdout).toMatch(/^FAILED {3}libtorch: LIBTORCH=.*nowhere: .* does not exist\n {9}Set LIBTORCH to/m)
    expect(stdout).not.toContain('self-test')
    expect(stdout).toMatch(/^ok {7}data: /m)
  })

  test('a libtorch that does not load', async () => {
    installMain()
    installAddon()
    installLibtorch()
    rmSync(modules(ADDON, 'torch_rnn_mnist.node'))
    writeFileSync(modules(ADDON, 'torch_rnn_mnist.node'), 'not a library')
    const { broken } = await findBroken(runInstalled(['--json']))
    expect(broken).toMatchObject([{ name: 'self-test', message: expect.stringContaining('the addon does not load') }])
  })

  test('an addon that is missing', async () => {
    installMain()
    const { broken, checks } = await findBroken(runInstalled(['--json']))
    expect(broken).toMatchObject([{ name: 'addon', remedy: expect.stringContaining('npm install --include=optional') }])
    expect(checks.map(({ name }) => name)).toEqual(NAMES.filter((name) => !['libtorch', 'CPU', 'devices', 'self-test'].includes(name)))
  })

  test('data that cannot be read', async () => {
    rmSync(path('data', 'train-images-idx3-ubyte'))
    const { broken } = await findBroken(run(['doctor', ...TINY_DATA, '--json']))
    expect(broken).toMatchObject([{ name: 'data', message: expect.stringContaining('No train-images file in data') }])
  })

  testOnSmallDisk('a full disk, on which an empty file can still be made', async () => {
    mkdirSync(path('disk'))
    const command = [process.execPath, MAIN, 'doctor', '--data', path('data'), '--json']
    const [unshare, ...args] = onSmallDisk(path('disk'), 1, [
      'sh',
      '-c',
      'head -c 1M /dev/zero > "$TMPDIR/full" 2> /dev/null; exec "$@"',
      'sh',
      ...command,
    ])
    const { broken } = await findBroken(runCommand(unshare, args, { cwd: path(), env: { TMPDIR: path('disk') } }))
    expect(broken).toMatchObject([{ name: 'write access', message: expect.stringContaining('the disk is full (ENOSPC)') }])
    expect(broken[0]?.message).toContain(`the temporary folder, ${path('disk')}: Cannot write a file in ${path('disk')}`)
    expect(readdirSync(path('disk.left'))).toEqual(['full'])
  })

  testAsOrdinaryUser('a folder that cannot be written to', async () => {
    const settings = { cwd: path(), env: { TMPDIR: '/tmp' }, ...ORDINARY_USER }
    chmodSync(path(), 0o555)
    const { broken } = await findBroken(run(['doctor', ...TINY_DATA, '--json'], settings))
    expect(broken).toEqual([
      {
        type: 'check',
        name: 'write access',
        status: 'failed',
        message: `the folder for runs, ${path('runs')}: Cannot write a file in .: permission denied (EACCES). Check its owner and permissions, and those of its folder.`,
        remedy: 'Change to another folder, or change its owner.',
      },
    ])
    expect(readdirSync(path())).toEqual(['data'])
  })

  testOnLinux('folders that nothing can be written to', async () => {
    const { broken } = await findBroken(run(['doctor', '--data', path('data'), '--json'], { cwd: '/proc', env: { TMPDIR: '/proc' } }))
    expect(broken.map(({ name }) => name)).toEqual(['write access', 'write access'])
    expect(broken[0]?.message).toContain('the folder for runs, /proc/runs: Cannot write')
  })
})
