/** The live page as a program of its own, for what draws on it. */
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { start } from '../bench/processes.mjs'
import { DIST } from '../bootstrap/places.mjs'

/**
 * Starts the server, which ends with this process at the latest.
 *
 * @param {string} folder - Where its runs are.
 * @param {string[]} args - More flags of `serve`.
 * @returns Its address, and what ends it.
 */
export async function startServer(folder, args = []) {
  const child = start(process.execPath, [join(DIST, 'cli', 'main.js'), 'serve', '--port', '0', '--json', ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const [first] = await once(lines, 'line')
  lines.on('line', () => undefined)
  return {
    url: JSON.parse(first).url,
    async end() {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}
