/** Tells this process from every other one, and whether a process that was described so earlier still runs. */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { RUNTIME } from './runtime'

/** What tells a process from all others. Where the system does not say something, it is null. */
export interface ProcessIdentity {
  readonly host: string
  /** Tells machines apart, since host names repeat: a keyed hash of the machine's identity. Linux only. */
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

const APPLICATION = 'torch-rnn-mnist'
const MARK_DIGITS = 8

/** @param pid - Default: this process. */
export function identifyProcess(pid = process.pid): ProcessIdentity {
  return {
    host: hostname(),
    machine: readMachine(),
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
  return isRunning(identity.pid, identity.started) ? 'running' : 'ended'
}

let ownMark: string | undefined

/** A short text that tells this process from others for a while: its number, and a hash of where that number belongs. */
export function processMark(): string {
  ownMark ??= `${process.pid}-${hashPlace()}`
  return ownMark
}

/** Whether the process of a {@link processMark} has ended. False also when it cannot be looked at, or another one has its number. */
export function hasEnded(mark: string): boolean {
  const [pid, place] = mark.split('-')
  return place === processMark().split('-')[1] && !isRunning(Number(pid), null)
}

function hashPlace(): string {
  // Deno asks the user before it tells such things. Then this process is one that cannot be looked at.
  if (RUNTIME.name === 'Deno') return randomBytes(MARK_DIGITS / 2).toString('hex')
  const { host, machine, namespace } = identifyProcess()
  return createHash('sha256')
    .update(JSON.stringify([host, machine, namespace]))
    .digest('hex')
    .slice(0, MARK_DIGITS)
}

/** @param started - Null where it is not known. */
function isRunning(pid: number, started: string | null): boolean {
  const stat = statOf(pid)
  if (stat === undefined) return isThere(pid)
  return !stat.isDead && !differs(started, stat.started)
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

/** As sd_id128_get_machine_app_specific does it. The identity itself is confidential, by machine-id(5), and files of ours may be read by all. */
function readMachine(): string | null {
  const id = readSystemFile('/etc/machine-id')
  return id === null ? null : createHmac('sha256', id).update(APPLICATION).digest('hex')
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
