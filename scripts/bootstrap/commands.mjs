/** The npm scripts: each does the set-up it needs, then its work. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { constants, cpus } from 'node:os'
import { join } from 'node:path'
import { makePackages, parsePackageOptions } from '../packaging/command.mjs'
import { testInstall } from '../packaging/test-install.mjs'
import { DIST, FETCHED_LIBTORCH, ROOT } from './places.mjs'
import { setUp } from './set-up.mjs'
import { SetUpError } from './set-up-error.mjs'
import { libtorch, libtorchFolder } from './steps/libtorch.mjs'
import { lief } from './steps/lief.mjs'
import { addon, addressTests, nativeTests, threadTests } from './steps/native.mjs'
import { docsPackages, neighbourPackages, packages, packageTestTools } from './steps/packages.mjs'
import { typescript } from './steps/typescript.mjs'

/** Tools by the file that node runs. */
const SCRIPTS = {
  biome: 'node_modules/@biomejs/biome/bin/biome',
  jest: 'node_modules/jest/bin/jest.js',
  tsc: 'node_modules/typescript/bin/tsc',
  native: 'scripts/checks/native-sources.mjs',
  typedoc: 'scripts/docs/node_modules/typedoc/bin/typedoc',
  bench: 'scripts/bench/run.mjs',
}

const LINT = [
  ['biome', node('biome', 'check', '--error-on-warnings')],
  ['types of the tests', node('tsc', '--project', 'tests')],
  ['C++ sources', node('native')],
  ['API documentation', typedoc('--emit', 'none')],
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
    await setUp([...productSteps(), lief, docsPackages, nativeTests])
    await runAll([...LINT, ['C++ tests', ctest(nativeTests)], ['TypeScript tests', node('jest', ...args)]])
  },
  async 'test:js'(args) {
    await setUp([...productSteps(), lief])
    await runAll([['TypeScript tests', node('jest', ...args)]])
  },
  async 'test:native'(args) {
    await setUp([packages, ...libtorchSteps(), nativeTests])
    await runAll([['C++ tests', ctest(nativeTests, args)]])
  },
  async 'test:sanitize'(args) {
    await setUp([packages, ...libtorchSteps(), addressTests, threadTests])
    await runAll([
      ['C++ tests under AddressSanitizer and UBSan', ctest(addressTests, args)],
      ['C++ tests under ThreadSanitizer', ctest(threadTests, args)],
    ])
  },
  async 'test:stress'(args) {
    await setUp([...productSteps(), neighbourPackages])
    await runAll([['stress tests', node('jest', '--testMatch', '**/tests/stress/*.stress.ts', ...args)]])
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
    await setUp([packages, docsPackages])
    await runAll(LINT)
  },
  async format() {
    await setUp([packages])
    await runAll([
      ['biome', node('biome', 'check', '--write')],
      ['C++ sources', node('native', '--write')],
    ])
  },
  async docs() {
    await setUp([packages, docsPackages])
    await runAll([['API documentation', typedoc()]])
  },
  async bench(args) {
    await setUp(productSteps())
    await runAll([['benchmark', node('bench', ...args)]])
  },
}

function libtorchSteps() {
  return libtorchFolder() === FETCHED_LIBTORCH ? [libtorch] : []
}

function productSteps() {
  return [packages, ...libtorchSteps(), addon, typescript]
}

function node(script, ...args) {
  return { command: process.execPath, args: [join(ROOT, SCRIPTS[script]), ...args] }
}

function typedoc(...args) {
  return node('typedoc', '--options', join(ROOT, 'scripts', 'docs', 'typedoc.json'), ...args)
}

function ctest({ folder }, args = []) {
  return { command: 'ctest', args: ['--test-dir', folder, '--output-on-failure', '--parallel', String(cpus().length), ...args] }
}

/** Runs all of them, even after a failure, so that one run shows everything that is wrong. */
async function runAll(runs) {
  const failed = []
  for (const [title, { command, args }] of runs) {
    const started = performance.now()
    const code = await runInForeground(command, args)
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

function runInForeground(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
    // A terminal sends its signals to the child as well. Those sent to this process alone are passed on; it ends when the child does.
    const listeners = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => [name, () => child.kill(name)])
    for (const [name, listener] of listeners) process.on(name, listener)
    child.on('error', reject)
    child.on('close', (code, signal) => {
      for (const [name, listener] of listeners) process.removeListener(name, listener)
      resolve(code ?? 128 + constants.signals[signal])
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
