/** A training in a terminal: the progress bar, its width, and Ctrl-C as it is typed. A pseudo-terminal of Python's stands in for one. */
import { existsSync } from 'node:fs'
import { MAIN, TINY_DATA, TINY_RUN, useCommandLine } from './command-line'
import { runCommand } from './run-program'

const { path, succeed } = useCommandLine()
const COLUMNS = 60
const ESCAPE = String.fromCharCode(27)

/** argv: columns, what to wait for, what to type then, the program. Prints all that was on the screen; exits as the program does. */
const TERMINAL = `
import fcntl, os, pty, re, struct, sys, termios
_, columns, awaited, keys, *program = sys.argv
pid, screen = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(columns), 0, 0))
    os.execvp(program[0], program)
shown, typed = b'', False
try:
    while True:
        shown += os.read(screen, 4096)
        if not typed and re.search(awaited.encode(), shown):
            os.write(screen, keys.encode())
            typed = True
except OSError: pass # The program has ended.
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

async function inTerminal(args: readonly string[], awaited: string, keys: string): Promise<{ code: number | null; stdout: string }> {
  const program = [process.execPath, MAIN, ...args]
  const env = { TERM: 'xterm', NO_COLOR: '1', TORCH_RNN_MNIST_CUDA: '0' }
  return await runCommand('python3', ['-c', TERMINAL, String(COLUMNS), awaited, keys, ...program], { cwd: path(), env })
}

/** What is on the screen, a line for each time that one was written anew, without the codes that move the cursor. */
function screenLines(stdout: string): string[] {
  const codes = new RegExp(`${ESCAPE}\\[[0-9;?]*[A-Za-z]`, 'g')
  return stdout.replaceAll(codes, '\n').split(/[\r\n]+/)
}

const inUnix = process.platform === 'win32' ? describe.skip : describe

inUnix('in a terminal of 60 columns', () => {
  test('training shows a bar, and nothing is wider or coloured', async () => {
    const { code, stdout } = await inTerminal([...TINY_RUN, '--epochs', '2', '--run', 'run', '--log-interval', '1'], 'never', '')
    expect(code).toBe(0)
    const lines = screenLines(stdout)
    expect(lines.filter((line) => /^[█░]+ [12]\/2 \d+% loss/.test(line)).length).toBeGreaterThan(1)
    expect(lines.filter((line) => line.length > COLUMNS)).toEqual([])
    expect(stdout).not.toMatch(new RegExp(`${ESCAPE}\\[[0-9;]*m`)) // NO_COLOR
    expect(stdout).toContain('│ Test accuracy')
  })

  test('Ctrl-C stops after the batch, saves the model, and ends with 130', async () => {
    const { code, stdout } = await inTerminal([...TINY_RUN, '--epochs', '1000000', '--run', 'run'], 'Epoch : 01', '\u0003')
    expect(code).toBe(130)
    expect(stdout).toContain('stopping after this batch')
    expect(stdout).toContain('saved to run/model.safetensors')
    expect(existsSync(path('run', 'model.safetensors'))).toBe(true)
    expect(await succeed(['evaluate', ...TINY_DATA, '--model', 'run/model.safetensors', '--quiet'])).toMatch(/^Test Loss/)
  })
})
