import type { CompletableCommand, CompletableOption, CompletableProgram } from './completable'

/** The script for fish: to be sourced, or to be saved in fish's folder for completions. */
export function fishScript({ name, commands, bare }: CompletableProgram): string {
  const call = `__${name.replaceAll('-', '_')}_command`
  const names = commands.map((command) => command.name).join(' ')
  const add = (condition: string, rest: string) => `complete -c ${name} -n ${quote(condition)} ${rest}`
  const is = (command: string) => `test "$(${call})" = "${command}"`
  const first = commands.map((command) =>
    add(`${is('')}; and test (count (commandline -opc)) -eq 1`, `-a ${command.name} -d ${quote(command.summary)}`),
  )
  const all: readonly Omit<CompletableCommand, 'summary'>[] = [{ name: '', options: bare, words: [] }, ...commands]
  const rest = all.flatMap((command) => [
    ...argumentsOf(command).map(([condition, words]) => add(`${is(command.name)}${condition}`, `-a ${words}`)),
    ...command.options.map((option) => add(is(command.name), argument(option))),
  ])
  return `# Completion of ${name} for fish.
function ${call} --description 'Which command a command line is for'
  set -l words (commandline -opc)
  if set -q words[2]; and contains -- $words[2] ${names}
    echo $words[2]
  end
end
complete -c ${name} -f
${[...first, ...rest].join('\n')}
`
}

/** The words that can follow a command, each with the rest of its condition. After a part of a command, these are the names in its folder. */
function argumentsOf({ words, folder }: Pick<CompletableCommand, 'words' | 'folder'>): [condition: string, words: string][] {
  const typed = (comparison: string) => (folder === undefined ? '' : `; and test (count (commandline -opc)) ${comparison}`)
  const first = words.map((word): [string, string] => [typed('-eq 2'), word])
  return folder === undefined ? first : [...first, [typed('-gt 2'), quote(`(ls ${folder} 2> /dev/null)`)]]
}

function argument({ flag, summary, value }: CompletableOption): string {
  const option = `-l ${flag.replace(/^--/, '')} -d ${quote(summary)}`
  switch (value.kind) {
    case 'none':
      return option
    case 'file':
      return `${option} -r -F`
    case 'folder':
      return `${option} -x -a '(__fish_complete_directories (commandline -ct))'`
    case 'any':
      return `${option} -x`
    case 'choice':
      return `${option} -x -a ${quote(value.choices.join(' '))}`
  }
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`
}
