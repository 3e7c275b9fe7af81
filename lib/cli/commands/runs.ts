import { Command } from 'commander'
import { fitDetails } from '../help-details'
import { columnsOf } from '../terminal'
import { runsCompareCommand } from './runs-compare'
import { runsExportCommand } from './runs-export'
import { runsListCommand } from './runs-list'
import { runsReportCommand } from './runs-report'
import { runsShowCommand } from './runs-show'

const EXAMPLES = `
Examples:
  rnn-mnist-train runs list                           every run in runs/, the oldest first
  rnn-mnist-train runs show                           all about the newest one
  rnn-mnist-train runs compare small large            what differs: options, and losses epoch by epoch
  rnn-mnist-train runs export --output digits.zip     the newest one for others, with a model card
  rnn-mnist-train runs report                         the newest one as a page of pictures

Only report needs libtorch. Each explains itself: rnn-mnist-train runs list --help`

/** `runs`: what was trained so far. */
export function runsCommand(): Command {
  const command = new Command('runs').summary('list, show, compare, export and report what was trained')
  command
    .description('Lists, shows, compares, exports and reports the training runs of a folder.')
    .addHelpText('after', () => fitDetails(EXAMPLES, columnsOf(process.stdout)))
  for (const create of [runsListCommand, runsShowCommand, runsCompareCommand, runsExportCommand, runsReportCommand])
    command.addCommand(create())
  return command
}
