import { Argument, Command } from 'commander'
import { bashScript } from '../completion/bash'
import { completableProgram } from '../completion/completable'
import { fishScript } from '../completion/fish'
import { zshScript } from '../completion/zsh'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript }

const INSTALL = `
To install it:
  bash   echo 'eval "$(rnn-mnist-train completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(rnn-mnist-train completion zsh)"' >> ~/.zshrc       (after the line with compinit)
  fish   rnn-mnist-train completion fish > ~/.config/fish/completions/rnn-mnist-train.fish

Then open a new shell, and press Tab after rnn-mnist-train.`

/** `completion`: prints a script with which a shell completes the command line. */
export function completionCommand(defaultCommand: string): Command {
  const command = new Command('completion').summary('print a script for the completion in a shell')
  command.description('Prints a script with which a shell completes commands, options, choices, files and folders.')
  command.addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
  return command.addHelpText('after', INSTALL).action((shell: keyof typeof SCRIPTS) => {
    // The command belongs to its program only after it was made.
    process.stdout.write(SCRIPTS[shell](completableProgram(command.parent ?? command, defaultCommand)))
  })
}
