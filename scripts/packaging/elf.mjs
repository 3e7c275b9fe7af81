/** What a shared library of Linux asks of the system that loads it, as binutils' readelf tells it. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** libtorch_cpu.so has a line for every few of its 100,000 symbols. */
const MAX_OUTPUT = 1 << 28

/** Not a version of the C library, but a promise of its loader that came with one. */
const ABI_MARKS = { GLIBC_ABI_DT_RELR: '2.36' }

/**
 * @typedef {object} Elf
 * @property {string | undefined} soname
 * @property {string[]} needed - Libraries by SONAME.
 * @property {string[]} runPaths - The folders of RPATH and RUNPATH.
 * @property {Record<string, string>} floors - The newest version of each of GLIBC, GLIBCXX, CXXABI that it needs.
 */

/** @param {string} file @returns {Promise<Elf>} */
export async function readElf(file) {
  // Its words are translated otherwise.
  const settings = { env: { ...process.env, LC_ALL: 'C' }, maxBuffer: MAX_OUTPUT }
  const { stdout } = await promisify(execFile)('readelf', ['-W', '-d', '-V', file], settings)
  return parseReadelf(stdout)
}

/** @param {string} text - What `readelf -W -d -V` prints. @returns {Elf} */
export function parseReadelf(text) {
  const entries = (tag) => Array.from(text.matchAll(new RegExp(`\\(${tag}\\) .*\\[(.*)\\]$`, 'gm')), ([, value]) => value)
  const runPaths = [...entries('RPATH'), ...entries('RUNPATH')].flatMap((paths) => paths.split(':'))
  return { soname: entries('SONAME')[0], needed: entries('NEEDED'), runPaths, floors: parseFloors(text) }
}

function parseFloors(text) {
  const needs = text.split(/^Version needs section .*$/m)[1] ?? ''
  const floors = {}
  for (const [, name, library, version] of needs.matchAll(/ Name: ((GLIBC|GLIBCXX|CXXABI)_(\S+)) /g)) {
    const number = ABI_MARKS[name] ?? version
    if (/^\d/.test(number) && isNewer(number, floors[library])) floors[library] = number
  }
  return floors
}

/** Whether a version is above another; any is above none. */
export function isNewer(version, other) {
  if (other === undefined) return true
  const [left, right] = [version, other].map((text) => text.split('.').map(Number))
  const length = Math.max(left.length, right.length)
  for (let index = 0; index < length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

/** The floors of several files together. @param {Elf[]} elves */
export function highestFloors(elves) {
  const floors = {}
  for (const [library, version] of elves.flatMap((elf) => Object.entries(elf.floors))) {
    if (isNewer(version, floors[library])) floors[library] = version
  }
  return floors
}
