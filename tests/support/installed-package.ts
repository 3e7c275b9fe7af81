/** Packages laid out as by npm, without npm: for tests of how they find each other, and of the messages when they do not. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { ADDON_FILES, searchAddon } from '../../lib/addon/find-addon'
import { REQUIRED_TORCH_VERSION } from '../../lib/addon/find-libtorch'
import { PLATFORM } from '../../lib/addon/platform'
import { PACKAGE } from './child-script'
import { LIBRARIES } from './libtorch'
import { REPOSITORY } from './run-program'

export const ADDON = `@torch-rnn-mnist/addon-${PLATFORM}`
export const LIBTORCH = `@torch-rnn-mnist/libtorch-${PLATFORM}`
const { version, dependencies, engines } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
  version: string
  dependencies: Record<string, string>
  engines: object
}
export const VERSION = version
/** The addon that these tests run with. */
export const { folder: ADDON_FOLDER } = searchAddon(REPOSITORY).at(-1) as { folder: string }

/** Writes a package.json. */
export function writeManifest(folder: string, manifest: object): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
}

/** Installs packages in the folder `user` of the test. */
export function packagesIn(path: (...names: string[]) => string) {
  const modules = (...names: string[]) => path('user', 'node_modules', ...names)
  const main = (...names: string[]) => modules('torch-rnn-mnist', ...names)

  /**
   * The package without addon, and without a clone around it. Returns the variables that make a program use it.
   *
   * @param addons - Those that it was published with.
   */
  function installMain(addons: readonly string[] = [ADDON]) {
    cpSync(dirname(PACKAGE), main('dist'), { recursive: true })
    const optionalDependencies = Object.fromEntries(addons.map((name) => [name, VERSION]))
    writeManifest(main(), { name: 'torch-rnn-mnist', version: VERSION, optionalDependencies, engines })
    for (const name of Object.keys(dependencies)) {
      mkdirSync(dirname(modules(name)), { recursive: true }) // A scope has a folder of its own.
      symlinkSync(join(REPOSITORY, 'node_modules', name), modules(name))
    }
    return { PACKAGE_UNDER_TEST: main('dist', 'index.js'), TORCH_RNN_MNIST_ADDON: undefined }
  }

  function installAddon(manifest: object = {}, folder = modules(ADDON)): void {
    mkdirSync(folder, { recursive: true })
    for (const file of Object.values(ADDON_FILES)) symlinkSync(join(ADDON_FOLDER, file), join(folder, file))
    writeManifest(folder, { name: ADDON, version: VERSION, torchRnnMnist: { glibc: '2.0' }, ...manifest })
  }

  function installLibtorch(folder = modules(LIBTORCH)): void {
    mkdirSync(folder, { recursive: true })
    symlinkSync(LIBRARIES, join(folder, 'lib'))
    writeFileSync(join(folder, 'build-version'), REQUIRED_TORCH_VERSION)
    writeManifest(folder, { name: LIBTORCH, version: REQUIRED_TORCH_VERSION })
  }

  return { modules, main, installMain, installAddon, installLibtorch }
}
