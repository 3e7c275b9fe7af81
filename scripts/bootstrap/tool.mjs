/** Runs the tools of a step: output into the step's log, progress to the terminal, no orphans. */
import { spawn, spawnSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { SetUpError } from './set-up-error.mjs'

const TETHER = join(import.meta.dirname, 'tether.mjs')
/** How much of a failing tool's output is shown; the log has all of it. */
const SHOWN_LINES = 25
/** A tool that does not end on SIGTERM is killed after this time. */
const GRACE_MS = 5000

/**
 * Runs a command to its end. Its stdout and stderr go to the log.
 *
 * @param {object} run
 * @param {string} run.command
 * @param {string[]} run.args
 * @param {string} run.cwd
 * @param {string} run.log - Appended to.
 * @param {Record<string, string>} [run.env] - In addition to the present ones.
 * @param {AbortSignal} run.signal - Ends the command and everything that it started.
 * @param {(line: string) => void} [run.onLine]
 * @throws {SetUpError} With the last lines of the output, when the command fails.
 */
export async function runTool({ command, args, cwd, log, env = {}, signal, onLine = () => {} }) {
  signal.throwIfAborted()
  const file = createWriteStream(log, { flags: 'a' })
  file.write(`$ ${[command, ...args].join(' ')}\n`)
  const tail = []
  const child = spawn(process.execPath, [TETHER, command, ...args], {
    cwd,
    env: { ...process.env, ...env },
    detached: process.platform !== 'win32', // A group of its own: it can be ended as a whole.
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => {}) // Nothing is written to it. It ends when this process dies, which the tether notices.
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      file.write(`${line}\n`)
      if (line.trim() !== '') tail.push(line)
      if (tail.length > SHOWN_LINES) tail.shift()
      onLine(line)
    })
  }
  const code = await endOf(child, signal)
  await new Promise((resolve) => file.end(resolve))
  signal.throwIfAborted()
  if (code !== 0) throw toolError(command, code, tail, log)
}

function toolError(command, code, tail, log) {
  const output = tail.length === 0 ? '  (it printed nothing)' : tail.map((line) => `  | ${line}`).join('\n')
  return new SetUpError(`${command} ended with exit code ${code}. Its last lines:\n${output}\n  The whole log: ${log}`)
}

function endOf(child, signal) {
  return new Promise((resolve, reject) => {
    let timer
    const end = () => {
      signalFamily(child, 'SIGTERM')
      timer = setTimeout(() => signalFamily(child, 'SIGKILL'), GRACE_MS)
    }
    signal.addEventListener('abort', end)
    child.on('error', reject)
    // Not "exit": children that outlive the command must end, too. They hold its output.
    child.on('close', (code) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve(code)
    })
  })
}

function signalFamily(child, name) {
  if (process.platform === 'win32') {
    spawnSync('taskkill', ['/T', '/F', '/PID', String(child.pid)])
    return
  }
  try {
    process.kill(-child.pid, name)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error // It has ended already.
  }
}
