/** Installs Python packages that a requirements file pins into a folder of the cache: the system's Python stays as it is. */
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { PYTHON, ROOT } from '../places.mjs'
import { hashFiles } from '../stamps.mjs'

/**
 * @param {object} settings
 * @param {string} settings.name
 * @param {string} settings.title
 * @param {string} settings.requirements - The file with the versions and hashes.
 * @param {string} settings.folder - For Python's search path; programs are in its folder `bin`.
 * @param {string[]} settings.outputs - The files that must be there afterwards.
 * @param {boolean} [settings.forThisPython] - For modules that are compiled for one version of Python. Programs do not depend on it.
 * @param {string} [settings.advice] - What else helps when it fails.
 * @returns {import('../set-up.mjs').Step}
 */
export function pythonPackagesStep({ name, title, requirements, folder, outputs, forThisPython = false, advice = '' }) {
  const python = () => (forThisPython ? spawnSync(PYTHON, ['-VV'], { encoding: 'utf8' }).stdout : '')
  // A wheel with a program may ask for a newer Python than this one, although it contains no Python.
  const version = forThisPython ? [] : ['--python-version', '3.12']
  return {
    name,
    title,
    advice: `Check the network and pip’s index setting, then run the same command again.${advice}`,
    needs: () => ['python'],
    fingerprint: () => `${hashFiles(ROOT, [requirements])} ${python()}`,
    outputs: () => outputs,
    async run({ tool }) {
      const unfinished = `${folder}.tmp`
      rmSync(unfinished, { recursive: true, force: true }) // Left behind by a run that was killed.
      await tool({
        command: PYTHON,
        args: [
          ...['-m', 'pip', '--disable-pip-version-check', 'install', '--no-deps', '--only-binary=:all:', '--require-hashes'],
          ...version,
          ...['--target', unfinished, '--requirement', requirements],
        ],
      })
      rmSync(folder, { recursive: true, force: true })
      renameSync(unfinished, folder)
    },
  }
}
