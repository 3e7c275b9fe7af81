/** A training in a terminal: the progress bar, its width, and a typed Ctrl-C. */
import { existsSync } from 'node:fs'
import { MAIN, TINY_DATA, TINY_RUN, useCommandLine } from '../support/command-line'
import { runCommand } from '../support/run-program'
import { COLUMNS, CTRL_C, describeWithTerminal, type Typed, terminalCommand } from '../support/terminal'

const { path, succeed } = useCommandLine()
const ESCAPE = String.fromCharCode(27)

async function inTerminal(args: readonly string[], typed: readonly Typed[] = []): Promise<{ code: number | null; stdout: string }> {
  const env = { TERM: 'xterm', NO_COLOR: '1', TORCH_RNN_MNIST_CUDA: '0' }
  const [command, ...rest] = terminalCommand([process.execPath, MAIN, ...args], typed)
  return await runCommand(command, rest, { cwd: path(), env })
}

/** The output, with one line for each rewriting of a line, without the codes that move the cursor. */
function screenLines(stdout: string): string[] {
  const codes = new RegExp(`${ESCAPE}\\[[0-9;?]*[A-Za-z]`, 'g')
  return stdout.replaceAll(codes, '\n').split(/[\r\n]+/)
}

describeWithTerminal('in a terminal of 60 columns', () => {
  test('training shows a bar, and nothing is wider or coloured', async () => {
    const { code, stdout } = await inTerminal([...TINY_RUN, '--epochs', '2', '--run', 'run', '--log-interval', '1'])
    expect(code).toBe(0)
    const lines = screenLines(stdout)
    expect(lines.filter((line) => /^[█░]+ [12]\/2 \d+% loss/.test(line)).length).toBeGreaterThan(1)
    expect(lines.filter((line) => line.length > COLUMNS)).toEqual([])
    expect(stdout).not.toMatch(new RegExp(`${ESCAPE}\\[[0-9;]*m`)) // NO_COLOR
    expect(stdout).toContain('│ Test accuracy')
  })

  test.each(['train', 'lr-find', 'evaluate', 'predict', 'explore', 'summary', 'forward', 'hook', 'search', 'completion'])(
    'the help of %s breaks its lines',
    async (name) => {
      const { code, stdout } = await inTerminal([name, '--help'])
      expect(code).toBe(0)
      const [options = ''] = stdout.split('\r\n\r\n').filter((part) => part.startsWith('Options:'))
      expect(options).toContain('--help')
      expect(screenLines(options).filter((line) => line.length > COLUMNS)).toEqual([])
    },
  )

  test('lr-find shows a bar, and draws the curve', async () => {
    const { code, stdout } = await inTerminal(['lr-find', ...TINY_RUN, '--steps', '60'])
    expect(code).toBe(0)
    const lines = screenLines(stdout)
    expect(lines.filter((line) => /^[█░]+ \d+\/60 rate/.test(line)).length).toBeGreaterThan(1)
    expect(lines.filter((line) => line.length > COLUMNS && !line.startsWith('Go on with'))).toEqual([])
    expect(lines.filter((line) => /^ *[\d.]+ ┤[▀▄█ ┊]*$/.test(line))).toHaveLength(3)
    expect(stdout).toMatch(/1e-5 +1e-4 +0\.001 +0\.01 +0\.1/)
    expect(stdout).toContain('▲ valley')
  })

  test('Ctrl-C stops after the batch, saves the model, and ends with 130', async () => {
    const { code, stdout } = await inTerminal([...TINY_RUN, '--epochs', '1000000', '--run', 'run'], [['Epoch : 01', CTRL_C]])
    expect(code).toBe(130)
    expect(stdout).toContain('stopping after this batch')
    expect(stdout).toContain('saved to run/model.safetensors')
    expect(existsSync(path('run', 'model.safetensors'))).toBe(true)
    expect(await succeed(['evaluate', ...TINY_DATA, '--model', 'run/model.safetensors', '--quiet'])).toMatch(/^Test Loss/)
  })
})
