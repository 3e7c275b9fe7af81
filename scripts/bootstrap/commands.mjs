/** The npm scripts: each does the set-up it needs, then its work. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants, cpus } from 'node:os'
import { join } from 'node:path'
import { makePackages, parsePackageOptions } from '../packaging/command.mjs'
import { testInstall } from '../packaging/test-install.mjs'
import { apiTests, otherNodes, sanitizedApiTests } from './api-tests.mjs'
import { DIST, FETCHED_LIBTORCH, ROOT } from './places.mjs'
import { setUp } from './set-up.mjs'
import { SetUpError } from './set-up-error.mjs'
import { buildEnvironment, buildToolSteps } from './steps/build-tools.mjs'
import { charts } from './steps/charts.mjs'
import { checkTool, checkTools, HAS_SHELLCHECK } from './steps/check-tools.mjs'
import { libtorch, libtorchFolder } from './steps/libtorch.mjs'
import { lief } from './steps/lief.mjs'
import { addon, addressBuild, arm64Tests, clangTests, faultsAddon, fmaPeak, nativeTests, threadTests } from './steps/native.mjs'
import { onnx } from './steps/onnx.mjs'
import {
  browserExample,
  browserTestTools,
  docsPackages,
  neighbourPackages,
  onnxGenerator,
  packages,
  packageTestTools,
} from './steps/packages.mjs'
import { page } from './steps/page.mjs'
import { pythonSafetensors } from './steps/python-safetensors.mjs'
import { tensorboard } from './steps/tensorboard.mjs'
import { typescript } from './steps/typescript.mjs'

/** Tools by the file that node runs. */
const SCRIPTS = {
  biome: 'node_modules/@biomejs/biome/bin/biome',
  jest: 'node_modules/jest/bin/jest.js',
  tsc: 'node_modules/typescript/bin/tsc',
  native: 'scripts/checks/native-sources.mjs',
  shell: 'scripts/checks/shell-scripts.mjs',
  typedoc: 'scripts/docs/node_modules/typedoc/bin/typedoc',
  bench: 'scripts/bench/run.mjs',
  onnx: 'scripts/onnx/generate.mjs',
  screenshots: 'scripts/page/screenshots.mjs',
}

const LINT = [
  ['biome', node('biome', 'check', '--error-on-warnings')],
  ['types of the tests', node('tsc', '--project', 'tests')],
  ['types of the scripts', node('tsc', '--project', 'scripts')],
  ['types of the live page', node('tsc', '--project', 'lib/server/page')],
  ['C++ sources', node('native')],
  ['API documentation', typedoc('--emit', 'none')],
  ['Python scripts', ruff('check')],
  ['format of the Python scripts', ruff('format', '--check')],
  ...(HAS_SHELLCHECK ? [['shell scripts', node('shell', checkTool('shellcheck'))]] : []),
  // Without the network: with it, zizmor would look up each action.
  ['workflows', { command: checkTool('zizmor'), args: ['--offline', '--no-progress', '.github'] }],
]

/** What `npm run <name> -- <args>` does. */
const COMMANDS = {
  async build() {
    await setUp(productSteps())
    console.error('The addon is in build/Release, the JavaScript in dist.')
  },
  async train(args) {
    await setUp(productSteps())
    // In this process: signals and exit codes are the program's own.
    const program = join(DIST, 'cli', 'main.js')
    process.argv = [process.execPath, program, ...args]
    createRequire(import.meta.url)(program)
  },
  async test(args) {
    await setUp([...productSteps(), ...jestSteps(), docsPackages, checkTools, nativeTests])
    await runAll([...LINT, ['C++ tests', ctest(nativeTests)], ['TypeScript tests', node('jest', ...args)]])
  },
  async 'test:js'(args) {
    await setUp([...productSteps(), ...jestSteps()])
    await runAll([['TypeScript tests', node('jest', ...args)]])
  },
  async 'test:native'(args) {
    await setUp([packages, ...buildSteps(), nativeTests])
    await runAll([['C++ tests', ctest(nativeTests, args)]])
  },
  async 'test:sanitize'(args) {
    await setUp([packages, ...buildSteps(), addressBuild, threadTests, typescript, charts])
    const runs = [
      ['C++ tests under AddressSanitizer and UBSan', ctest(addressBuild, args)],
      ['C++ tests under ThreadSanitizer', ctest(threadTests, args)],
    ]
    // Arguments are for CTest; then only its tests are meant.
    if (args.length === 0 && process.platform === 'linux')
      runs.push(['API tests with an addon under AddressSanitizer and UBSan', sanitizedApiTests(addressBuild.addon)])
    await runAll(runs)
  },
  async 'test:nodes'(args) {
    await setUp([...productSteps(), faultsAddon, pythonSafetensors, tensorboard, packageTestTools])
    await runAll(otherNodes().map(([name, program]) => [`API tests in ${name}`, apiTests(program, args)]))
  },
  async 'test:clang'(args) {
    await setUp([packages, ...buildSteps(), clangTests])
    await runAll([['C++ tests built by Clang', ctest(clangTests, args)]])
  },
  async 'test:arm64'(args) {
    await setUp([packages, ...buildToolSteps(), arm64Tests])
    await runAll([['C++ tests for ARM64', ctest(arm64Tests, args)]])
  },
  async 'test:stress'(args) {
    await setUp([...productSteps(), neighbourPackages])
    await runAll([['stress tests', node('jest', '--testMatch', '**/tests/stress/*.stress.ts', ...args)]])
  },
  async 'test:browser'(args) {
    await setUp([...productSteps(), browserTestTools, browserExample])
    await runAll([['browser tests', node('jest', '--config', 'tests/browser/jest.config.js', ...args)]])
  },
  async 'test:kill'(args) {
    await setUp(productSteps())
    await runAll([['tests with kill -9', node('jest', '--testMatch', '**/tests/kill/*.kill.ts', ...args)]])
  },
  async 'test:mutations'([seed = '1', ...args]) {
    await setUp([packages])
    const files = ['**/tests/stress/*.mutations.ts', '**/tests/data/{idx-mutations,hostile-sources}.test.ts']
    await runAll([['mutations', { ...node('jest', '--testMatch', ...files, ...args), env: { MUTATIONS_SEED: seed } }]])
  },
  async package(args) {
    await makePackages(parsePackageOptions(args))
  },
  async 'test:packages'(args) {
    // A release tests tarballs that other machines made.
    const isPacked = args[0] === '--packed'
    if (!isPacked) await makePackages(parsePackageOptions([]))
    await setUp([packages, packageTestTools])
    const rest = isPacked ? args.slice(1) : args
    await runAll([['package tests', node('jest', '--config', 'tests/packages/jest.config.js', '--runInBand', ...rest)]])
  },
  async 'test:install'() {
    testInstall()
  },
  async lint() {
    await setUp([packages, docsPackages, checkTools])
    await runAll(LINT)
  },
  async format() {
    await setUp([packages, checkTools])
    await runAll([
      ['biome', node('biome', 'check', '--write')],
      ['C++ sources', node('native', '--write')],
      ['Python scripts', ruff('check', '--fix')],
      ['format of the Python scripts', ruff('format')],
    ])
  },
  async docs() {
    await setUp([packages, docsPackages])
    await runAll([['API documentation', typedoc()]])
  },
  async 'generate:onnx'() {
    await setUp([onnx, onnxGenerator])
    await runAll([['generator of protocol buffers', node('onnx')]])
  },
  async screenshots() {
    await setUp([...productSteps(), browserTestTools])
    await runAll([['screenshots', node('screenshots')]])
  },
  async bench(args) {
    await setUp([...productSteps(), ...(args[0] === 'page' ? [browserTestTools] : [])])
    await runAll([['benchmark', node('bench', ...args)]])
  },
}

/** What a build of C++ needs: tools and libtorch. */
function buildSteps() {
  return [...buildToolSteps(), ...(libtorchFolder() === FETCHED_LIBTORCH ? [libtorch] : [])]
}

function productSteps() {
  return [packages, ...buildSteps(), addon, typescript, charts, page]
}

/** What the jest tests of `npm test` need besides the product. */
function jestSteps() {
  return [faultsAddon, lief, onnx, pythonSafetensors, tensorboard, neighbourPackages, fmaPeak]
}

function node(script, ...args) {
  return { command: process.execPath, args: [join(ROOT, SCRIPTS[script]), ...args] }
}

function typedoc(...args) {
  return node('typedoc', '--options', join(ROOT, 'scripts', 'docs', 'typedoc.json'), ...args)
}

function ruff(...args) {
  return { command: checkTool('ruff'), args }
}

function ctest({ folder }, args = []) {
  const all = ['--test-dir', folder, '--output-on-failure', '--parallel', String(cpus().length), ...args]
  return { command: 'ctest', args: all, env: buildEnvironment() }
}

/** Runs all of them, even after a failure, so that one run shows everything that is wrong. */
async function runAll(runs) {
  const failed = []
  for (const [title, run] of runs) {
    const started = performance.now()
    const code = await runInForeground(run)
    if (runs.length > 1)
      console.error(
        `${title}: ${code === 0 ? 'ok' : `failed (exit code ${code})`} after ${((performance.now() - started) / 1000).toFixed(1)} s`,
      )
    if (code !== 0) failed.push(title)
    if (code > 128) break // Ended by a signal: the user wants to stop.
  }
  if (failed.length === 0) return
  process.exitCode = 1
  if (runs.length > 1) console.error(`Failed: ${failed.join(', ')}.`)
}

function runInForeground({ command, args, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } })
    // A terminal sends its signals to the child as well. Those sent to this process alone are passed on; it ends when the child does.
    const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
    /** @param {NodeJS.Signals} name */
    const passOn = (name) => child.kill(name)
    for (const name of signals) process.on(name, passOn)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      for (const name of signals) process.removeListener(name, passOn)
      // Without a code, there is a signal.
      resolve(code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)])
    })
  })
}

/** Runs an npm script's work, and sets the exit code. */
export async function runCommand(name, args) {
  if (!Object.hasOwn(COMMANDS, name ?? '')) {
    console.error(`Expected a command (${Object.keys(COMMANDS).join(', ')}) but received ${name ?? 'none'}.`)
    process.exitCode = 2
    return
  }
  try {
    await COMMANDS[name](args)
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error
    console.error(error.message)
    process.exitCode = error.exitCode
  }
}
