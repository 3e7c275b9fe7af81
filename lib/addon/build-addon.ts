/** Compiles the addon of an installed package against a libtorch of the user's. */
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { TorchRnnError } from '../errors'
import { toFileSystemError } from '../files/regular-file'
import { ADDON_FILES } from './find-addon'
import { type BuildRecord, buildRecord, findPyTorch, REQUIRED_TORCH_VERSION } from './find-libtorch'
import { isClone, resolvePackage } from './packages'
import { PYTHON } from './platform'
import { runTrial } from './trial'

/** The npm packages that a build needs, besides CMake and a compiler. They are no dependencies: a prebuilt addon needs neither. */
export const BUILD_TOOLS = { 'cmake-js': '8.0.0', 'node-addon-api': '8.9.2' } as const

const HEADER = join('include', 'torch', 'headeronly', 'version.h')

/** How to build the addon. */
export interface BuildSettings {
  /** The folder of libtorch, with include/ and lib/. Default: the one that LIBTORCH or LIBTORCH_USE_PYTORCH=1 names. */
  readonly libtorch?: string
  /** The folder of this package: it has the C++ sources and gets the addon. */
  readonly packageRoot: string
  /** Called with what the compiler prints, piece by piece. */
  readonly onOutput: (text: string) => void
  /** Aborts the build. */
  readonly signal: AbortSignal
}

/** A finished build. */
export interface Build {
  /** The folder of the addon. */
  readonly folder: string
  /** The folder of the libtorch that it was built with. */
  readonly libtorch: string
}

/**
 * Compiles the addon in a temporary folder, moves it into the package and tries it there. An addon that does not work is removed again.
 *
 * @throws TorchRnnError `ERR_LIBRARY_LOAD` for a missing tool or libtorch and a build that fails, `ERR_FILE_SYSTEM`.
 */
export async function buildAddon(settings: BuildSettings): Promise<Build> {
  const { packageRoot, signal, onOutput } = settings
  if (isClone(packageRoot)) throw cannotBuild('this is a clone of the repository', 'Run `npm run build`.')
  const libtorch = findHeaders(settings.libtorch)
  const tools = requireTools(packageRoot)
  const work = mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-build-'))
  try {
    const definitions = [`--CDLIBTORCH=${libtorch}`, `--CDNODE_ADDON_API_DIR=${tools['node-addon-api']}`]
    const args = [join(tools['cmake-js'], 'bin', 'cmake-js'), 'build', '--directory', packageRoot, '--out', work, ...definitions]
    const code = await run(process.execPath, args, onOutput, signal)
    if (code !== 0) throw cannotBuild(`the compiler ended with exit code ${code}`, 'What it printed tells why.')
    return { folder: install(join(work, 'Release'), packageRoot, libtorch), libtorch }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function findHeaders(given: string | undefined): string {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  const folder =
    given ?? (LIBTORCH !== undefined && LIBTORCH !== '' ? LIBTORCH : LIBTORCH_USE_PYTORCH === '1' ? pyTorchFolder() : undefined)
  const advice = `Give the folder of a libtorch or PyTorch ${REQUIRED_TORCH_VERSION}, which has include/ and lib/: --libtorch <folder>, or the variable LIBTORCH.`
  if (folder === undefined) throw cannotBuild('no libtorch was named', advice)
  if (!existsSync(join(folder, HEADER))) throw cannotBuild(`${join(folder, HEADER)} does not exist`, advice)
  return resolve(folder)
}

function pyTorchFolder(): string {
  const { libraries, description, problem } = findPyTorch()
  if (libraries !== undefined) return dirname(libraries)
  throw cannotBuild(`${description}: ${problem}`, `Install PyTorch ${REQUIRED_TORCH_VERSION} where ${PYTHON} finds it.`)
}

/** The folders of {@link BUILD_TOOLS}. They are looked for from the package's folder and from the current one. */
function requireTools(packageRoot: string): Record<keyof typeof BUILD_TOOLS, string> {
  const names = Object.keys(BUILD_TOOLS) as (keyof typeof BUILD_TOOLS)[]
  const found = names.map((name) => [name, resolvePackage(name, packageRoot) ?? resolvePackage(name, process.cwd())] as const)
  const missing = found.filter(([, folder]) => folder === undefined).map(([name]) => `${name}@${BUILD_TOOLS[name]}`)
  if (missing.length > 0) {
    throw cannotBuild(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed`,
      `Run \`npm install --no-save ${missing.join(' ')}\`.`,
    )
  }
  if (spawnSync('cmake', ['--version'], { stdio: 'ignore' }).status !== 0) {
    throw cannotBuild(
      'there is no cmake on PATH',
      'Install CMake 3.20 or newer and a compiler for C++20, with the packages of your system; `pip install cmake` brings a current CMake.',
    )
  }
  return Object.fromEntries(found) as Record<keyof typeof BUILD_TOOLS, string>
}

function run(command: string, args: readonly string[], onOutput: (text: string) => void, signal: AbortSignal): Promise<number | null> {
  return new Promise((done, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], signal })
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', onOutput)
    child.on('error', () =>
      reject(signal.aborted ? signal.reason : cannotBuild(`${command} could not be started`, 'Check its permissions.')),
    )
    child.on('close', done)
  })
}

/** Moves the addon into the package and tries it there. Removes it again when it does not work. */
function install(built: string, packageRoot: string, libtorch: string): string {
  const folder = join(packageRoot, 'build', 'Release')
  try {
    const fresh = `${folder}.${process.pid}.tmp`
    mkdirSync(fresh, { recursive: true })
    for (const file of Object.values(ADDON_FILES)) copyFileSync(join(built, file), join(fresh, file))
    rmSync(folder, { recursive: true, force: true })
    renameSync(fresh, folder)
    writeFileSync(buildRecord(packageRoot), `${JSON.stringify({ libtorch } satisfies BuildRecord, undefined, 2)}\n`)
  } catch (error) {
    throw toFileSystemError('write', folder, error)
  }
  const trial = runTrial([])
  const problem = trial?.report === undefined ? trial?.death : trial.report.problem
  if (problem === undefined) return folder
  rmSync(join(packageRoot, 'build'), { recursive: true, force: true })
  throw cannotBuild(`it was compiled, but does not work: ${problem}`, 'It was removed again.')
}

function cannotBuild(problem: string, advice: string): TorchRnnError {
  return new TorchRnnError('ERR_LIBRARY_LOAD', `Could not build the addon: ${problem}. ${advice}`)
}
