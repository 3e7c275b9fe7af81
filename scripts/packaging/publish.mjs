/**
 * Publishes a folder of tarballs: publish.mjs <folder> [arguments of npm publish].
 *
 * Packages that others depend on go first, so that users who install meanwhile find everything. A version that is already published is
 * skipped: libtorch's package may be unchanged, and an interrupted release can be started again.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { npmCommand } from '../bootstrap/npm.mjs'
import { ADDON_PREFIX, COMMAND, LIBTORCH_PREFIX, MAIN } from './places.mjs'
import { manifestOf } from './tarballs.mjs'

/** The packages in the order in which they are published. */
const ORDER = [
  (name) => name.startsWith(LIBTORCH_PREFIX),
  (name) => name.startsWith(ADDON_PREFIX),
  (name) => name === MAIN.name,
  (name) => name === COMMAND.name,
]

function isPublished({ name, version }) {
  const { command, args } = npmCommand(['view', `${name}@${version}`, 'version', '--json'])
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status === 0) return stdout.trim() !== ''
  if (stdout.includes('E404')) return false
  throw new Error(`npm view ${name}@${version} failed, so it is not known whether it is published:\n${stdout}${stderr}`)
}

async function readTarballs(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  return Promise.all(files.map(async (name) => ({ file: join(folder, name), manifest: await manifestOf(join(folder, name)) })))
}

/**
 * A prerelease must not become the default version, so npm wants another tag for it. "2.15.0-1" of libtorch's package is not a prerelease,
 * but the same libtorch packed again.
 */
function tagOf({ name, version }) {
  if (!version.includes('-')) return []
  return ['--tag', name.startsWith(LIBTORCH_PREFIX) ? 'latest' : 'next']
}

const [folder, ...settings] = process.argv.slice(2)
const tarballs = await readTarballs(folder)
const unknown = tarballs.filter(({ manifest }) => !ORDER.some((isNext) => isNext(manifest.name)))
if (unknown.length > 0) throw new Error(`${unknown.map(({ file }) => file).join(', ')}: no package of this project.`)
for (const { file, manifest } of ORDER.flatMap((isNext) => tarballs.filter(({ manifest: { name } }) => isNext(name)))) {
  const title = `${manifest.name}@${manifest.version}`
  if (isPublished(manifest)) {
    console.log(`${title}: is published already`)
    continue
  }
  console.log(`${title}: publishing`)
  const { command, args } = npmCommand(['publish', file, '--access', 'public', ...tagOf(manifest), ...settings])
  execFileSync(command, args, { stdio: 'inherit' })
}
