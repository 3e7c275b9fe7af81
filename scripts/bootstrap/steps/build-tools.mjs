/** CMake and Ninja: the machine's, or, where it has none or too old a CMake, those of PyPI in the cache. */
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { CACHE, ROOT } from '../places.mjs'
import { isOlder } from '../versions.mjs'
import { pythonPackagesStep } from './python-packages.mjs'

/** As in CMakeLists.txt. */
const CMAKE_VERSION = '3.20'
const FOLDER = join(CACHE, 'build-tools')
const ENDING = process.platform === 'win32' ? '.exe' : ''
/** Of the fetched programs. CMake's own folder is first: in the other one, "cmake" is a Python script that needs the packages. */
const PROGRAMS = [join(FOLDER, 'cmake', 'data', 'bin'), join(FOLDER, 'bin')]

const buildTools = pythonPackagesStep({
  name: 'build-tools',
  title: 'fetching CMake and Ninja',
  requirements: join(ROOT, 'scripts', 'bootstrap', 'requirements-build.txt'),
  folder: FOLDER,
  outputs: [join(PROGRAMS[0], `cmake${ENDING}`), join(PROGRAMS[0], `ctest${ENDING}`), join(PROGRAMS[1], `ninja${ENDING}`)],
  advice: ` Or install CMake ${CMAKE_VERSION} or newer, and Ninja or make, yourself: then nothing has to be fetched.`,
})

/** @type {boolean | undefined} */
let suffices

/** Whether the machine's own tools can build everything. */
function machineSuffices() {
  suffices ??= hasCmake() && (process.platform === 'win32' || hasProgram('ninja') || hasProgram('make'))
  return suffices
}

function hasCmake() {
  const { status, stdout } = spawnSync('cmake', ['--version'], { encoding: 'utf8' })
  const version = status === 0 ? /version (\d+\.\d+)/.exec(stdout)?.[1] : undefined
  return version !== undefined && !isOlder(version, CMAKE_VERSION)
}

function hasProgram(name) {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0
}

/** The step that fetches the tools; none where the machine has them. */
export function buildToolSteps() {
  return machineSuffices() ? [] : [buildTools]
}

/** The environment variables with which `cmake`, `ctest` and `ninja` are found. @returns {Record<string, string>} */
export function buildEnvironment() {
  if (machineSuffices()) return {}
  // Windows writes the name as "Path", and a second variable "PATH" would not replace it.
  const name = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  return { [name]: [...PROGRAMS, process.env[name] ?? ''].join(delimiter) }
}

/** The generator of build files that CMake shall use; undefined leaves the choice to CMake. */
export function buildGenerator() {
  if (process.platform === 'win32' || process.env.CMAKE_GENERATOR !== undefined) return process.env.CMAKE_GENERATOR
  return !machineSuffices() || hasProgram('ninja') ? 'Ninja' : 'Unix Makefiles'
}
