import type { CompletableCommand, CompletableOption, CompletableProgram } from './completable'

/** The script for zsh: to be evaluated after compinit, or to be saved in a folder of fpath. */
export function zshScript({ name, commands, bare }: CompletableProgram): string {
  const described = commands.map((command) => `    ${quote(`${command.name}:${command.summary.replaceAll(':', '\\:')}`)}`)
  const all: readonly Omit<CompletableCommand, 'summary'>[] = [{ name: '', options: bare, words: [] }, ...commands]
  const cases = all.map(({ name: command, options, words, folder }) => {
    const first = words.length === 0 ? [] : [`'1: :(${words.join(' ')})'`]
    const rest = folder === undefined ? [] : [`'*: :{ compadd -- ${folder}/*(N/:t) }'`]
    const specs = [...options.map(argument), ...first, ...rest]
    return `    '${command}')\n      _arguments \\\n        ${specs.join(' \\\n        ')}\n      ;;`
  })
  return `#compdef ${name}
# Completion of ${name} for zsh.
_${name}() {
  local command=''
  local -a commands=(
${described.join('\n')}
  )
  if ((CURRENT > 2)) && [[ -n \${(M)commands:#\${words[2]}:*} ]]; then
    command=\${words[2]}
    shift words
    ((CURRENT--))
  fi
  if ((CURRENT == 2)) && [[ -z $command && \${words[2]} != -* ]]; then
    _describe command commands
    return
  fi
  case $command in
${cases.join('\n')}
  esac
}
if [[ \${funcstack[1]} == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`
}

function argument({ flag, summary, value }: CompletableOption): string {
  const meaning = `[${summary.replaceAll(/[[\]\\:]/g, '\\$&')}]`
  switch (value.kind) {
    case 'none':
      return quote(`${flag}${meaning}`)
    case 'file':
      return quote(`${flag}=${meaning}:file:_files`)
    case 'folder':
      return quote(`${flag}=${meaning}:folder:_files -/`)
    case 'any':
      return quote(`${flag}=${meaning}:value: `)
    case 'choice':
      return quote(`${flag}=${meaning}:name:(${value.choices.join(' ')})`)
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
