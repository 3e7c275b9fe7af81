/** Builds the C++ parts: the addon with its loader and the C++ tests by cmake-js; the tests in other variants by CMake alone. */
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { buildIn } from '../build-folder.mjs'
import { ADDON_FILES, BUILD, CACHE, FAULTS_ADDON, LIBTORCH_CONTENTS, PLATFORM, ROOT } from '../places.mjs'
import { filesBelow, hashFiles } from '../stamps.mjs'
import { buildEnvironment, buildGenerator } from './build-tools.mjs'
import { libtorchFolder } from './libtorch.mjs'

/** CMake and what it drives are brought by steps/build-tools.mjs where the machine lacks them. */
const TOOLS = ['compiler']
/** The npm packages that the addon is built with. Others are no reason to build it anew. */
const PACKAGES = ['cmake-js', 'node-addon-api', 'node-api-headers'].map((name) => join(ROOT, 'node_modules', name, 'package.json'))
const ADVICE =
  'If the message does not help, run `rm -rf build .cache/native-tests*` and the same command again: that builds from the start.'

/** Warnings fail the builds of the tests with another compiler or a sanitizer, and any test's own. */
const WARNING_ADVICE =
  'If your compiler is newer than the project and warns without reason, CXXFLAGS=-Wno-<name of the warning> helps. Keep it set: with another ' +
  'value all is built anew.'

/** Whether warnings fail the addon's build. Users of a clone may have a compiler that the project has never seen: they get the addon. */
const ADDON_WARNINGS_FAIL = !['', 'false', undefined].includes(process.env.CI)

/** The variables that change what CMake does. */
const VARIABLES = [
  ...['CC', 'CXX', 'CFLAGS', 'CXXFLAGS', 'LDFLAGS', 'MACOSX_DEPLOYMENT_TARGET', 'CMAKE_GENERATOR'],
  'LIBTORCH_BYPASS_VERSION_CHECK',
]

/** What a build folder is configured with. */
function configuration() {
  const variables = VARIABLES.map((name) => `${name}=${process.env[name] ?? ''}`)
  return [PLATFORM, libtorchFolder(), LIBTORCH_CONTENTS.version, ...variables].join('\n')
}

/** The same for all targets in the addon's folder, because cmake-js configures it once. The tests are built when they are asked for. */
const ADDON_OPTIONS = ['TORCH_RNN_MNIST_TESTS=ON', `TORCH_RNN_MNIST_WERROR=${ADDON_WARNINGS_FAIL ? 'ON' : 'OFF'}`]

function addonConfiguration() {
  return [configuration(), ...ADDON_OPTIONS].join('\n')
}

function sources(folders) {
  const found = folders.flatMap((folder) => filesBelow(join(ROOT, folder)))
  return [join(ROOT, 'CMakeLists.txt'), ...found]
}

/** Builds in a folder, of which this is the name in the records. */
function buildInFolder(name, folder, signal, build, configured = configuration()) {
  return buildIn(folder, join(CACHE, 'configurations', name), `${configured}\n${buildGenerator() ?? ''}`, signal, build)
}

/** Ninja would do so by itself, make would not. */
const PARALLEL = ['--parallel', String(availableParallelism())]

/** The generator, on the command line of CMake and of cmake-js. */
function generatorArguments() {
  const generator = buildGenerator()
  return generator === undefined ? [] : ['-G', generator]
}

/** Shows "[3/14]" of Ninja or "[ 21%]" of make, and counts the compiler's warnings. */
function followBuild({ detail, warning }) {
  return (line) => {
    const counter = /^\[ *\d+(?:\/\d+|%)\]/.exec(line)
    if (counter !== null) detail(counter[0])
    if (/\bwarning( C\d+)?:/.test(line)) warning()
  }
}

/**
 * Runs cmake-js, which configures with the Node-API headers and builds.
 *
 * @param {import('../set-up.mjs').StepWork} work
 * @param {string} folder - For what is built.
 * @param {string[]} options - Of CMake, without -D.
 * @param {string[]} target - Of cmake-js: what to build, if not everything.
 */
async function buildWithNodeApi(work, folder, options, target = []) {
  const cmakeJs = join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js')
  const definitions = [`LIBTORCH=${libtorchFolder()}`, ...options].map((option) => `--CD${option}`)
  await work.tool({
    command: process.execPath,
    args: [cmakeJs, 'build', ...definitions, '-O', folder, ...PARALLEL, ...target, ...generatorArguments()],
    env: buildEnvironment(),
    onLine: followBuild(work),
  })
}

/**
 * A step that builds a target of CMake in the addon's build folder. The addon, the addon of a test and the C++ tests consist of native/core
 * for the most part, so in one folder that is compiled once.
 *
 * @param {string} name
 * @param {string} title
 * @param {string[]} folders - With the sources.
 * @param {string[]} outputs - Absolute paths.
 * @param {string} target
 * @param {string[]} earlier - The targets of the steps before this one, which had their turn: built as well where the folder is new.
 * @returns {import('../set-up.mjs').Step}
 */
function addonStep(name, title, folders, outputs, target, earlier) {
  return {
    name,
    title,
    advice: ADVICE,
    needs: () => TOOLS,
    fingerprint: () => `${addonConfiguration()}\n${hashFiles(ROOT, [...sources(folders), ...PACKAGES])}`,
    outputs: () => outputs,
    async run(work) {
      const build = async (isNew) => {
        for (const each of isNew ? [...earlier, target] : [target]) await buildWithNodeApi(work, BUILD, ADDON_OPTIONS, ['--target', each])
      }
      await buildInFolder('addon', BUILD, work.signal, build, addonConfiguration())
    },
  }
}

export const addon = addonStep('addon', 'building the native addon', ['native', 'cmake'], ADDON_FILES, 'addon', [])

/** Made of the addon's objects, so it is built after that. */
export const faultsAddon = addonStep(
  'faults-addon',
  'building the addon of a test',
  ['native', 'cmake', 'tests/addon/faults'],
  [FAULTS_ADDON],
  'faults',
  ['addon'],
)

/** What the C++ tests are made from. */
const TEST_SOURCES = ['native', 'cmake', 'tests/native', 'tests/fixtures']
/** What is built with them where all is built. */
const ALL_SOURCES = [...TEST_SOURCES, 'tests/addon/faults', 'scripts/bench/peak']

/** The file in which CTest finds the tests of a build folder. */
function testList(folder) {
  return join(folder, 'tests', 'native', 'CTestTestfile.cmake')
}

/** Configures and builds by CMake alone. @param {string[]} options - Of CMake, without -D. */
async function buildByCMake(work, folder, options, build) {
  const env = buildEnvironment()
  const definitions = options.map((option) => `-D${option}`)
  await work.tool({
    command: 'cmake',
    args: ['-S', ROOT, '-B', folder, ...definitions, ...generatorArguments()],
    env,
  })
  await work.tool({ command: 'cmake', args: ['--build', folder, ...build], env, onLine: followBuild(work) })
}

/**
 * A step that builds the C++ tests alone, in one variant.
 *
 * @param {string} name - Of the step and of its build folder.
 * @param {string[]} options - Of CMake.
 * @param {string[]} needs
 * @returns {import('../set-up.mjs').Step & { folder: string }}
 */
function nativeTestsStep(name, title, options, needs = TOOLS) {
  const folder = join(CACHE, name)
  return {
    name,
    title,
    folder,
    advice: `${ADVICE} ${WARNING_ADVICE}`,
    needs: () => needs,
    fingerprint: () => `${configuration()}\n${options}\n${hashFiles(ROOT, sources(ALL_SOURCES))}`,
    outputs: () => [testList(folder)],
    async run(work) {
      const own = ['TORCH_RNN_MNIST_ADDON=OFF', 'TORCH_RNN_MNIST_TESTS=ON', 'TORCH_RNN_MNIST_WERROR=ON', `LIBTORCH=${libtorchFolder()}`]
      await buildInFolder(name, folder, work.signal, () => buildByCMake(work, folder, [...own, ...options], PARALLEL))
    },
  }
}

/** @type {import('../set-up.mjs').Step & { folder: string }} */
export const nativeTests = {
  ...addonStep(
    'native-tests',
    'building the C++ tests',
    TEST_SOURCES,
    [join(BUILD, 'tests', 'native', 'check_test_cases.cmake')], // One of the files that only this target makes.
    'native_tests',
    ['addon', 'faults'],
  ),
  folder: BUILD,
  advice: `${ADVICE} ${WARNING_ADVICE}`,
}

/** Everything, the addon included, by another compiler than usual: it finds other faults. */
export const clangTests = nativeTestsStep(
  'native-tests-clang',
  'building the addon and the C++ tests with Clang',
  ['CMAKE_CXX_COMPILER=clang++', 'TORCH_RNN_MNIST_ADDON=ON', `CMAKE_JS_INC=${join(ROOT, 'node_modules', 'node-api-headers', 'include')}`],
  ['clang'],
)

const ADDRESS_FOLDER = join(CACHE, 'native-tests-address')
const ADDRESS_OPTIONS = ['TORCH_RNN_MNIST_SANITIZE=address,undefined', 'TORCH_RNN_MNIST_TESTS=ON', 'TORCH_RNN_MNIST_WERROR=ON']

/**
 * The C++ tests and the addon with AddressSanitizer and UBSan, in one build because both consist of native/core for the most part.
 *
 * @type {import('../set-up.mjs').Step & { folder: string, addon: string }} - `addon` is the folder with the addon's two files.
 */
export const addressBuild = {
  name: 'native-tests-address',
  title: 'building the C++ tests and the addon with AddressSanitizer and UBSan',
  folder: ADDRESS_FOLDER,
  addon: join(ADDRESS_FOLDER, 'Release'),
  advice: `${ADVICE} ${WARNING_ADVICE}`,
  needs: () => TOOLS,
  fingerprint: () => `${configuration()}\n${ADDRESS_OPTIONS}\n${hashFiles(ROOT, [...sources(ALL_SOURCES), ...PACKAGES])}`,
  outputs: () => [testList(ADDRESS_FOLDER), ...ADDON_FILES.map((file) => join(ADDRESS_FOLDER, 'Release', basename(file)))],
  async run(work) {
    await buildInFolder(this.name, ADDRESS_FOLDER, work.signal, () => buildWithNodeApi(work, ADDRESS_FOLDER, ADDRESS_OPTIONS))
  },
}

/** Without libtorch, whose threads ThreadSanitizer does not understand: only the tests of what is plain C++. */
export const threadTests = nativeTestsStep('native-tests-thread', 'building the C++ tests with ThreadSanitizer', [
  'TORCH_RNN_MNIST_SANITIZE=thread',
  'TORCH_RNN_MNIST_TORCH=OFF',
])

/** The same tests for ARM64, where libtorch is another one. CTest runs them in an emulator, as the toolchain file says. */
export const arm64Tests = nativeTestsStep(
  'native-tests-arm64',
  'building the C++ tests for ARM64',
  [`CMAKE_TOOLCHAIN_FILE=${join(ROOT, 'tests', 'native', 'aarch64-linux-gnu.cmake')}`, 'TORCH_RNN_MNIST_TORCH=OFF'],
  ['ARM64 compiler', 'ARM64 emulator'],
)

const PEAK_FOLDER = join(CACHE, 'fma-peak')

/**
 * The program with which `npm run bench -- engines` measures how fast the processor can be at most. Needs no libtorch.
 *
 * @type {import('../set-up.mjs').Step & { program: string }}
 */
export const fmaPeak = {
  name: 'fma-peak',
  title: 'building the calibration of the benchmarks',
  program: join(PEAK_FOLDER, 'scripts', 'bench', 'peak', 'fma_peak'),
  advice: ADVICE,
  needs: () => TOOLS,
  fingerprint: () => `${configuration()}\n${hashFiles(ROOT, sources(['scripts/bench/peak']))}`,
  outputs() {
    return [this.program]
  },
  async run(work) {
    const options = ['TORCH_RNN_MNIST_ADDON=OFF', 'TORCH_RNN_MNIST_TORCH=OFF', 'TORCH_RNN_MNIST_TESTS=ON']
    await buildInFolder(this.name, PEAK_FOLDER, work.signal, () => buildByCMake(work, PEAK_FOLDER, options, ['--target', 'fma_peak']))
  },
}
