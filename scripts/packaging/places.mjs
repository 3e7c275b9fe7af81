/** The names of the npm packages, and where they are made. */
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { CACHE, LIBTORCH_CONTENTS, PLATFORM, ROOT } from '../bootstrap/places.mjs'
import { systemOf } from './systems.mjs'

/** A folder for each package, with the files to be packed. */
export const STAGES = join(CACHE, 'packages')
/** What is published. */
export const TARBALLS = join(ROOT, 'npm')
export const PACKAGING = join(ROOT, 'scripts', 'packaging')

const SCOPE = '@torch-rnn-mnist'
/** The names of all addon packages: this prefix, then the platform. */
export const ADDON_PREFIX = `${SCOPE}/addon-`
export const LIBTORCH_PREFIX = `${SCOPE}/libtorch-`

/** The repository's own package.json: what the packages are generated from. */
export const ROOT_MANIFEST = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/**
 * A package to make.
 *
 * @typedef {object} PackageName
 * @property {string} name
 * @property {string} version
 */

/** @type {PackageName} */
export const MAIN = { name: ROOT_MANIFEST.name, version: ROOT_MANIFEST.version }
/** @type {PackageName} */
export const COMMAND = { name: 'rnn-mnist-train', version: ROOT_MANIFEST.version }
/** @type {PackageName} */
export const ADDON = { name: `${ADDON_PREFIX}${PLATFORM}`, version: ROOT_MANIFEST.version }
/** Has its own version, so that users need not download libtorch again after a fix of the addon. @type {PackageName} */
export const LIBTORCH = { name: `${LIBTORCH_PREFIX}${PLATFORM}`, version: LIBTORCH_CONTENTS.version }

/** What libtorch's package holds, as paths in PyTorch's wheels. @param {string} [platform] */
export function packedLibraries(platform = PLATFORM) {
  return LIBTORCH_CONTENTS.platforms[platform].libraries.filter((path) => systemOf(platform).library.test(basename(path)))
}

/** @param {PackageName} package_ */
export function stageOf({ name }) {
  return join(STAGES, name)
}

/** The tarball, named as by `npm pack`. @param {PackageName} package_ */
export function tarballOf({ name, version }) {
  return join(TARBALLS, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
}
