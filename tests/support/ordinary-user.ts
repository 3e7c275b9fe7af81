/** Runs the program as a user to whom permissions apply. */
import { spawnSync } from 'node:child_process'
import { MAIN } from './command-line'
import { testWhere } from './needs'
import { NOBODY } from './temporary-folder'

/** Root is never denied a permission. */
export const ORDINARY_USER = process.geteuid?.() === 0 ? { uid: NOBODY } : {}

export const testAsOrdinaryUser = testWhere(isUser(), 'a user "nobody" who can read this clone')

function isUser(): boolean {
  return process.platform !== 'win32' && spawnSync(process.execPath, [MAIN, '--version'], ORDINARY_USER).status === 0
}
