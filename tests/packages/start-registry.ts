/** Before all test files: starts the registry and publishes the tarballs in npm/. */
import { type ChildProcess, execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { announceRegistry, NPM_PROGRAMS, publishTarballs } from './registry'
import stopRegistry, { stopWith } from './stop-registry'

const REPOSITORY = join(__dirname, '..', '..')
/** These come from the tarballs alone, whatever is published elsewhere. */
const OWN = ['torch-rnn-mnist', 'rnn-mnist-train', '@torch-rnn-mnist/*']

/** The registry from which the machine's npm installs. */
function configuredRegistry(): string {
  return execFileSync(process.execPath, [join(NPM_PROGRAMS, 'npm-cli.js'), 'config', 'get', 'registry'], {
    cwd: REPOSITORY,
    encoding: 'utf8',
  }).trim()
}

export default async function startRegistry(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-registry-'))
  const server = fork(join(__dirname, 'registry-server.mjs'), [folder, configuredRegistry(), ...OWN], { stdio: 'inherit' })
  stopWith(server, folder)
  try {
    const address = await addressOf(server)
    announceRegistry(address, join(folder, 'registry.log'))
    console.error(await publishTarballs(address))
  } catch (error) {
    await stopRegistry() // jest does not, where the start fails.
    throw error
  }
}

async function addressOf(server: ChildProcess): Promise<string> {
  const ended = once(server, 'exit').then(([code]) => {
    throw new Error(`The registry ended with exit code ${code}.`)
  })
  ended.catch(() => undefined) // Its end after all tests is no error.
  const [port] = await Promise.race([once(server, 'message'), ended])
  return `http://127.0.0.1:${port}/`
}
