/** A new version of the package, with the same libtorch, on a machine that has the old one. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../support/run-program'
import { filesBelow, useBareMachine } from './bare-machine'
import { npmAsMaintainer, registryAddress, registryLog, TARBALLS } from './registry'
import { expectScripts, NAME, type Project } from './uses'

const machine = useBareMachine()

const PLATFORM = `${process.platform}-${process.arch}`
const ADDON = `@torch-rnn-mnist/addon-${PLATFORM}`
const LIBTORCH = `@torch-rnn-mnist/libtorch-${PLATFORM}`
const OLD = versionOf(REPOSITORY)
const NEW = OLD.replace(/\d+$/, (patch) => String(Number(patch) + 1))

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

/** Publishes an already packed package as the next version. */
async function publishNew(name: string): Promise<void> {
  const folder = machine.folder('new', name)
  const tarball = join(TARBALLS, `${name.replace('@', '').replace('/', '-')}-${OLD}.tgz`)
  execFileSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components', '1'])
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const { optionalDependencies } = manifest
  const changed = { ...manifest, version: NEW, ...(optionalDependencies === undefined ? {} : { optionalDependencies: { [ADDON]: NEW } }) }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(changed))
  await npmAsMaintainer(['publish', folder, '--access', 'public'], registryAddress())
}

/** The tarballs that were requested since the log had this size. */
function downloadsSince(size: number): string[] {
  const log = readFileSync(registryLog()).subarray(size).toString('utf8')
  return Array.from(new Set(log.match(/[\w.-]+\.tgz/g)))
}

// Other files' tests install the version of this clone as the latest one.
afterAll(async () => {
  for (const name of [NAME, ADDON]) await npmAsMaintainer(['dist-tag', 'add', `${name}@${OLD}`, 'latest'], registryAddress())
})

test('an upgrade downloads only the new packages, not libtorch, and removal removes everything', async () => {
  const project: Project = { machine, folder: machine.folder('project'), node: ['node'] }
  const installed = (...names: string[]) => join(project.folder, 'node_modules', ...names)
  const npm = (...args: string[]) => machine.succeed('npm', args, { cwd: project.folder })
  const library = installed(LIBTORCH, 'lib', 'libtorch_cpu.so')
  writeFileSync(join(project.folder, 'package.json'), '{ "private": true }\n')

  const empty = statSync(registryLog()).size
  await npm('install', `${NAME}@${OLD}`)
  const { ino } = statSync(library)
  expect(downloadsSince(empty)).toEqual(expect.arrayContaining([expect.stringMatching(/^libtorch-/), `addon-${PLATFORM}-${OLD}.tgz`]))

  for (const name of [ADDON, NAME]) await publishNew(name)
  const before = statSync(registryLog()).size
  await npm('install', `${NAME}@latest`)
  expect([versionOf(installed(NAME)), versionOf(installed(ADDON))]).toEqual([NEW, NEW])
  expect(readdirSync(installed('@torch-rnn-mnist')).sort()).toEqual([ADDON, LIBTORCH].map((name) => name.split('/')[1]))
  expect(filesBelow(installed()).filter((file) => file.endsWith('torch_rnn_mnist.node'))).toHaveLength(1)
  expect(statSync(library).ino).toBe(ino)
  expect(downloadsSince(before).sort()).toEqual([`addon-${PLATFORM}-${NEW}.tgz`, `${NAME}-${NEW}.tgz`])
  await expectScripts(project)

  await npm('uninstall', NAME)
  expect(filesBelow(installed())).toEqual(['.package-lock.json'])
  expect(readdirSync(machine.path('home')).sort()).toEqual(['.npm', '.npmrc'])
})
