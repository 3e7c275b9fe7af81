/** Runs programs as a user to whom permissions apply. */
import { spawnSync } from 'node:child_process'
import { testWhere } from './needs'
import type { ProgramSettings } from './run-program'

/**
 * Root is never denied a permission. In a user namespace of Linux in which nobody is root, the same user has to obey them, and still owns
 * this clone and Node, which other users may not be allowed to read.
 */
const LAUNCHER = process.geteuid?.() === 0 ? ['unshare', '--user'] : []

export const ORDINARY_USER: ProgramSettings = { launcher: LAUNCHER }

export const testAsOrdinaryUser = testWhere(canBeOrdinary(), 'an ordinary user, or user namespaces')

function canBeOrdinary(): boolean {
  const [command = '', ...args] = [...LAUNCHER, process.execPath, '--version']
  return process.platform !== 'win32' && spawnSync(command, args).status === 0
}
