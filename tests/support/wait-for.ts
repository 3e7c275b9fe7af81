/** Waits for what other processes do, and leaves the cores to them meanwhile. */
import { readFileSync, statSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'

const PAUSE_MS = 1

/** Waits until a process has ended. Linux only. */
export async function untilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await setTimeout(PAUSE_MS)
}

/** Waits until another process has written something into a file. One that is there may still be empty. */
export async function untilWritten(file: string): Promise<void> {
  while (!statSync(file, { throwIfNoEntry: false })?.size) await setTimeout(PAUSE_MS)
}

/** Waits until something is so that no event tells. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setTimeout(PAUSE_MS)
}

function isAlive(pid: number): boolean {
  try {
    // After the name in parentheses comes the state. A zombie has ended, and only its parent has not asked how.
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
