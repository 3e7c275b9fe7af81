/** Packs the folders of the packages, and checks the tarballs. */
import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { npmCommand } from '../bootstrap/npm.mjs'
import { SetUpError } from '../bootstrap/set-up-error.mjs'
import { contentProblems } from './contents.mjs'
import { ADDON_PREFIX, stageOf, TARBALLS, tarballOf } from './places.mjs'
import { packagedFiles } from './stages.mjs'

/** @throws {SetUpError} When something is wrong with a package; lists all of it. */
export function refuse(package_, problems) {
  if (problems.length === 0) return
  throw new SetUpError(`${package_.name} is not fit to publish:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
}

/**
 * Packs the folder of a package. The tarball gets its name last, so that it is checked or does not exist.
 *
 * @param {import('../bootstrap/set-up.mjs').StepWork['tool']} tool
 * @param {import('./places.mjs').PackageName} package_
 * @param {import('./contents.mjs').ContentRule} rule
 */
export async function pack(tool, package_, rule) {
  const target = tarballOf(package_)
  const scratch = `${target}.tmp`
  rmSync(scratch, { recursive: true, force: true })
  mkdirSync(scratch, { recursive: true })
  try {
    await tool(npmCommand(['pack', stageOf(package_), '--pack-destination', scratch]))
    const packed = join(scratch, basename(target))
    const files = await filesOf(packed)
    refuse(package_, [...contentProblems(rule, files, statSync(packed).size), ...unlike(files, stageOf(package_))])
    renameSync(packed, target)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The files that npm left out because of its ignore rules. */
function unlike(files, folder) {
  return packagedFiles(folder)
    .filter((file) => !files.includes(file))
    .map((file) => `lost ${file} when npm packed it`)
}

/** The files in a tarball, relative to the package. */
async function filesOf(tarball) {
  const list = await tar('-tzf', tarball)
  return list.split(/\r?\n/).flatMap((line) => (line === '' || line.endsWith('/') ? [] : [line.replace(/^package\//, '')]))
}

/** The package.json in a tarball. */
export async function manifestOf(tarball) {
  return JSON.parse(await tar('-xzOf', tarball, 'package/package.json'))
}

/** Runs in the tarball's folder, because GNU tar takes the "C:" of a path for the name of a machine. */
async function tar(flags, tarball, ...members) {
  const { stdout } = await promisify(execFile)('tar', [flags, basename(tarball), ...members], { cwd: dirname(tarball) })
  return stdout
}

/**
 * The addon packages among a folder's tarballs, of one version.
 *
 * @returns {Promise<Record<string, import('./manifests.mjs').AddonManifest>>} By name.
 */
export async function addonsIn(folder, version) {
  const prefix = ADDON_PREFIX.replace('@', '').replace('/', '-')
  const tarballs = readdirSync(folder).filter((name) => name.startsWith(prefix) && name.endsWith('.tgz'))
  const manifests = await Promise.all(tarballs.map((name) => manifestOf(join(folder, name))))
  return Object.fromEntries(manifests.filter((manifest) => manifest.version === version).map((manifest) => [manifest.name, manifest]))
}

/** Removes tarballs of other versions, because everything in the folder is published. @param {import('./places.mjs').PackageName[]} made */
export function removeOtherVersions(made) {
  mkdirSync(TARBALLS, { recursive: true })
  for (const { name, version } of made) {
    const prefix = basename(tarballOf({ name, version: '' }), '.tgz')
    const current = basename(tarballOf({ name, version }))
    for (const file of readdirSync(TARBALLS)) {
      if (file.startsWith(prefix) && /^\d/.test(file.slice(prefix.length)) && file !== current)
        rmSync(join(TARBALLS, file), { recursive: true })
    }
  }
}
