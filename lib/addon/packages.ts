/** Places where the addon and libtorch may be: npm packages and clones. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describeRefusal } from '../host/permissions'

/** A place that was looked at. `problem` says why it cannot be used; without one, it can. */
export interface TriedPlace {
  readonly description: string
  readonly problem?: string
}

/** The folder of an npm package as a file in `from` would find it; undefined when it would not. @throws What describeRefusal tells. */
export function resolvePackage(name: string, from: string): string | undefined {
  try {
    return dirname(createRequire(join(from, 'package.json')).resolve(`${name}/package.json`))
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw error
    return undefined // It is not installed.
  }
}

/** Whether this is a clone of the repository, which fetches libtorch and builds the addon itself, and not an installed package. */
export function isClone(packageRoot: string): boolean {
  return existsSync(join(packageRoot, 'scripts', 'bootstrap'))
}
