import type { Command } from 'commander'
import type { Check } from '../../doctor/check'
import { runChecks } from '../../doctor/checks'
import { pickOptions } from '../../options/checks'
import { OPTIONS } from '../../options/options'
import type { Resolved } from '../../options/specs'
import { PACKAGE_ROOT } from '../../version'
import { defineCommand } from '../define-command'
import { doneSince, startOf } from '../events'
import { CommandFailure, EXIT_FAILURE } from '../exit'
import { DATA_OPTIONS } from '../load-data'
import type { Reporter } from '../reporter'

/** Something about this installation was checked. */
export interface CheckEvent extends Check {
  type: 'check'
}

const MARKS = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const

const DOCTOR_OPTIONS = { ...OPTIONS.data, ...OPTIONS.reading, ...OPTIONS.reporting }

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
  reporter.step(startOf('doctor', { options: flags.data === undefined ? {} : { data: flags.data } }))
  const broken: string[] = []
  for await (const check of runChecks(PACKAGE_ROOT, pickOptions(DATA_OPTIONS, flags), stop)) {
    stop.throwIfAborted()
    const event: CheckEvent = { type: 'check', ...check }
    if (check.status === 'ok') reporter.step(event, describeCheck)
    else reporter.result(event, describeCheck)
    if (check.status === 'failed') broken.push(check.name)
  }
  if (broken.length > 0) {
    const count = broken.length === 1 ? '1 check' : `${broken.length} checks`
    throw new CommandFailure('ERR_CHECK_FAILED', `${count} failed: ${broken.join(', ')}.`, EXIT_FAILURE)
  }
  reporter.step(doneSince(started))
}

/** One line for what was found, and one for what helps. */
function describeCheck({ status, name, message, remedy }: CheckEvent): string {
  const help = remedy === undefined ? '' : `         ${remedy}\n`
  return `${MARKS[status]}  ${name}: ${message}\n${help}`
}
