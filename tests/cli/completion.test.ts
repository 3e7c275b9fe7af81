/** `completion`: the scripts, used by real shells. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { linesOf, useCommandLine } from '../support/command-line'
import { describeWhere } from '../support/needs'
import { runCommand } from '../support/run-program'

const { path, run, succeed } = useCommandLine()

const COMMANDS = [
  'train',
  'lr-find',
  'evaluate',
  'predict',
  'explore',
  'summary',
  'forward',
  'hook',
  'export',
  'plot',
  'serve',
  'runs',
  'search',
  'doctor',
  'build',
  'completion',
  'help',
]

const isHere = (shell: string) => process.platform !== 'win32' && spawnSync(shell, ['-c', 'exit']).status === 0
const inShell = (shell: string) => describeWhere(isHere(shell), shell)

/** Types lines into a shell, each at its prompt. Returns what was on the screen. */
const TYPE = `
import os, pty, sys
_, ready, *lines, shell = sys.argv
pid, screen = pty.fork()
if pid == 0: os.execvp(shell.split()[0], shell.split())
shown = b''
try:
    for line in lines + ['exit']:
        while not shown.endswith(ready.encode()): shown += os.read(screen, 1)
        os.write(screen, line.encode() + b'\\n')
        shown += b'\\n'
    while True: shown += os.read(screen, 4096)
except OSError: pass # The shell has ended.
os.waitpid(pid, 0)
sys.stdout.buffer.write(shown)
`

/** The arguments that the program gets when these lines, with tabs in them, are typed. */
async function typed(shell: string, script: string, setUp: readonly string[], lines: readonly string[]): Promise<string[]> {
  writeFileSync(path('script'), script)
  const echo = "rnn-mnist-train() { printf 'given'; printf ' <%s>' \"$@\"; echo; }"
  const ready = 'ready> '
  const start = [`PS1='${ready}'`, echo, ...setUp, '. ./script']
  for (const file of ['start', '.zshrc']) writeFileSync(path(file), `${start.join('\n')}\n`)
  const env = { TERM: 'dumb', ZDOTDIR: path(), INPUTRC: '/dev/null', HISTFILE: '' }
  const { code, stdout } = await runCommand('python3', ['-c', TYPE, ready, ...lines, shell], { cwd: path(), env })
  expect(code).toBe(0)
  return Array.from(stdout.matchAll(/^given (.*?)\s*$/gm), (match) => (match[1] as string).replaceAll('/>', '>')) // zsh takes the slash back.
}

/** Lines with a Tab, and the arguments that the program must get. */
const TYPED: readonly [string, string][] = [
  ['rnn-mnist-train eval\t', '<evaluate>'],
  ['rnn-mnist-train --nonlinearity re\t', '<--nonlinearity> <relu>'],
  ['rnn-mnist-train train --epochs 3 --recurrent-init u\t', '<train> <--epochs> <3> <--recurrent-init> <uniform>'],
  ['rnn-mnist-train evaluate --verb\t', '<evaluate> <--verbose>'],
  ['rnn-mnist-train lr-f\t--recipe acc\t', '<lr-find> <--recipe> <accurate>'],
  ['rnn-mnist-train evaluate --model mod\t', '<evaluate> <--model> <model file.safetensors>'],
  ['rnn-mnist-train train --run fold\t', '<train> <--run> <folder>'],
  ['rnn-mnist-train explore --device=cu\t', '<explore> <--device=cuda>'],
  ['rnn-mnist-train completion fi\t', '<completion> <fish>'],
  ['rnn-mnist-train help summ\t', '<help> <summary>'],
  ['rnn-mnist-train search --vary learn\t --strategy ha\t', '<search> <--vary> <learning-rate> <--strategy> <halving>'],
  ['rnn-mnist-train runs comp\tsm\t', '<runs> <compare> <small>'],
]

beforeEach(() => {
  mkdirSync(path('folder'))
  mkdirSync(path('runs', 'small'), { recursive: true })
  writeFileSync(path('folder.txt'), '')
  writeFileSync(path('model file.safetensors'), '')
})

inShell('bash')('bash', () => {
  /** What bash offers for the last of these words. */
  async function offered(...words: string[]): Promise<string[]> {
    writeFileSync(path('script'), await succeed(['completion', 'bash']))
    const ask = `. ./script; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rnn_mnist_train; printf '%s\\n' "\${COMPREPLY[@]}"`
    const { code, stdout, stderr } = await runCommand('bash', ['-c', ask, 'bash', 'rnn-mnist-train', ...words], { cwd: path() })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return linesOf(stdout)
  }

  test('completes what is typed', async () => {
    const given = await typed(
      'bash --noprofile --rcfile start -i',
      await succeed(['completion', 'bash']),
      [],
      TYPED.map(([line]) => line),
    )
    expect(given).toEqual(TYPED.map(([, words]) => words))
  })

  test('offers all commands, and the options of the default one', async () => {
    const words = await offered('')
    expect(words.filter((word) => !word.startsWith('-')).sort()).toEqual([...COMMANDS].sort())
    expect(words).toEqual(expect.arrayContaining(['--epochs', '--version', '--help']))
  })

  test.each([...COMMANDS.filter((command) => command !== 'help')])(
    'offers every option that %s --help lists, and no other',
    async (command) => {
      const parts = command === 'runs' ? ['list', 'show', 'compare', 'export', 'report'].map((part) => [command, part]) : [[command]]
      const helps = await Promise.all(parts.map((words) => succeed([...words, '--help'])))
      const listed = Array.from(helps.join('\n').matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm), (match) => match[1] as string)
      expect((await offered(command, '--')).sort()).toEqual(Array.from(new Set(listed)).sort())
    },
  )

  test('offers choices, and nothing for free values', async () => {
    expect(await offered('--nonlinearity', '')).toEqual(['tanh', 'relu'])
    expect(await offered('train', '--engine', '=', '')).toEqual(['auto', 'torch', 'fused'])
    expect(await offered('train', '--epochs', '')).toEqual([''])
    expect(await offered('completion', '')).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']))
    expect(await offered('runs', '')).toEqual(expect.arrayContaining(['list', 'show', 'compare', 'export', 'report']))
    expect(await offered('runs', 'show', 's')).toEqual(['small'])
    expect(await offered('--json', 'eval')).toEqual(['']) // A command comes before its options.
  })
})

inShell('zsh')('zsh', () => {
  test('completes what is typed', async () => {
    const setUp = ['autoload -Uz compinit', 'compinit -u -D', 'unsetopt prompt_sp prompt_cr']
    const given = await typed(
      'zsh -d -i',
      await succeed(['completion', 'zsh']),
      setUp,
      TYPED.map(([line]) => line),
    )
    expect(given).toEqual(TYPED.map(([, words]) => words))
  })

  test('also loads the script as a file on fpath', async () => {
    mkdirSync(path('functions'))
    writeFileSync(path('functions', '_rnn-mnist-train'), await succeed(['completion', 'zsh']))
    const setUp = ['fpath=($PWD/functions $fpath)', 'autoload -Uz compinit', 'compinit -u -D', 'unsetopt prompt_sp prompt_cr']
    expect(await typed('zsh -d -i', '', setUp, ['rnn-mnist-train eval\t', 'rnn-mnist-train --nonlin\tre\t'])).toEqual([
      '<evaluate>',
      '<--nonlinearity=relu>',
    ])
  })
})

inShell('fish')('fish', () => {
  async function offered(line: string): Promise<string[]> {
    writeFileSync(path('script'), await succeed(['completion', 'fish']))
    const args = ['--no-config', '-c', 'source script; complete -C $argv[1]', line]
    const { code, stdout, stderr } = await runCommand('fish', args, { cwd: path() })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return stdout
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => text.split('\t')[0] as string)
  }

  test('offers commands, options, choices, files and folders', async () => {
    expect((await offered('rnn-mnist-train ')).sort()).toEqual([...COMMANDS].sort())
    expect(await offered('rnn-mnist-train --nonlin')).toEqual(['--nonlinearity'])
    expect(await offered('rnn-mnist-train evaluate --verb')).toEqual(['--verbose'])
    expect(await offered('rnn-mnist-train evaluate --epo')).toEqual([])
    expect((await offered('rnn-mnist-train train --nonlinearity ')).sort()).toEqual(['relu', 'tanh'])
    expect((await offered('rnn-mnist-train --device=cu')).sort()).toEqual(['--device=cuda'])
    expect(await offered('rnn-mnist-train evaluate --model mod')).toEqual(['model file.safetensors'])
    expect((await offered('rnn-mnist-train train --data fold')).sort()).toEqual(['folder.txt', 'folder/'])
    expect(await offered('rnn-mnist-train train --run fold')).toEqual(['folder/'])
    expect(await offered('rnn-mnist-train train --epochs ')).toEqual([])
    expect((await offered('rnn-mnist-train completion ')).sort()).toEqual(['bash', 'fish', 'zsh'])
    expect(await offered('rnn-mnist-train help summ')).toEqual(['summary'])
    expect((await offered('rnn-mnist-train runs ')).sort()).toEqual(['compare', 'export', 'list', 'report', 'show'])
    expect(await offered('rnn-mnist-train runs show ')).toEqual(['small'])
  })
})

test.each(['bash', 'zsh', 'fish'])('the script for %s needs no libtorch', async (shell) => {
  const script = await succeed(['completion', shell], { env: { LIBTORCH: join(__dirname, 'no-such-folder') } })
  for (const word of ['recurrent-init', 'identity', ...COMMANDS]) expect(script).toContain(word)
})

test('--help tells how to install each', async () => {
  const help = await succeed(['completion', '--help'])
  for (const shell of ['bash', 'zsh', 'fish']) expect(help).toContain(`rnn-mnist-train completion ${shell}`)
})

test.each<[string, string[], string]>([
  ['another shell', ['csh'], 'Allowed choices are bash, zsh, fish'],
  ['no shell', [], "missing required argument 'shell'"],
])('%s is a wrong command line', async (_, args, part) => {
  const { code, stdout, stderr } = await run(['completion', ...args])
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).toContain(part)
})
