import type { CompletableCommand, CompletableOption, CompletableProgram, OptionValue } from './completable'

/** The script for bash 3.2, which macOS has, or newer. It works without the package bash-completion. */
export function bashScript({ name, commands, bare }: CompletableProgram): string {
  const all = [{ name: '', options: bare, words: commands.map((command) => command.name) }, ...commands]
  const known = commands.map((command) => command.name).join(' | ')
  const values = all.flatMap((command) => command.options.map((option) => valueCase(command.name, option))).filter((line) => line !== '')
  const rest = all.map((command) => `    '${command.name}') ${wordsAction(command)} ;;`)
  const call = `_${name.replaceAll('-', '_')}`
  return `# Completion of ${name} for bash.
${call}() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command='' words=''
  # Bash takes "--option=value" for three words.
  if [[ $word == '=' ]]; then
    word=''
  elif [[ $previous == '=' ]]; then
    previous=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if ((COMP_CWORD > 1)); then
    case \${COMP_WORDS[1]} in
    ${known}) command=\${COMP_WORDS[1]} ;;
    esac
  fi
  COMPREPLY=()
  case "$command $previous" in
${values.join('\n')}
  *)
    case $command in
${rest.join('\n')}
    esac
    # After the options of the default command there is no command any more.
    if [[ -z $command && COMP_CWORD -gt 1 ]]; then words=\${words#'${commands.map((command) => command.name).join(' ')} '}; fi
    ;;
  esac
  # Without an answer bash would offer files.
  compopt +o default 2> /dev/null
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F ${call} ${name}
`
}

/** Sets the words that can follow a command. After a part of a command, these are the names in its folder. */
function wordsAction({ words, options, folder }: Pick<CompletableCommand, 'words' | 'options' | 'folder'>): string {
  const flags = options.map(({ flag }) => flag)
  const first = `words='${[...words, ...flags].join(' ')}'`
  if (folder === undefined) return first
  return `if ((COMP_CWORD == 2)); then ${first}; else words="$(ls ${folder} 2> /dev/null) ${flags.join(' ')}"; fi`
}

/** The line that completes the value of an option; empty for an option without a value. */
function valueCase(command: string, { flag, value }: CompletableOption): string {
  const action = valueAction(value)
  return action === undefined ? '' : `  '${command} ${flag}') ${action} ;;`
}

function valueAction(value: OptionValue): string | undefined {
  switch (value.kind) {
    case 'none':
      return undefined
    case 'file':
      return 'return' // Bash then completes files itself, with ~ and quotes.
    case 'folder':
      return 'compopt -o dirnames +o default 2> /dev/null; return'
    case 'any':
      return ':'
    case 'choice':
      return `words='${value.choices.join(' ')}'`
  }
}
