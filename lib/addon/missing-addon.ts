/** Finds out why npm did not install the addon for this platform, and which command installs it. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { MUSL } from 'detect-libc'
import { findCLibrary } from '../host/c-library'
import { RUNTIME } from '../host/runtime'
import { ADDON_PACKAGE, MUSL_ADVICE } from './find-addon'
import { BUILD_ADVICE } from './load-error'
import { isClone, resolvePackage } from './packages'
import { PLATFORM } from './platform'

/** The lock files of package managers, and the command with which each of them installs what is missing. */
const LOCK_FILES = {
  'package-lock.json': 'npm install --include=optional',
  'npm-shrinkwrap.json': 'npm install --include=optional',
  'pnpm-lock.yaml': 'pnpm install --force',
  'yarn.lock': 'yarn install',
  'bun.lock': 'bun install',
  'deno.lock': 'deno install',
} as const
type LockFile = keyof typeof LOCK_FILES

/** The cause of a missing addon and its remedy, as whole sentences. */
export function explainMissingAddon(packageRoot: string): string {
  if (isClone(packageRoot)) return 'Run `npm run build`.'
  if (findCLibrary().family === MUSL) return `This system has musl. ${MUSL_ADVICE}`
  const listed = listedPackages(packageRoot)
  if (!listed.has(ADDON_PACKAGE)) {
    const platforms = Array.from(listed.keys(), platformOf).join(', ')
    return `There is no prebuilt addon for ${PLATFORM}${platforms === '' ? '' : `, only for ${platforms}`}. To compile one, ${BUILD_ADVICE}`
  }
  const project = findProject(packageRoot)
  const install = LOCK_FILES[project?.lockFile ?? 'package-lock.json']
  const others = Array.from(listed.keys()).filter((name) => resolvePackage(name, packageRoot) !== undefined)
  if (others.length > 0) {
    const there = others.map(platformOf).join(', ')
    return `These node_modules were installed for ${there}, but this ${RUNTIME.name} is ${PLATFORM}. Remove node_modules and run \`${install}\` here.`
  }
  if (project !== undefined && lacksAddon(project)) {
    const command = `npm install --save-optional ${ADDON_PACKAGE}@${listed.get(ADDON_PACKAGE)}`
    return `${join(project.folder, project.lockFile)} was written on another platform and leaves this one out. Run \`${command}\`.`
  }
  return `Optional dependencies were left out (--omit=optional, --no-optional). Run \`${install}\`.`
}

/** The addon packages that this version was published with, by name, with their versions. */
function listedPackages(packageRoot: string): ReadonlyMap<string, string> {
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { optionalDependencies?: Record<string, string> }
  return new Map(Object.entries(manifest.optionalDependencies ?? {}).filter(([name]) => name.startsWith('@torch-rnn-mnist/addon-')))
}

function platformOf(addonPackage: string): string {
  return addonPackage.slice('@torch-rnn-mnist/addon-'.length)
}

interface Project {
  readonly folder: string
  readonly lockFile: LockFile
}

/** The project that this package is installed in: the nearest folder above with a lock file. */
function findProject(packageRoot: string): Project | undefined {
  for (let folder = dirname(packageRoot); folder !== dirname(folder); folder = dirname(folder)) {
    const lockFile = (Object.keys(LOCK_FILES) as LockFile[]).find((name) => isThere(join(folder, name)))
    if (lockFile !== undefined) return { folder, lockFile }
  }
  return undefined
}

function isThere(file: string): boolean {
  try {
    return existsSync(file)
  } catch {
    return false // Node's permission model may refuse even this look.
  }
}

/** Whether npm's lock file lacks the addon. npm then never installs it, however often `npm install` runs. */
function lacksAddon({ folder, lockFile }: Project): boolean {
  if (!LOCK_FILES[lockFile].startsWith('npm')) return false
  try {
    return !readFileSync(join(folder, lockFile), 'utf8').includes(`"node_modules/${ADDON_PACKAGE}"`)
  } catch {
    return false // It cannot be read, so another cause is as likely.
  }
}
