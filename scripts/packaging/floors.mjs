/** The oldest system that binaries load on: the newest version that they need of each versioned library, or of macOS. */
import { isOlder } from '../bootstrap/versions.mjs'

/** Symbol versions that name a feature of the loader, with the glibc version that introduced it. */
const ABI_MARKS = { GLIBC_ABI_DT_RELR: 'GLIBC_2.36' }

/**
 * @param {string[]} versions - As a binary names them: "GLIBC_2.34", "macOS_14.0".
 * @returns {Record<string, string>} The newest version of each of GLIBC, GLIBCXX, CXXABI and macOS.
 */
export function floorsOf(versions) {
  const matches = versions.map((version) => /^(GLIBC|GLIBCXX|CXXABI|macOS)_(\d[\d.]*)$/.exec(ABI_MARKS[version] ?? version))
  return newest(matches.flatMap((match) => (match === null ? [] : [[match[1], match[2]]])))
}

/** The floors of several files together. @param {Record<string, string>[]} all */
export function highestFloors(all) {
  return newest(all.flatMap((floors) => Object.entries(floors)))
}

/**
 * The floors as a package states them, in its package.json and its README.
 *
 * @param {Record<string, string>} floors
 * @returns {import('./manifests.mjs').SystemNeeds}
 */
export function describeFloors({ GLIBC: glibc, GLIBCXX: glibcxx, macOS: macos }) {
  return { glibc, glibcxx, macos }
}

function newest(entries) {
  const floors = {}
  for (const [library, version] of entries) {
    if (floors[library] === undefined || isOlder(floors[library], version)) floors[library] = version
  }
  return floors
}
