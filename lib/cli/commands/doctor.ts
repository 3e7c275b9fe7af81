import type { Command } from 'commander'
import { runChecks } from '../../doctor/checks'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { PACKAGE_ROOT, PACKAGE_VERSION } from '../../version'
import { defineCommand } from '../define-command'
import type { Reporter } from '../reporter'
import { EXIT_FAILURE } from '../run-command'

const DOCTOR_OPTIONS = { ...OPTIONS.data, ...OPTIONS.reporting }

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
  return defineCommand({
    name: 'doctor',
    summary: 'check that everything works on this machine, and say what helps where it does not',
    description: 'Checks that everything works on this machine, and says what helps where it does not.',
    options: DOCTOR_OPTIONS,
    details: EXAMPLES,
    work: examine,
  })
}

async function examine(flags: Resolved<typeof DOCTOR_OPTIONS>, reporter: Reporter, stop: AbortSignal): Promise<void> {
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
