/** How many cores a process may use: its affinity, and the quota of its container. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { usableCores } from '../../lib/model/usable-cores'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** A machine with 16 cores and these files. */
function coresWith(files: Readonly<Record<string, string>>): number {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(path(name)), { recursive: true })
    writeFileSync(path(name), text)
  }
  return usableCores({ root: path(), available: 16 })
}

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n'
const V1 = '33 24 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n'

describe('the usable cores', () => {
  test('are those of the affinity where there is no quota', () => {
    expect(coresWith({})).toBe(16)
    expect(coresWith({ 'proc/self/mountinfo': V2, 'proc/self/cgroup': '0::/app\n' })).toBe(16)
    expect(coresWith({ 'sys/fs/cgroup/app/cpu.max': 'max 100000\n' })).toBe(16)
  })

  test.each([
    ['400000 100000', 4],
    ['350000 100000', 3], // Whole cores.
    ['50000 100000', 1], // At least one.
    ['9000000 100000', 16], // The affinity is smaller.
  ])('follow cpu.max in version 2: %s', (text, expected) => {
    expect(coresWith({ 'proc/self/mountinfo': V2, 'proc/self/cgroup': '0::/\n', 'sys/fs/cgroup/cpu.max': `${text}\n` })).toBe(expected)
  })

  test.each([
    ['inner', '200000 100000', '600000 100000', 2],
    ['outer', 'max 100000', '300000 100000', 3],
  ])('follow the tightest of nested groups, the %s one', (_, inner, outer, expected) => {
    const files = { 'sys/fs/cgroup/pods/pod/box/cpu.max': inner, 'sys/fs/cgroup/pods/cpu.max': outer }
    expect(coresWith({ 'proc/self/mountinfo': V2, 'proc/self/cgroup': '0::/pods/pod/box\n', ...files })).toBe(expected)
  })

  test('follow the quota in version 1, as a container sees it', () => {
    const mount = '40 30 0:29 /docker/box /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n'
    const quota = {
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '250000\n',
      'sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
    }
    const groups = '5:memory:/docker/box\n4:cpu,cpuacct:/docker/box\n0::/docker/box\n'
    expect(coresWith({ 'proc/self/mountinfo': mount, 'proc/self/cgroup': groups, ...quota })).toBe(2)
    expect(coresWith({ 'proc/self/cgroup': '4:cpu,cpuacct:/../elsewhere\n' })).toBe(2)
  })

  test('have no limit in version 1 with a quota of -1, and none by other controllers', () => {
    const quota = {
      'sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us': '-1\n',
      'sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us': '100000\n',
    }
    const cpuset = '34 24 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n'
    const other = { 'sys/fs/cgroup/cpuset/cpu.cfs_quota_us': '100000\n', 'sys/fs/cgroup/cpuset/cpu.cfs_period_us': '100000\n' }
    expect(
      coresWith({ 'proc/self/mountinfo': V1 + cpuset, 'proc/self/cgroup': '4:cpu,cpuacct:/app\n3:cpuset:/\n', ...quota, ...other }),
    ).toBe(16)
  })

  test('are never more than Node counts on this machine', () => {
    expect(usableCores()).toBeGreaterThanOrEqual(1)
    expect(usableCores()).toBeLessThanOrEqual(availableParallelism())
  })
})
