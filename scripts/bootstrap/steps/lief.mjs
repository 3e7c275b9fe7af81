/** Installs LIEF, a library that reads binaries, into the cache: the system's Python stays as it is. */
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { CACHE, PYTHON, ROOT } from '../places.mjs'
import { hashFiles } from '../stamps.mjs'

const REQUIREMENTS = join(ROOT, 'scripts', 'packaging', 'requirements.txt')

/** A folder for Python's search path. */
export const LIEF = join(CACHE, 'lief')

/** @type {import('../set-up.mjs').Step} */
export const lief = {
  name: 'lief',
  title: 'installing LIEF, which reads binaries',
  advice: 'Check the network and pip’s index setting, then run the same command again.',
  needs: () => ['python'],
  // A wheel is made for one version of Python.
  fingerprint: () => `${hashFiles(ROOT, [REQUIREMENTS])} ${spawnSync(PYTHON, ['-VV'], { encoding: 'utf8' }).stdout}`,
  outputs: () => [join(LIEF, 'lief', '__init__.py')],
  async run({ tool }) {
    const unfinished = `${LIEF}.tmp`
    rmSync(unfinished, { recursive: true, force: true }) // Left behind by a run that was killed.
    await tool({
      command: PYTHON,
      args: [
        ...['-m', 'pip', '--disable-pip-version-check', 'install', '--no-deps', '--only-binary=:all:', '--require-hashes'],
        ...['--target', unfinished, '--requirement', REQUIREMENTS],
      ],
    })
    rmSync(LIEF, { recursive: true, force: true })
    renameSync(unfinished, LIEF)
  },
}
