/** A disk of a few pages of memory, which is soon full: mounted for one command only, in a Linux user namespace. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testWhere } from './needs'

const NAMESPACE = ['--user', '--map-root-user', '--mount']

/** argv: size in bytes, folder, the command. After the command the disk is removed; its files are copied to NAME.left beside it. */
const SCRIPT = `
mount -t tmpfs -o "size=$1" none "$2" || exit 99
disk=$2; shift 2
"$@"; code=$?
cp -R "$disk" "$disk.left"
exit $code
`

/** The smallest space that a file takes. */
export const PAGE = pageSize()

/** The command that runs another command with a disk of so many pages in place of a folder. */
export function onSmallDisk(folder: string, pages: number, command: readonly string[]): [string, ...string[]] {
  return ['unshare', ...NAMESPACE, 'sh', '-c', SCRIPT, 'sh', String(pages * PAGE), folder, ...command]
}

export const testOnSmallDisk = testWhere(canMount(), 'mounts in a user namespace')

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-test-'))
  mkdirSync(join(folder, 'disk'))
  const [command, ...args] = onSmallDisk(join(folder, 'disk'), 1, ['true'])
  const { status } = spawnSync(command, args)
  rmSync(folder, { recursive: true })
  return status === 0
}

function pageSize(): number {
  return Number(spawnSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }).stdout) || 4096
}
