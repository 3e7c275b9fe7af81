/** The registry of these tests, for its users. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const ADDRESS = 'TORCH_RNN_MNIST_TEST_REGISTRY'
const LOG = 'TORCH_RNN_MNIST_TEST_REGISTRY_LOG'

const REPOSITORY = join(__dirname, '..', '..')
/** Where `npm run package` puts the tarballs. */
export const TARBALLS = join(REPOSITORY, 'npm')

/** The folder with npm's programs: those of the npm that runs these tests, if known. */
export const NPM_PROGRAMS = dirname(
  process.env['npm_execpath'] ?? join(dirname(process.execPath), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js'),
)

const NPM = join(NPM_PROGRAMS, 'npm-cli.js')

/** Tells the tests, which run in other processes, where the registry is. */
export function announceRegistry(address: string, log: string): void {
  process.env[ADDRESS] = address
  process.env[LOG] = log
}

function announced(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error('There is no registry: run these tests by `npm run test:packages`.')
  return value
}

/** "http://127.0.0.1:12345/". */
export function registryAddress(): string {
  return announced(ADDRESS)
}

/** The file in which the registry logs each request, one per line. */
export function registryLog(): string {
  return announced(LOG)
}

/** An .npmrc for the registry. Anyone may publish there, but npm does not try without a token. */
export function npmrc(address: string): string {
  return `registry=${address}\n${address.replace(/^http:/, '')}:_authToken=nobody\naudit=false\nfund=false\nupdate-notifier=false\n`
}

/** Runs a Node program as a maintainer of the packages, and returns its stdout. */
export async function runAsMaintainer(args: readonly string[], address: string): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'torch-rnn-mnist-maintainer-'))
  try {
    writeFileSync(join(home, '.npmrc'), npmrc(address))
    const env = { PATH: process.env['PATH'], HOME: home, npm_execpath: NPM }
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: home, env })
    return stdout
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
}

/** Runs npm as a maintainer of the packages, and returns its stdout. */
export function npmAsMaintainer(args: readonly string[], address: string): Promise<string> {
  return runAsMaintainer([NPM, ...args], address)
}

/** Publishes all tarballs, as a release does. @returns A line for each of them. */
export function publishTarballs(address: string): Promise<string> {
  return runAsMaintainer([join(REPOSITORY, 'scripts', 'packaging', 'publish.mjs'), TARBALLS], address)
}
