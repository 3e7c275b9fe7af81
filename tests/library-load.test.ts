/** How libtorch is found and loaded, and what is said when it is not. */
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { LIBRARY_NAMES, REQUIRED_TORCH_VERSION, searchLibtorch } from '../lib/libtorch'
import { PACKAGE, runScript, WELL_ENDED } from './child-script'
import { type ProgramSettings, REPOSITORY } from './run-program'
import { useTemporaryFolder } from './temporary-folder'

const path = useTemporaryFolder()

const OTHER_VERSION = '2.14.1'

/** The libraries that the tests themselves use. */
const { libraries: LIBRARIES } = searchLibtorch(REPOSITORY).at(-1) as { libraries: string }

/** Variables that would change what a test is about. */
const CLEAN = { LIBTORCH: undefined, LIBTORCH_USE_PYTORCH: undefined, LIBTORCH_BYPASS_VERSION_CHECK: undefined }

/** Makes a libtorch with the real libraries in the test's folder. */
function makeLibtorch(folder: string, versionFile: string, version: string): string {
  mkdirSync(folder)
  symlinkSync(LIBRARIES, join(folder, 'lib'))
  writeFileSync(join(folder, versionFile), version)
  return folder
}

/** Makes a python3 out of a line of shell, and gives the PATH that finds it, and nothing else. */
function makePython(line: string): string {
  mkdirSync(path('bin'))
  writeFileSync(path('bin', 'python3'), `#!/bin/sh\n${line}\n`)
  chmodSync(path('bin', 'python3'), 0o755)
  return path('bin')
}

/** Uses the package in a process of its own; what it fails with. */
async function loadFailure(env: ProgramSettings['env']): Promise<string> {
  const body = `
    try {
      new ImageRNN(options)
      console.log('no failure')
    } catch (error) {
      if (!(error instanceof TorchRnnError)) throw error
      console.log(error.code + '\\n' + error.message)
    }
  `
  const outcome = await runScript(body, { env: { ...CLEAN, ...env } })
  expect(outcome).toMatchObject(WELL_ENDED)
  const [code, ...message] = outcome.stdout.split('\n')
  expect(code).toBe('ERR_LIBRARY_LOAD')
  return message.join('\n')
}

/** Uses the package in a process of its own, where that must work. */
async function expectLoads(env: ProgramSettings['env']): Promise<{ stdout: string; stderr: string }> {
  const body = 'console.log((await new ImageRNN(options).forward(dataset().images(0, 2))).shape)'
  const outcome = await runScript(body, { env: { ...CLEAN, ...env } })
  expect(outcome).toMatchObject({ ...WELL_ENDED, stderr: expect.any(String), stdout: expect.stringContaining('[ 2, 3 ]') })
  return outcome
}

describe('LIBTORCH', () => {
  test('that holds nothing: the place, what is missing and the remedy are told', async () => {
    mkdirSync(path('empty'))
    const message = await loadFailure({ LIBTORCH: path('empty') })
    expect(message).toContain(`LIBTORCH=${path('empty')}: ${path('empty', 'lib', LIBRARY_NAMES.cpu)} does not exist`)
    expect(message).toContain(`needs libtorch ${REQUIRED_TORCH_VERSION}`)
    expect(message).toMatch(/Set LIBTORCH to a folder .* or unset it/)
    // Somewhere else than where the user said would be a surprise.
    expect(message.match(/^ {2}- /gm)).toHaveLength(1)
  })

  test.each([
    ['build-version', `${OTHER_VERSION}+cpu\n`],
    ['version.py', `debug = False\n__version__ = '${OTHER_VERSION}+cpu'\n`],
  ])('of another version, by its %s: both versions and the way around the check are told', async (file, version) => {
    const folder = makeLibtorch(path('other'), file, version)
    const message = await loadFailure({ LIBTORCH: folder })
    expect(message).toContain(`LIBTORCH=${folder}`)
    expect(message).toContain(`${OTHER_VERSION}+cpu`)
    expect(message).toContain(`${REQUIRED_TORCH_VERSION} is needed`)
    expect(message).toContain('LIBTORCH_BYPASS_VERSION_CHECK=1')
    await expectLoads({ LIBTORCH: folder, LIBTORCH_BYPASS_VERSION_CHECK: '1' })
  })

  test('of the right version is used, whatever it was built for', async () => {
    const folder = makeLibtorch(path('right'), 'build-version', `${REQUIRED_TORCH_VERSION}+cu999`)
    const { stderr } = await expectLoads({ LIBTORCH: folder, NODE_DEBUG: 'torch-rnn-mnist' })
    expect(stderr).toContain(`libtorch: ${join(folder, 'lib')}`)
  })

  test("with a damaged library: the system's reason is told", async () => {
    mkdirSync(path('damaged', 'lib'), { recursive: true })
    writeFileSync(path('damaged', 'lib', LIBRARY_NAMES.cpu), 'not a library')
    const message = await loadFailure({ LIBTORCH: path('damaged') })
    expect(message).toContain('does not load')
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

describe('LIBTORCH_USE_PYTORCH=1', () => {
  const env = { LIBTORCH_USE_PYTORCH: '1' }

  test('uses the libraries of the PyTorch that python3 has', async () => {
    const folder = makeLibtorch(path('torch'), 'version.py', `__version__ = '${REQUIRED_TORCH_VERSION}+cu132'`)
    const { stderr } = await expectLoads({ ...env, PATH: makePython(`echo '${folder}'`), NODE_DEBUG: 'torch-rnn-mnist' })
    expect(stderr).toContain(`libtorch: ${join(folder, 'lib')}`)
  })

  test.each([
    ['has no torch', "echo ''", ['python3 has no torch']],
    ['fails', 'echo broken >&2; exit 3', ['python3 could not be asked']],
  ])('with a python3 that %s says so, and what helps', async (_, line, parts) => {
    const message = await loadFailure({ ...env, PATH: makePython(line) })
    for (const part of [...parts, 'LIBTORCH_USE_PYTORCH', `Install PyTorch ${REQUIRED_TORCH_VERSION}`]) expect(message).toContain(part)
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

describe('an installed package', () => {
  /** A copy of the package with (or without) its addons, beside which there is no clone. */
  function install(withAddons = true): { PACKAGE_UNDER_TEST: string } {
    cpSync(dirname(PACKAGE), path('package', 'dist'), { recursive: true })
    cpSync(join(REPOSITORY, 'package.json'), path('package', 'package.json'))
    mkdirSync(path('package', 'build'))
    if (withAddons) symlinkSync(join(REPOSITORY, 'build', 'Release'), path('package', 'build', 'Release'))
    return { PACKAGE_UNDER_TEST: path('package', 'dist', 'index.js') }
  }

  const platformPackage = `@torch-rnn-mnist/libtorch-${process.platform}-${process.arch}`

  test('without libtorch lists every place it looked at, and says what helps', async () => {
    const message = await loadFailure(install())
    expect(message).toContain(`the package ${platformPackage}: it is not installed`)
    expect(message).toContain(path('package', '.cache', 'libtorch'))
    expect(message.match(/^ {2}- /gm)).toHaveLength(2)
    expect(message).toContain(`Set LIBTORCH to a folder with libtorch ${REQUIRED_TORCH_VERSION}`)
    expect(message).toContain('LIBTORCH_USE_PYTORCH=1')
  })

  test('finds libtorch in the package for its platform', async () => {
    mkdirSync(path('package', 'node_modules', '@torch-rnn-mnist'), { recursive: true })
    const folder = makeLibtorch(path('package', 'node_modules', platformPackage), 'build-version', REQUIRED_TORCH_VERSION)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: platformPackage, version: '0.0.0' }))
    const installed = install()
    for (const LIBTORCH of [undefined, '']) {
      // Empty text counts as not set.
      const { stderr } = await expectLoads({ ...installed, LIBTORCH, NODE_DEBUG: 'torch-rnn-mnist' })
      expect(stderr).toContain(`libtorch: ${join(folder, 'lib')}`)
    }
  })

  test('without its addon says which file is missing', async () => {
    const message = await loadFailure(install(false))
    expect(message).toContain(`${path('package', 'build', 'Release', 'torch_rnn_mnist.node')} does not exist`)
    expect(message).toContain('npm run build')
  })
})

describe('loading', () => {
  test('happens at the first use: neither import nor data load anything', async () => {
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
    const { stderr, stdout } = await expectLoads({ ...env, NODE_DEBUG: 'torch-rnn-mnist' })
    for (const line of stderr.trim().split('\n')) expect(line).toMatch(/^TORCH-RNN-MNIST \d+: /)
    expect(stderr).toContain(LIBRARIES)
    const quiet = await expectLoads(env)
    expect(quiet).toMatchObject({ stderr: '', stdout })
  })
})
