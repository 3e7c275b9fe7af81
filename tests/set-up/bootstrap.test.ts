import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { copyClone, onlyProgramsIn, runModule, startModule } from '../support/bootstrap-modules'
import { testOnPosix } from '../support/needs'
import { type Outcome, REPOSITORY, runNode, startNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'
import { TINY_NETWORK, writeTinyMnist } from '../support/tiny-mnist'

const path = useTemporaryFolder()

const testOnUnix = testOnPosix('a Unix shell')

function write(name: string, content: string): string {
  mkdirSync(dirname(path(name)), { recursive: true })
  writeFileSync(path(name), content)
  return path(name)
}

describe('a stamp', () => {
  const finish = () => runModule(['stamps.mjs'], FINISH, [path()])
  const FINISH = `
    const stamps = new Stamps(args[0] + '/stamps', args[0])
    stamps.begin('step')
    stamps.finish('step', 'made from this', [args[0] + '/out/one', args[0] + '/two'])
    console.log('{}')
  `
  const isCurrent = (fingerprint = 'made from this') =>
    runModule(['stamps.mjs'], `console.log(new Stamps(args[0] + '/stamps', args[0]).isCurrent('step', args[1]))`, [path(), fingerprint])

  beforeEach(() => {
    write('out/one', 'some output')
    write('two', 'more')
  })

  test('is current after its step, for the same fingerprint only', async () => {
    expect(await isCurrent()).toBe(false)
    await finish()
    expect(await isCurrent()).toBe(true)
    expect(await isCurrent('made from that')).toBe(false)
    await finish()
    expect(readdirSync(path('stamps'))).toEqual(['step.json']) // No temporary file remains.
  })

  test('is not current when an output has another size or is gone', async () => {
    await finish()
    write('out/one', 'some outpu')
    expect(await isCurrent()).toBe(false)
    write('out/one', 'some output')
    expect(await isCurrent()).toBe(true)
    rmSync(path('two'))
    expect(await isCurrent()).toBe(false)
  })

  testOnUnix('is gone when its step is killed', async () => {
    await finish()
    const killed = startModule(
      ['stamps.mjs'],
      `new Stamps(args[0] + '/stamps', args[0]).begin('step'); console.log('begun'); setInterval(() => {}, 1000)`,
      [path()],
    )
    await killed.line(/^begun$/)
    await killed.kill()
    expect(readdirSync(path('stamps'))).toEqual([])
    expect(await isCurrent()).toBe(false)
    await finish()
    expect(await isCurrent()).toBe(true)
  })

  test('that is truncated counts as none', async () => {
    await finish()
    const stamp = path('stamps', 'step.json')
    for (const length of [Math.floor(readFileSync(stamp).length / 2), 0]) {
      truncateSync(stamp, length)
      expect(await isCurrent()).toBe(false)
      await finish()
      expect(await isCurrent()).toBe(true)
    }
  })

  test('of an earlier version that says that its step was running is not current', async () => {
    write('stamps/step.json', '{"state":"running"}')
    expect(await isCurrent()).toBe(false)
    await finish()
    expect(await isCurrent()).toBe(true)
  })
})

describe('the hash of files', () => {
  const hash = (root: string, ...files: string[]) =>
    runModule(['stamps.mjs'], `console.log(JSON.stringify(hashFiles(args[0], args.slice(1))))`, [
      path(root),
      ...files.map((file) => path(root, file)),
    ])

  test('depends on content and names, not on order or on the location of the clone', async () => {
    write('here/a', 'content of a')
    write('here/b/c', 'content of c')
    write('there/a', 'content of a')
    write('there/b/c', 'content of c')
    const before = await hash('here', 'a', 'b/c')
    expect(before).toMatch(/^[0-9a-f]{64}$/)
    expect(await hash('here', 'b/c', 'a')).toBe(before)
    expect(await hash('there', 'a', 'b/c')).toBe(before)

    write('there/b/d', 'content of c')
    expect(await hash('there', 'a', 'b/d')).not.toBe(before)
    expect(await hash('there', 'a')).not.toBe(before)
    write('there/b/c', 'content of C')
    expect(await hash('there', 'a', 'b/c')).not.toBe(before)
  })

  test('distinguishes a missing file from an empty one', async () => {
    const missing = await hash('here', 'a')
    write('here/a', '')
    expect(await hash('here', 'a')).not.toBe(missing)
  })

  test('covers all files below a folder with the given endings, and none when there is no folder', async () => {
    for (const file of ['x.ts', 'deep/er/y.mts', 'deep/z.js']) write(file, '')
    const below = (folder: string) =>
      runModule(['stamps.mjs'], `console.log(JSON.stringify(filesBelow(args[0], ['.ts', '.mts']).sort()))`, [path(folder)])
    expect(await below('.')).toEqual([path('deep', 'er', 'y.mts'), path('x.ts')].sort())
    expect(await below('nowhere')).toEqual([])
  })
})

describe('the lock of a clone', () => {
  const HOLD = `
    const lock = await takeLock(lockAddress(args[0]), console.log)
    lock.announce('building something')
    console.log('taken by ' + process.pid)
    setInterval(() => {}, 1000)
  `
  const hold = () => startModule(['lock.mjs'], HOLD, [path()])

  testOnUnix('lets a second process wait, tells it for whom, and goes to it when the first is killed', async () => {
    const first = hold()
    await first.line(new RegExp(`^taken by ${first.pid}$`))
    const second = hold()
    const told = await second.line(/waiting/)
    expect(told).toBe(`another set-up is running (pid ${first.pid}, building something), waiting`)
    await first.kill()
    await second.line(new RegExp(`^taken by ${second.pid}$`))
  })

  test('goes to a waiting process when it is released, and reports each activity to it before', async () => {
    const text = `
      const address = lockAddress(args[0])
      const first = await takeLock(address, () => {})
      first.announce('one')
      const told = []
      const second = await takeLock(address, (message) => {
        told.push(message.replace(String(process.pid), 'PID'))
        if (told.length === 1) first.announce('two')
        else first.release()
      })
      second.release()
      console.log(JSON.stringify(told))
    `
    expect(await runModule(['lock.mjs'], text, [path()])).toEqual([
      'another set-up is running (pid PID, one), waiting',
      'another set-up is running (pid PID, two), waiting',
    ])
  })

  test('is waited for no longer than the user wants', async () => {
    const text = `
      const controller = new AbortController()
      const first = await takeLock(lockAddress(args[0]), () => {})
      const waiting = takeLock(lockAddress(args[0]), () => controller.abort(new Error('enough')), controller.signal)
      const reason = await waiting.then(() => 'taken', (error) => error.message)
      first.release()
      console.log(JSON.stringify(reason))
    `
    expect(await runModule(['lock.mjs'], text, [path()])).toBe('enough')
  })

  testOnUnix('is one for each clone, by whatever path it is reached', async () => {
    mkdirSync(path('clone'))
    mkdirSync(path('other'))
    symlinkSync(path('clone'), path('link'))
    const text = `
      const addresses = ['clone', 'link', 'other'].map((name) => ['linux', 'win32', 'darwin'].map((platform) => lockAddress(args[0] + '/' + name, platform)))
      const ports = addresses.map(([, , { port }]) => port)
      console.log(JSON.stringify({ addresses, ports }))
    `
    const { addresses, ports } = (await runModule(['lock.mjs'], text, [path()])) as { addresses: { path?: string }[][]; ports: number[] }
    const [clone, link, other] = addresses
    expect(link).toEqual(clone)
    for (const [index, address] of (clone ?? []).entries()) expect(other?.[index]).not.toEqual(address)
    for (const port of ports) expect(port >= 20_000 && port < 30_000).toBe(true)
  })
})

describe('npm', () => {
  const NODE = 'C:\\Program Files\\nodejs\\node.exe'

  test.each([
    ['the npm that runs the script', { platform: 'win32', env: { npm_execpath: 'npm-cli.js' } }, NODE, ['npm-cli.js', 'ci']],
    ['else the one on PATH', { platform: 'linux', env: {} }, 'npm', ['ci']],
    // Node does not start npm.cmd.
    [
      'on Windows the one beside Node, without a shell',
      { platform: 'win32', env: {} },
      NODE,
      ['C:\\Program Files\\nodejs\\node_modules\\npm\\bin\\npm-cli.js', 'ci'],
    ],
  ])('is %s', async (_, machine, command, args) => {
    const text = "console.log(JSON.stringify(npmCommand(['ci'], JSON.parse(args[0]))))"
    expect(await runModule(['npm.mjs'], text, [JSON.stringify({ ...machine, node: NODE })])).toEqual({ command, args })
  })
})

describe('a fresh clone on a bare machine', () => {
  /** A program: what it prints, or the shell script that it is; undefined when there is none. */
  type Program = string | { script: string } | undefined

  /** Runs an npm script there. Its programs are node and small shell scripts. */
  function bootstrap(command: string[], programs: Record<string, Program> = {}, libtorch?: string): Promise<Outcome> {
    const clone = copyClone(path('clone'))
    mkdirSync(path('bin'))
    symlinkSync(process.execPath, path('bin', 'node'))
    for (const [name, program] of Object.entries(programs)) {
      if (program === undefined) continue
      const script = typeof program === 'string' ? `echo '${program}'` : program.script
      chmodSync(write(`bin/${name}`, `#!/bin/sh\n${script}\n`), 0o755)
    }
    const env = { ...onlyProgramsIn(path('bin')), ...(libtorch === undefined ? {} : { LIBTORCH: libtorch }) }
    return runNode([join(clone, 'scripts', 'bootstrap', 'run.mjs'), ...command], { env, cwd: clone })
  }

  async function expectMissing(outcome: Promise<Outcome>, missing: RegExp[], advice: string | RegExp): Promise<void> {
    const { stdout, stderr, ...ending } = await outcome
    expect(ending).toEqual({ code: 1, signal: null })
    expect(stdout).toBe('')
    const lines = stderr.trimEnd().split('\n')
    expect(lines[0]).toBe('This machine lacks something that the set-up needs:')
    expect(lines.slice(1, -1)).toEqual(missing.map((pattern) => expect.stringMatching(pattern)))
    expect(lines.at(-1)).toEqual(typeof advice === 'string' ? advice : expect.stringMatching(advice))
    // Nothing was started: it would have to be done again.
    expect(existsSync(path('clone', 'node_modules'))).toBe(false)
    expect(existsSync(path('clone', '.cache', 'stamps'))).toBe(false)
  }

  const PYTHON = /^ {2}- Python 3\.9 or newer with pip \(python3 was not found\)/
  const COMPILER = /^ {2}- a C\+\+20 compiler \(c\+\+, g\+\+, clang\+\+: none was found\)/
  const BUILDS = { cmake: 'cmake version 3.20.0', ninja: '1.11', 'c++': '' }
  const PIP = 'case "$*" in *pip*) echo pip 23.0.1 from somewhere;; *) echo Python 3.9.2;; esac'

  testOnUnix.each([['build'], ['train'], ['test']])('%s names all missing tools at once', async (command) => {
    const advice = "your system's package manager; on Debian and Ubuntu: sudo apt-get install python3-pip g++"
    await expectMissing(bootstrap([command]), [PYTHON, COMPILER], `Install with: ${advice}`)
  })

  testOnUnix.each([
    ['apt-get', 'sudo apt-get install python3-pip g++'],
    ['dnf', 'sudo dnf install python3-pip gcc-c++'],
    ['pacman', 'sudo pacman -S python-pip gcc'],
  ])('with %s, the command that installs them is its own', async (manager, command) => {
    await expectMissing(bootstrap(['build'], { [manager]: 'version 1' }), [PYTHON, COMPILER], `Install with: ${command}`)
  })

  testOnUnix.each([
    ['apt-get', 'sudo apt-get install python3-pip g++-aarch64-linux-gnu qemu-user'],
    ['pacman', 'sudo pacman -S python-pip aarch64-linux-gnu-gcc qemu-user'],
    ['dnf', "your system's package manager; on Debian and Ubuntu: sudo apt-get install python3-pip g++-aarch64-linux-gnu qemu-user"],
  ])('with %s, test:arm64 names what it needs', async (manager, command) => {
    const missing = [
      PYTHON,
      /^ {2}- a C\+\+ compiler for ARM64 \(aarch64-linux-gnu-g\+\+ was/,
      /^ {2}- an emulator of ARM64 \(qemu-aarch64 was/,
    ]
    await expectMissing(bootstrap(['test:arm64'], { [manager]: 'version 1' }), missing, `Install with: ${command}`)
  })

  testOnUnix('a Python that is too old is named before anything is fetched, with advice that helps', async () => {
    const old = /^ {2}- Python 3\.9 or newer with pip \(python3 is Python 3\.6\): it fetches libtorch/
    const advice = /^Install a newer Python beside it, and put it first on PATH under the name python3/
    await expectMissing(bootstrap(['build'], { ...BUILDS, 'apt-get': '', python3: 'Python 3.6.8' }), [old], advice)
  })

  testOnUnix('a pip that is too old is named', async () => {
    const programs = { ...BUILDS, python3: { script: PIP.replace('23.0.1', '20.0.2') } }
    await expectMissing(
      bootstrap(['build'], programs),
      [/^ {2}- pip 20\.3 or newer \(python3 has pip 20\.0\)/],
      /^Make a virtual environment/,
    )
  })

  testOnUnix('a compiler that is too old is named, with advice that helps', async () => {
    const programs = { ...BUILDS, 'apt-get': '', python3: { script: PIP }, 'c++': { script: '[ "$1" = --version ]' } }
    await expectMissing(
      bootstrap(['build'], programs),
      [/^ {2}- a C\+\+20 compiler \(c\+\+ is too old/],
      /^Install a newer compiler beside it/,
    )
  })

  testOnUnix("with the user's own libtorch and build tools, Python is not needed", async () => {
    const { cmake, ninja } = BUILDS
    await expectMissing(bootstrap(['build'], { dnf: '', cmake, ninja }, '/anywhere'), [COMPILER], 'Install with: sudo dnf install gcc-c++')
  })

  testOnUnix.each([
    ['CMake is missing', { cmake: undefined }],
    ['CMake is too old', { cmake: 'cmake version 3.18.4' }],
    ['Ninja and make are missing', { ninja: undefined }],
  ])('if %s, they are fetched, and Python is needed for that only', async (_, programs) => {
    await expectMissing(
      bootstrap(['build'], { ...BUILDS, dnf: '', ...programs }, '/anywhere'),
      [PYTHON],
      'Install with: sudo dnf install python3-pip',
    )
  })
})

describe('the npm scripts', () => {
  const RUN = join(REPOSITORY, 'scripts', 'bootstrap', 'run.mjs')
  const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

  test.each([[['biuld']], [[]], [['toString']]])('an unknown command %p ends with 2 and the list of those there are', async (command) => {
    const { stdout, stderr, code } = await runNode([RUN, ...command])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    const [, list] = /^Expected a command \((.*)\) but received (.*)\.\n$/.exec(stderr) ?? []
    expect(list?.split(', ').sort()).toEqual(Object.keys(scripts).sort())
  })

  test('each start the command of their name', () => {
    for (const [name, script] of Object.entries(scripts)) expect(script).toBe(`node scripts/bootstrap/run.mjs ${name}`)
  })

  test('do nothing when everything is up to date', async () => {
    // The first one updates what changed since the last set-up.
    expect(await runNode([RUN, 'build'], { limitMs: 150_000 })).toMatchObject({ code: 0 })
    const { code, stdout, stderr } = await runNode([RUN, 'build'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toBe('The addon is in build/Release, the JavaScript in dist.\n')
  })

  test('say which Node they need when Node is too old', async () => {
    const old = write('old.cjs', "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.18.3' } })")
    const { engines } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { engines: { node: string } }
    const { code, stdout, stderr } = await runNode(['--require', old, RUN, 'train'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`Expected Node ${engines.node.replace('>=', '')} or newer, but this is Node 20.18.3.`)
  })

  testOnUnix.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('leave %s to the training that they start', async (name, code) => {
    const args = [...TINY_NETWORK, '--data', writeTinyMnist(path('data')), '--epochs', '1000000', '--run', path('run')]
    const program = startNode([RUN, 'train', ...args])
    await program.line(/^Epoch : 00 /)
    program.signal(name)
    expect(await program.ended).toMatchObject({ code, signal: null })
    expect(existsSync(path('run', 'model.safetensors'))).toBe(true)
  })

  test('pass arguments and exit codes of the command line on', async () => {
    const help = await runNode([RUN, 'train', 'evaluate', '--help'])
    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage: rnn-mnist-train evaluate'), stderr: '' })
    expect(await runNode([RUN, 'train', '--epochs', '0'])).toMatchObject({ code: 2, stdout: '' })
    const failed = await runNode([RUN, 'train', 'evaluate', '--model', path('nowhere')])
    expect(failed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/^Error: Cannot read .*\n$/) })
  })
})
