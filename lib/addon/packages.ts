/** Places where the addon and libtorch may be: npm packages and clones. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describeRefusal } from '../host/permissions'

/** A place that was looked at. `problem` says why it cannot be used; without one, it can. */
export interface TriedPlace {
  readonly description: string
  readonly problem?: string
}

/** The folder of an npm package as a file in `from` would find it; undefined when it would not. @throws The errors that describeRefusal knows. */
export function resolvePackage(name: string, from: string): string | undefined {
  const { resolve } = createRequire(join(from, 'package.json'))
  try {
    return dirname(resolve(`${name}/package.json`))
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw error
    // It is not installed, or Node cannot read its package.json.
    const folders = resolve.paths(name)?.map((modules) => join(modules, name))
    return folders?.find((folder) => existsSync(join(folder, 'package.json')))
  }
}

/** What is read from the package.json of any package. */
export interface Manifest {
  readonly version: string
}

/** The content of a file, or what is wrong with it. */
type Reading<Content> =
  | { readonly object: Content; readonly problem?: undefined }
  | { readonly object?: undefined; readonly problem: string }

/** Reads the package.json of a package. Only the version is checked. @returns `problem`, which names the file, when that fails. */
export function readManifest<Content extends Manifest>(folder: string): Reading<Content> {
  const file = join(folder, 'package.json')
  const { object, problem } = readJsonObject<Content>(file)
  if (problem !== undefined) return { problem }
  return typeof object.version === 'string' ? { object: object as Content } : { problem: `${file} is damaged: it has no version` }
}

/**
 * Reads a file that should hold a JSON object. The content of that object is not checked.
 *
 * @returns `problem`, which names the file, when that fails.
 * @throws The errors that describeRefusal knows.
 */
export function readJsonObject<Content>(file: string): Reading<Partial<Content>> {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.trim() === '') return { problem: `${file} is damaged: it is empty` }
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { object: value }
    return { problem: `${file} is damaged: it holds no JSON object` }
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw error
    return {
      problem: error instanceof SyntaxError ? `${file} is damaged: it is not JSON` : `${file} cannot be read: ${(error as Error).message}`,
    }
  }
}

/** Whether this is a clone of the repository, which fetches libtorch and builds the addon itself, and not an installed package. */
export function isClone(packageRoot: string): boolean {
  return existsSync(join(packageRoot, 'scripts', 'bootstrap'))
}

/** Set by `rnn-mnist-train build` for the trial of an addon that is not in its place yet. */
export const FRESH_BUILD = 'TORCH_RNN_MNIST_FRESH_BUILD'

/** The folder of what was built here: the addon is in `Release`, and the record of `rnn-mnist-train build` is beside that. */
export function buildFolder(packageRoot: string): string {
  return process.env[FRESH_BUILD] ?? join(packageRoot, 'build')
}
