/** What is checked before anything is packed; npm run test:packages proves the packages themselves. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runModule } from './bootstrap-modules'
import { REPOSITORY } from './run-program'
import { useTemporaryFolder } from './temporary-folder'

const path = useTemporaryFolder()

const testOnLinux = process.platform === 'linux' ? test : test.skip

const ROOT_MANIFEST = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'))
const RELEASE = join(REPOSITORY, 'build', 'Release')

/** Calls what a module of scripts/packaging exports. */
function call(module: string, expression: string, ...args: readonly unknown[]): Promise<unknown> {
  const texts = args.map((value) => JSON.stringify(value))
  return runModule([`../packaging/${module}.mjs`], `console.log(JSON.stringify(await ${expression}) ?? 'null')`, texts)
}

describe('package.json', () => {
  const LIBTORCH = { name: '@torch-rnn-mnist/libtorch-linux-x64', version: '2.15.0' }
  const PARSED = '...args.map((text) => JSON.parse(text))'

  test('of the main package has what users need, and only addons that exist', async () => {
    const addons = { '@torch-rnn-mnist/addon-linux-x64': '0.1.0', '@torch-rnn-mnist/addon-darwin-arm64': '0.1.0' }
    const manifest = (await call('manifests', `mainManifest(${PARSED})`, ROOT_MANIFEST, addons)) as Record<string, object>
    expect(Object.entries(manifest['optionalDependencies'] ?? {})).toEqual(Object.entries(addons).sort())
    const { scripts, devDependencies, private: isPrivate, ...rest } = ROOT_MANIFEST
    expect({ ...manifest, optionalDependencies: undefined }).toEqual({ ...rest, optionalDependencies: undefined })
    expect([typeof scripts, typeof devDependencies, isPrivate]).toEqual(['object', 'object', true]) // So this one cannot be published.
  })

  test('of an addon names its platform, its libtorch and what both need of a system', async () => {
    const floors = { GLIBC: '2.34', GLIBCXX: '3.4.30', CXXABI: '1.3.11' }
    const make = (platform: string) => call('manifests', `addonManifest(${PARSED})`, ROOT_MANIFEST, 'addon', platform, LIBTORCH, floors)
    expect(await make('linux-x64')).toMatchObject({
      ...{ name: 'addon', version: ROOT_MANIFEST.version, os: ['linux'], cpu: ['x64'], libc: ['glibc'], preferUnplugged: true },
      dependencies: { [LIBTORCH.name]: '2.15.0' },
      torchRnnMnist: { libtorch: '2.15.0', glibc: '2.34', glibcxx: '3.4.30' },
    })
    const mac = (await make('darwin-arm64')) as object
    expect(mac).toMatchObject({ os: ['darwin'], cpu: ['arm64'], torchRnnMnist: { libtorch: '2.15.0' } })
    expect(mac).not.toHaveProperty('libc')
    expect(mac).not.toHaveProperty('torchRnnMnist.glibc')
    const again = { ...LIBTORCH, version: '2.15.0-1' }
    expect(await call('manifests', `addonManifest(${PARSED})`, ROOT_MANIFEST, 'addon', 'linux-x64', again, floors)).toMatchObject({
      ...{ dependencies: { [LIBTORCH.name]: '2.15.0-1' }, torchRnnMnist: { libtorch: '2.15.0' } },
    })
  })

  test('of libtorch has its version, and none has scripts', async () => {
    const libtorch = await call('manifests', `libtorchManifest(${PARSED})`, ROOT_MANIFEST, LIBTORCH, 'linux-x64')
    expect(libtorch).toMatchObject({ ...LIBTORCH, os: ['linux'], cpu: ['x64'], libc: ['glibc'] })
    const command = await call('manifests', `commandManifest(${PARSED})`, ROOT_MANIFEST, 'rnn-mnist-train')
    expect(command).toMatchObject({ bin: { 'rnn-mnist-train': 'cli.js' }, dependencies: { 'torch-rnn-mnist': ROOT_MANIFEST.version } })
    for (const manifest of [libtorch, command]) expect(manifest).not.toHaveProperty('scripts')
  })

  test('tells the repository where a workflow publishes', async () => {
    const env = { GITHUB_SERVER_URL: 'https://git.example', GITHUB_REPOSITORY: 'someone/something' }
    expect(await call('manifests', `withRepository(${PARSED})`, { name: 'x' }, env)).toEqual({
      name: 'x',
      repository: { type: 'git', url: 'git+https://git.example/someone/something.git' },
    })
    expect(await call('manifests', `withRepository(${PARSED})`, { name: 'x' }, {})).toEqual({ name: 'x' })
  })
})

describe('the files of a package', () => {
  const GOOD = ['package.json', 'README.md', 'LICENSE', 'SHA256SUMS', 'THIRD-PARTY-LICENSES', 'torch_rnn_mnist.node', 'loader.node']
  const problems = (files: readonly string[], bytes = 1000) =>
    call('contents', 'contentProblems(CONTENT_RULES.addon, ...args.map((text) => JSON.parse(text)))', files, bytes)

  test('are those that should be there', async () => {
    expect(await problems(GOOD)).toEqual([])
    expect(await problems([...GOOD, 'src/secret.ts', 'core.1234'])).toEqual([
      'holds src/secret.ts, which should not be there',
      'holds core.1234, which should not be there',
    ])
    expect(await problems(GOOD.filter((file) => !['LICENSE', 'loader.node'].includes(file)))).toEqual([
      'lacks LICENSE',
      'lacks loader.node',
    ])
  })

  test('are not too large', async () => {
    expect(await problems(GOOD, 190e6)).toEqual([])
    expect(await problems(GOOD, 190e6 + 1)).toEqual(['has 190000001 bytes packed, more than 190000000'])
  })
})

describe('the binaries', () => {
  const OURS = ['torch_rnn_mnist.node', 'loader.node'].map((name) => join(RELEASE, name))
  const LIBTORCH = ['libc10.so', 'libtorch_cpu.so']

  const problems = (files: readonly string[], packaged: readonly string[], ...rest: readonly string[]) =>
    call(
      'binaries',
      'readBinaries(JSON.parse(args[0])).then((found) => binaryProblems(found, new Set(JSON.parse(args[1])), args[2] && JSON.parse(args[2])))',
      files,
      packaged,
      ...rest,
    )

  /** A library that needs another one, and looks for it in a folder of this machine. */
  function plantLibrary(): string {
    const compile = (name: string, text: string, ...args: readonly string[]) => {
      writeFileSync(path(`${name}.cc`), text)
      execFileSync(process.env['CXX'] ?? 'c++', ['-shared', '-fPIC', '-o', path(`lib${name}.so`), path(`${name}.cc`), ...args])
      return path(`lib${name}.so`)
    }
    compile('elsewhere', 'int elsewhere() { return 1; }')
    const flags = [`-L${path()}`, '-lelsewhere', '-Wl,-rpath,/some/where:$ORIGIN/lib', '-Wl,--no-as-needed']
    return compile('planted', 'int elsewhere(); int planted() { return elsewhere(); }', ...flags)
  }

  testOnLinux('of this clone need nothing but libtorch and the system, and look nowhere', async () => {
    expect(await problems(OURS, LIBTORCH)).toEqual([])
    expect(await call('binaries', 'readBinaries(JSON.parse(args[0])).then(describeRunPaths)', OURS)).toBe('no RPATH or RUNPATH')
  })

  testOnLinux('do not hold the path of this clone', async () => {
    const find = (folder: string) => call('binaries', 'buildFolderProblems(...args.map((text) => JSON.parse(text)))', OURS, folder)
    expect(await find(REPOSITORY)).toEqual([])
    expect(await find('torchVersion')).toContainEqual('torch_rnn_mnist.node holds the path torchVersion of this machine')
  })

  testOnLinux('must not need a library that is nowhere', async () => {
    expect(await problems(OURS, ['libc10.so'])).toEqual([
      'torch_rnn_mnist.node needs libtorch_cpu.so, which neither the packages nor every Linux have',
    ])
  })

  testOnLinux('must not look into folders of the build machine', async () => {
    expect(await problems([plantLibrary()], [])).toEqual([
      'libplanted.so needs libelsewhere.so, which neither the packages nor every Linux have',
      'libplanted.so looks for libraries in "/some/where" (RPATH or RUNPATH); only folders below $ORIGIN exist elsewhere',
    ])
    expect(await problems([path('libplanted.so')], ['libelsewhere.so'])).toHaveLength(1)
  })

  testOnLinux('must load on the oldest system that is promised', async () => {
    expect(await problems(OURS, LIBTORCH, '2.99')).toEqual([])
    expect(await problems(OURS, LIBTORCH, '2.1')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^torch_rnn_mnist\.node needs glibc 2\.\d+, but 2\.1 is the newest allowed \(--max-glibc\)$/),
      ]),
    )
  })

  test('are described by readelf', async () => {
    const text = `
Dynamic section at offset 0x1 contains 4 entries:
 0x000000000000000e (SONAME)             Library soname: [libx.so.1]
 0x0000000000000001 (NEEDED)             Shared library: [libc.so.6]
 0x000000000000001d (RUNPATH)            Library runpath: [$ORIGIN:/opt/x]

Version definition section '.gnu.version_d' contains 1 entry:
  0x0000: Rev: 1  Flags: none  Index: 2  Cnt: 1  Name: GLIBCXX_9.9

Version needs section '.gnu.version_r' contains 1 entry:
  0x0000: Version: 1  File: libc.so.6  Cnt: 3
  0x0010:   Name: GLIBC_2.4  Flags: none  Version: 3
  0x0020:   Name: GLIBC_2.17  Flags: none  Version: 2
  0x0030:   Name: GLIBC_PRIVATE  Flags: none  Version: 4
`
    expect(await call('elf', 'parseReadelf(JSON.parse(args[0]))', text)).toEqual({
      ...{ soname: 'libx.so.1', needed: ['libc.so.6'], runPaths: ['$ORIGIN', '/opt/x'], floors: { GLIBC: '2.17' } },
    })
    const relative = text.replace('GLIBC_2.17', 'GLIBC_ABI_DT_RELR')
    expect(await call('elf', 'parseReadelf(JSON.parse(args[0])).floors', relative)).toEqual({ GLIBC: '2.36' })
  })
})

test('npm run package refuses options that it does not know, with exit code 2', async () => {
  const parse = (args: readonly string[]) =>
    call(
      'command',
      'new Promise((resolve) => resolve(parsePackageOptions(JSON.parse(args[0])))).catch((error) => [error.exitCode, error.message])',
      args,
    )
  expect(await parse(['--max-glibc', '2.28', '--platform-only'])).toEqual({ maxGlibc: '2.28', platformOnly: true })
  expect(await parse(['--main-only', '--addons', 'there'])).toEqual({ platformOnly: false, addons: 'there' })
  for (const args of [['--max-glibc', 'old'], ['--main-only'], ['--addons', 'there'], ['--fast'], ['rest']]) {
    expect(await parse(args)).toEqual([2, expect.stringContaining('Usage: npm run package')])
  }
})
