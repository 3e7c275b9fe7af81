/** Checks the binaries of a package: nothing that only the build machine has, nothing that is missing, no system newer than promised. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { ROOT } from '../bootstrap/places.mjs'
import { isNewer, readElf } from './elf.mjs'

/** What every Linux with glibc has; libstdc++ and libgcc_s are there wherever Node runs. */
const SYSTEM_LIBRARIES = new Set([
  ...['libc.so.6', 'libm.so.6', 'libdl.so.2', 'librt.so.1', 'libpthread.so.0', 'libutil.so.1'],
  ...['libstdc++.so.6', 'libgcc_s.so.1', 'ld-linux-x86-64.so.2', 'ld-linux-aarch64.so.1'],
])

/**
 * @typedef {object} Binary
 * @property {string} file
 * @property {import('./elf.mjs').Elf} elf
 */

/** @param {string[]} files @returns {Promise<Binary[]>} */
export function readBinaries(files) {
  return Promise.all(files.map(async (file) => ({ file, elf: await readElf(file) })))
}

/**
 * @param {Binary[]} binaries
 * @param {Set<string>} packaged - File names of the libraries that the packages bring.
 * @param {string} [maxGlibc] - "2.28": the oldest C library on which the binaries must load.
 * @returns {string[]} What is wrong; empty when all is well.
 */
export function binaryProblems(binaries, packaged, maxGlibc) {
  return binaries.flatMap(({ file, elf }) => elfProblems(elf, packaged, maxGlibc).map((problem) => `${basename(file)} ${problem}`))
}

function elfProblems({ needed, runPaths, floors }, packaged, maxGlibc) {
  const missing = needed.filter((name) => !packaged.has(name) && !SYSTEM_LIBRARIES.has(name))
  // A path that is relative to the library may lead to nothing; one of a machine may lead to something else there.
  const foreign = runPaths.filter((path) => path !== '$ORIGIN' && !path.startsWith('$ORIGIN/'))
  const isTooNew = maxGlibc !== undefined && floors.GLIBC !== undefined && isNewer(floors.GLIBC, maxGlibc)
  return [
    ...missing.map((name) => `needs ${name}, which neither the packages nor every Linux have`),
    ...foreign.map((path) => `looks for libraries in "${path}" (RPATH or RUNPATH); only folders below $ORIGIN exist elsewhere`),
    ...(isTooNew ? [`needs glibc ${floors.GLIBC}, but ${maxGlibc} is the newest allowed (--max-glibc)`] : []),
  ]
}

/** The build machine's folder in what was compiled there. @param {string[]} files */
export async function buildFolderProblems(files, folder = ROOT) {
  const contents = await Promise.all(files.map((file) => readFile(file)))
  return files
    .filter((_, index) => contents[index].includes(folder))
    .map((file) => `${basename(file)} holds the path ${folder} of this machine`)
}

/** Where the binaries look for libraries, in words. @param {Binary[]} binaries */
export function describeRunPaths(binaries) {
  const found = binaries.filter(({ elf }) => elf.runPaths.length > 0)
  if (found.length === 0) return 'no RPATH or RUNPATH'
  const paths = new Set(found.flatMap(({ elf }) => elf.runPaths))
  return `RPATH of ${found.map(({ file }) => basename(file)).join(', ')}: ${[...paths].join(' ')}`
}
