/**
 * Runs a command that ends with the set-up that started it: `node tether.mjs <command> [arguments]`.
 *
 * A set-up that is killed by SIGKILL cannot end its tools. npm or a compiler would keep writing into folders in which the next set-up is
 * already working. So the set-up holds the other end of this process's stdin: when stdin ends, this process ends the command with all its
 * children.
 */
import { spawn, spawnSync } from 'node:child_process'

/** What does not end on SIGTERM is killed after this time. */
const GRACE_MS = 5000

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })
let isEnding = false

function endGroup() {
  isEnding = true
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/T', '/F', '/PID', String(child.pid)])
    process.exit(1)
  }
  // SIGTERM first: Ninja gives each compiler a group of its own, and only Ninja can end them.
  process.kill(-process.pid, 'SIGTERM')
  setTimeout(() => process.kill(-process.pid, 'SIGKILL'), GRACE_MS) // This process leads the group and ends too.
}

// These come to the whole group. The command decides what to do; this process ends when the command does.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

process.stdin.on('end', endGroup).on('error', endGroup).resume()

child.on('error', (error) => {
  console.error(`${command} could not be started: ${error.message}`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  if (isEnding) return
  if (signal !== null) console.error(`${command} was ended by ${signal}`)
  process.exit(code ?? 1)
})
