/** The command that runs npm. */

/** The npm that runs this script, or else the one on PATH. @param {string[]} args */
export function npmCommand(args) {
  const running = process.env.npm_execpath // Set inside `npm run`.
  if (running === undefined) return { command: process.platform === 'win32' ? 'npm.cmd' : 'npm', args }
  return { command: process.execPath, args: [running, ...args] }
}
