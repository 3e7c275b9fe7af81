/** The command that runs npm. */
import { win32 } from 'node:path'

/**
 * The npm that runs this script, or else the one that the machine has.
 *
 * @param {string[]} args
 * @param {{ platform?: string, env?: Record<string, string | undefined>, node?: string }} machine - For tests.
 */
export function npmCommand(args, { platform = process.platform, env = process.env, node = process.execPath } = {}) {
  const running = env.npm_execpath // Set inside `npm run`.
  if (running !== undefined) return { command: node, args: [running, ...args] }
  if (platform !== 'win32') return { command: 'npm', args }
  // Node refuses to start npm.cmd without a shell, and a shell would read the arguments anew. npm lies beside Node on Windows.
  return { command: node, args: [win32.join(win32.dirname(node), 'node_modules', 'npm', 'bin', 'npm-cli.js'), ...args] }
}
