/** What a command is made of. */
import { Command } from 'commander'
import { OPTIONS } from '../options/options'
import type { OptionTable, Resolved } from '../options/specs'
import { fitDetails } from './help-details'
import { addFlags } from './option-flags'
import { type CommandWork, runCommand } from './run-command'
import { columnsOf } from './terminal'

export interface CommandDefinition<Options extends OptionTable> {
  readonly name: string
  /** The command that it is a part of: "runs" for "runs list". Default: none. */
  readonly parent?: string
  /** One line for the list of commands. */
  readonly summary: string
  readonly description: string
  /** Its flags, in the order in which `--help` shows them. */
  readonly options: Options
  /** Headings for the flags in `--help`, where they are many. A flag that has none is listed under "Options". */
  readonly headings?: Readonly<Record<string, OptionTable>>
  /** What `--help` shows after the flags, in lines of any length: {@link fitDetails} breaks them. */
  readonly details: string
  readonly work: CommandWork<Resolved<Options>>
}

/** The options of every command that uses data or a network. */
export const SHARED_OPTIONS = { ...OPTIONS.data, ...OPTIONS.reading, ...OPTIONS.placement, ...OPTIONS.reporting }

/** They are many, and nobody needs them often. */
const READING_HEADING = { 'How the data are read': OPTIONS.reading }

/** The flags of {@link SHARED_OPTIONS}. */
export type SharedFlags = Resolved<typeof SHARED_OPTIONS>

/** Makes the command for commander. */
export function defineCommand<Options extends OptionTable & typeof OPTIONS.reporting>(definition: CommandDefinition<Options>): Command {
  const { name, parent, summary, description, options, headings = {}, details, work } = definition
  const fullName = parent === undefined ? name : `${parent} ${name}`
  const command = new Command(name).summary(summary).description(description)
  addFlags(command, options)
  for (const option of command.options) {
    const groups: Readonly<Record<string, OptionTable>> = { ...headings, ...READING_HEADING }
    const heading = Object.keys(groups).find((each) => Object.hasOwn(groups[each] ?? {}, option.attributeName()))
    if (heading !== undefined) option.helpGroup(`${heading}:`)
  }
  return command
    .addHelpText('after', () => fitDetails(details, columnsOf(process.stdout)))
    .action(() => runCommand(fullName, command.opts<Resolved<Options> & Resolved<typeof OPTIONS.reporting>>(), work, namesGiven(command)))
}

/** The names of the options that the user wrote on the command line. The others have their defaults. */
function namesGiven(command: Command): ReadonlySet<string> {
  const names = command.options.map((option) => option.attributeName())
  return new Set(names.filter((name) => command.getOptionValueSource(name) === 'cli'))
}
