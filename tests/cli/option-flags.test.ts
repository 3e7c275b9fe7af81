/** The flags that are made of an option table, by kind of option. */
import { Command } from 'commander'
import { addFlags, choicesOf } from '../../lib/cli/option-flags'
import type { OptionTable } from '../../lib/options/specs'

const TABLE = {
  weightDecay: { kind: 'number', above: 0, optional: true, summary: 'how fast weights shrink', whenAbsent: 'they do not' },
  betas: { kind: 'pair', min: 0, below: 1, default: [0.9, 0.999], summary: 'decay of the means' },
  part: { kind: 'part', optional: true, summary: 'how many' },
  mode: { kind: 'choice', choices: ['a', 'b'], default: 'a', summary: 'how' },
  place: {
    kind: 'text',
    pattern: /^p\d$/,
    expected: 'p1 to p9',
    completions: ['p1'],
    placeholder: 'name',
    optional: true,
    summary: 'where',
  },
  from: { kind: 'text', pattern: /^[a-z]+$/, expected: 'a word', preset: 'start', placeholder: 'word', optional: true, summary: 'begin' },
  fast: { kind: 'boolean', optional: true, summary: 'hurry' },
  slow: { kind: 'boolean', default: false, summary: 'take time' },
  tidy: { kind: 'boolean', default: true, summary: 'clean up' },
  file: { kind: 'path', of: 'file', optional: true, summary: 'the file' },
} as const satisfies OptionTable

function createCommand(table: OptionTable = TABLE): Command {
  const command = addFlags(new Command('test'), table)
  return command.exitOverride().configureOutput({ writeErr: () => undefined })
}

function parse(...args: string[]): Record<string, unknown> {
  return createCommand().parse(args, { from: 'user' }).opts()
}

test('without flags, the defaults apply, and optional ones are absent', () => {
  expect(parse()).toStrictEqual({ betas: [0.9, 0.999], mode: 'a', slow: false, tidy: true })
})

test('each takes a value of its kind', () => {
  const args = [
    '--weight-decay',
    '1e-2',
    '--betas',
    '0,.5',
    '--part',
    '.25',
    '--mode=b',
    '--place',
    'p3',
    '--fast',
    '--slow',
    '--no-tidy',
    '--file',
    'x',
  ]
  expect(parse(...args)).toEqual({
    weightDecay: 0.01,
    betas: [0, 0.5],
    part: 0.25,
    mode: 'b',
    place: 'p3',
    fast: true,
    slow: true,
    tidy: false,
    file: 'x',
  })
})

test('a flag with a preset may come without a value, but a value of its own is checked', () => {
  expect(parse('--from')).toMatchObject({ from: 'start' })
  expect(parse('--from', '--fast')).toMatchObject({ from: 'start', fast: true })
  expect(parse('--from', 'end')).toMatchObject({ from: 'end' })
  expect(() => parse('--from', '7')).toThrow('Expected a word.')
})

test.each([
  ['--weight-decay', '0', 'Expected a number above 0.'],
  ['--weight-decay', '', 'Expected a number above 0.'],
  ['--betas', '0.9', 'Expected two numbers of at least 0 and below 1 with a comma between them.'],
  ['--betas', '0.9,', 'Expected two numbers'],
  ['--betas', '0.9,0.9,0.9', 'Expected two numbers'],
  ['--betas', '0.9, 0.9', 'Expected two numbers'],
  ['--betas', '0.9,1', 'below 1'],
  ['--part', '1.5', 'Expected an integer from 1 or a share between 0 and 1.'],
  ['--part', '0', 'Expected an integer from 1 or a share between 0 and 1.'],
  ['--mode', 'c', 'Expected one of a, b.'],
  ['--place', 'p', 'Expected p1 to p9.'],
  ['--file', '', 'Expected the path of a file.'],
])('%s %j is refused', (flag, text, message) => {
  expect(() => parse(flag, text)).toThrow(message)
})

test('a required flag must be there', () => {
  const command = createCommand({ target: { kind: 'path', of: 'file', required: true, summary: 'where to' } })
  expect(() => command.parse([], { from: 'user' })).toThrow("required option '--target <file>' not specified")
  expect(command.parse(['--target', 'x'], { from: 'user' }).opts()).toEqual({ target: 'x' })
})

test('--help gives meaning, range and default', () => {
  const lines = createCommand().configureHelp({ helpWidth: 200 }).helpInformation().split('\n')
  expect(lines.filter((line) => line.startsWith('  --')).map((line) => line.trim().replace(/ {2,}/, ' | '))).toEqual([
    '--weight-decay <number> | how fast weights shrink (a number above 0) (default: they do not)',
    '--betas <number,number> | decay of the means (two numbers of at least 0 and below 1) (default: 0.9,0.999)',
    '--part <number> | how many (an integer from 1 or a share between 0 and 1)',
    '--mode <name> | how (one of a, b) (default: "a")',
    '--place <name> | where',
    '--from [word] | begin (preset: "start")',
    '--fast | hurry',
    '--slow | take time (default: false)',
    '--no-tidy | do not clean up',
    '--file <file> | the file',
  ])
})

test('a shell can complete choices', () => {
  const choices = createCommand().options.map((option) => [option.long, choicesOf(option)])
  expect(choices.filter(([, words]) => words !== undefined)).toEqual([
    ['--mode', ['a', 'b']],
    ['--place', ['p1']],
  ])
})
