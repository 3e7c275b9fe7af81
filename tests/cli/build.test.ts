/**
 * `build`: what it requires before it compiles, and what becomes of the addon that was there before. Compiling takes minutes and is tested
 * with the npm packages; here a program takes the compiler's place.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BUILD_TOOLS } from '../../lib/addon/build-addon'
import { lastEvent, useCommandLine } from '../support/command-line'
import { onSmallDisk, PAGE, testOnSmallDisk } from '../support/full-disk'
import { packagesIn } from '../support/installed-package'
import { LIBRARIES } from '../support/libtorch'
import { expectLoads } from '../support/load-failure'
import { compileLibrary, WAIT_IN_TRIAL } from '../support/named-libtorch'
import { testOnPosix } from '../support/needs'
import { type Outcome, type ProgramSettings, REPOSITORY, type RunningProgram, runCommand, runNode, startNode } from '../support/run-program'
import { untilWritten } from '../support/wait-for'

const { path, run } = useCommandLine()
const { main, modules, installMain } = packagesIn(path)

/** No libtorch is named, whatever the environment of the tests says. */
const CLEAN = { LIBTORCH: undefined, LIBTORCH_USE_PYTORCH: undefined }

/** Fails to build in an installed package. Returns the message. */
async function buildFailure(args: readonly string[], env: ProgramSettings['env'] = {}): Promise<string> {
  const { code, stdout, stderr } = await runNode([main('dist', 'cli', 'main.js'), 'build', ...args], {
    cwd: path(),
    env: { ...CLEAN, ...env },
  })
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(/^Error: Could not build the addon: .*\n$/)
  return stderr
}

function makeLibtorch(): string {
  mkdirSync(path('libtorch', 'include', 'torch', 'headeronly'), { recursive: true })
  writeFileSync(path('libtorch', 'include', 'torch', 'headeronly', 'version.h'), '')
  return path('libtorch')
}

function installTools(): void {
  for (const name of Object.keys(BUILD_TOOLS)) symlinkSync(join(REPOSITORY, 'node_modules', name), modules(name))
}

test('in a clone points to the set-up, which knows what is out of date', async () => {
  const { code, stdout } = await run(['build', '--json'])
  expect(code).toBe(1)
  expect(lastEvent(stdout, 'error')).toMatchObject({ code: 'ERR_LIBRARY_LOAD', message: expect.stringContaining('Run `npm run build`.') })
})

test('without a libtorch says how to name one', async () => {
  installMain()
  const message = await buildFailure([])
  expect(message).toContain('no libtorch was named')
  expect(message).toContain('--libtorch <folder>, or the variable LIBTORCH')
})

test.each([
  ['--libtorch', (folder: string) => ({ args: ['--libtorch', folder], env: {} })],
  ['LIBTORCH', (folder: string) => ({ args: [], env: { LIBTORCH: folder } })],
])('with a libtorch without headers (%s) says which one is missing', async (_, name) => {
  installMain()
  const { args, env } = name(path('data'))
  expect(await buildFailure(args, env)).toContain(`${path('data', 'include', 'torch', 'headeronly', 'version.h')} does not exist`)
})

test('without its tools gives the command that installs them', async () => {
  installMain()
  const command = 'npm install --no-save cmake-js@8.0.0 node-addon-api@8.9.2'
  expect(await buildFailure(['--libtorch', makeLibtorch()])).toContain(`Run \`${command}\`.`)
})

test('without CMake says what to install', async () => {
  installMain()
  installTools()
  const message = await buildFailure(['--libtorch', makeLibtorch()], { PATH: path('data') })
  expect(message).toContain('there is no cmake on PATH')
})

test('names the versions that this addon is built with', () => {
  const { devDependencies } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { devDependencies: object }
  expect(devDependencies).toMatchObject(BUILD_TOOLS)
})

/** The libtorch of the clone has headers, too. */
const LIBTORCH = dirname(LIBRARIES)
const RELEASE = join(REPOSITORY, 'build', 'Release')
const testWithSignals = testOnPosix('signals')

/** Installs the package with an addon that was built earlier, and a cmake-js that does what `script` says. */
function installWithBuild(script: string): { PACKAGE_UNDER_TEST: string } {
  const env = installMain()
  mkdirSync(main('build', 'Release'), { recursive: true })
  for (const file of readdirSync(RELEASE)) symlinkSync(join(RELEASE, file), main('build', 'Release', file))
  writeFileSync(main('build', 'libtorch.json'), JSON.stringify({ libtorch: LIBTORCH }))
  symlinkSync(join(REPOSITORY, 'node_modules', 'node-addon-api'), modules('node-addon-api'))
  mkdirSync(modules('cmake-js', 'bin'), { recursive: true })
  writeFileSync(modules('cmake-js', 'package.json'), '{ "version": "8.0.0" }')
  const prologue = `
    const { copyFileSync, mkdirSync, writeFileSync } = require('node:fs')
    const out = process.argv[process.argv.indexOf('--out') + 1] + '/Release/'
    mkdirSync(out)
    const copy = (name) => copyFileSync(${JSON.stringify(`${RELEASE}/`)} + name, out + name)
  `
  writeFileSync(modules('cmake-js', 'bin', 'cmake-js'), `${prologue}\n${script}`)
  mkdirSync(path('bin'))
  writeFileSync(path('bin', 'cmake'), '#!/bin/sh\n')
  chmodSync(path('bin', 'cmake'), 0o755)
  return env
}

const BUILD = ['build', '--libtorch', LIBTORCH]

function startBuild(more: ProgramSettings['env'] = {}): RunningProgram {
  const env = { ...CLEAN, PATH: path('bin'), STARTED: path('started'), GATE: path('gate'), ...more }
  return startNode([main('dist', 'cli', 'main.js'), ...BUILD], { cwd: path(), env })
}

/** What tells whether the files of an addon are the same as before. */
function filesOf(build: string): unknown {
  const files = readdirSync(build, { recursive: true, encoding: 'utf8' }).toSorted()
  return files.map((name) => [name, statSync(join(build, name)).ino])
}

/** Makes a library that runs statements when it is opened, where the fake compiler finds it. */
function compile(statements: string): string {
  compileLibrary(path('library'), statements)
  return JSON.stringify(path('library'))
}

/** Fails to build. Checks that the addon that was there before is still there, and nothing else, and works. */
async function expectUnchanged(env: ProgramSettings['env'], build: () => Promise<Outcome>): Promise<Outcome> {
  const before = filesOf(main('build'))
  const names = readdirSync(main())
  const outcome = await build()
  expect(filesOf(main('build'))).toEqual(before)
  expect(readdirSync(main())).toEqual(names)
  const { stderr } = await expectLoads({ ...env, NODE_DEBUG: 'torch-rnn-mnist' })
  expect(stderr).toContain(`addon: ${main('build', 'Release')}`)
  return outcome
}

test('takes the place of the addon that was there before', async () => {
  const env = installWithBuild("copy('loader.node'); copy('torch_rnn_mnist.node')")
  writeFileSync(main('build', 'Release', 'old'), '')
  const names = readdirSync(main())
  const { code, stdout, stderr } = await startBuild().ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toBe(`The addon is in ${main('build', 'Release')}, and is used from now on, with ${LIBTORCH}.\n`)
  expect(readdirSync(main('build', 'Release')).toSorted()).toEqual(['loader.node', 'torch_rnn_mnist.node'])
  expect(JSON.parse(readFileSync(main('build', 'libtorch.json'), 'utf8'))).toEqual({ libtorch: LIBTORCH })
  expect(readdirSync(main())).toEqual(names)
  await expectLoads(env)
})

describe('changes nothing', () => {
  test.each([
    ['the compiler fails', () => 'process.exit(3)', 'the compiler ended with exit code 3. What it printed tells why. Nothing was changed.'],
    ['it makes only a part', () => "copy('loader.node')", 'the compiler made no torch_rnn_mnist.node.'],
    [
      'the addon does not load',
      () => "copy('loader.node'); writeFileSync(out + 'torch_rnn_mnist.node', 'not a library')",
      'it was compiled, but does not work: Could not load torch-rnn-mnist: the addon does not load',
    ],
    [
      'the addon crashes',
      () => `copy('loader.node'); copyFileSync(${compile('raise(SIGSEGV);')}, out + 'torch_rnn_mnist.node')`,
      'it was compiled, but does not work: a process that tried it was killed by SIGSEGV. Nothing was changed.',
    ],
  ])('when %s', async (_, script, message) => {
    const env = installWithBuild(script())
    const { code, stderr } = await expectUnchanged(env, () => startBuild().ended)
    expect(code).toBe(1)
    expect(stderr).toContain(`Error: Could not build the addon: ${message}`)
    expect(stderr).toMatch(/Nothing was changed\.\n$/)
  })

  test('when the addon does not load, although the user has named another one that does', async () => {
    const env = installWithBuild("copy('loader.node'); writeFileSync(out + 'torch_rnn_mnist.node', 'not a library')")
    const { code, stderr } = await expectUnchanged(env, () => startBuild({ TORCH_RNN_MNIST_ADDON: RELEASE }).ended)
    expect(code).toBe(1)
    expect(stderr).toContain('it was compiled, but does not work')
  })

  test('without a temporary folder', async () => {
    const env = installWithBuild('')
    const { code, stderr } = await expectUnchanged(env, () => startBuild({ TMPDIR: path('nowhere') }).ended)
    expect(code).toBe(1)
    expect(stderr).toBe(
      `Error: Cannot write a folder in ${path('nowhere')}: its folder does not exist (ENOENT). Create the folder first.\n`,
    )
  })

  test('when the compiler left something in the temporary folder that cannot be removed', async () => {
    const env = installWithBuild('process.exit(3)')
    const replaceRemoval = `require('node:fs').rmSync = () => { throw Object.assign(new Error('not empty'), { code: 'ENOTEMPTY' }) }`
    writeFileSync(path('no-removal.cjs'), replaceRemoval)
    const settings = { NODE_OPTIONS: `--require=${path('no-removal.cjs')}`, TMPDIR: path('bin') }
    const { code, stderr } = await expectUnchanged(env, () => startBuild(settings).ended)
    expect(code).toBe(1)
    expect(stderr).toContain('the compiler ended with exit code 3')
  })

  testWithSignals('when Ctrl-C ends it while it compiles', async () => {
    const env = installWithBuild("copy('loader.node'); copy('torch_rnn_mnist.node'); console.log('compiling'); setInterval(() => {}, 1000)")
    const { code, stderr } = await expectUnchanged(env, async () => {
      const program = startBuild()
      await program.line(/^compiling$/)
      program.signal('SIGINT')
      return program.ended
    })
    expect(code).toBe(130)
    expect(stderr).toMatch(/Error: Interrupted by SIGINT\n$/)
  })

  testWithSignals('when Ctrl-C ends it while the addon is tried', async () => {
    const env = installWithBuild(`copy('loader.node'); copyFileSync(${compile(WAIT_IN_TRIAL)}, out + 'torch_rnn_mnist.node')`)
    const { code } = await expectUnchanged(env, async () => {
      const program = startBuild()
      await untilWritten(path('started'))
      program.signal('SIGINT')
      return program.ended
    })
    expect(code).toBe(130)
  })

  testOnSmallDisk('when the disk gets full', async () => {
    installWithBuild("copy('loader.node'); copy('torch_rnn_mnist.node')")
    // The package is moved to the disk, which then has less space left than the addon takes.
    const before = filesOf(main('build')) as [string, number][]
    const files = readdirSync(main(), { recursive: true, encoding: 'utf8' }).map((name) => lstatSync(main(name)))
    const pages = files.filter((stats) => stats.isFile()).reduce((sum, { size }) => sum + Math.ceil(size / PAGE), 10)
    const script = 'cp -R "$0.all/." "$0" && exec "$@"'
    execFileSync('cp', ['-R', main(), `${main()}.all`])
    const program = [process.execPath, main('dist', 'cli', 'main.js'), ...BUILD]
    const [command, ...args] = onSmallDisk(main(), pages, ['sh', '-c', script, main(), ...program])
    const env = { ...CLEAN, PATH: `${path('bin')}:${process.env['PATH']}` }
    const { code, stderr } = await runCommand(command, args, { cwd: path(), env })
    expect(code).toBe(1)
    expect(stderr).toBe(`Error: Cannot write ${main('build')}: the disk is full (ENOSPC). Free some space or choose another disk.\n`)
    expect(readdirSync(`${main()}.left`).toSorted()).toEqual(readdirSync(main()).toSorted())
    expect((filesOf(`${main()}.left/build`) as [string, number][]).map(([name]) => name)).toEqual(before.map(([name]) => name))
  })
})
