import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describeRefusal } from '../host/permissions'
import { buildFolder, isClone, readJsonObject, readManifest, resolvePackage, type TriedPlace } from './packages'
import { LIBRARY_NAMES, PLATFORM, PYTHON } from './platform'
import { type ProgramSteps, throwIfRefused } from './run-program'

/** The version of libtorch that the addon is built for. The C++ ABI of another version differs. */
export const REQUIRED_TORCH_VERSION = '2.15.0'

/** The package with libtorch for the running platform. */
export const LIBTORCH_PACKAGE = `@torch-rnn-mnist/libtorch-${PLATFORM}`

/** A place where libtorch was looked for: "LIBTORCH=/opt/libtorch". */
export interface LibtorchPlace extends TriedPlace {
  /** The folder with the libraries. Absent when it cannot be used; `problem` then says why. */
  readonly libraries?: string
  /** Whether the user named it. Nobody has tried it with this addon yet, then. */
  readonly isNamed?: boolean
}

/**
 * Looks for libtorch in the documented order. Returns the places that it looked at; if one has a usable libtorch, it is the last.
 *
 * A place that the user named (`LIBTORCH`, `LIBTORCH_USE_PYTORCH`, or for a build) ends the search even when it cannot be used: a libtorch
 * that nobody asked for would be a surprise.
 *
 * @param addonFolder - The folder of the addon, whose package depends on the one with libtorch.
 */
export function* searchLibtorch(packageRoot: string, addonFolder: string): ProgramSteps<LibtorchPlace[]> {
  const named = yield* findNamed(packageRoot)
  if (named !== undefined) return [{ ...named, isNamed: true }]
  const places = [findPlatformPackage([addonFolder, packageRoot])]
  if (places[0]?.problem !== undefined && isClone(packageRoot)) {
    const fetched = join(packageRoot, '.cache', 'libtorch', `${REQUIRED_TORCH_VERSION}-${PLATFORM}`)
    places.push(checkPlace(`the copy fetched by a clone's set-up, ${fetched}`, join(fetched, 'lib')))
  }
  return places
}

function* findNamed(packageRoot: string): ProgramSteps<LibtorchPlace | undefined> {
  const { LIBTORCH, LIBTORCH_USE_PYTORCH } = process.env
  if (LIBTORCH !== undefined && LIBTORCH !== '') return checkPlace(`LIBTORCH=${LIBTORCH}`, join(LIBTORCH, 'lib'))
  if (LIBTORCH_USE_PYTORCH === '1') return yield* findPyTorch()
  return findRecorded(buildRecord(packageRoot))
}

function findRecorded(record: string): LibtorchPlace | undefined {
  if (!existsSync(record)) return undefined
  const description = 'the libtorch that the addon was built with'
  const { object, problem } = readJsonObject<BuildRecord>(record)
  if (object === undefined) return { description, problem }
  if (typeof object.libtorch !== 'string') return { description, problem: `${record} is damaged: it names no libtorch` }
  return checkPlace(`${description}, ${object.libtorch}`, join(object.libtorch, 'lib'))
}

/** What `rnn-mnist-train build` writes down, so that the addon is loaded with the libtorch that it was built with. */
export interface BuildRecord {
  /** The folder with include/ and lib/. */
  readonly libtorch: string
}

/** The name of its file, beside the folder of the addon. */
export const BUILD_RECORD = 'libtorch.json'

/** The file with the {@link BuildRecord} of a package. */
export function buildRecord(packageRoot: string): string {
  return join(buildFolder(packageRoot), BUILD_RECORD)
}

function checkPlace(description: string, libraries: string): LibtorchPlace {
  const cpu = join(libraries, LIBRARY_NAMES.cpu)
  if (!existsSync(cpu)) return { description, problem: `${cpu} does not exist` }
  try {
    const version = writtenVersion(libraries)
    if (version !== undefined && !isRequiredVersion(version)) return { description, problem: versionProblem(version) }
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw error
    return { description, problem: `its version cannot be read: ${(error as Error).message}` }
  }
  return { description, libraries }
}

/** The version that a file in libtorch's folder states; undefined when there is no such file. */
function writtenVersion(libraries: string): string | undefined {
  const root = dirname(libraries)
  const buildVersion = join(root, 'build-version') // as in libtorch's own archives
  if (existsSync(buildVersion)) return readFileSync(buildVersion, 'utf8').trim()
  const pythonVersion = join(root, 'version.py') // as in PyTorch's wheels
  if (existsSync(pythonVersion)) return /__version__ = '([^']+)'/.exec(readFileSync(pythonVersion, 'utf8'))?.[1]
  return undefined
}

/** Whether a version such as "2.15.0+cu132" is the one needed, or the user wants no check. */
export function isRequiredVersion(version: string): boolean {
  return version.split('+')[0] === REQUIRED_TORCH_VERSION || process.env['LIBTORCH_BYPASS_VERSION_CHECK'] === '1'
}

/** Why a version is refused. */
export function versionProblem(version: string): string {
  return `it holds libtorch ${version}, but ${REQUIRED_TORCH_VERSION} is needed (LIBTORCH_BYPASS_VERSION_CHECK=1 tries it anyway)`
}

// find_spec does not import torch, which would take seconds.
const FIND_TORCH = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"

/** More than Python needs to start, even from a slow network disk. */
const PYTHON_LIMIT_MS = 30_000

/**
 * The libtorch in the PyTorch that Python finds. `rnn-mnist-train build` uses it too: PyTorch brings the headers.
 *
 * @throws The errors that describeRefusal knows.
 */
export function* findPyTorch(): ProgramSteps<LibtorchPlace> {
  const description = `the PyTorch of ${PYTHON} (LIBTORCH_USE_PYTORCH=1)`
  const end = yield { command: PYTHON, args: ['-c', FIND_TORCH], limitMs: PYTHON_LIMIT_MS }
  throwIfRefused(end)
  if (end.kind === 'not started') return { description, problem: `${PYTHON} could not be asked: ${end.problem}` }
  if (end.kind === 'overdue')
    return { description, problem: `${PYTHON} was asked where torch is, but gave no answer within ${end.limitMs / 1000} s` }
  if (end.code !== 0) return { description, problem: `${PYTHON} could not be asked: ${describeEnd(end)}` }
  const folder = end.stdout.trim()
  if (folder === '') return { description, problem: `${PYTHON} has no torch` }
  return checkPlace(`${description}, ${folder}`, join(folder, 'lib'))
}

/** How a program failed, with the last line that it printed about it. */
function describeEnd({ code, signal, stderr }: { code: number | null; signal: string | null; stderr: string }): string {
  const reason = stderr.trim().split('\n').at(-1) ?? ''
  return `it ${signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`}${reason === '' ? '' : ` (${reason})`}`
}

/** Whether a libtorch comes with CUDA. @param libraries - The folder of its libraries. */
export function hasCudaLibraries(libraries: string): boolean {
  const names = LIBRARY_NAMES.cuda
  return names.length > 0 && names.every((name) => existsSync(join(libraries, name)))
}

/** Looks from the addon's folder first: with pnpm, only the addon package sees libtorch's, on which it depends. */
function findPlatformPackage(from: readonly string[]): LibtorchPlace {
  for (const folder of from) {
    const found = resolvePackage(LIBTORCH_PACKAGE, folder)
    if (found === undefined) continue
    const description = `the package ${LIBTORCH_PACKAGE}, ${found}`
    const { problem } = readManifest(found)
    return problem === undefined ? checkPlace(description, join(found, 'lib')) : { description, problem }
  }
  return { description: `the package ${LIBTORCH_PACKAGE}`, problem: 'it is not installed' }
}
