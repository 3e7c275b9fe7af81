/** Where things lie in a clone. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const ROOT = dirname(dirname(import.meta.dirname))
/** Everything that can be made again; ignored by git. */
export const CACHE = join(ROOT, '.cache')
export const LOGS = join(CACHE, 'logs')
export const STAMPS = join(CACHE, 'stamps')
export const BUILD = join(ROOT, 'build')
/** What cmake-js builds from native/: the addon, and its loader, which opens libtorch first. */
export const ADDON_FILES = ['torch_rnn_mnist.node', 'loader.node'].map((name) => join(BUILD, 'Release', name))
/** An addon that a test alone uses; see tests/addon/faults. */
export const FAULTS_ADDON = join(BUILD, 'tests', 'faults.node')
export const DIST = join(ROOT, 'dist')
/** What draws pictures, bundled from npm packages, and the list of these packages. */
export const CHARTS_BUNDLE = join(DIST, 'charts', 'plot-bundle.js')
export const CHARTS_PACKAGES = join(CACHE, 'charts-packages.json')
export const LIBTORCH_SCRIPTS = join(ROOT, 'scripts', 'libtorch')

/** "linux-x64": names the pinned files of a platform. */
export const PLATFORM = `${process.platform}-${process.arch}`

/** Which libtorch is fetched, and what is kept of it, as scripts/libtorch/contents.json says. */
export const LIBTORCH_CONTENTS = JSON.parse(readFileSync(join(LIBTORCH_SCRIPTS, 'contents.json'), 'utf8'))

/** The fetched libtorch: one of the places where lib/addon/find-libtorch.ts looks. */
export const FETCHED_LIBTORCH = join(CACHE, 'libtorch', `${LIBTORCH_CONTENTS.version}-${PLATFORM}`)

export const PYTHON = process.platform === 'win32' ? 'python' : 'python3'
