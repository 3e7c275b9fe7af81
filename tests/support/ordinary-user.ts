/** Runs the program as a user to whom permissions apply. */
import { spawnSync } from 'node:child_process'
import { MAIN } from './command-line'
import { NOBODY } from './temporary-folder'

/** Root is never denied a permission. */
export const ORDINARY_USER = process.geteuid?.() === 0 ? { uid: NOBODY } : {}

/** If the user "nobody" does not exist or cannot read the program, these tests are skipped, which jest shows. */
export const testAsOrdinaryUser = isUser() ? test : test.skip

function isUser(): boolean {
  return process.platform !== 'win32' && spawnSync(process.execPath, [MAIN, '--version'], ORDINARY_USER).status === 0
}
