/** Fills a folder for each package with the files that it is packed from. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { chmod, copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join, relative, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { ADDON_FILES, FETCHED_LIBTORCH, PLATFORM, ROOT } from '../bootstrap/places.mjs'
import { filesBelow } from '../bootstrap/stamps.mjs'
import { readBinaries } from './binaries.mjs'
import { MAIN_DOCUMENTS } from './contents.mjs'
import { describeFloors, highestFloors } from './floors.mjs'
import { writeAddonLicenses, writeLibtorchLicenses, writeMainLicenses } from './licenses.mjs'
import { addonManifest, commandManifest, libtorchManifest, mainManifest, withRepository } from './manifests.mjs'
import { ADDON, COMMAND, LIBTORCH, MAIN, PACKAGING, packedLibraries, ROOT_MANIFEST, stageOf } from './places.mjs'
import { addonReadme, libtorchReadme, mainReadme } from './readmes.mjs'

/** The files that the main package takes unchanged from the repository. Debuggers and `rnn-mnist-train build` need the sources. */
const MAIN_FILES = [
  'dist',
  'native',
  'cmake',
  'models',
  'CMakeLists.txt',
  ...MAIN_DOCUMENTS,
  'docs/pictures',
  'binding.gyp.md',
  'README.md',
  'CHANGELOG.md',
  'LICENSE',
]

const root = () => withRepository(ROOT_MANIFEST, process.env)

/**
 * Makes a package's folder. It gets its name last, so that it is complete or does not exist.
 *
 * @param {import('./places.mjs').PackageName} package_
 * @param {object} manifest - Its package.json.
 * @param {(folder: string) => Promise<void>} fill - Writes all other files.
 */
async function stage(package_, manifest, fill) {
  const folder = stageOf(package_)
  const unfinished = `${folder}.tmp`
  await rm(unfinished, { recursive: true, force: true })
  await mkdir(unfinished, { recursive: true })
  await fill(unfinished)
  await writeFile(join(unfinished, 'SHA256SUMS'), await checksums(unfinished))
  await writeFile(join(unfinished, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`)
  await rm(folder, { recursive: true, force: true })
  await rename(unfinished, folder)
}

/** The checksums of all files but package.json, which registries and package managers may change. In the format of `sha256sum --check`. */
async function checksums(folder) {
  const files = packagedFiles(folder)
  const sums = await Promise.all(files.map(async (file) => `${await sha256(join(folder, file))}  ${file}\n`))
  return sums.join('')
}

async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** The files of a package's folder, relative to it and with slashes, sorted. */
export function packagedFiles(folder) {
  return filesBelow(folder)
    .map((file) => relative(folder, file).split(sep).join('/'))
    .sort()
}

/** @param {Record<string, import('./manifests.mjs').AddonManifest>} addons - The addon packages that exist, by name. */
export async function stageMain(addons) {
  const versions = Object.fromEntries(Object.entries(addons).map(([name, { version }]) => [name, version]))
  await stage(MAIN, mainManifest(root(), versions), async (folder) => {
    for (const file of MAIN_FILES) await cp(join(ROOT, file), join(folder, file), { recursive: true })
    await writeMainLicenses(folder)
    const readme = await readFile(join(ROOT, 'README.md'), 'utf8')
    await writeFile(join(folder, 'README.md'), mainReadme(readme, Object.values(addons)))
  })
}

export async function stageCommand() {
  const source = join(PACKAGING, COMMAND.name)
  await stage(COMMAND, commandManifest(root(), COMMAND.name), async (folder) => {
    await cp(source, folder, { recursive: true })
    await chmod(join(folder, 'cli.js'), 0o755)
    await copyFile(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'))
  })
}

/**
 * Copies libtorch's libraries. On Linux, PyTorch's lose the symbols that only debuggers use, a fifth of their size. All others stay unchanged:
 * NVIDIA's, and those of other systems, where stripping would break signatures (macOS).
 */
export async function stageLibtorch() {
  await stage(LIBTORCH, libtorchManifest(root(), LIBTORCH, PLATFORM), async (folder) => {
    await mkdir(join(folder, 'lib'))
    for (const path of packedLibraries()) {
      const copy = /^torch\/(?!lib\/libnvpl_)/.test(path) ? strip : copyFile
      const library = join(folder, 'lib', basename(path))
      await copy(join(FETCHED_LIBTORCH, 'lib', basename(path)), library)
      await chmod(library, 0o755)
    }
    await copyFile(join(FETCHED_LIBTORCH, 'build-version'), join(folder, 'build-version'))
    await writeLibtorchLicenses(folder, PLATFORM)
    const floors = await floorsOfFiles(await filesOfFolder(join(folder, 'lib')))
    await writeFile(join(folder, 'README.md'), libtorchReadme(LIBTORCH, PLATFORM, describeFloors(floors)))
  })
}

/** Needs the folder of libtorch's package, because the addon's package states what both need from a system. */
export async function stageAddon() {
  const floors = await floorsOfFiles([...ADDON_FILES, ...(await stagedLibraries())])
  const manifest = addonManifest(root(), ADDON.name, PLATFORM, LIBTORCH, floors)
  await stage(ADDON, manifest, async (folder) => {
    for (const file of ADDON_FILES) await strip(file, join(folder, basename(file)))
    await writeAddonLicenses(folder)
    await writeFile(join(folder, 'README.md'), addonReadme(manifest))
  })
}

/** The libraries in the folder of libtorch's package. */
export async function stagedLibraries() {
  return filesOfFolder(join(stageOf(LIBTORCH), 'lib'))
}

async function filesOfFolder(folder) {
  return (await readdir(folder)).map((name) => join(folder, name))
}

/** What all these binaries together need from a system. */
async function floorsOfFiles(files) {
  return highestFloors((await readBinaries(files)).map((binary) => binary.floors))
}

/** Copies a binary; on Linux without the symbols that only debuggers use. */
async function strip(from, to) {
  if (process.platform !== 'linux') return copyFile(from, to)
  await promisify(execFile)('strip', ['--strip-unneeded', '-o', to, from])
}
