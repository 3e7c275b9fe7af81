/** Checks the shell scripts that git tracks, with ShellCheck: shell-scripts.mjs <shellcheck>. Their first line tells that they are some. */
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const SHELL = /^#!.*\b(?:ba|da|k)?sh\b/

const [shellcheck] = process.argv.slice(2)
const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0').slice(0, -1)
const scripts = tracked.filter((name) => SHELL.test(readFileSync(join(ROOT, name), 'latin1').slice(0, 100)))
const { status, error } = spawnSync(shellcheck, scripts, { cwd: ROOT, stdio: 'inherit' })
if (error !== undefined) console.error(`${shellcheck} could not be started: ${error.message}`)
process.exitCode = status ?? 1
