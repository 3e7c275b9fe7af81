/**
 * Runs a command that ends with the set-up that started it: `node tether.mjs <command> [arguments]`.
 *
 * The set-up holds the other end of stdin. When it dies, even by SIGKILL, stdin ends and this process kills the command with all its
 * children. Otherwise an orphaned compiler or npm would write into folders that the next set-up is working on.
 */
import { spawn, spawnSync } from 'node:child_process'

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })

function killFamily() {
  if (process.platform === 'win32') spawnSync('taskkill', ['/T', '/F', '/PID', String(child.pid)])
  else process.kill(-process.pid, 'SIGKILL') // This process leads its group, so this ends it too.
}

// The command gets these as well and decides; its end ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

process.stdin.on('end', killFamily).on('error', killFamily).resume()

child.on('error', (error) => {
  console.error(`${command} could not be started: ${error.message}`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  if (signal !== null) console.error(`${command} was ended by ${signal}`)
  process.exit(code ?? 1)
})
