/** How libtorch is found and loaded, and the messages when it is not. */
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findPyTorch, REQUIRED_TORCH_VERSION } from '../../lib/addon/find-libtorch'
import { LIBRARY_NAMES, pythonName } from '../../lib/addon/platform'
import { runScript, WELL_ENDED } from '../support/child-script'
import { LIBRARIES } from '../support/libtorch'
import { CLEAN, expectLoads, loadFailure } from '../support/load-failure'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const OTHER_VERSION = '2.14.1'

/** Makes a libtorch with the real libraries in the test's folder. */
function makeLibtorch(folder: string, versionFile: string, version: string): string {
  mkdirSync(folder)
  symlinkSync(LIBRARIES, join(folder, 'lib'))
  writeFileSync(join(folder, versionFile), version)
  return folder
}

/** Makes a python3 from a line of shell. Returns a PATH that finds it and nothing else. */
function makePython(line: string): string {
  mkdirSync(path('bin'))
  writeFileSync(path('bin', 'python3'), `#!/bin/sh\n${line}\n`)
  chmodSync(path('bin', 'python3'), 0o755)
  return path('bin')
}

describe('LIBTORCH', () => {
  test('without libtorch: the error names the folder, what is missing and the remedy', async () => {
    mkdirSync(path('empty'))
    const message = await loadFailure({ LIBTORCH: path('empty') })
    expect(message).toContain(`LIBTORCH=${path('empty')}: ${path('empty', 'lib', LIBRARY_NAMES.cpu)} does not exist`)
    expect(message).toContain(`needs libtorch ${REQUIRED_TORCH_VERSION}`)
    expect(message).toMatch(/Set LIBTORCH to a folder .* or unset it/)
    // No other folder is searched: users would not expect it.
    expect(message.match(/^ {2}- /gm)).toHaveLength(1)
  })

  test.each([
    ['build-version', `${OTHER_VERSION}+cpu\n`],
    ['version.py', `debug = False\n__version__ = '${OTHER_VERSION}+cpu'\n`],
  ])('of another version, by its %s: the error names both versions and how to bypass the check', async (file, version) => {
    const folder = makeLibtorch(path('other'), file, version)
    const message = await loadFailure({ LIBTORCH: folder })
    expect(message).toContain(`LIBTORCH=${folder}`)
    expect(message).toContain(`${OTHER_VERSION}+cpu`)
    expect(message).toContain(`${REQUIRED_TORCH_VERSION} is needed`)
    expect(message).toContain('LIBTORCH_BYPASS_VERSION_CHECK=1')
    await expectLoads({ LIBTORCH: folder, LIBTORCH_BYPASS_VERSION_CHECK: '1' })
  })

  test.each(['build-version', 'version.py'])('whose %s cannot be read: the error says so', async (file) => {
    const folder = makeLibtorch(path('other'), 'neither', '')
    mkdirSync(join(folder, file))
    const message = await loadFailure({ LIBTORCH: folder })
    expect(message).toContain(`LIBTORCH=${folder}: its version cannot be read: EISDIR`)
  })

  test('of the right version is used, whatever its build variant', async () => {
    const folder = makeLibtorch(path('right'), 'build-version', `${REQUIRED_TORCH_VERSION}+cu999`)
    const { stderr } = await expectLoads({ LIBTORCH: folder, NODE_DEBUG: 'torch-rnn-mnist' })
    expect(stderr).toContain(`libtorch: ${join(folder, 'lib')}`)
  })

  test("with a damaged library: the error gives the system's reason", async () => {
    mkdirSync(path('damaged', 'lib'), { recursive: true })
    writeFileSync(path('damaged', 'lib', LIBRARY_NAMES.cpu), 'not a library')
    const message = await loadFailure({ LIBTORCH: path('damaged') })
    expect(message).toContain('does not load')
    expect(message.match(/Could not load/g)).toHaveLength(1) // Not repeated for the process that tried it.
    expect(message).toContain(`LIBTORCH=${path('damaged')}: `)
    expect(message).toContain(path('damaged', 'lib', LIBRARY_NAMES.cpu))
    expect(message).toMatch(/Set LIBTORCH to a folder/)
  })

  test('can be corrected, and the package used, after a failure', async () => {
    mkdirSync(path('empty'))
    const body = `
      let failures = 0
      try { new ImageRNN(options) } catch { failures += 1 }
      process.env.LIBTORCH = process.env.CORRECT
      console.log(failures, (await new ImageRNN(options).forward(dataset().images(0, 2))).shape)
    `
    const outcome = await runScript(body, { env: { ...CLEAN, LIBTORCH: path('empty'), CORRECT: dirname(LIBRARIES) } })
    expect(outcome).toMatchObject({ ...WELL_ENDED, stdout: expect.stringContaining('1 [ 2, 3 ]') })
  })
})

test.each([
  ['linux-x64', 'python3'],
  ['darwin-arm64', 'python3'],
  ['win32-x64', 'python'],
])('Python is on %s called %s', (platform, name) => {
  expect(pythonName(platform)).toBe(name)
})

describe('LIBTORCH_USE_PYTORCH=1', () => {
  const env = { LIBTORCH_USE_PYTORCH: '1' }

  test('uses the libraries of the PyTorch installed for python3', async () => {
    const folder = makeLibtorch(path('torch'), 'version.py', `__version__ = '${REQUIRED_TORCH_VERSION}+cu132'`)
    const { stderr } = await expectLoads({ ...env, PATH: makePython(`echo '${folder}'`), NODE_DEBUG: 'torch-rnn-mnist' })
    expect(stderr).toContain(`libtorch: ${join(folder, 'lib')}`)
  })

  test.each([
    ['has no torch', "echo ''", ['python3 has no torch']],
    ['fails', 'echo broken >&2; exit 3', ['python3 could not be asked: it ended with exit code 3 (broken)']],
    ['dies', 'kill -9 $$', ['python3 could not be asked: it was killed by SIGKILL']],
  ])('with a python3 that %s says so, and what helps', async (_, line, parts) => {
    const message = await loadFailure({ ...env, PATH: makePython(line) })
    for (const part of [...parts, 'LIBTORCH_USE_PYTORCH', `Install PyTorch ${REQUIRED_TORCH_VERSION}`]) expect(message).toContain(part)
  })

  test('with a python3 that gives no answer says so after half a minute', () => {
    const search = findPyTorch()
    expect(search.next().value).toMatchObject({ command: 'python3', limitMs: 30_000 })
    expect(search.next({ kind: 'overdue', limitMs: 30_000 }).value).toMatchObject({
      description: expect.stringContaining('LIBTORCH_USE_PYTORCH=1'),
      problem: 'python3 was asked where torch is, but gave no answer within 30 s',
    })
  })

  test('without any python3 says so', async () => {
    mkdirSync(path('empty'))
    expect(await loadFailure({ ...env, PATH: path('empty') })).toContain('python3 could not be asked')
  })

  test('comes after LIBTORCH', async () => {
    mkdirSync(path('empty'))
    const message = await loadFailure({ ...env, LIBTORCH: path('empty'), PATH: makePython('exit 1') })
    expect(message).toContain(path('empty'))
    expect(message).not.toContain('python3')
  })
})

describe('loading', () => {
  test('is refused on a big-endian processor', async () => {
    const message = await loadFailure({}, "require('node:os').endianness = () => 'BE'")
    expect(message).toContain(`the processor (${process.arch}) is big-endian`)
  })

  test('happens at first use: importing the package and reading data load nothing', async () => {
    const body = `
      const loaded = () => process.report.getReport().sharedObjects.filter((file) => /torch_rnn_mnist|torch_cpu/.test(file)).length
      const before = loaded()
      dataset()
      await import(process.env.PACKAGE_UNDER_TEST)
      const idle = loaded()
      new ImageRNN(options)
      console.log(before, idle, loaded())
    `
    // The addon and libtorch, once each.
    expect(await runScript(body)).toMatchObject({ ...WELL_ENDED, stdout: expect.stringMatching(/^0 0 2\n/) })
  })

  test('is logged to stderr with NODE_DEBUG, and only then', async () => {
    const env = { LIBTORCH: dirname(LIBRARIES) }
    // First without: then the trial is remembered, whose own log would be a part of this one.
    const quiet = await expectLoads(env)
    const { stderr, stdout } = await expectLoads({ ...env, NODE_DEBUG: 'torch-rnn-mnist' })
    for (const line of stderr.trim().split('\n')) expect(line).toMatch(/^TORCH-RNN-MNIST \d+: /)
    expect(stderr).toContain(LIBRARIES)
    expect(quiet).toMatchObject({ stderr: '', stdout })
  })
})
