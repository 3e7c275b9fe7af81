/** Runs the tests of the API once more: with an addon under AddressSanitizer, and in other versions of Node. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ADDON_FILES, ROOT } from './places.mjs'
import { SetUpError } from './set-up-error.mjs'

const JEST = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js')
/** How the paths of the tests that use the addon begin. */
const WITH_ADDON = ['tests/addon/', 'tests/checkpoints/resume', 'tests/data/dataset', 'tests/model/', 'tests/training/']
/** How the paths of all tests of the API begin. */
const ALL = [
  ...WITH_ADDON,
  'tests/checkpoints/',
  'tests/data/',
  'tests/files/',
  'tests/formats/',
  'tests/hosts/',
  'tests/options/',
  'tests/runs/',
]
/** Trains for minutes, so only `npm test` runs it. */
const TOO_LONG = 'tests/training/accuracy'
/** How TypeScript finds addon and libtorch: many programs, which take minutes and run little of the addon. */
const ABOUT_FINDING = ['installed-addon', 'library-trial', 'load-libtorch'].map((name) => `tests/addon/${name}`)
const TOOLS = join(ROOT, 'tests', 'packages', 'tools')

/** The versions of Node among the tools of the package tests, as pairs of a name ("node-22") and a program. */
export function otherNodes() {
  const { dependencies } = JSON.parse(readFileSync(join(TOOLS, 'package.json'), 'utf8'))
  const names = Object.keys(dependencies).filter((name) => name.startsWith('node-'))
  return names.map((name) => [name, join(TOOLS, 'node_modules', name, 'bin', 'node')])
}

/**
 * The command that runs the tests of the API.
 *
 * @param {string} node - The program that runs them, and that they start child processes with.
 * @param {string[]} paths - Only those whose paths match.
 */
export function apiTests(node, paths) {
  return jest(node, paths.length === 0 ? ALL : paths)
}

function jest(node, paths, leftOut = []) {
  return { command: node, args: [JEST, '--testPathIgnorePatterns', '/node_modules/', TOO_LONG, ...leftOut, '--', ...paths] }
}

/**
 * The command that runs the tests that use the addon with one that was built with AddressSanitizer and UBSan. Node itself was not, so
 * AddressSanitizer's library must be the first that a process loads. Child processes inherit these variables, and worker threads are part
 * of the process.
 *
 * @param {string} folder - The folder of the addon.
 */
export function sanitizedApiTests(folder) {
  const addon = join(folder, basename(ADDON_FILES[0]))
  const library = /libasan\S* => (\S+)/.exec(spawnSync('ldd', [addon], { encoding: 'utf8' }).stdout)?.[1]
  if (library === undefined)
    throw new SetUpError(`${addon} needs no libasan. Build it with GCC, which links AddressSanitizer as a library.`)
  const env = {
    TORCH_RNN_MNIST_ADDON: folder,
    LD_PRELOAD: library,
    // Node and libtorch keep much memory until the process ends, which is no leak. A sanitizer that finds something aborts the process. No
    // test expects that, and jest does not run the file again, as it would after an exit code.
    ASAN_OPTIONS: 'detect_leaks=0:abort_on_error=1:allocator_may_return_null=1:quarantine_size_mb=64',
    UBSAN_OPTIONS: 'abort_on_error=1:print_stacktrace=1',
  }
  return { ...jest(process.execPath, WITH_ADDON, ABOUT_FINDING), env }
}
