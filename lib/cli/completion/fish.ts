import type { CompletableOption, CompletableProgram } from './completable'

/** The script for fish: to be sourced, or to be saved in fish's folder for completions. */
export function fishScript({ name, commands, bare }: CompletableProgram): string {
  const call = `__${name.replaceAll('-', '_')}_command`
  const names = commands.map((command) => command.name).join(' ')
  const add = (condition: string, rest: string) => `complete -c ${name} -n ${quote(condition)} ${rest}`
  const is = (command: string) => `test "$(${call})" = "${command}"`
  const first = commands.map((command) =>
    add(`${is('')}; and test (count (commandline -opc)) -eq 1`, `-a ${command.name} -d ${quote(command.summary)}`),
  )
  const rest = [{ name: '', options: bare, words: [] }, ...commands].flatMap((command) => [
    ...command.words.map((word) => add(is(command.name), `-a ${word}`)),
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
