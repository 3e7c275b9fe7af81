/** Runs the program as a user for whom permissions count. */
import { spawnSync } from 'node:child_process'
import { MAIN } from './command-line'
import { NOBODY } from './temporary-folder'

/** For root, no permission is ever denied. */
export const ORDINARY_USER = process.geteuid?.() === 0 ? { uid: NOBODY } : {}

/** Where the user "nobody" may not even read the program, or there is none, these tests are skipped, which jest shows. */
export const testAsOrdinaryUser = isUser() ? test : test.skip

function isUser(): boolean {
  return process.platform !== 'win32' && spawnSync(process.execPath, [MAIN, '--version'], ORDINARY_USER).status === 0
}
