/**
 * `build` in an installed package, on a machine with a compiler: the addon is compiled, used, kept when a later build fails, and gone with its
 * folder.
 */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BUILD_TOOLS } from '../../lib/addon/build-addon'
import { LIBRARIES } from '../support/libtorch'
import { runNode } from '../support/run-program'
import { useBareMachine } from './bare-machine'
import { NAME } from './uses'

const machine = useBareMachine()

/** The libtorch that this clone builds with; it has the headers. */
const LIBTORCH = dirname(LIBRARIES)
/** Compiling takes minutes on two cores. */
const LIMIT_MS = 900_000

test(
  'compiles the addon, which then goes before the package, until it is removed',
  async () => {
    const folder = machine.folder('project')
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n')
    const tools = Object.entries(BUILD_TOOLS).map(([name, version]) => `${name}@${version}`)
    await machine.succeed('npm', ['install', NAME, ...tools], { cwd: folder })
    const built = join(folder, 'node_modules', NAME, 'build')
    // Not on the bare machine itself, which has no compiler.
    const run = (...args: string[]) =>
      runNode([join('node_modules', NAME, 'dist', 'cli', 'main.js'), ...args], {
        cwd: folder,
        limitMs: LIMIT_MS,
        env: { LIBTORCH: undefined },
      })

    const { code, stdout, stderr } = await run('build', '--libtorch', LIBTORCH, '--quiet')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(`The addon is in ${join(built, 'Release')}, and is used from now on, with ${LIBTORCH}.\n`)
    expect(readdirSync(join(built, 'Release')).sort()).toEqual(['loader.node', 'torch_rnn_mnist.node'])
    expect(JSON.parse(readFileSync(join(built, 'libtorch.json'), 'utf8'))).toEqual({ libtorch: LIBTORCH })

    const doctor = await run('doctor')
    expect(doctor).toMatchObject({ code: 0, stderr: '' })
    expect(doctor.stdout).toContain(`addon: an addon built here, ${join(built, 'Release')}`)
    expect(doctor.stdout).toContain(`libtorch: the libtorch that the addon was built with, ${LIBTORCH}`)

    // A failed build changes nothing: the addon that was there before still works. This file is among the first that are compiled.
    const source = join(folder, 'node_modules', NAME, 'native', 'core', 'runtime', 'job_queue.cc')
    const content = readFileSync(source)
    writeFileSync(source, 'not C++\n')
    const failed = await run('build', '--libtorch', LIBTORCH, '--quiet')
    expect(failed.code).toBe(1)
    expect(failed.stderr).toMatch(/Error: Could not build the addon: the compiler ended with exit code [1-9].*Nothing was changed\.\n$/)
    expect(failed.stderr).toContain('job_queue.cc')
    expect(readdirSync(join(built, '..')).filter((name) => name.includes('tmp'))).toEqual([])
    writeFileSync(source, content) // doctor compares the files of the package, too.
    const after = await run('doctor')
    expect(after).toMatchObject({ code: 0, stderr: '' })
    expect(after.stdout).toContain(`addon: an addon built here, ${join(built, 'Release')}`)

    rmSync(built, { recursive: true })
    expect((await run('doctor')).stdout).toContain('addon: the package ')
  },
  2 * LIMIT_MS,
)
