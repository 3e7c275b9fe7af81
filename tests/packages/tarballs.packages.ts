/** The tarballs themselves: checked by public package checkers, and compared with the sources of this clone. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY, runNode } from '../support/run-program'
import { publishTarballs, registryAddress, TARBALLS } from './registry'

const TOOLS = join(__dirname, 'tools', 'node_modules')
const { name, version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { name: string; version: string }
const MAIN = join(TARBALLS, `${name}-${version}.tgz`)

function tar(...args: string[]): string {
  return execFileSync('tar', args, { encoding: 'utf8' })
}

const packed = tar('-tzf', MAIN)
  .split('\n')
  .map((line) => line.replace(/^package\//, ''))

test('publint finds no fault', async () => {
  for (const tarball of readdirSync(TARBALLS).filter((file) => !file.includes('libtorch'))) {
    const { code, stdout, stderr } = await runNode([join(TOOLS, 'publint', 'src', 'cli.js'), join(TARBALLS, tarball), '--strict'])
    expect({ tarball, code, output: stdout + stderr }).toEqual({ tarball, code: 0, output: expect.stringContaining('All good!') })
  }
})

test('the types are right for every way of importing', async () => {
  const outcome = await runNode([join(TOOLS, '@arethetypeswrong', 'cli', 'dist', 'index.js'), MAIN, '--format', 'json', '--no-color'])
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  const { analysis, problems } = JSON.parse(outcome.stdout)
  expect(analysis.types).toEqual({ kind: 'included' })
  expect(problems ?? {}).toEqual({})
})

test('the main one has the compiled form of every source, and of no deleted one', () => {
  const sources = readdirSync(join(REPOSITORY, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) => /\.m?ts$/.test(file))
  const names = sources.map((file) => file.replaceAll('\\', '/')).filter((file) => !file.startsWith('server/page/'))
  const bundles = ['dist/charts/plot-bundle.js', 'dist/server/page/page.js']
  const compiled = [...names.map((file) => `dist/${file.replace(/ts$/, 'js')}`), ...bundles]
  expect(packed.filter((file) => /^dist\/.*\.m?js$/.test(file)).sort()).toEqual(compiled.sort())
})

test('the main one has all that its package.json points to', () => {
  const { main, types, bin, exports } = JSON.parse(tar('-xzOf', MAIN, 'package/package.json'))
  const targets = [main, types, ...Object.values(bin), ...Object.values(exports['.']).flatMap((entry) => Object.values(entry as object))]
  expect(targets).toHaveLength(7)
  for (const target of targets) expect(packed).toContain((target as string).replace(/^\.\//, ''))
})

test('the READMEs promise what package.json says of the binaries, and no older system', () => {
  const [addon] = readdirSync(TARBALLS).filter((file) => file.startsWith('torch-rnn-mnist-addon-'))
  const addonTarball = join(TARBALLS, addon as string)
  const { glibc } = JSON.parse(tar('-xzOf', addonTarball, 'package/package.json')).torchRnnMnist
  for (const tarball of [addonTarball, MAIN]) {
    const readme = tar('-xzOf', tarball, 'package/README.md')
    expect({ tarball, promised: Array.from(readme.matchAll(/glibc (\d[\d.]*\d)/g), ([, version]) => version) }).toEqual({
      tarball,
      promised: [glibc],
    })
  }
})

test('a repeated release publishes nothing twice, and dependencies come first', async () => {
  const lines = (await publishTarballs(registryAddress())).trim().split('\n')
  expect(lines).toHaveLength(readdirSync(TARBALLS).length)
  for (const line of lines) expect(line).toMatch(/: is published already$/)
  const kinds = lines.map((line) => /libtorch-|addon-|^torch-rnn-mnist@|^rnn-mnist-train@/.exec(line)?.[0])
  expect(Array.from(new Set(kinds))).toEqual(['libtorch-', 'addon-', 'torch-rnn-mnist@', 'rnn-mnist-train@'])
})
