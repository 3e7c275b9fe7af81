/**
 * A process can have only one libtorch: a second one would register everything again, and abort. So the open libtorch is used, whoever opened
 * it, or refused when its version does not fit.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REQUIRED_TORCH_VERSION } from '../../lib/addon/find-libtorch'
import { PACKAGE, runScript, WELL_ENDED } from '../support/child-script'
import { ADDON, ADDON_FOLDER, LIBTORCH, packagesIn } from '../support/installed-package'
import { LIBRARIES } from '../support/libtorch'
import { describeOnLinux } from '../support/needs'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()
const CPU = 'libtorch_cpu.so'

/** Compiles a library. */
function compile(file: string, code: string): void {
  execFileSync('cc', ['-shared', '-fPIC', '-Wl,-z,nodelete', '-x', 'c', '-', '-o', file], { input: code })
}

/** A library that ends the process when it is opened, as a second libtorch does, only sooner. */
const DEADLY = '#include <stdlib.h>\n__attribute__((constructor)) static void die(void) { abort(); }\n'

/** Installs a whole copy of the package, with files of its own. Returns its main file and the folder of its libtorch. */
function installCopy(name: string): { main: string; libraries: string } {
  const { modules, installMain, installAddon, installLibtorch } = packagesIn((...names) => path(name, ...names))
  const { PACKAGE_UNDER_TEST: main } = installMain()
  installAddon()
  for (const file of ['torch_rnn_mnist.node', 'loader.node']) {
    rmSync(modules(ADDON, file)) // A link, which Node would follow: both copies would load the same file.
    cpSync(join(ADDON_FOLDER, file), modules(ADDON, file))
  }
  installLibtorch()
  return { main, libraries: modules(LIBTORCH, 'lib') }
}

/** Replaces libtorch's libraries of a copy by deadly ones. */
function makeDeadly(libraries: string): void {
  unlinkSync(libraries)
  mkdirSync(libraries)
  compile(join(libraries, CPU), DEADLY)
  for (const file of readdirSync(LIBRARIES).filter((name) => name !== CPU)) symlinkSync(join(libraries, CPU), join(libraries, file))
}

/** Makes a model with the main file of a copy, and computes. */
const USE = `
  const use = async (main) => {
    const { ImageRNN } = require(main)
    const model = new ImageRNN(options)
    await model.train(new (require(main).ImageDataset)({ images, shape: [400, 4, 5], labels: new Uint8Array(400) }), { epochs: 1 })
    return (await model.forward({ data: new Float32Array(20), shape: [4, 5] })).shape.join()
  }
  const open = () => require('node:fs').readFileSync('/proc/self/maps', 'utf8').match(/\\S*libtorch_cpu\\.so/g)
`

describeOnLinux('two copies of the package in one process', () => {
  test('use the libtorch that the first one opens', async () => {
    const [first, second] = [installCopy('first'), installCopy('second')]
    makeDeadly(second.libraries)
    const body = `${USE}
      console.log(await use(process.env.FIRST), await use(process.env.SECOND), await use(process.env.FIRST))
      console.log(new Set(open()).size)
    `
    const env = { FIRST: first.main, SECOND: second.main, LIBTORCH: undefined, NODE_DEBUG: 'torch-rnn-mnist' }
    const outcome = await runScript(body, { env })
    expect(outcome).toMatchObject({ ...WELL_ENDED, stderr: expect.any(String), stdout: '1,3 1,3 1,3\n1\n' })
    const lines = outcome.stderr.split('\n').filter((line) => / libtorch: /.test(line))
    expect(lines.map((line) => line.replace(/.* libtorch: /, ''))).toEqual([first.libraries, first.libraries])
  })

  test('keep their thread counts apart', async () => {
    const [first, second] = [installCopy('first'), installCopy('second')]
    const body = `
      const count = (main, threads) => new (require(main).ImageRNN)({ ...options, threads }).threadCount()
      console.log(await count(process.env.FIRST, 0) === await (await count(process.env.FIRST, 7), count(process.env.SECOND, 0)))
    `
    const env = { FIRST: first.main, SECOND: second.main, LIBTORCH: undefined }
    expect(await runScript(body, { env })).toMatchObject({ ...WELL_ENDED, stdout: 'true\n' })
  })

  test('may load at the same time, each in a thread of its own', async () => {
    const copies = [installCopy('first'), installCopy('second')]
    const files = [LIBRARIES, path('copied')]
    cpSync(LIBRARIES, path('copied'), { recursive: true })
    copies.forEach(({ libraries }, index) => {
      unlinkSync(libraries)
      symlinkSync(files[index] as string, libraries)
    })
    const body = `${USE}
      // Both are past everything but libtorch itself when the second arrives.
      const gate = new Int32Array(new SharedArrayBuffer(4))
      const program = \`
        const { workerData: { main, gate }, parentPort } = require('node:worker_threads')
        const { ImageRNN } = require(main)
        Atomics.add(gate, 0, 1)
        while (Atomics.load(gate, 0) < 2);
        new ImageRNN({ device: 'cpu', threads: 1 }).forward({ data: new Float32Array(28), shape: [1, 28] }).then(({ shape }) => parentPort.postMessage(shape.join()))
      \`
      const workers = [process.env.FIRST, process.env.SECOND].map((main) => new Worker(program, { eval: true, workerData: { main, gate } }))
      console.log((await Promise.all(workers.map((worker) => once(worker, 'message')))).join())
      console.log(new Set(open()).size)
    `
    const env = { FIRST: copies[0]?.main, SECOND: copies[1]?.main, LIBTORCH: undefined }
    expect(await runScript(body, { env })).toMatchObject({ ...WELL_ENDED, stdout: '1,10,1,10\n1\n' })
  })
})

describeOnLinux('another package that has opened a libtorch', () => {
  /** Opens a library as another native package does. */
  const OPEN = `require(${JSON.stringify(join(ADDON_FOLDER, 'loader.node'))}).open(process.env.THEIRS)`

  test('of the right version: it is used', async () => {
    const ours = installCopy('ours')
    makeDeadly(ours.libraries)
    const body = `${USE}
      const { open: openLibrary } = require(${JSON.stringify(join(ADDON_FOLDER, 'loader.node'))})
      for (const name of ['libgomp.so.1', 'libcudart.so.13', 'libcupti.so.13', 'libc10.so', 'libtorch_cpu.so']) openLibrary(process.env.THEIRS + '/' + name)
      console.log(await use(process.env.OURS))
    `
    const env = { OURS: ours.main, THEIRS: LIBRARIES, LIBTORCH: undefined }
    expect(await runScript(body, { env })).toMatchObject({ ...WELL_ENDED, stdout: '1,3\n' })
  })

  test.each([
    ['of another version', 'unsigned long long aoti_torch_abi_version(void) { return 0x020e010000000000; }', 'it holds libtorch 2.14.1'],
    ['that does not tell its version', 'int other;', 'it does not tell its version'],
  ])('%s: the error names both, and the program goes on', async (_, code, problem) => {
    const ours = installCopy('ours')
    mkdirSync(path('theirs'))
    const theirs = path('theirs', `${CPU}.2.14`) // As Linux distributions name it.
    compile(theirs, code)
    const body = `
      ${OPEN}
      for (let attempt = 0; attempt < 2; attempt += 1) {
        try { new (require(process.env.OURS).ImageRNN)(options) } catch ({ code, message }) { console.log(code, message) }
      }
    `
    const { stdout, ...outcome } = await runScript(body, { env: { OURS: ours.main, THEIRS: theirs, LIBTORCH: undefined } })
    expect(outcome).toMatchObject(WELL_ENDED)
    expect(stdout.match(/^ERR_LIBRARY_LOAD /gm)).toHaveLength(2)
    expect(stdout).toContain(`open in this process, ${theirs}: ${problem}`)
    expect(stdout).toContain(`not opened, ${ours.libraries}`)
    expect(stdout).toContain(`libtorch ${REQUIRED_TORCH_VERSION}`)
    expect(stdout).toContain('child_process.fork')
  })
})

describeOnLinux('a worker thread', () => {
  test('uses the libtorch of the process, whatever its own environment names', async () => {
    writeFileSync(path('build-version'), REQUIRED_TORCH_VERSION)
    symlinkSync(LIBRARIES, path('lib'))
    const body = `
      new ImageRNN(options)
      const program = \`
        const { workerData, parentPort } = require('node:worker_threads')
        const { native, loadedLibraries } = require(workerData)
        native()
        parentPort.postMessage(loadedLibraries())
      \`
      const env = { ...process.env, LIBTORCH: process.env.OTHER }
      const worker = new Worker(program, { eval: true, env, workerData: process.env.NATIVE })
      console.log((await once(worker, 'message'))[0])
    `
    const env = { LIBTORCH: undefined, OTHER: path(), TMPDIR: path(), NATIVE: join(dirname(PACKAGE), 'addon', 'native.js') }
    expect(await runScript(body, { env })).toMatchObject({ ...WELL_ENDED, stdout: `${LIBRARIES}\n` })
  })
})
