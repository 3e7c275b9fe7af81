/**
 * What every npm script of this package starts: `node scripts/bootstrap/run.mjs <command> [arguments]`.
 *
 * The syntax of this file stays plain, so that a Node which is too old can still read it and say so; the rest is imported after that.
 */
const NEEDED = [20, 19] // As in "engines" of package.json.

const [major, minor] = process.versions.node.split('.').map(Number)

if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
  console.error(`Expected Node ${NEEDED.join('.')} or newer, but this is Node ${process.versions.node}.`)
  console.error(
    'Install a current Node, with your version manager (nvm install 22, fnm install 22) or your system’s packages, and run this again.',
  )
  process.exitCode = 1
} else {
  import('./commands.mjs').then((commands) => commands.runCommand(process.argv[2], process.argv.slice(3)))
}
