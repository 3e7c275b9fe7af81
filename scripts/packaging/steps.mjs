/** The packages as steps of the set-up: a package whose inputs have not changed is not packed again. */
import { rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ADDON_FILES, CHARTS_PACKAGES, DIST, FETCHED_LIBTORCH, LIBTORCH_SCRIPTS, PLATFORM, ROOT } from '../bootstrap/places.mjs'
import { filesBelow, hashFiles } from '../bootstrap/stamps.mjs'
import { binaryProblems, buildFolderProblems, readBinaries } from './binaries.mjs'
import { CONTENT_RULES } from './contents.mjs'
import { ADDON, COMMAND, LIBTORCH, MAIN, PACKAGING, packedLibraries, stageOf, tarballOf } from './places.mjs'
import { stageAddon, stageCommand, stagedLibraries, stageLibtorch, stageMain } from './stages.mjs'
import { systemOf } from './systems.mjs'
import { pack, refuse } from './tarballs.mjs'

const ADVICE = 'The lines above say what is wrong.'
const SOURCES = [PACKAGING, join(ROOT, 'package.json'), join(ROOT, 'LICENSE')]
/** The variables that the field "repository" is made from. */
const VARIABLES = ['GITHUB_SERVER_URL', 'GITHUB_REPOSITORY']

/** @param {string[]} paths - Files and folders. */
function fingerprint(...paths) {
  const files = [...SOURCES, ...paths].flatMap((path) => (isFolder(path) ? filesBelow(path) : [path]))
  return `${PLATFORM} ${VARIABLES.map((name) => process.env[name] ?? '')} ${hashFiles(ROOT, files)}`
}

function isFolder(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false // A missing path is left to hashFiles.
}

/**
 * @param {string} name - Of its stamp.
 * @param {import('./places.mjs').PackageName} package_
 * @param {keyof typeof CONTENT_RULES} kind
 * @param {object} parts
 * @param {() => string} parts.fingerprint
 * @param {() => Promise<void>} parts.stage
 * @param {() => Promise<string[]>} [parts.check] - Returns what is wrong with the folder.
 * @param {string[]} [parts.needs]
 * @returns {import('../bootstrap/set-up.mjs').Step}
 */
function packageStep(name, package_, kind, { fingerprint, stage, check = async () => [], needs = [] }) {
  return {
    name,
    title: `packing ${package_.name}`,
    advice: ADVICE,
    needs: () => needs,
    fingerprint,
    outputs: () => [tarballOf(package_), join(stageOf(package_), 'package.json'), join(stageOf(package_), 'SHA256SUMS')],
    async run({ tool, detail }) {
      rmSync(tarballOf(package_), { force: true }) // If this run fails, the earlier tarball must not be published.
      detail('laying it out')
      await stage()
      detail('checking')
      refuse(package_, await check())
      detail('compressing')
      await pack(tool, package_, CONTENT_RULES[kind])
    },
  }
}

/** The packages that depend on the platform. @param {{ maxGlibc?: string }} options */
export function platformSteps({ maxGlibc }) {
  const libraries = packedLibraries().map((path) => basename(path))
  const checkFiles = async (files, limit) => binaryProblems(await readBinaries(files), libraries, systemOf(PLATFORM), limit)
  const needs = process.platform === 'linux' ? ['python', 'strip'] : ['python']
  return [
    packageStep('libtorch-package', LIBTORCH, 'libtorch', {
      needs,
      fingerprint: () => fingerprint(LIBTORCH_SCRIPTS, join(FETCHED_LIBTORCH, 'licenses')),
      stage: stageLibtorch,
      check: async () => checkFiles(await stagedLibraries()),
    }),
    packageStep('addon-package', ADDON, 'addon', {
      needs,
      fingerprint: () => `${maxGlibc ?? 'any'} ${fingerprint(LIBTORCH_SCRIPTS, ...ADDON_FILES)}`,
      stage: stageAddon,
      async check() {
        const files = ADDON_FILES.map((file) => join(stageOf(ADDON), basename(file)))
        // The limit applies to libtorch as well, as do the versions that the package states.
        return [...(await checkFiles([...files, ...(await stagedLibraries())], maxGlibc)), ...(await buildFolderProblems(files))]
      },
    }),
  ]
}

/**
 * The packages that are the same everywhere.
 *
 * @param {Record<string, import('./manifests.mjs').AddonManifest>} addons - The addon packages that exist, by name.
 */
export function mainSteps(addons) {
  const texts = [
    'README.md',
    'CHANGELOG.md',
    'binding.gyp.md',
    'CMakeLists.txt',
    'docs/errors.md',
    'docs/pictures.md',
    'docs/pictures',
    'docs/predict.md',
    'docs/runs.md',
    'docs/search.md',
  ].map((file) => join(ROOT, file))
  return [
    packageStep('main-package', MAIN, 'main', {
      fingerprint: () =>
        `${JSON.stringify(addons)} ${fingerprint(DIST, CHARTS_PACKAGES, ...['native', 'cmake', 'models'].map((folder) => join(ROOT, folder)), ...texts)}`,
      stage: () => stageMain(addons),
    }),
    packageStep('command-package', COMMAND, 'command', { fingerprint: () => fingerprint(), stage: stageCommand }),
  ]
}
