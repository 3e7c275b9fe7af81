/** What a machine must have before a step runs. Whatever is missing is reported at once, with the command that installs it. */
import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { LIBTORCH_CONTENTS, PLATFORM, PYTHON, ROOT } from './places.mjs'
import { SetUpError } from './set-up-error.mjs'
import { isOlder } from './versions.mjs'

/** The oldest Python that the project's scripts run on (ruff.toml checks them for it), and for which there is a wheel of LIEF. */
const PYTHON_VERSION = '3.9'
/** The oldest pip that takes several --platform. */
const PIP_VERSION = '20.3'
/** The oldest GNU C library that PyTorch's wheels run on ("manylinux_2_28"). */
const GLIBC_VERSION = '2.28'

/** Names of packages by package manager; some are known for apt-get and pacman alone. */
const PACKAGES = {
  'apt-get': {
    install: 'sudo apt-get install',
    python: 'python3',
    pip: 'python3-pip',
    compiler: 'g++',
    clang: 'clang',
    strip: 'binutils',
    arm64Compiler: 'g++-aarch64-linux-gnu',
    arm64Emulator: 'qemu-user',
  },
  dnf: {
    install: 'sudo dnf install',
    python: 'python3',
    pip: 'python3-pip',
    compiler: 'gcc-c++',
    clang: 'clang',
    strip: 'binutils',
  },
  pacman: {
    install: 'sudo pacman -S',
    python: 'python',
    pip: 'python-pip',
    compiler: 'gcc',
    clang: 'clang',
    strip: 'binutils',
    arm64Compiler: 'aarch64-linux-gnu-gcc',
    arm64Emulator: 'qemu-user',
  },
  zypper: {
    install: 'sudo zypper install',
    python: 'python3',
    pip: 'python3-pip',
    compiler: 'gcc-c++',
    clang: 'clang',
    strip: 'binutils',
  },
  brew: { install: 'brew install', python: 'python', pip: 'python', compiler: 'llvm', clang: 'llvm' },
  winget: {
    install: 'winget install',
    python: 'Python.Python.3.12',
    pip: 'Python.Python.3.12',
    compiler: 'Microsoft.VisualStudio.2022.BuildTools',
    clang: 'LLVM.LLVM',
  },
}

/** Each check returns a message, and the package (a key of PACKAGES' entries) or other advice that helps; undefined when all is well. */
const CHECKS = {
  python: checkPython,
  compiler: checkCompiler,
  clang: checkClang,
  strip: checkStrip,
  'ARM64 compiler': checkArm64Compiler,
  'ARM64 emulator': checkArm64Emulator,
  'libtorch for this platform': checkPlatform,
  'disk space for libtorch': checkDiskSpace,
}

/**
 * @param {Set<string>} names - Keys of CHECKS.
 * @throws {SetUpError} Lists everything that is missing.
 */
export function requireTools(names) {
  const problems = Object.entries(CHECKS)
    .filter(([name]) => names.has(name))
    .map(([, check]) => check())
    .filter((problem) => problem !== undefined)
  if (problems.length === 0) return
  const packages = new Set(problems.map(({ package: name }) => name).filter((name) => name !== undefined))
  const advice = problems.map(({ advice }) => advice).filter((text) => text !== undefined)
  if (packages.size > 0) advice.unshift(`Install with: ${installCommand(packages)}`)
  throw new SetUpError(
    `This machine lacks something that the set-up needs:\n${problems.map(({ message }) => `  - ${message}`).join('\n')}\n${advice.join('\n')}`,
  )
}

function installCommand(names) {
  const manager = Object.keys(PACKAGES).find((command) => found(command, ['--version']))
  const isKnown = manager !== undefined && [...names].every((name) => name in PACKAGES[manager])
  const { install, ...packages } = PACKAGES[isKnown ? manager : 'apt-get']
  const command = `${install} ${[...new Set([...names].map((name) => packages[name]))].join(' ')}`
  return isKnown ? command : `your system's package manager; on Debian and Ubuntu: ${command}`
}

function found(command, args) {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}

function output(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return status === 0 ? stdout : undefined
}

function checkPython() {
  const wanted = `Python ${PYTHON_VERSION} or newer with pip`
  const use = 'it fetches libtorch, and CMake where that is missing'
  const version = /^Python (\d+\.\d+)/.exec(output(PYTHON, ['--version']) ?? '')?.[1]
  if (version === undefined) return { message: `${wanted} (${PYTHON} was not found): ${use}`, package: 'pip' }
  if (isOlder(version, PYTHON_VERSION)) {
    const advice = `Install a newer Python beside it, and put it first on PATH under the name ${PYTHON}: a virtual environment made with it does that.`
    return { message: `${wanted} (${PYTHON} is Python ${version}): ${use}`, advice }
  }
  const pip = /^pip (\d+\.\d+)/.exec(output(PYTHON, ['-m', 'pip', '--version']) ?? '')?.[1]
  if (pip === undefined) return { message: `pip (${PYTHON} -m pip does not run): ${use}`, package: 'pip' }
  if (!isOlder(pip, PIP_VERSION)) return undefined
  const advice = `Make a virtual environment with a newer pip, and run the same command in it: ${PYTHON} -m venv .cache/venv && . .cache/venv/bin/activate && pip install --upgrade pip`
  return { message: `pip ${PIP_VERSION} or newer (${PYTHON} has pip ${pip}): ${use}`, advice }
}

function checkCompiler() {
  if (process.platform === 'win32') return undefined // CMake itself looks for Visual Studio, and reports when there is none.
  const compilers = [process.env.CXX, 'c++', 'g++', 'clang++'].filter((name) => name !== undefined && name !== '')
  const compiler = compilers.find((name) => found(name, ['--version']))
  if (compiler === undefined) {
    return { message: `a C++20 compiler (${compilers.join(', ')}: none was found): builds the native addon`, package: 'compiler' }
  }
  const program = '#include <compare>\n#include <concepts>\ntemplate <std::integral T> auto f(T a, T b) { return a <=> b; }\n'
  const { status } = spawnSync(compiler, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], {
    input: program,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  if (status === 0) return undefined
  return {
    message: `a C++20 compiler (${compiler} is too old: it does not compile C++20)`,
    advice: 'Install a newer compiler beside it, such as the package g++-12, and name it in the variable CXX: CXX=g++-12 npm run build',
  }
}

function checkClang() {
  if (found('clang++', ['--version'])) return undefined
  return { message: 'Clang (clang++ was not found): this command checks that the project builds with it', package: 'clang' }
}

function checkStrip() {
  if (found('strip', ['--version'])) return undefined
  return { message: 'binutils (strip was not found): makes the packages smaller', package: 'strip' }
}

/** As tests/native/aarch64-linux-gnu.cmake names it. */
function checkArm64Compiler() {
  if (found('aarch64-linux-gnu-g++', ['--version'])) return undefined
  return { message: 'a C++ compiler for ARM64 (aarch64-linux-gnu-g++ was not found): builds the tests', package: 'arm64Compiler' }
}

function checkArm64Emulator() {
  if (found('qemu-aarch64', ['--version'])) return undefined
  return { message: 'an emulator of ARM64 (qemu-aarch64 was not found): runs the tests', package: 'arm64Emulator' }
}

/** Wheels exist for few platforms; elsewhere users bring their own libtorch. */
function checkPlatform() {
  const own = `Set LIBTORCH to a folder with libtorch ${LIBTORCH_CONTENTS.version} for this platform.`
  if (LIBTORCH_CONTENTS.platforms[PLATFORM] === undefined) {
    return {
      message: `libtorch: there is none to fetch for ${PLATFORM}, only for ${Object.keys(LIBTORCH_CONTENTS.platforms).join(', ')}`,
      advice: own,
    }
  }
  if (process.platform !== 'linux') return undefined
  const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport())
  const glibc = header.glibcVersionRuntime
  if (glibc !== undefined && !isOlder(glibc, GLIBC_VERSION)) return undefined
  const actual = glibc === undefined ? 'this Linux has another one' : `found ${glibc}`
  return { message: `the GNU C library ${GLIBC_VERSION} or newer (${actual}): PyTorch's libtorch needs it`, advice: own }
}

function checkDiskSpace() {
  const needed = LIBTORCH_CONTENTS.platforms[PLATFORM]?.megabytes.disk ?? 0
  const { bavail, bsize } = statfsSync(ROOT)
  const free = Math.floor((bavail * bsize) / 1e6)
  if (free >= needed) return undefined
  return {
    message: `${needed} MB of disk space to fetch libtorch (${free} MB are free in ${ROOT})`,
    advice: 'Free some space, or clone onto another disk.',
  }
}
