/** `build`: what it requires before it compiles. Compiling takes minutes and is tested with the npm packages. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD_TOOLS } from '../../lib/addon/build-addon'
import { lastEvent, useCommandLine } from '../support/command-line'
import { packagesIn } from '../support/installed-package'
import { type ProgramSettings, REPOSITORY, runNode } from '../support/run-program'

const { path, run } = useCommandLine()
const { main, modules, installMain } = packagesIn(path)

/** Fails to build in an installed package. Returns the message. */
async function buildFailure(args: readonly string[], env: ProgramSettings['env'] = {}): Promise<string> {
  const clean = { LIBTORCH: undefined, LIBTORCH_USE_PYTORCH: undefined }
  const { code, stdout, stderr } = await runNode([main('dist', 'cli', 'main.js'), 'build', ...args], {
    cwd: path(),
    env: { ...clean, ...env },
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
