/** Tells this process from every other one, and whether a process that was described so earlier still runs. */
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** What tells a process from all others. Where the system does not say something, it is null. */
export interface ProcessIdentity {
  readonly host: string
  /** The identity of the machine, since host names repeat. Linux only. */
  readonly machine: string | null
  /** Changes with every start of the system. Linux only. */
  readonly boot: string | null
  /** The namespace that the process number belongs to: a container has one of its own. Linux only. */
  readonly namespace: string | null
  readonly pid: number
  /** When the process started, in clock ticks since the start of the system. A number may be used again, but not with the same time. Linux only. */
  readonly started: string | null
  /** When this was written, in ms since 1970. */
  readonly time: number
}

/** Whether a process still runs: `'elsewhere'` for one that cannot be looked at from here. */
export type ProcessState = 'running' | 'ended' | 'elsewhere'

/** @param pid - Default: this process. */
export function identifyProcess(pid = process.pid): ProcessIdentity {
  return {
    host: hostname(),
    machine: readSystemFile('/etc/machine-id'),
    boot: readSystemFile('/proc/sys/kernel/random/boot_id'),
    namespace: readNamespace(),
    pid,
    started: statOf(pid)?.started ?? null,
    time: Date.now(),
  }
}

/**
 * Looks for a process. A running one is never taken for an ended one. Where the system tells little, an ended one may be taken for a running
 * one, because another program has got its number.
 */
export function findProcess(identity: ProcessIdentity): ProcessState {
  const here = identifyProcess()
  if (identity.host !== here.host || differs(identity.machine, here.machine)) return 'elsewhere'
  if (differs(identity.boot, here.boot)) return 'ended'
  if (differs(identity.namespace, here.namespace)) return 'elsewhere'
  const stat = statOf(identity.pid)
  if (stat === undefined) return isThere(identity.pid) ? 'running' : 'ended'
  return stat.isDead || differs(identity.started, stat.started) ? 'ended' : 'running'
}

function differs(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b
}

/** Of /proc/PID/stat, which proc(5) describes. Undefined where there is no such file: for an ended process, and outside Linux. */
function statOf(pid: number): { readonly isDead: boolean; readonly started: string } | undefined {
  const text = readSystemFile(`/proc/${pid}/stat`)
  // The second field is the name in parentheses, which may hold anything; the state is the third, the start the 22nd.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? []
  const [state, started] = [fields[0], fields[19]]
  if (state === undefined || started === undefined) return undefined
  return { isDead: state === 'Z' || state === 'X', started }
}

/** Whether there is a process of this number. */
function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' // EPERM: it is somebody else's.
  }
}

function readNamespace(): string | null {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return null
  }
}

/** Null when the file is empty or cannot be read. */
function readSystemFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null
  } catch {
    return null
  }
}
