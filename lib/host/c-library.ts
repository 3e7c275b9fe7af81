/** The C library of a Linux system. */
import { execFileSync } from 'node:child_process'
import { familySync, type GLIBC, type MUSL, versionSync } from 'detect-libc'
import { RUNTIME } from './runtime'

/** The name and version of the C library, each undefined where it cannot be told, as on other systems. */
export interface CLibrary {
  readonly family: typeof GLIBC | typeof MUSL | undefined
  /** "2.36". */
  readonly version: string | undefined
}

/** Finds out which C library the system has. */
export function findCLibrary(): CLibrary {
  const family = (familySync() as CLibrary['family'] | null) ?? undefined
  // detect-libc asks process.report, which in Deno names one version of glibc whatever the system has.
  const version = RUNTIME.name === 'Deno' ? askGetconf() : (versionSync() ?? undefined)
  return { family, version }
}

/** More than a small program needs, even from a slow network disk. */
const LIMIT_MS = 5000

function askGetconf(): string | undefined {
  try {
    const answer = execFileSync('getconf', ['GNU_LIBC_VERSION'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LIMIT_MS,
    })
    return /^glibc (\d+\.\d+)/.exec(answer)?.[1]
  } catch {
    return undefined // There is no such program, as on other systems, or it may not be started.
  }
}
