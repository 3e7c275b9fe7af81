/**
 * A machine with only Node and package managers: its own home and PATH, none of the current environment variables, and, if the system allows
 * it, no access to this repository.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, relative } from 'node:path'
import { MAY_SKIP } from '../support/needs'
import { type Outcome, type ProgramSettings, REPOSITORY, runCommand } from '../support/run-program'
import { useSharedTemporaryFolder } from '../support/temporary-folder'
import { NPM_PROGRAMS, npmrc, registryAddress } from './registry'

const TOOLS = join(__dirname, 'tools', 'node_modules')
const PROJECT_TOOLS = join(REPOSITORY, 'node_modules')
const PLATFORM = `${process.platform}-${process.arch}`

/** Packages that users have for their own work, by the folder they come from. */
const USER_TOOLS = [
  ...['pnpm', '@yarnpkg/cli-dist', 'esbuild', `@esbuild/${PLATFORM}`, 'typescript-5'].map((name) => [TOOLS, name] as const),
  ...['typescript', `@typescript/typescript-${PLATFORM}`, '@types/node', 'undici-types'].map((name) => [PROJECT_TOOLS, name] as const),
]

/** Other versions of Node, by the name of their program. */
export const OTHER_NODES = ['node-22', 'node-24', 'node-26']

/** Other programs that run JavaScript: where the package of each has its program, and how a script is run. */
const OTHER_RUNTIMES = {
  bun: { folder: join('bun', 'bin'), args: [] },
  deno: { folder: 'deno', args: ['run', '--allow-all'] },
} as const satisfies Record<string, { folder: string; args: readonly string[] }>

/** The words with which another runtime runs a script on a machine. */
export function otherRuntime(machine: BareMachine, name: keyof typeof OTHER_RUNTIMES): [string, ...string[]] {
  return [machine.path('runtimes', name, name), ...OTHER_RUNTIMES[name].args]
}

/** Most tests here install 370 MB, and a loaded machine is slow. */
const LIMIT_MS = 300_000
// The limit of a program must come before jest's: its failure tells what the program had printed.
jest.setTimeout(3 * LIMIT_MS)

/** A program of this system, by its path: the machines have a PATH of their own. */
function systemProgram(name: string): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? name
}

// The program and all that it starts are in a process namespace that ends with it; an empty file system covers the repository.
const NAMESPACES = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
const COVER = '"$0" -t tmpfs none "$1" && shift && exec "$@"'
const COVERED = [systemProgram('unshare'), ...NAMESPACES, systemProgram('sh'), '-c', COVER, systemProgram('mount'), REPOSITORY]

/** Whether the repository can be hidden from the machines' programs. */
export const isRepositoryHidden = spawnSync(COVERED[0] as string, [...COVERED.slice(1), process.execPath, '--version']).status === 0

/** A folder with the machine's home, its programs, and its user's files. */
export interface BareMachine {
  /** The path of something on it. */
  path(...names: string[]): string
  /** Makes a folder. */
  folder(...names: string[]): string
  /** Runs a program of its PATH, or one by its path, to its end. */
  run(command: string, args: readonly string[], settings: ProgramSettings): Promise<Outcome>
  /** Runs it, checks that it ends well, and returns stdout. */
  succeed(command: string, args: readonly string[], settings: ProgramSettings): Promise<string>
}

/** Gives the tests of a file one machine. */
export function useBareMachine(): BareMachine {
  const path = useSharedTemporaryFolder()
  beforeAll(() => {
    if (!isRepositoryHidden) {
      const problem = 'This system has no unprivileged namespaces, so the repository stays within reach of these tests.'
      if (!MAY_SKIP) throw new Error(`${problem} TEST_NO_SKIPS=1 forbids that.`)
      console.warn(problem)
    }
    mkdirSync(path('home'))
    writeFileSync(path('home', '.npmrc'), npmrc(registryAddress()))
    writePrograms(path)
  })
  const run = (command: string, args: readonly string[], { env, ...settings }: ProgramSettings) => {
    const program = command.includes('/') ? command : path('bin', command)
    const [first = program, ...rest] = [...(isRepositoryHidden ? COVERED : []), program]
    return runCommand(first, [...rest, ...args], { limitMs: LIMIT_MS, env: { ...variables(path), ...env }, ...settings })
  }
  return {
    path,
    run,
    folder(...names) {
      mkdirSync(path(...names), { recursive: true })
      return path(...names)
    },
    async succeed(command, args, settings) {
      const { code, stdout, stderr } = await run(command, args, settings)
      if (code !== 0) throw new Error(`${[command, ...args].join(' ')}: exit code ${code}. Its stdout:\n${stdout}\nIts stderr:\n${stderr}`)
      return stdout
    },
  }
}

function variables(path: BareMachine['path']): ProgramSettings['env'] {
  const unset = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]))
  return { ...unset, HOME: path('home'), PATH: path('bin') }
}

/** The only programs on PATH; those that are not npm's are in a folder of tools. */
function writePrograms(path: BareMachine['path']): void {
  const tools = path('tools', 'node_modules')
  for (const [source, name] of USER_TOOLS) linkFolder(join(source, name), join(tools, name))
  for (const name of OTHER_NODES) linkFolder(join(TOOLS, name, 'bin'), path('nodes', name))
  for (const [name, { folder }] of Object.entries(OTHER_RUNTIMES)) linkFolder(join(TOOLS, folder), path('runtimes', name))
  mkdirSync(path('bin'))
  const programs = {
    node: process.execPath,
    // With what the scripts of pnpm, which start the program of a package, need of the system.
    ...Object.fromEntries(['sh', 'sed', 'dirname', 'uname'].map((name) => [name, systemProgram(name)])),
    npm: join(NPM_PROGRAMS, 'npm-cli.js'),
    npx: join(NPM_PROGRAMS, 'npx-cli.js'),
    pnpm: join(tools, 'pnpm', 'bin', 'pnpm.cjs'),
    yarn: join(tools, '@yarnpkg', 'cli-dist', 'bin', 'yarn.js'),
  }
  for (const [name, target] of Object.entries(programs)) symlinkSync(target, path('bin', name))
  for (const name of ['pnpm', 'yarn'] as const) chmodSync(programs[name], 0o755)
}

/** Copies a folder; its files are hard links where they can be. */
function linkFolder(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkFolder(source, target)
    else linkFile(source, target)
  }
}

function linkFile(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error // Another file system.
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(from, to)
  }
}

/** The files and links below a folder. npm leaves empty folders where packages were. */
export function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(folder, join(entry.parentPath, entry.name)))
}
