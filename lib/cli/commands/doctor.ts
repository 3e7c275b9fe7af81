import { Command } from 'commander'
import { runChecks } from '../../doctor/checks'
import { PACKAGE_ROOT, PACKAGE_VERSION } from '../../version'
import { addOutputFlags, dataFlag, type OutputFlags } from '../option-flags'
import type { Reporter } from '../reporter'
import { EXIT_FAILURE, runCommand } from '../run-command'

interface DoctorFlags extends OutputFlags {
  data?: string
}

const EXAMPLES = `
Examples:
  rnn-mnist-train doctor                              what this installation is made of, and whether it works
  rnn-mnist-train doctor --data fashion/              whether these images can be read, too
  rnn-mnist-train doctor --json | tee report.jsonl    to attach to a bug report

It checks the versions, the addon and libtorch (where they were found, and that their files are as published), the CPU and the CUDA
devices, the data set, write access, and trains for a second in a process of its own. --quiet tells only what is wrong.
Exit code 1 when something is broken.`

/** `doctor`: finds out what is wrong with an installation. */
export function doctorCommand(): Command {
  const command = new Command('doctor').summary('check that everything works on this machine, and say what helps where it does not')
  command.description('Checks that everything works on this machine, and says what helps where it does not.')
  command.addOption(dataFlag())
  return addOutputFlags(command)
    .addHelpText('after', EXAMPLES)
    .action((flags: DoctorFlags) => runCommand(flags, examine))
}

async function examine(flags: DoctorFlags, reporter: Reporter, stop: AbortSignal): Promise<void> {
  const started = performance.now()
  reporter.report({
    type: 'start',
    command: 'doctor',
    version: PACKAGE_VERSION,
    options: flags.data === undefined ? {} : { data: flags.data },
  })
  const broken: string[] = []
  for await (const check of runChecks(PACKAGE_ROOT, flags.data)) {
    stop.throwIfAborted()
    reporter.report({ type: 'check', ...check })
    if (check.status === 'failed') broken.push(check.name)
  }
  if (broken.length === 0) {
    reporter.report({ type: 'done', seconds: (performance.now() - started) / 1000 })
    return
  }
  process.exitCode = EXIT_FAILURE
  const count = broken.length === 1 ? '1 check' : `${broken.length} checks`
  reporter.report({ type: 'error', code: 'ERR_CHECK_FAILED', message: `${count} failed: ${broken.join(', ')}.` })
}
