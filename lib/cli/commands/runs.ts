import { Command } from 'commander'
import { runsCompareCommand } from './runs-compare'
import { runsExportCommand } from './runs-export'
import { runsListCommand } from './runs-list'
import { runsShowCommand } from './runs-show'

const EXAMPLES = `
Examples:
  rnn-mnist-train runs list                           every run in runs/, the oldest first
  rnn-mnist-train runs show                           all about the newest one
  rnn-mnist-train runs compare small large            what differs: options, and losses epoch by epoch
  rnn-mnist-train runs export --output digits.zip     the newest one for others, with a model card

None of them needs libtorch. Each explains itself: rnn-mnist-train runs list --help`

/** `runs`: what was trained so far. */
export function runsCommand(): Command {
  const command = new Command('runs').summary('list, show, compare and export what was trained')
  command.description('Lists, shows, compares and exports the training runs of a folder.').addHelpText('after', EXAMPLES)
  for (const create of [runsListCommand, runsShowCommand, runsCompareCommand, runsExportCommand]) command.addCommand(create())
  return command
}
