/** The text of what is found out about, and done to, an installation. */

import type { BuildEvent, CheckEvent } from '../training/events'

const MARKS = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const

/** A line for each check, and one for what helps. */
export function describeCheck({ status, name, message, remedy }: CheckEvent): string {
  const help = remedy === undefined ? '' : `         ${remedy}\n`
  return `${MARKS[status]}  ${name}: ${message}\n${help}`
}

export function describeBuild({ folder, libtorch }: BuildEvent): string {
  return `The addon is in ${folder}, and is used from now on, with ${libtorch}.\n`
}
