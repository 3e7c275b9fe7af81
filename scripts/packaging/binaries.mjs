/** Checks that the binaries of a package load on every machine: what they need is there, and they hold no path of the build machine. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { PYTHON, ROOT } from '../bootstrap/places.mjs'
import { LIEF } from '../bootstrap/steps/lief.mjs'
import { isOlder } from '../bootstrap/versions.mjs'
import { floorsOf } from './floors.mjs'

const READER = join(import.meta.dirname, 'binaries.py')

/**
 * What a binary needs from the system that loads it.
 *
 * @typedef {object} Binary
 * @property {string} file
 * @property {string[]} needed - Libraries, as the binary names them.
 * @property {string[]} runPaths - The folders in which it looks for them.
 * @property {Record<string, string>} floors - From floorsOf.
 * @property {boolean} [isSigned] - On macOS.
 */

/** Needs the step lief. @param {string[]} files @returns {Promise<Binary[]>} */
export async function readBinaries(files) {
  const { stdout } = await promisify(execFile)(PYTHON, [READER, LIEF, ...files])
  return JSON.parse(stdout).map(({ versions, ...binary }) => ({ ...binary, floors: floorsOf(versions) }))
}

/**
 * @param {Binary[]} binaries
 * @param {string[]} packaged - File names of the libraries that the packages bring.
 * @param {import('./systems.mjs').System} system
 * @param {string} [maxGlibc] - "2.28": the oldest C library on which the binaries must load.
 * @returns {string[]} What is wrong; empty when all is well.
 */
export function binaryProblems(binaries, packaged, system, maxGlibc) {
  const files = new Set(packaged.map(system.fileOf))
  return binaries.flatMap((binary) => problemsOf(binary, files, system, maxGlibc).map((problem) => `${basename(binary.file)} ${problem}`))
}

/** @param {Binary} binary @param {Set<string>} files @param {import('./systems.mjs').System} system @param {string} [maxGlibc] */
function problemsOf({ needed, runPaths, floors, isSigned }, files, { name, has, fileOf, pathsName, here, wantsSignature }, maxGlibc) {
  const missing = needed.filter((library) => !has(library) && !files.has(fileOf(library)))
  // A path relative to the library is harmless, even if the folder is missing. An absolute one may find another library on a user's machine.
  const foreign = runPaths.filter((path) => path !== here && !path.startsWith(`${here}/`))
  const isTooNew = maxGlibc !== undefined && floors.GLIBC !== undefined && isOlder(maxGlibc, floors.GLIBC)
  return [
    ...missing.map((library) => `needs ${library}, which neither the packages nor ${name} have`),
    ...foreign.map((path) => `looks for libraries in "${path}" (${pathsName}); only folders below ${here} exist elsewhere`),
    ...(isTooNew ? [`needs glibc ${floors.GLIBC}, but ${maxGlibc} is the newest allowed (--max-glibc)`] : []),
    ...(wantsSignature && !isSigned ? [`has no signature, without which ${name} refuses to load it`] : []),
  ]
}

/** Finds this clone's path in the files that were compiled in it. @param {string[]} files */
export async function buildFolderProblems(files, folder = ROOT) {
  const contents = await Promise.all(files.map((file) => readFile(file)))
  return files
    .filter((_, index) => contents[index].includes(folder))
    .map((file) => `${basename(file)} holds the path ${folder} of this machine`)
}

/** Describes where the binaries look for libraries. @param {Binary[]} binaries @param {import('./systems.mjs').System} system */
export function describeRunPaths(binaries, { pathsName }) {
  const found = binaries.filter(({ runPaths }) => runPaths.length > 0)
  if (found.length === 0) return `no ${pathsName}`
  const paths = new Set(found.flatMap(({ runPaths }) => runPaths))
  return `${pathsName} of ${found.map(({ file }) => basename(file)).join(', ')}: ${[...paths].join(' ')}`
}
