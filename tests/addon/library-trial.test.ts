/** A libtorch that the user names is first tried in another process, so that a crash does not end the program. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runScript, WELL_ENDED } from '../support/child-script'
import { LIBRARIES } from '../support/libtorch'
import { expectLoads, loadFailure } from '../support/load-failure'
import { dieBy, makeNamedLibtorch } from '../support/named-libtorch'
import { describeOnLinux } from '../support/needs'
import { REPOSITORY, runNode } from '../support/run-program'
import { useTemporaryFolder } from '../support/temporary-folder'

const path = useTemporaryFolder()

/** Every test has its own folder for remembered trials. */
const env = (more: Readonly<Record<string, string>> = {}) => ({
  LIBTORCH: path('libtorch'),
  TMPDIR: path('tmp'),
  NODE_DEBUG: 'torch-rnn-mnist',
  ...more,
})

/** @param deadly - Libraries that end the process by a signal when they are opened. */
function makeLibtorch(deadly: Readonly<Record<string, string>> = {}): void {
  mkdirSync(path('tmp'))
  makeNamedLibtorch(path('libtorch'), Object.fromEntries(Object.entries(deadly).map(([name, signal]) => [name, dieBy(signal)])))
}

/** The same program; prints its devices. */
const DEVICES = `
  const model = new ImageRNN({ ...options, device: 'auto' })
  await model.train(dataset(), { epochs: 1 })
  console.log(model.device)
  try { new ImageRNN({ ...options, device: 'cuda' }) } catch (error) { console.log(error.message) }
`

describeOnLinux('a trial', () => {
  test('that crashes leaves the program alive, and the error says how it crashed', async () => {
    makeLibtorch({ 'libtorch_cpu.so': 'SIGILL' })
    const message = await loadFailure({ ...env(), NODE_DEBUG: undefined })
    expect(message).toContain(`LIBTORCH=${path('libtorch')}: a process that tried it was killed by SIGILL`)
    expect(message).toContain('or unset it')
    // A failure is not remembered: the user will repair it and try again.
    expect(readdirSync(path('tmp'))).toEqual([])
  })

  test('that crashes in its CUDA libraries leaves the CPU usable, and the error for CUDA says so', async () => {
    makeLibtorch({ 'libc10_cuda.so': 'SIGSEGV', 'libtorch_cuda.so': 'SIGSEGV' })
    const settings = { env: { ...env({ TORCH_RNN_MNIST_CUDA: '1' }), NODE_DEBUG: undefined } }
    for (let attempt = 0; attempt < 2; attempt += 1) {
      // The second time, it is remembered.
      const outcome = await runScript(DEVICES, settings)
      expect(outcome).toMatchObject(WELL_ENDED)
      expect(outcome.stdout).toMatch(/^cpu\n/)
      expect(outcome.stdout).toContain("a process that tried libtorch's CUDA libraries was killed by SIGSEGV")
    }
    const doctor = await runNode([join(REPOSITORY, 'dist', 'cli', 'main.js'), 'doctor'], settings)
    expect(doctor.code).toBe(0)
    expect(doctor.stdout).toMatch(/^warning {2}devices: cpu \(no CUDA: .*SIGSEGV/m)
  })

  test.each(['SIGTERM', 'SIGINT'])('that somebody stops (%s) ends in an error that says so, with CUDA too', async (signal) => {
    makeLibtorch({ 'libc10_cuda.so': signal, 'libtorch_cuda.so': signal })
    const message = await loadFailure({ ...env({ TORCH_RNN_MNIST_CUDA: '1' }), NODE_DEBUG: undefined })
    expect(message).toContain(`a process that tried it was killed by ${signal} (this is not remembered`)
    expect(message).toMatch(/\n {2}Try again\.\n$/)
    expect(readdirSync(path('tmp'))).toEqual([])
  })

  test('that the system ends (SIGKILL) says nothing about CUDA: this program does without, the next one tries again', async () => {
    makeLibtorch({ 'libc10_cuda.so': 'SIGKILL', 'libtorch_cuda.so': 'SIGKILL' })
    const settings = { env: { ...env({ TORCH_RNN_MNIST_CUDA: '1' }), NODE_DEBUG: undefined } }
    const outcome = await runScript(DEVICES, settings)
    expect(outcome).toMatchObject(WELL_ENDED)
    expect(outcome.stdout).toMatch(/^cpu\n/)
    expect(outcome.stdout).toContain("a process that tried libtorch's CUDA libraries was killed by SIGKILL (this is not remembered")
    expect(readdirSync(path('tmp'))).toEqual([])
    const doctor = await runNode([join(REPOSITORY, 'dist', 'cli', 'main.js'), 'doctor'], settings)
    expect(doctor.stdout).toMatch(
      /^warning {2}devices: cpu \(no CUDA: .* was killed by SIGKILL \(this is not remembered.*\n {9}Perhaps .* memory/m,
    )
    expect(readdirSync(path('tmp'))).toEqual([])
  })

  test('that doctor makes replaces what is remembered', async () => {
    makeLibtorch({ 'libc10_cuda.so': 'SIGSEGV', 'libtorch_cuda.so': 'SIGSEGV' })
    const settings = { env: { ...env({ TORCH_RNN_MNIST_CUDA: '1' }), NODE_DEBUG: undefined } }
    await runNode([join(REPOSITORY, 'dist', 'cli', 'main.js'), 'doctor'], settings)
    const [folder] = readdirSync(path('tmp')) as [string]
    const [file] = readdirSync(path('tmp', folder)) as [string]
    expect(JSON.parse(readFileSync(path('tmp', folder, file), 'utf8'))).toMatchObject({
      result: { cudaProblem: expect.stringContaining('SIGSEGV') },
    })
  })

  test('that ends well is remembered until something changes', async () => {
    makeLibtorch()
    expect((await expectLoads(env())).stderr).toContain(`trial of ${path('libtorch', 'lib')}: {}`)
    expect((await expectLoads(env())).stderr).toContain('remembered')
    expect((await expectLoads(env({ ATEN_CPU_CAPABILITY: 'default' }))).stderr).not.toContain('remembered')
    rmSync(path('libtorch', 'lib', 'libc10.so'))
    copyFileSync(join(LIBRARIES, 'libc10.so'), path('libtorch', 'lib', 'libc10.so'))
    expect((await expectLoads(env())).stderr).not.toContain('remembered')
  })

  test('is remembered in a folder of the user alone, and a folder of others is not trusted', async () => {
    makeLibtorch()
    await expectLoads(env())
    const [folder] = readdirSync(path('tmp')) as [string]
    expect(statSync(path('tmp', folder)).mode & 0o777).toBe(0o700)
    chmodSync(path('tmp', folder), 0o777)
    expect((await expectLoads(env())).stderr).not.toContain('remembered')
  })

  test('tells how many CUDA devices there are, so that the driver need not start on the JavaScript thread', async () => {
    makeLibtorch()
    for (const name of ['libc10_cuda.so', 'libtorch_cuda.so']) {
      execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', path('libtorch', 'lib', name)], { input: 'int nothing;\n' })
    }
    const settings = env({ TORCH_RNN_MNIST_CUDA: '1' })
    await expectLoads(settings)
    // The remembered number is changed to three, which this machine cannot have found itself.
    const [folder] = readdirSync(path('tmp')) as [string]
    const [file] = readdirSync(path('tmp', folder)) as [string]
    const trial = JSON.parse(readFileSync(path('tmp', folder, file), 'utf8'))
    writeFileSync(path('tmp', folder, file), JSON.stringify({ ...trial, result: { cudaDevices: 3 } }))
    const body = `
      try { new ImageRNN({ ...options, device: 'cuda:3' }) } catch ({ code, message }) { console.log(code, message) }
      const model = new ImageRNN({ ...options, device: 'cuda:2' })
      console.log(model.device)
      await model.stateDict().catch(({ code, message }) => console.log(code, message))
      console.log(process.env.CUBLAS_WORKSPACE_CONFIG)
    `
    const { stdout } = await runScript(body, { env: { ...settings, CUBLAS_WORKSPACE_CONFIG: undefined } })
    expect(stdout.split('\n')).toEqual([
      'ERR_DEVICE_UNAVAILABLE cuda:3 was asked for but this machine has 3 CUDA devices (cuda:0 to cuda:2).',
      'cuda:2',
      // The model's thread looks for the device.
      'ERR_DEVICE_UNAVAILABLE cuda:2 was asked for but this machine has no CUDA device that libtorch can use.',
      ':4096:8',
      '',
    ])
    const kept = await runScript('new ImageRNN(options); console.log(process.env.CUBLAS_WORKSPACE_CONFIG)', {
      env: { ...settings, CUBLAS_WORKSPACE_CONFIG: ':16:8' },
    })
    expect(kept.stdout).toBe(':16:8\n')
  })

  test('is repeated when the file that remembers it is damaged', async () => {
    makeLibtorch()
    await expectLoads(env())
    const [folder] = readdirSync(path('tmp')) as [string]
    const [file] = readdirSync(path('tmp', folder)) as [string]
    expect(JSON.parse(readFileSync(path('tmp', folder, file), 'utf8'))).toMatchObject({ result: {} })
    writeFileSync(path('tmp', folder, file), '{ "resu')
    expect((await expectLoads(env())).stderr).not.toContain('remembered')
  })

  test('does not wait for a debugger', async () => {
    makeLibtorch()
    // The program itself must not wait either: only the processes it starts inherit the option.
    const body = `process.env.NODE_OPTIONS = '--inspect-brk=0'; console.log(new ImageRNN(options).device)`
    expect(await runScript(body, { env: { ...env(), NODE_DEBUG: undefined } })).toMatchObject({ ...WELL_ENDED, stdout: 'cpu\n' })
  })
})
