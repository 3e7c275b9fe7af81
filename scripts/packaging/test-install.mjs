/**
 * `npm run test:install`: installs the packages in npm/ that this platform needs into an empty folder, and uses them there.
 *
 * A short form of `npm run test:packages` for platforms on which that does not run. A platform that fails it is not released.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { npmCommand } from '../bootstrap/npm.mjs'
import { SetUpError } from '../bootstrap/set-up-error.mjs'
import { ADDON, LIBTORCH, MAIN, tarballOf } from './places.mjs'

/** A network so small that an epoch of MNIST takes seconds. */
const TRAINING = ['train', '--epochs', '1', '--num-layers', '1', '--hidden-size', '8', '--batch-size', '512', '--device', 'cpu', '--quiet']

/** The variables that could make the packages use another libtorch. */
const ELSEWHERE = ['LIBTORCH', 'LIBTORCH_USE_PYTORCH', 'NODE_PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH']

/** @throws {SetUpError} Names the step that failed; its output was printed. */
export function testInstall() {
  const tarballs = [MAIN, ADDON, LIBTORCH].map(tarballOf)
  const missing = tarballs.filter((tarball) => !existsSync(tarball))
  if (missing.length > 0) throw new SetUpError(`Expected what \`npm run package\` makes, but there is no ${missing.join(', ')}.`)
  const folder = mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-install-'))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ELSEWHERE.includes(name)))
  const run = (title, { command, args }) => {
    console.error(`test:install: ${title}`)
    try {
      execFileSync(command, args, { cwd: folder, env, stdio: 'inherit' })
    } catch {
      throw new SetUpError(`The packages do not work when they are installed from ${tarballs.join(', ')}: "${title}" failed.`)
    }
  }
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    run('installing', npmCommand(['install', '--no-audit', '--no-fund', ...tarballs]))
    const installed = join(folder, 'node_modules', MAIN.name)
    const { bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
    const program = (args) => ({ command: process.execPath, args: [join(installed, Object.values(bin)[0]), ...args] })
    run('doctor', program(['doctor']))
    run('training', program(TRAINING))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
