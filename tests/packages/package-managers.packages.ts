/** Installed by npm without scripts, by pnpm, and by yarn in its two ways. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { useBareMachine } from './bare-machine'
import { registryAddress } from './registry'
import { expectBundle, expectCommand, expectScripts, expectTypes, NAME, type Project } from './uses'

const machine = useBareMachine()

/** A way to install. */
interface Way {
  install: readonly [string, ...string[]]
  node: Project['node']
  /** Runs the program of a package. */
  exec: Project['node']
  /** Files of the project, in addition to package.json. */
  files?: Record<string, string>
  /** The folders below home that it may make. */
  caches: readonly string[]
}

// Without pnpEnableEsmLoader only projects of type "module" may import packages from ES modules.
const yarnrc = (linker: string) => `nodeLinker: ${linker}
pnpEnableEsmLoader: true
npmRegistryServer: "${registryAddress()}"
unsafeHttpWhitelist: ["127.0.0.1"]
enableTelemetry: false
npmMinimalAgeGate: 0
`

const WAYS: Record<string, () => Way> = {
  'npm --ignore-scripts': () => ({
    install: ['npm', 'install', NAME, '--ignore-scripts'],
    node: ['node'],
    exec: ['npx', '--no'],
    caches: ['.npm'],
  }),
  pnpm: () => ({ install: ['pnpm', 'add', NAME], node: ['node'], exec: ['pnpm', 'exec'], caches: ['.npm', '.local', '.cache', '.config'] }),
  'yarn with node_modules': () => ({
    install: ['yarn', 'add', NAME],
    node: ['node'],
    exec: ['yarn'],
    files: { '.yarnrc.yml': yarnrc('node-modules'), 'yarn.lock': '' },
    caches: ['.npm', '.local', '.cache', '.config', '.yarn', '.yarnrc.yml'],
  }),
  "yarn with Plug'n'Play": () => ({
    install: ['yarn', 'add', NAME],
    node: ['yarn', 'node'],
    exec: ['yarn'],
    files: { '.yarnrc.yml': yarnrc('pnp'), 'yarn.lock': '' },
    caches: ['.npm', '.local', '.cache', '.config', '.yarn', '.yarnrc.yml'],
  }),
}

test.each(Object.keys(WAYS))('%s', async (title) => {
  const { install, node, exec, files = {}, caches } = (WAYS[title] as () => Way)()
  const project: Project = { machine, folder: machine.folder(title.replace(/\W+/g, '-')), node }
  for (const [file, text] of Object.entries({ 'package.json': '{ "private": true }\n', ...files }))
    writeFileSync(join(project.folder, file), text)
  const [command, ...args] = install
  await machine.succeed(command, args, { cwd: project.folder })
  await expectScripts(project)
  await expectCommand(project, exec)
  await expectBundle(project)
  // TypeScript itself finds nothing in Plug'n'Play's archives.
  if (node[0] !== 'yarn') await expectTypes(project)
  expect(readdirSync(machine.path('home')).filter((name) => name !== '.npmrc' && !caches.includes(name))).toEqual([])
})
