/** `npm run package`: brings the packages in npm/ up to date, and prints their sizes and what they need. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { FETCHED_LIBTORCH, PLATFORM, ROOT } from '../bootstrap/places.mjs'
import { setUp } from '../bootstrap/set-up.mjs'
import { SetUpError } from '../bootstrap/set-up-error.mjs'
import { buildToolSteps } from '../bootstrap/steps/build-tools.mjs'
import { charts } from '../bootstrap/steps/charts.mjs'
import { libtorch, libtorchFolder } from '../bootstrap/steps/libtorch.mjs'
import { lief } from '../bootstrap/steps/lief.mjs'
import { addon } from '../bootstrap/steps/native.mjs'
import { packages } from '../bootstrap/steps/packages.mjs'
import { page } from '../bootstrap/steps/page.mjs'
import { typescript } from '../bootstrap/steps/typescript.mjs'
import { describeRunPaths, readBinaries } from './binaries.mjs'
import { highestFloors } from './floors.mjs'
import { hasLicenses } from './licenses.mjs'
import { ADDON, COMMAND, LIBTORCH, MAIN, stageOf, TARBALLS, tarballOf } from './places.mjs'
import { packagedFiles } from './stages.mjs'
import { mainSteps, platformSteps } from './steps.mjs'
import { systemOf } from './systems.mjs'
import { addonsIn, removeOtherVersions } from './tarballs.mjs'

const USAGE = `Usage: npm run package -- [--max-glibc <version>] [--platform-only]
       npm run package -- --main-only --addons <folder with addon tarballs>`

/**
 * @typedef {object} PackageOptions
 * @property {string} [maxGlibc] - The newest C library that the binaries may need.
 * @property {boolean} platformOnly - Only the addon and libtorch of this platform.
 * @property {string} [addons] - Only the packages that are the same everywhere, for the addon tarballs of this folder.
 */

/** @param {string[]} args @returns {PackageOptions} @throws {SetUpError} With exit code 2. */
export function parsePackageOptions(args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        'max-glibc': { type: 'string' },
        addons: { type: 'string' },
        'platform-only': { type: 'boolean', default: false },
        'main-only': { type: 'boolean', default: false },
      },
    })
    const { 'max-glibc': maxGlibc, 'platform-only': platformOnly, 'main-only': mainOnly, addons } = values
    if (maxGlibc !== undefined && !/^\d+\.\d+$/.test(maxGlibc)) throw new Error(`Expected --max-glibc like 2.28 but received ${maxGlibc}`)
    if (mainOnly !== (addons !== undefined)) throw new Error('Expected --main-only and --addons together')
    if (mainOnly && platformOnly) throw new Error('Expected --main-only or --platform-only, not both')
    return { maxGlibc, platformOnly, addons }
  } catch (error) {
    throw Object.assign(new SetUpError(`${error.message}\n${USAGE}`), { exitCode: 2 })
  }
}

/** @param {PackageOptions} options */
export async function makePackages({ maxGlibc, platformOnly, addons }) {
  const made = [...(addons === undefined ? [LIBTORCH, ADDON] : []), ...(platformOnly ? [] : [MAIN, COMMAND])]
  removeOtherVersions(made)
  if (addons === undefined) {
    requirePackablePlatform()
    await setUp([packages, ...buildToolSteps(), libtorch, addon, lief, ...platformSteps({ maxGlibc })])
  }
  // Last, because the main package names the addons that exist by now.
  if (!platformOnly) await setUp([packages, typescript, charts, page, ...mainSteps(await existingAddons(addons))])
  await report(made)
}

/** @throws {SetUpError} When there is none: nobody could use the main package. */
async function existingAddons(folder = TARBALLS) {
  const found = existsSync(folder) ? await addonsIn(folder, MAIN.version) : {}
  if (Object.keys(found).length > 0) return found
  throw new SetUpError(`Expected tarballs of addon packages of version ${MAIN.version} in ${folder}, but there is none.`)
}

/** @throws {SetUpError} When packages cannot be made here. */
function requirePackablePlatform() {
  if (!hasLicenses(PLATFORM)) {
    throw new SetUpError(`There is no package for ${PLATFORM}: scripts/packaging/licenses.mjs knows no licences of a libtorch for it.`)
  }
  if (libtorchFolder() !== FETCHED_LIBTORCH) {
    throw new SetUpError('What is packed is the pinned libtorch, so LIBTORCH and LIBTORCH_USE_PYTORCH must not be set.')
  }
}

/** Prints the size of each package, and what it needs of a system. */
async function report(made) {
  const system = systemOf(PLATFORM)
  for (const package_ of made) {
    const stage = stageOf(package_)
    const files = packagedFiles(stage)
    const installed = files.reduce((sum, file) => sum + statSync(join(stage, file)).size, 0)
    const tarball = tarballOf(package_)
    console.log(`${relative(ROOT, tarball)}: ${size(statSync(tarball).size)} packed, ${size(installed)} installed, ${files.length} files`)
    const binaries = files.filter((file) => file.endsWith('.node') || system.library.test(file)).map((file) => join(stage, file))
    if (binaries.length > 0) console.log(`  ${describe(await readBinaries(binaries), system)}`)
  }
  if (made.includes(MAIN)) {
    const { optionalDependencies } = JSON.parse(readFileSync(join(stageOf(MAIN), 'package.json'), 'utf8'))
    console.log(`${MAIN.name} ${MAIN.version} brings ${Object.keys(optionalDependencies).join(', ') || 'no addon'}`)
  }
}

function describe(binaries, system) {
  const floors = Object.entries(highestFloors(binaries.map((binary) => binary.floors))).map((floor) => floor.join(' '))
  return `needs ${floors.join(', ') || 'no particular version of the system'}; ${describeRunPaths(binaries, system)}`
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
