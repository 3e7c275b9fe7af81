/**
 * Runs a command that ends with the set-up that started it: `node tether.mjs <command> [arguments]`.
 *
 * A set-up that is killed by SIGKILL cannot end its tools. npm or a compiler would keep writing into folders in which the next set-up is
 * already working. So the set-up holds the other end of this process's stdin: when stdin ends, this process kills the command with all its
 * children.
 */
import { spawn, spawnSync } from 'node:child_process'

const [command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] })

function killGroup() {
  if (process.platform === 'win32') spawnSync('taskkill', ['/T', '/F', '/PID', String(child.pid)])
  else process.kill(-process.pid, 'SIGKILL') // This process leads the group and ends too.
}

// The set-up sends these to the whole group. The command decides what to do; this process ends when the command does.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})

process.stdin.on('end', killGroup).on('error', killGroup).resume()

child.on('error', (error) => {
  console.error(`${command} could not be started: ${error.message}`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  if (signal !== null) console.error(`${command} was ended by ${signal}`)
  process.exit(code ?? 1)
})
