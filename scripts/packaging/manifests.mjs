/** The package.json of each package, generated from the repository's. */
import { describeFloors } from './floors.mjs'

/**
 * What binaries need from a system; undefined where they need no particular version.
 *
 * @typedef {object} SystemNeeds
 * @property {string} [glibc] - "2.34".
 * @property {string} [glibcxx] - Of libstdc++'s symbols: "3.4.30".
 * @property {string} [macos] - "14.0".
 *
 * @typedef {object} AddonManifest - What other modules read in it.
 * @property {string} name
 * @property {string} version
 * @property {string[]} os
 * @property {string[]} cpu
 * @property {Record<string, string>} dependencies
 * @property {SystemNeeds & { libtorch: string }} torchRnnMnist - Of the addon and libtorch together.
 */

/** Keys of the repository's package.json that users of the library need. They do not need its scripts and tools. */
const MAIN_KEYS = [
  ...['name', 'version', 'description', 'keywords', 'license', 'repository', 'type', 'main', 'types', 'exports', 'bin', 'engines'],
  ...['binary', 'dependencies'],
]
/** Keys that all packages share. */
const SHARED_KEYS = ['version', 'license', 'repository', 'type', 'engines']

function pick(object, keys) {
  return Object.fromEntries(keys.filter((key) => object[key] !== undefined).map((key) => [key, object[key]]))
}

/** The keys that keep a package from being installed on another platform. */
function platformKeys(platform) {
  const [os, cpu] = platform.split('-')
  // The libraries need the GNU C library; Alpine has another one.
  return { os: [os], cpu: [cpu], ...(os === 'linux' ? { libc: ['glibc'] } : {}) }
}

/**
 * Adds the repository: npm compares it with the repository whose workflow publishes. Its address comes from the environment, not from a file.
 *
 * @param {Record<string, string | undefined>} env - Of a GitHub workflow.
 */
export function withRepository(root, env) {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: name } = env
  if (root.repository !== undefined || !server || !name) return root
  return { ...root, repository: { type: 'git', url: `git+${server}/${name}.git` } }
}

/** @param {Record<string, string>} addons - The addon packages that were really built, with their versions. */
export function mainManifest(root, addons) {
  const sorted = Object.fromEntries(Object.entries(addons).sort(([left], [right]) => (left < right ? -1 : 1)))
  return { ...pick(root, MAIN_KEYS), optionalDependencies: sorted }
}

export function commandManifest(root, name) {
  return {
    name,
    description: `The command of ${root.name}: trains a recurrent network on handwritten digits, natively on libtorch`,
    ...pick(root, SHARED_KEYS),
    bin: { [name]: 'cli.js' },
    dependencies: { [root.name]: root.version },
  }
}

/**
 * @param {string} platform - "linux-x64".
 * @param {import('./places.mjs').PackageName} libtorch
 * @param {Record<string, string>} floors - From highestFloors, over the addon and libtorch.
 * @returns {AddonManifest & Record<string, unknown>}
 */
export function addonManifest(root, name, platform, libtorch, floors) {
  const [torchVersion] = libtorch.version.split('-') // A package that was packed again has a suffix; the library's version has none.
  return {
    name,
    description: `The native part of ${root.name} for ${platform}`,
    version: root.version,
    ...pick(root, SHARED_KEYS),
    ...platformKeys(platform),
    preferUnplugged: true, // For Yarn's Plug'n'Play: a library cannot be loaded from an archive.
    dependencies: { [libtorch.name]: libtorch.version },
    // Undefined values are not written.
    torchRnnMnist: { libtorch: torchVersion, ...describeFloors(floors) },
  }
}

/** @param {import('./places.mjs').PackageName} libtorch */
export function libtorchManifest(root, libtorch, platform) {
  return {
    name: libtorch.name,
    description: `libtorch ${libtorch.version} for the CPU on ${platform}, as ${root.name} loads it`,
    ...pick(root, SHARED_KEYS),
    version: libtorch.version,
    license: 'SEE LICENSE IN LICENSE',
    ...platformKeys(platform),
    preferUnplugged: true,
  }
}
