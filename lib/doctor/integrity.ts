/** Compares the files of the installed packages with the checksums that they were packed with. */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { describeRefusal } from '../host/permissions'
import { type Check, failed, ok } from './check'

/** In every package: a line "<SHA-256>  <file>" for each of its files, as `sha256sum --check` reads it. */
const CHECKSUMS = 'SHA256SUMS'
const LINE = /^([0-9a-f]{64}) [ *](.+)$/
const SHOWN_FILES = 3

/** A package, and the folder it is in. */
export interface InstalledPackage {
  readonly name: string
  readonly folder: string
}

/** Checks that every file is there and unchanged. A clone has no checksums, and what is built there is checked by building it. */
export async function checkIntegrity(packages: readonly InstalledPackage[]): Promise<Check> {
  const name = 'package files'
  const packed = packages.filter(({ folder }) => existsSync(join(folder, CHECKSUMS)))
  if (packed.length === 0) return ok(name, 'built here, not installed by a package manager')
  const problems: string[] = []
  let count = 0
  for (const { name: owner, folder } of packed) {
    for (const [file, expected] of readChecksums(folder)) {
      count += 1
      const problem = await problemOf(join(folder, file), expected)
      if (problem !== undefined) problems.push(`${join(owner, file)} ${problem}`)
    }
  }
  if (problems.length === 0) return ok(name, `${count} files of ${packed.length} packages are as they were published`)
  const more = problems.length > SHOWN_FILES ? `, and ${problems.length - SHOWN_FILES} more` : ''
  return failed(name, `${problems.slice(0, SHOWN_FILES).join(', ')}${more}`, 'Remove node_modules and install again.')
}

function readChecksums(folder: string): [file: string, sha256: string][] {
  return readFileSync(join(folder, CHECKSUMS), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, sha256, file] = LINE.exec(line) ?? []
      return sha256 === undefined || file === undefined ? [] : [[file, sha256] as [string, string]]
    })
}

async function problemOf(path: string, expected: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch (error) {
    if (describeRefusal(error) !== undefined) throw error // The file is not to blame.
    return `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`
  }
  return hash.digest('hex') === expected ? undefined : 'was changed'
}
