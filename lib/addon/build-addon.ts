/** Compiles the addon of an installed package against a libtorch of the user's. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { TorchRnnError } from '../errors'
import { toFileSystemError } from '../files/regular-file'
import { ADDON_FILES } from './find-addon'
import { BUILD_RECORD, type BuildRecord, findPyTorch, REQUIRED_TORCH_VERSION } from './find-libtorch'
import { FRESH_BUILD, isClone, resolvePackage } from './packages'
import { PYTHON } from './platform'
import { type ProgramEnd, type ProgramSteps, runWaiting, throwIfRefused } from './run-program'
import { runTrial } from './trial'

/** The npm packages that a build needs, besides CMake and a compiler. They are no dependencies: a prebuilt addon needs neither. */
export const BUILD_TOOLS = { 'cmake-js': '8.0.0', 'node-addon-api': '8.9.2' } as const

/** More than a program needs to tell its version. */
const VERSION_LIMIT_MS = 30_000
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
 * Compiles the addon and tries it in temporary folders. Only an addon that works takes the place of the one that was there before.
 *
 * @throws TorchRnnError `ERR_LIBRARY_LOAD` for a missing tool or libtorch and a build that fails, `ERR_FILE_SYSTEM`; and the signal's reason.
 *   Nothing is changed then.
 */
export async function buildAddon(settings: BuildSettings): Promise<Build> {
  const { packageRoot, signal, onOutput } = settings
  if (isClone(packageRoot)) throw cannotBuild('this is a clone of the repository', 'Run `npm run build`.')
  const libtorch = await findHeaders(settings.libtorch, signal)
  const tools = await requireTools(packageRoot, signal)
  const work = makeWorkFolder()
  try {
    const definitions = [`--CDLIBTORCH=${libtorch}`, `--CDNODE_ADDON_API_DIR=${tools['node-addon-api']}`]
    const args = [join(tools['cmake-js'], 'bin', 'cmake-js'), 'build', '--directory', packageRoot, '--out', work, ...definitions]
    const code = await run(process.execPath, args, onOutput, signal)
    if (code !== 0) throw cannotBuild(`the compiler ended with exit code ${code}`, 'What it printed tells why. Nothing was changed.')
    return { folder: await install(join(work, 'Release'), packageRoot, libtorch, signal), libtorch }
  } finally {
    removeIfPossible(work)
  }
}

function makeWorkFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-build-'))
  } catch (error) {
    throw toFileSystemError('write', `a folder in ${tmpdir()}`, error)
  }
}

/** The outcome of the build is worth more than a folder that stays: a compiler that was just killed may still be writing there. */
function removeIfPossible(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true })
  } catch {
    // Windows does not remove a library that a program still uses either.
  }
}

async function findHeaders(given: string | undefined, signal: AbortSignal): Promise<string> {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  const folder =
    given ?? (LIBTORCH !== undefined && LIBTORCH !== '' ? LIBTORCH : LIBTORCH_USE_PYTORCH === '1' ? await pyTorchFolder(signal) : undefined)
  const advice = `Give the folder of a libtorch or PyTorch ${REQUIRED_TORCH_VERSION}, which has include/ and lib/: --libtorch <folder>, or the variable LIBTORCH.`
  if (folder === undefined) throw cannotBuild('no libtorch was named', advice)
  if (!existsSync(join(folder, HEADER))) throw cannotBuild(`${join(folder, HEADER)} does not exist`, advice)
  return resolve(folder)
}

async function pyTorchFolder(signal: AbortSignal): Promise<string> {
  const { libraries, description, problem } = await runWaiting(findPyTorch(), signal)
  if (libraries !== undefined) return dirname(libraries)
  throw cannotBuild(`${description}: ${problem}`, `Install PyTorch ${REQUIRED_TORCH_VERSION} where ${PYTHON} finds it.`)
}

/** The folders of {@link BUILD_TOOLS}. They are looked for from the package's folder and from the current one. */
async function requireTools(packageRoot: string, signal: AbortSignal): Promise<Record<keyof typeof BUILD_TOOLS, string>> {
  const names = Object.keys(BUILD_TOOLS) as (keyof typeof BUILD_TOOLS)[]
  const found = names.map((name) => [name, resolvePackage(name, packageRoot) ?? resolvePackage(name, process.cwd())] as const)
  const missing = found.filter(([, folder]) => folder === undefined).map(([name]) => `${name}@${BUILD_TOOLS[name]}`)
  if (missing.length > 0) {
    throw cannotBuild(
      `${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed`,
      `Run \`npm install --no-save ${missing.join(' ')}\`.`,
    )
  }
  if (!(await hasCmake(signal))) {
    throw cannotBuild(
      'there is no cmake on PATH',
      'Install CMake 3.20 or newer and a compiler for C++20, with the packages of your system; `pip install cmake` brings a current CMake.',
    )
  }
  return Object.fromEntries(found) as Record<keyof typeof BUILD_TOOLS, string>
}

async function hasCmake(signal: AbortSignal): Promise<boolean> {
  const end = await runWaiting(runCmake(), signal)
  throwIfRefused(end)
  return end.kind === 'ended' && end.code === 0
}

function* runCmake(): ProgramSteps<ProgramEnd> {
  return yield { command: 'cmake', args: ['--version'], limitMs: VERSION_LIMIT_MS }
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

/** Tries the addon in a folder beside the one that it is for, and puts it there when it works. */
async function install(built: string, packageRoot: string, libtorch: string, signal: AbortSignal): Promise<string> {
  const folder = join(packageRoot, 'build')
  // Beside it, because a folder can only be renamed within one file system.
  const fresh = `${folder}-${randomBytes(8).toString('hex')}.tmp`
  try {
    fill(fresh, built, libtorch)
    await tryFresh(fresh, libtorch, signal)
    replaceFolder(folder, fresh)
    return join(folder, 'Release')
  } catch (error) {
    throw toFileSystemError('write', folder, error)
  } finally {
    removeIfPossible(fresh)
  }
}

function fill(fresh: string, built: string, libtorch: string): void {
  mkdirSync(join(fresh, 'Release'), { recursive: true })
  for (const file of Object.values(ADDON_FILES)) {
    if (!existsSync(join(built, file)))
      throw cannotBuild(`the compiler made no ${file}`, 'What it printed may tell why. Nothing was changed.')
    copyFileSync(join(built, file), join(fresh, 'Release', file))
  }
  writeFileSync(join(fresh, BUILD_RECORD), `${JSON.stringify({ libtorch } satisfies BuildRecord, undefined, 2)}\n`)
}

/** Tries it with the libtorch that it was built with, whatever this process would use: another addon or libtorch that the user named. */
async function tryFresh(fresh: string, libtorch: string, signal: AbortSignal): Promise<void> {
  const env = { [FRESH_BUILD]: fresh, TORCH_RNN_MNIST_ADDON: '', LIBTORCH: '', LIBTORCH_USE_PYTORCH: '' }
  const trial = await runWaiting(runTrial({ libraries: join(libtorch, 'lib'), env }), signal)
  if (trial === undefined) throw cannotBuild('it was compiled, but no process could be started to try it', 'Nothing was changed.')
  const { failure } = trial
  if (failure === undefined) return
  const problem = failure.loadError ?? `a process that tried it ${failure.what}`
  throw cannotBuild(`it was compiled, but does not work: ${problem}`, [failure.advice, 'Nothing was changed.'].filter(Boolean).join(' '))
}

/** Puts one folder in the place of another. If that fails, everything is as before. */
function replaceFolder(folder: string, fresh: string): void {
  const old = `${fresh}.old`
  const isThere = existsSync(folder)
  if (isThere) renameSync(folder, old)
  try {
    renameSync(fresh, folder)
  } catch (error) {
    if (isThere) renameSync(old, folder)
    throw error
  }
  removeIfPossible(old) // The new addon is in place.
}

function cannotBuild(problem: string, advice: string): TorchRnnError {
  return new TorchRnnError('ERR_LIBRARY_LOAD', `Could not build the addon: ${problem}. ${advice}`)
}
