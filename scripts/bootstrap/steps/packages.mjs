/** Installs the npm packages that package-lock.json pins. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLATFORM, ROOT } from '../places.mjs'
import { hashFiles } from '../stamps.mjs'

const INPUTS = ['package.json', 'package-lock.json', '.npmrc'].map((name) => join(ROOT, name))

/** @type {import('../set-up.mjs').Step} */
export const packages = {
  name: 'packages',
  title: 'installing npm packages',
  advice: 'Check the network and npm’s registry setting, then run the same command again.',
  needs: () => [],
  // Some packages bring a binary for one platform, so a clone that moves between machines installs anew.
  fingerprint: () => `${PLATFORM} ${hashFiles(ROOT, INPUTS)}`,
  outputs() {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    return Object.keys({ ...dependencies, ...devDependencies }).map((name) => join(ROOT, 'node_modules', name, 'package.json'))
  },
  async run({ tool }) {
    // Inside `npm run`, this is the npm that runs.
    const npm = process.env.npm_execpath
    const args = ['ci', '--no-audit', '--no-fund']
    if (npm === undefined) await tool({ command: process.platform === 'win32' ? 'npm.cmd' : 'npm', args })
    else await tool({ command: process.execPath, args: [npm, ...args] })
  },
}
