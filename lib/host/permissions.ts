/** What the runtime refuses this package: Node by its permission model (`node --permission`) or without addons, and Deno. */
import { type ErrorCode, TorchRnnError } from '../errors'
import { RUNTIME } from './runtime'

/** Something that was refused. */
export interface Refusal {
  /** "Node's permission model does not allow writing /data/model.safetensors". */
  readonly problem: string
  /** What to do about it, as a whole sentence. */
  readonly advice: string
  /** The error's own name for it: "ERR_ACCESS_DENIED". */
  readonly code: string
}

/** What Node's permission model can refuse, by the names that it has there: in words, with the flag that allows it. */
const PERMISSIONS: Readonly<Record<string, readonly [action: string, flag: string]>> = {
  FileSystemRead: ['reading', '--allow-fs-read for this path'],
  FileSystemWrite: ['writing', '--allow-fs-write for its folder'],
  ChildProcess: ['starting another process', '--allow-child-process'],
  WorkerThreads: ['starting a thread', '--allow-worker'],
}

const NO_ADDONS = 'ERR_DLOPEN_DISABLED'

/** The refusal that an error reports; undefined for any other error. */
export function describeRefusal(error: unknown): Refusal | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { name, code, message, permission, resource } = error as Error & { code?: unknown; permission?: string; resource?: string }
  if (name === 'NotCapable') return refusedByDeno(message)
  // The error of the package sharp has the code in its message only.
  if (code === NO_ADDONS || String(message).includes(NO_ADDONS)) return refusedAddons()
  if (code !== 'ERR_ACCESS_DENIED') return undefined
  const [action, flag] = PERMISSIONS[permission ?? ''] ?? [`this (${message})`, 'the flag for it, or without --permission']
  // Of another process, only newer versions of Node name the program.
  const path = permission?.startsWith('FileSystem') === true ? resource : ''
  const what = path === undefined || path === '' ? action : `${action} ${path}`
  return { problem: `Node's permission model does not allow ${what}`, advice: `Start Node with ${flag}.`, code }
}

function refusedAddons(): Refusal {
  const code = NO_ADDONS
  if (process.permission === undefined) return { problem: 'this Node loads no addons', advice: 'Start Node without --no-addons.', code }
  return { problem: "Node's permission model does not allow addons", advice: 'Start Node with --allow-addons.', code }
}

/** Deno names the flag in its message: 'Requires write access to "model", run again with the --allow-write flag'. */
function refusedByDeno(message: string): Refusal {
  const flag = /--allow-[a-z-]+/.exec(message)?.[0] ?? '--allow-all'
  return { problem: `Deno refuses it: ${message.split(', run again')[0]}`, advice: `Start Deno with ${flag}.`, code: 'NotCapable' }
}

/** Whether Node's permission model lets this program start others. */
export function mayStartProcesses(): boolean {
  return process.permission === undefined || process.permission.has('child')
}

/** What to do where no process can be started, as a whole sentence. */
export function processAdvice(): string {
  if (RUNTIME.name === 'Deno') return 'Start Deno with --allow-run.'
  return mayStartProcesses() ? 'Allow child processes.' : 'Start Node with --allow-child-process.'
}

/** Turns a refusal about which no more is known into an error of this package. Returns any other error as it is. */
export function toPermissionError(error: unknown): unknown {
  const refusal = describeRefusal(error)
  if (refusal === undefined) return error
  const { permission } = error as { permission?: string }
  const code: ErrorCode = permission?.startsWith('FileSystem') === true ? 'ERR_FILE_SYSTEM' : 'ERR_LIBRARY_LOAD'
  return new TorchRnnError(code, `${refusal.problem}. ${refusal.advice}`, { cause: error })
}
