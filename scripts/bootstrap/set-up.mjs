/** Brings a clone up to date: runs the steps that are out of date, in order, under the clone's lock. */
import { accessSync, constants, mkdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { lockAddress, takeLock } from './lock.mjs'
import { CACHE, LOGS, ROOT, STAMPS } from './places.mjs'
import { Progress } from './progress.mjs'
import { requireTools } from './requirements.mjs'
import { SetUpError, watchForInterruption } from './set-up-error.mjs'
import { Stamps } from './stamps.mjs'
import { runTool } from './tool.mjs'

/**
 * One thing to bring up to date.
 *
 * @typedef {object} Step
 * @property {string} name - Names its stamp and its log.
 * @property {string} title - What it does: "installing packages".
 * @property {() => string[]} needs - The requirements it has when it must run (see requirements.mjs).
 * @property {() => string} fingerprint - Of everything it is made from.
 * @property {() => string[]} outputs - The files that must be there afterwards.
 * @property {(work: StepWork) => Promise<void>} run
 * @property {string} advice - What to do when it fails.
 *
 * @typedef {object} StepWork
 * @property {AbortSignal} signal
 * @property {(text: string) => void} detail - Shows how far it is.
 * @property {() => void} warning - Counts a warning in the log. How many there are is said at the end.
 * @property {(run: object) => Promise<void>} tool - runTool with the log and the signal filled in.
 */

/**
 * Runs the steps that are out of date, under the clone's lock. When there are none, it does not take the lock either.
 *
 * @param {Step[]} steps
 * @throws {SetUpError} With a message for the user.
 */
export async function setUp(steps) {
  const stamps = new Stamps(STAMPS, ROOT)
  const isCurrent = (step) => stamps.isCurrent(step.name, step.fingerprint())
  const outOfDate = () => steps.filter((step) => !isCurrent(step))
  if (outOfDate().length === 0) return
  requireWritableFolder()
  const interruption = watchForInterruption()
  try {
    const lock = await takeLock(lockAddress(ROOT), (message) => console.error(`set-up: ${message}`), interruption.signal)
    try {
      // Whatever the machine lacks, for any step, is reported before the first step starts.
      requireTools(new Set(outOfDate().flatMap((step) => step.needs())))
      for (const step of steps) {
        if (isCurrent(step)) continue // The set-up that was waited for may have done it.
        lock.announce(step.title)
        await runStep(step, stamps, interruption.signal)
      }
    } finally {
      lock.release()
    }
  } finally {
    interruption.stop()
  }
}

function requireWritableFolder() {
  try {
    mkdirSync(LOGS, { recursive: true })
    for (const folder of [ROOT, CACHE, LOGS]) accessSync(folder, constants.W_OK)
  } catch (error) {
    throw new SetUpError(
      `Expected a folder that can be written to, but ${ROOT} gave: ${error.message}. Clone into a folder of your own, or change its owner.`,
    )
  }
}

async function runStep(step, stamps, signal) {
  const log = join(LOGS, `${step.name}.log`)
  rmSync(log, { force: true })
  stamps.begin(step.name)
  const progress = new Progress(step.title)
  let warnings = 0
  const work = {
    signal,
    warning: () => {
      warnings += 1
    },
    detail: (text) => progress.detail(text),
    tool: (run) => runTool({ cwd: ROOT, log, signal, ...run }),
  }
  try {
    await step.run(work)
    signal.throwIfAborted()
    // Once more, because a step may change its own inputs: npm writes the lock file.
    stamps.finish(step.name, step.fingerprint(), existingOutputs(step))
    progress.end(`done${describeWarnings(warnings, log)}`)
  } catch (error) {
    progress.end(signal.aborted ? 'interrupted' : 'failed')
    signal.throwIfAborted()
    if (!(error instanceof SetUpError)) throw error
    throw new SetUpError(`The step "${step.title}" failed: ${error.message}\n  ${step.advice}`)
  }
}

function describeWarnings(count, log) {
  if (count === 0) return ''
  return ` with ${count} ${count === 1 ? 'warning, which is' : 'warnings, which are'} in ${relative(ROOT, log)},`
}

function existingOutputs(step) {
  const outputs = step.outputs()
  const missing = outputs.filter((file) => !accessible(file))
  if (missing.length === 0) return outputs
  const names = missing.slice(0, 5).map((file) => relative(ROOT, file))
  throw new SetUpError(`its tools reported success, but ${names.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing.`)
}

function accessible(file) {
  try {
    accessSync(file)
    return true
  } catch {
    return false // The reason does not matter: the step has failed.
  }
}
