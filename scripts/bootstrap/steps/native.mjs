/** Builds the C++ parts: the addon with its loader, by cmake-js, and the C++ tests, by CMake alone. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDON_FILES, BUILD, CACHE, FAULTS_ADDON, LIBTORCH_CONTENTS, PLATFORM, ROOT } from '../places.mjs'
import { filesBelow, hashFiles } from '../stamps.mjs'
import { libtorchFolder } from './libtorch.mjs'

const TOOLS = ['cmake', 'compiler', 'make']
/** The npm packages that the addon is built with. Others are no reason to build it anew. */
const PACKAGES = ['cmake-js', 'node-addon-api', 'node-api-headers'].map((name) => join(ROOT, 'node_modules', name, 'package.json'))
const CONFIGURATIONS = join(CACHE, 'configurations')
const ADVICE =
  'If the message does not help, run `rm -rf build .cache/native-tests*` and the same command again: that builds from the start.'

/** The variables that change what CMake does. */
const VARIABLES = [
  ...['CC', 'CXX', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS', 'MACOSX_DEPLOYMENT_TARGET', 'CMAKE_GENERATOR'],
  'LIBTORCH_BYPASS_VERSION_CHECK',
]

function generator() {
  if (process.platform === 'win32' || process.env.CMAKE_GENERATOR !== undefined) return process.env.CMAKE_GENERATOR
  return spawnSync('ninja', ['--version'], { stdio: 'ignore' }).status === 0 ? 'Ninja' : 'Unix Makefiles'
}

/** What a build folder is configured with. Another configuration needs a new folder: CMake keeps what it has found once. */
function configuration() {
  const variables = VARIABLES.map((name) => `${name}=${process.env[name] ?? ''}`)
  return [PLATFORM, libtorchFolder(), LIBTORCH_CONTENTS.version, ...variables].join('\n')
}

function sources(folders) {
  const found = folders.flatMap((folder) => filesBelow(join(ROOT, folder)))
  return [join(ROOT, 'CMakeLists.txt'), ...found]
}

/**
 * Removes a build folder that cannot be continued: one of another configuration, or one in which a build was killed. Only Ninja then knows
 * which files are half-written; and without its build.ninja, not even CMake came to its end.
 */
function prepareFolder(name, folder, killedBefore) {
  const file = join(CONFIGURATIONS, name)
  const wanted = configuration()
  const isTorn = killedBefore && !existsSync(join(folder, 'build.ninja'))
  if (isTorn || readIfThere(file) !== wanted) rmSync(folder, { recursive: true, force: true })
  mkdirSync(CONFIGURATIONS, { recursive: true })
  writeFileSync(file, wanted)
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Shows "[3/14]" of Ninja or "[ 21%]" of make. */
function showCounter(detail) {
  return (line) => {
    const counter = /^\[ *\d+(?:\/\d+|%)\]/.exec(line)
    if (counter !== null) detail(counter[0])
  }
}

/**
 * A step that builds a part of the addon's build folder.
 *
 * @param {string[]} folders - With the sources.
 * @param {string[]} outputs - Absolute paths.
 * @param {string[]} options - Of cmake-js: what to build.
 * @returns {import('../set-up.mjs').Step}
 */
function addonStep(name, title, folders, outputs, options) {
  return {
    name,
    title,
    advice: ADVICE,
    needs: () => TOOLS,
    fingerprint: () => `${configuration()}\n${hashFiles(ROOT, [...sources(folders), ...PACKAGES])}`,
    outputs: () => outputs,
    async run({ tool, detail, killedBefore }) {
      prepareFolder('addon', BUILD, killedBefore)
      const cmakeJs = join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js')
      const chosen = generator()
      const all = [`--CDLIBTORCH=${libtorchFolder()}`, '-O', BUILD, ...options, ...(chosen === undefined ? [] : ['-G', chosen])]
      await tool({ command: process.execPath, args: [cmakeJs, 'build', ...all], onLine: showCounter(detail) })
    },
  }
}

export const addon = addonStep('addon', 'building the native addon', ['native', 'cmake'], ADDON_FILES, [])

/** Made of the addon's objects, so it is built after that. */
export const faultsAddon = addonStep(
  'faults-addon',
  'building the addon of a test',
  ['native', 'cmake', 'tests/addon/faults'],
  [FAULTS_ADDON],
  ['--target', 'faults'],
)

/**
 * A step that builds the C++ tests in one variant.
 *
 * @param {string} name - Of the step and of its build folder.
 * @param {string[]} options - Of CMake.
 * @returns {import('../set-up.mjs').Step & { folder: string }}
 */
function nativeTestsStep(name, title, options) {
  const folder = join(CACHE, name)
  return {
    name,
    title,
    folder,
    advice: ADVICE,
    needs: () => TOOLS,
    fingerprint: () => `${configuration()}\n${options}\n${hashFiles(ROOT, sources(['native', 'cmake', 'tests/native', 'tests/fixtures']))}`,
    outputs: () => [join(folder, 'tests', 'native', 'CTestTestfile.cmake')],
    async run({ tool, detail, killedBefore }) {
      prepareFolder(name, folder, killedBefore)
      const chosen = generator()
      const all = ['-DTORCH_RNN_MNIST_ADDON=OFF', '-DTORCH_RNN_MNIST_TESTS=ON', `-DLIBTORCH=${libtorchFolder()}`, ...options]
      await tool({ command: 'cmake', args: ['-S', ROOT, '-B', folder, ...all, ...(chosen === undefined ? [] : ['-G', chosen])] })
      await tool({ command: 'cmake', args: ['--build', folder, '--parallel'], onLine: showCounter(detail) })
    },
  }
}

export const nativeTests = nativeTestsStep('native-tests', 'building the C++ tests', [])

export const addressTests = nativeTestsStep('native-tests-address', 'building the C++ tests with AddressSanitizer and UBSan', [
  '-DTORCH_RNN_MNIST_SANITIZE=address,undefined',
])

/** Without libtorch, whose threads ThreadSanitizer does not understand: only the tests of what consists of plain threads and locks. */
export const threadTests = nativeTestsStep('native-tests-thread', 'building the C++ tests with ThreadSanitizer', [
  '-DTORCH_RNN_MNIST_SANITIZE=thread',
  '-DTORCH_RNN_MNIST_TORCH=OFF',
])
