/** How many CPU cores this process may use. */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'

/** Where the numbers come from. Tests give others. */
export interface CoreSources {
  /** The folder that holds `proc` and `sys`. Default `/`. */
  readonly root?: string
  /** The cores in the CPU affinity of the process. Default: what Node says. */
  readonly available?: number
}

/**
 * The cores in the CPU affinity of the process, or fewer where a container has a smaller CPU quota: the whole cores of the quota, and at
 * least one. Node before version 22 does not know quotas.
 */
export function usableCores({ root = '/', available = availableParallelism() }: CoreSources = {}): number {
  return Math.max(1, Math.min(available, Math.floor(cpuQuota(root))))
}

/** The tightest CPU quota of the control groups that the process is in, in cores; Infinity when there is none. Linux only. */
function cpuQuota(root: string): number {
  const mounts = readLines(join(root, 'proc', 'self', 'mountinfo')).flatMap(toCpuMount)
  const groups = readLines(join(root, 'proc', 'self', 'cgroup')).flatMap(toCpuGroup)
  const quotas = mounts.flatMap((mount) => {
    const group = groups.find(({ version }) => version === mount.version)
    return group === undefined ? [] : foldersOf(mount, group.path).map((folder) => quotaOf(join(root, folder), mount.version))
  })
  return Math.min(...quotas)
}

/** Version 1 of control groups has a hierarchy of its own for the CPU; version 2 has one for everything. A machine may mount both. */
type Version = 1 | 2

/** A hierarchy of control groups that may limit the CPU, or a part of one: `root` is the group that is mounted. */
interface CpuMount {
  readonly version: Version
  readonly root: string
  readonly mountPoint: string
}

/** Reads a line of /proc/self/mountinfo, which proc(5) describes: "36 35 98:0 /root /mount/point rw shared:1 - cgroup cgroup rw,cpu". */
function toCpuMount(line: string): CpuMount[] {
  const [before = '', after = ''] = line.split(' - ')
  const [root = '', mountPoint = ''] = before.split(' ').slice(3)
  const [type, , options = ''] = after.split(' ')
  if (type === 'cgroup2') return [{ version: 2, root, mountPoint }]
  return type === 'cgroup' && options.split(',').includes('cpu') ? [{ version: 1, root, mountPoint }] : []
}

/** Reads a line of /proc/self/cgroup, which cgroups(7) describes: "0::/path" in version 2, "4:cpu,cpuacct:/path" in version 1. */
function toCpuGroup(line: string): { version: Version; path: string }[] {
  const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
  if (controllers === undefined || path === undefined) return []
  if (controllers === '') return [{ version: 2, path }]
  return controllers.split(',').includes('cpu') ? [{ version: 1, path }] : []
}

/** The folders of a group and of the groups that contain it, as far as they are mounted. */
function foldersOf({ root, mountPoint }: CpuMount, path: string): string[] {
  const below = relative(root, path).split('/')
  if (below.includes('..')) return [mountPoint] // The group is outside of the mounted part. A container sees only that part.
  return Array.from({ length: below.length + 1 }, (_, depth) => join(mountPoint, ...below.slice(0, depth)))
}

/** The quota of one group, in cores. */
function quotaOf(folder: string, version: Version): number {
  const [quota, period] =
    version === 2
      ? (readLines(join(folder, 'cpu.max'))[0] ?? '').split(' ')
      : ['cpu.cfs_quota_us', 'cpu.cfs_period_us'].map((file) => readLines(join(folder, file))[0])
  const cores = Number(quota) / Number(period)
  return cores > 0 ? cores : Number.POSITIVE_INFINITY // "max" in version 2, -1 in version 1, or no file at all.
}

/** The lines of a file; none when it cannot be read. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    return []
  }
}
