/** Runs a program in a terminal: a pseudo-terminal made by Python. */
import { describeWhere } from './needs'

export const describeWithTerminal = describeWhere(process.platform !== 'win32', 'a pseudo terminal')

/** Columns of the terminal. */
export const COLUMNS = 60

/** What the key sends. */
export const CTRL_C = '\u0003'
/** Ends the input. */
export const CTRL_D = '\u0004'

/** What to type once this regular expression matches the screen, after everything before it was typed. */
export type Typed = readonly [awaited: string, keys: string]

/** argv: columns, what to type when (as JSON), the program. Prints everything shown on the screen; exits like the program. */
const TERMINAL = `
import fcntl, json, os, pty, re, struct, sys, termios
_, columns, typed, *program = sys.argv
pid, screen = pty.fork()
if pid == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, int(columns), 0, 0))
    os.execvp(program[0], program)
shown, seen, typed = b'', 0, json.loads(typed)
try:
    while True:
        shown += os.read(screen, 4096)
        while typed and (match := re.search(typed[0][0].encode(), shown[seen:])):
            seen += match.end()
            os.write(screen, typed.pop(0)[1].encode())
except OSError: pass # The program has ended.
sys.stdout.buffer.write(shown)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`

/** argv: a regular expression, the program. Closes the terminal once its screen matches; exits as a shell does after the program. */
const HUNG_UP_TERMINAL = `
import os, pty, re, sys
_, awaited, *program = sys.argv
pid, screen = pty.fork()
if pid == 0:
    os.execvp(program[0], program)
shown = b''
while not re.search(awaited.encode(), shown):
    shown += os.read(screen, 4096)
os.close(screen)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
sys.exit(code if code >= 0 else 128 - code)
`

/** The command that runs a program in a terminal which is closed once its screen matches a regular expression. */
export function hungUpTerminalCommand(program: readonly string[], awaited: string): [string, ...string[]] {
  return ['python3', '-c', HUNG_UP_TERMINAL, awaited, ...program]
}

/** The command that runs a program in a terminal of {@link COLUMNS} columns. Its stdout is what the program showed, stderr included. */
export function terminalCommand(program: readonly string[], typed: readonly Typed[] = []): [string, ...string[]] {
  return ['python3', '-c', TERMINAL, String(COLUMNS), JSON.stringify(typed), ...program]
}
