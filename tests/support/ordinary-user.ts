/** Runs programs as a user to whom permissions apply. */
import { spawnSync } from 'node:child_process'
import { testWhere } from './needs'

const [PROGRAM, ...WORDS] = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all', '--'] as const

const isRoot = process.geteuid?.() === 0

/**
 * Root is never denied a permission, unless it gives up its capabilities. Another user would not do: the clone may be in a folder that only
 * root can read.
 */
export const ORDINARY_USER = isRoot ? { through: [PROGRAM, ...WORDS] } : {}

export const testAsOrdinaryUser = testWhere(isUser(), 'a user to whom permissions apply; for root, setpriv')

function isUser(): boolean {
  if (process.platform === 'win32') return false
  return !isRoot || spawnSync(PROGRAM, [...WORDS, process.execPath, '--version']).status === 0
}
