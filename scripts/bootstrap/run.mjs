/**
 * What every npm script of this package starts: `node scripts/bootstrap/run.mjs <command> [arguments]`.
 *
 * A Node that is too old must still be able to read this file and say so: hence its plain syntax, and the late import of everything else.
 */
const NEEDED = '20.19' // As in "engines" of package.json.

if (process.versions.node.localeCompare(NEEDED, 'en', { numeric: true }) < 0) {
  console.error(`Expected Node ${NEEDED} or newer, but this is Node ${process.versions.node}.`)
  console.error(
    'Install a current Node, with your version manager (nvm install 22, fnm install 22) or your system’s packages, and run this again.',
  )
  process.exitCode = 1
} else {
  import('./commands.mjs').then((commands) => commands.runCommand(process.argv[2], process.argv.slice(3)))
}
