/** Programs that check the sources: ruff for Python, ShellCheck for shell scripts, zizmor for workflows. */
import { join } from 'node:path'
import { CACHE, ROOT } from '../places.mjs'
import { pythonPackagesStep } from './python-packages.mjs'

const FOLDER = join(CACHE, 'check-tools')

/** @param {'ruff' | 'shellcheck' | 'zizmor'} name @returns {string} The program. */
export function checkTool(name) {
  return join(FOLDER, 'bin', process.platform === 'win32' ? `${name}.exe` : name)
}

/** PyPI has no ShellCheck for Linux on ARM64 (requirements.txt leaves it out there). */
export const HAS_SHELLCHECK = process.platform !== 'linux' || process.arch === 'x64'

export const checkTools = pythonPackagesStep({
  name: 'check-tools',
  title: 'fetching ruff, ShellCheck and zizmor',
  requirements: join(ROOT, 'scripts', 'checks', 'requirements.txt'),
  folder: FOLDER,
  outputs: [checkTool('ruff'), checkTool('zizmor'), ...(HAS_SHELLCHECK ? [checkTool('shellcheck')] : [])],
})
