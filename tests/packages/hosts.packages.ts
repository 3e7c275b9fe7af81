/** The programs that run the package, and those that pack it into others: Bun, Deno, Node's permission model, bundlers. */
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readmeExample } from '../support/readme-example'
import { runNode } from '../support/run-program'
import { TINY_NETWORK, writeTinyMnist } from '../support/tiny-mnist'
import { OTHER_NODES, otherRuntime, useBareMachine } from './bare-machine'
import { NAME } from './uses'

const machine = useBareMachine()
const TOOLS = join(__dirname, 'tools', 'node_modules')
/** The program of the command. */
const MAIN = join('node_modules', NAME, 'dist', 'cli', 'main.js')

let folder = ''

function write(file: string, text: string): string {
  writeFileSync(join(folder, file), text)
  return file
}

beforeAll(async () => {
  folder = machine.folder('project')
  write('package.json', '{ "private": true }\n')
  await machine.succeed('npm', ['install', NAME], { cwd: folder })
  writeTinyMnist(join(folder, 'data'))
})

describe.each([
  ['Bun', 'bun'],
  ['Deno', 'deno'],
] as const)('%s', (name, tool) => {
  const run = ([...args]: readonly string[], env = {}) => {
    const [program, ...words] = otherRuntime(machine, tool)
    return machine.succeed(program, [...words, ...args], { cwd: folder, env })
  }

  test("runs the README's example", async () => {
    const stdout = await run([write(`${tool}.mts`, `${readmeExample()}\nconsole.log('accuracy', accuracy)\n`)])
    expect(Number(/^accuracy (.*)$/m.exec(stdout)?.[1])).toBeGreaterThan(0.8)
    expect(stdout).toMatch(/^\[ 28, 128, 150 \]$/m)
  })

  test('is what doctor finds, on the glibc that the system has', async () => {
    const { version } = JSON.parse(readFileSync(join(TOOLS, tool, 'package.json'), 'utf8')) as { version: string }
    const glibc = spawnSync('getconf', ['GNU_LIBC_VERSION'], { encoding: 'utf8' }).stdout.trim()
    // With the system's programs: in Deno, getconf is asked.
    const stdout = await run([MAIN, 'doctor', '--data', 'data'], { PATH: process.env['PATH'] })
    expect(stdout).toContain(`, ${name} ${version}, ${process.platform}-${process.arch}, ${glibc}\n`)
    expect(stdout).toMatch(/^ok {7}self-test: /m)
    expect(stdout).not.toMatch(/\bNode\b/)
  })

  test('is named in the configuration of a run', async () => {
    await run([MAIN, ...TINY_NETWORK, '--epochs', '1', '--data', 'data', '--run', tool])
    const { versions } = JSON.parse(readFileSync(join(folder, tool, 'config.json'), 'utf8'))
    expect(Object.keys(versions)).toEqual([NAME, 'libtorch', tool])
  })
})

test.each(OTHER_NODES)('%s saves under its permission model, also over a file', async (name) => {
  const node = machine.path('nodes', name, 'node')
  const permissions = ['--permission', '--allow-addons', `--allow-fs-read=${folder}/`, `--allow-fs-write=${folder}/`]
  for (const run of ['first', 'second']) {
    const args = [...TINY_NETWORK, '--epochs', '1', '--data', 'data', '--run', `${name}-${run}`, '--output', `${name}.safetensors`]
    await machine.succeed(node, [...permissions, MAIN, ...args], { cwd: folder })
  }
  const { code, stderr } = await machine.run(node, ['--permission', `--allow-fs-read=${folder}/`, MAIN, 'forward', '--data', 'data'], {
    cwd: folder,
  })
  expect(code).toBe(1)
  expect(stderr).toContain('Start Node with --allow-addons.')
})

describe('a bundler', () => {
  const ENTRY = `
    import { ImageRNN, loadMnist } from '${NAME}'
    const attempt = async (work: () => unknown) => {
      try { await work(); return 'works' } catch (error) { return (error as { code: string }).code + ' ' + (error as Error).message }
    }
    const main = async () => console.log(JSON.stringify([await attempt(() => new ImageRNN().dispose()), await attempt(loadMnist)]))
    main()
  `
  const REFUSED = expect.stringMatching(/^ERR_LIBRARY_LOAD Could not load .*: a bundler made it a part of .*--external:torch-rnn-mnist/s)
  /** In an ES module, the required modules need a function require. */
  const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

  function esbuild(args: readonly string[]): Promise<string> {
    const program = machine.path('tools', 'node_modules', 'esbuild', 'bin', 'esbuild')
    return machine.succeed('node', [program, 'entry.ts', '--bundle', '--platform=node', '--log-level=warning', ...args], { cwd: folder })
  }

  /** Not on the machine itself, which has no webpack. */
  async function webpack(options: object): Promise<void> {
    const config = { mode: 'production', target: 'node', context: folder, entry: './entry.js', ...options }
    const report =
      '(error, stats) => { process.exitCode = error === null && !stats.hasErrors() ? 0 : 1; console.log(error, String(stats)) }'
    const script = `require(${JSON.stringify(join(TOOLS, 'webpack'))})(${JSON.stringify(config)}, ${report})`
    const { code, stdout, stderr } = await runNode(['--eval', script], { cwd: folder })
    expect({ code, output: code === 0 ? '' : stdout + stderr }).toEqual({ code: 0, output: '' })
  }

  async function outcome(file: string): Promise<unknown> {
    return JSON.parse(await machine.succeed('node', [file], { cwd: folder }))
  }

  beforeAll(async () => {
    write('entry.ts', ENTRY)
    await esbuild(['--packages=external', '--outfile=entry.js']) // webpack reads no TypeScript.
  })

  test.each([
    ['esbuild', 'bundle.cjs', () => esbuild(['--outfile=bundle.cjs'])],
    ['esbuild in a folder', join('out', 'bundle.cjs'), () => esbuild([`--outfile=${join('out', 'bundle.cjs')}`])],
    ['esbuild for ES modules', 'bundle.mjs', () => esbuild(['--outfile=bundle.mjs', '--format=esm', `--banner:js=${REQUIRE}`])],
    ['webpack', join('out', 'webpack.cjs'), () => webpack({ output: { path: join(folder, 'out'), filename: 'webpack.cjs' } })],
  ])('that takes the package in is told to leave it out: %s', async (_, file, bundle) => {
    await bundle()
    expect(await outcome(file)).toEqual([REFUSED, REFUSED])
  })

  test.each([
    ['esbuild', 'external.cjs', () => esbuild(['--outfile=external.cjs', `--external:${NAME}`])],
    [
      'webpack',
      join('out', 'external.cjs'),
      () => webpack({ output: { path: join(folder, 'out'), filename: 'external.cjs' }, externals: { [NAME]: `commonjs ${NAME}` } }),
    ],
  ])('that leaves it out works: %s', async (_, file, bundle) => {
    await bundle()
    expect(await outcome(file)).toEqual(['works', 'works'])
  })
})
