/** How an installed package finds its addon among the npm packages, and its message when it does not. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { REQUIRED_TORCH_VERSION } from '../../lib/addon/find-libtorch'
import { explainLoadFailure } from '../../lib/addon/load-error'
import { isAtLeast, PLATFORM } from '../../lib/addon/platform'
import { ADDON, ADDON_FOLDER, LIBTORCH, packagesIn, VERSION, writeManifest } from '../support/installed-package'
import { expectLoads, loadFailure } from '../support/load-failure'
import { testOnLinux } from '../support/needs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const { modules, main, installMain, installAddon, installLibtorch } = packagesIn(path)
const OTHER_ADDON = '@torch-rnn-mnist/addon-plan9-mips'

/** A lock file of npm with these packages. */
function writeLockFile(names: readonly string[]): void {
  const packages = Object.fromEntries(names.map((name) => [`node_modules/${name}`, {}]))
  writeFileSync(path('user', 'package-lock.json'), JSON.stringify({ packages }))
}

describe('with its packages', () => {
  test('it works, and says with NODE_DEBUG where everything is', async () => {
    const env = installMain()
    installAddon()
    installLibtorch()
    for (const empty of [undefined, '']) {
      // An empty value counts as not set.
      const { stderr } = await expectLoads({ ...env, LIBTORCH: empty, NODE_DEBUG: 'torch-rnn-mnist' })
      expect(stderr).toContain(`addon: ${modules(ADDON)}`)
      expect(stderr).toContain(`libtorch: ${modules(LIBTORCH, 'lib')}`)
      expect(stderr).not.toContain('trial') // Only a libtorch that the user names is tried; this one was tested before publication.
    }
  })

  test('it finds libtorch when only the addon can resolve it, as with pnpm', async () => {
    const env = installMain()
    const store = path('store', 'node_modules')
    installAddon({}, join(store, ADDON))
    installLibtorch(join(store, LIBTORCH))
    mkdirSync(modules('@torch-rnn-mnist'), { recursive: true })
    symlinkSync(join(store, ADDON), modules(ADDON))
    const { stderr } = await expectLoads({ ...env, NODE_DEBUG: 'torch-rnn-mnist' })
    expect(stderr).toContain(`libtorch: ${join(store, LIBTORCH, 'lib')}`)
  })

  test('an addon built locally is preferred to the package, and uses the libtorch it was built with', async () => {
    const env = installMain()
    mkdirSync(main('build'))
    symlinkSync(ADDON_FOLDER, main('build', 'Release'))
    installLibtorch(path('other'))
    writeFileSync(main('build', 'libtorch.json'), JSON.stringify({ libtorch: path('other') }))
    const { stderr } = await expectLoads({ ...env, NODE_DEBUG: 'torch-rnn-mnist' })
    expect(stderr).toContain(`addon: ${main('build', 'Release')}`)
    expect(stderr).toContain(`libtorch: ${path('other', 'lib')}`)
  })
})

describe('with TORCH_RNN_MNIST_ADDON', () => {
  test('the addon in that folder comes before the package', async () => {
    const env = installMain()
    installAddon()
    installLibtorch()
    symlinkSync(ADDON_FOLDER, path('own'))
    const named = { ...env, TORCH_RNN_MNIST_ADDON: relative(process.cwd(), path('own')), NODE_DEBUG: 'torch-rnn-mnist' }
    const { stderr } = await expectLoads(named)
    expect(stderr).toContain(`addon: ${path('own')}\n`)
  })

  test('a folder without an addon is refused, and no other is used', async () => {
    const env = installMain()
    installAddon()
    installLibtorch()
    const message = await loadFailure({ ...env, TORCH_RNN_MNIST_ADDON: path('user') })
    expect(message).toContain(`TORCH_RNN_MNIST_ADDON=${path('user')}: torch_rnn_mnist.node is missing in it`)
    expect(message).toContain('Set TORCH_RNN_MNIST_ADDON to a folder with torch_rnn_mnist.node and loader.node, or unset it.')
  })

  test('an addon that does not load is no reason to install anything', async () => {
    const env = installMain()
    installLibtorch()
    mkdirSync(path('broken'))
    for (const file of ['torch_rnn_mnist.node', 'loader.node']) writeFileSync(path('broken', file), 'not a library')
    const message = await loadFailure({ ...env, TORCH_RNN_MNIST_ADDON: path('broken') })
    expect(message).toContain(`TORCH_RNN_MNIST_ADDON=${path('broken')}: `)
    expect(message).toContain('Set TORCH_RNN_MNIST_ADDON to a folder with torch_rnn_mnist.node and loader.node, or unset it.')
    expect(message).not.toContain('node_modules and run')
  })
})

describe('says what is wrong and what to do, when', () => {
  test('the lock file cannot be read either', async () => {
    const env = installMain()
    mkdirSync(path('user', 'package-lock.json'))
    expect(await loadFailure(env)).toMatch(/Run `npm install --include=optional`\.$/m)
  })

  test('optional dependencies were left out', async () => {
    const env = installMain()
    writeLockFile([ADDON])
    const message = await loadFailure(env)
    expect(message).toContain(`there is no addon for ${PLATFORM} that can be used`)
    expect(message).toContain(`an addon built here, ${main('build', 'Release')}: nothing was built`)
    expect(message).toContain(`the package ${ADDON}: it is not installed`)
    expect(message).toContain('--omit=optional')
    expect(message).toMatch(/Run `npm install --include=optional`\.$/m)
  })

  test.each([
    ['pnpm-lock.yaml', 'pnpm install --force'],
    ['yarn.lock', 'yarn install'],
    ['bun.lock', 'bun install'],
    ['deno.lock', 'deno install'],
  ])('they were left out by another package manager (%s)', async (lockFile, command) => {
    const env = installMain()
    writeFileSync(path('user', lockFile), '')
    expect(await loadFailure(env)).toContain(`Run \`${command}\`.`)
  })

  test('the lock file was written on another platform', async () => {
    const env = installMain([OTHER_ADDON, ADDON])
    writeLockFile([OTHER_ADDON])
    const message = await loadFailure(env)
    expect(message).toContain(`${path('user', 'package-lock.json')} was written on another platform and leaves this one out.`)
    expect(message).toContain(`Run \`npm install --save-optional ${ADDON}@${VERSION}\`.`)
  })

  test('node_modules came from a machine of another kind', async () => {
    const env = installMain([OTHER_ADDON, ADDON])
    writeLockFile([OTHER_ADDON, ADDON])
    writeManifest(modules(OTHER_ADDON), { name: OTHER_ADDON, version: VERSION })
    const message = await loadFailure(env)
    expect(message).toContain(`These node_modules were installed for plan9-mips, but this Node is ${PLATFORM}.`)
    expect(message).toContain('Remove node_modules and run `npm install --include=optional` here.')
  })

  test('this version has no addon for the platform', async () => {
    const message = await loadFailure(installMain([OTHER_ADDON]))
    expect(message).toContain(`There is no prebuilt addon for ${PLATFORM}, only for plan9-mips.`)
    expect(message).toContain('npx rnn-mnist-train build')
  })

  test('libtorch is missing; it does not mention a clone', async () => {
    const env = installMain()
    installAddon()
    const message = await loadFailure(env)
    expect(message).toContain(`no libtorch was found (needs libtorch ${REQUIRED_TORCH_VERSION})`)
    expect(message).toContain(`the package ${LIBTORCH}: it is not installed`)
    expect(message).toContain('npm install --include=optional')
    expect(message).not.toMatch(/clone|npm run build/)
  })

  test('the addon is of another version', async () => {
    const env = installMain()
    installAddon({ version: '0.0.1' })
    const message = await loadFailure(env)
    expect(message).toContain(`it is version 0.0.1, but torch-rnn-mnist is ${VERSION}`)
    expect(message).toContain(`npm install torch-rnn-mnist@${VERSION}`)
  })

  test('a file of the addon is missing', async () => {
    const env = installMain()
    writeManifest(modules(ADDON), { name: ADDON, version: VERSION })
    expect(await loadFailure(env)).toContain('torch_rnn_mnist.node is missing in it')
  })

  const DAMAGED = [
    ['empty', '', 'it is empty'],
    ['cut off', '{ "name": "@torch', 'it is not JSON'],
    ['not JSON', 'name: addon', 'it is not JSON'],
    ['an array', '[]', 'it holds no JSON object'],
    ['null', 'null', 'it holds no JSON object'],
    ['without a version', '{}', 'it has no version'],
  ] as const

  test.each(DAMAGED)("the addon's package.json is damaged: %s", async (_, content, problem) => {
    const env = installMain()
    installAddon()
    installLibtorch()
    writeFileSync(modules(ADDON, 'package.json'), content)
    const message = await loadFailure(env)
    expect(message).toContain(`${modules(ADDON, 'package.json')} is damaged: ${problem}`)
    expect(message).toMatch(/Remove node_modules and run `npm install`\.$/m)
  })

  test.each(DAMAGED)("libtorch's package.json is damaged: %s", async (_, content, problem) => {
    const env = installMain()
    installAddon()
    installLibtorch()
    writeFileSync(modules(LIBTORCH, 'package.json'), content)
    const message = await loadFailure(env)
    expect(message).toContain(`${modules(LIBTORCH, 'package.json')} is damaged: ${problem}`)
    expect(message).toContain('Remove node_modules and run `npm install --include=optional`.')
  })

  test.each([
    ['', 'it is empty'],
    ['{ "libtorch": "/op', 'it is not JSON'],
    ['[]', 'it holds no JSON object'],
    ['{ "libtorch": 1 }', 'it names no libtorch'],
  ])('what a build wrote down is damaged: %j', async (content, problem) => {
    const env = installMain()
    mkdirSync(main('build'))
    symlinkSync(ADDON_FOLDER, main('build', 'Release'))
    writeFileSync(main('build', 'libtorch.json'), content)
    const message = await loadFailure(env)
    expect(message).toContain(`${main('build', 'libtorch.json')} is damaged: ${problem}`)
    expect(message).toContain('Run `rnn-mnist-train build` again, or remove')
  })

  testOnLinux('the C library is too old', async () => {
    const env = installMain()
    installAddon({ torchRnnMnist: { glibc: '99.1' } })
    const message = await loadFailure(env)
    expect(message).toMatch(/it needs glibc 99\.1, and this system has glibc 2\.\d+/)
    expect(message).toContain('npx rnn-mnist-train build')
  })

  /** Replaces detect-libc by one that reports Alpine's C library. */
  const PRETEND_MUSL = `require(${JSON.stringify(require.resolve('detect-libc'))}).familySync = () => 'musl'`

  testOnLinux('the system has musl, with and without the addon', async () => {
    const env = installMain()
    const missing = await loadFailure(env, PRETEND_MUSL)
    expect(missing).toContain('This system has musl.')
    installAddon()
    const there = await loadFailure(env, PRETEND_MUSL)
    expect(there).toContain('it is for glibc, and this system has musl')
    for (const message of [missing, there]) expect(message).toContain('node:22-slim instead of node:22-alpine')
  })
})

test.each([
  [
    "/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by /x/torch_rnn_mnist.node)",
    "this system's compiler's library (libstdc++.so.6) is too old: it lacks GLIBCXX_3.4.30",
  ],
  ["/lib/libc.so.6: version `GLIBC_2.34' not found (required by /x)", "this system's C library (glibc) is too old: it lacks GLIBC_2.34"],
  ['something else', 'something else'],
])('what the system says of a library is explained: %s', (message, start) => {
  const { problem, advice } = explainLoadFailure(message)
  expect(problem.startsWith(start)).toBe(true)
  expect(problem).toContain(message)
  expect(advice?.includes('npx rnn-mnist-train build') ?? false).toBe(problem !== message)
})

test.each(['LoadLibraryEx failed with error 126', 'The specified module could not be found.\r\n\\\\?\\C:\\x\\loader.node'])(
  'where Windows finds no library, what users may lack is named: %j',
  (message) => {
    const { problem, advice } = explainLoadFailure(message)
    expect(problem).toContain(message)
    expect(advice).toContain('Microsoft Visual C++ Redistributable for x64')
  },
)

test.each([
  ['2.36', '2.28', true],
  ['2.28', '2.28', true],
  ['2.9', '2.28', false],
  ['3', '2.28', true],
  ['2', '2.0.1', false],
])('version %s is at least %s: %s', (version, floor, expected) => {
  expect(isAtLeast(version, floor)).toBe(expected)
})
