/** What the commands about runs share: their flags, and how they show a run. */
import type { TorchRnnError } from '../errors'
import { showPath } from '../files/regular-file'
import { OPTIONS } from '../options/options'
import type { Resolved } from '../options/specs'
import { type FoundRuns, findRuns } from '../runs/find-runs'
import { RUNS_FOLDER } from '../runs/run-folder'
import type { RunRecord, RunState } from '../runs/run-record'
import { toPercent } from './numbers'
import type { Reporter } from './reporter'

/** The flags of every command about runs. */
export const RUNS_OPTIONS = {
  runs: { kind: 'path', of: 'folder', default: RUNS_FOLDER, summary: 'the folder with the runs' },
  ...OPTIONS.reporting,
} as const

export type RunsFlags = Resolved<typeof RUNS_OPTIONS>

/** How commands name a run, for `--help`. */
export const RUN_ARGUMENT = 'a run, by the name of its folder or by its path'

/** Reads all runs, and warns of folders that are none. @throws TorchRnnError `ERR_FILE_SYSTEM`. */
export async function openRuns(folder: string, reporter: Reporter): Promise<FoundRuns> {
  const found = await findRuns(folder)
  for (const problem of found.problems) warnOf(problem, reporter)
  return found
}

/** Says that a run that goes on will have more later. */
export function warnWhileRunning({ state, name }: RunRecord, reporter: Reporter): void {
  if (state === 'running') reporter.warning(`${showPath(name)} is still running: this is what it has now.`)
}

function warnOf({ message }: TorchRnnError, reporter: Reporter): void {
  reporter.warning(`${message.replace(/\.?$/, '.')} It is left out.`)
}

/** "3 x 150 tanh" */
export function shortNetwork({
  numLayers,
  hiddenSize,
  nonlinearity,
}: {
  numLayers: number
  hiddenSize: number
  nonlinearity: string
}): string {
  return `${numLayers} x ${hiddenSize} ${nonlinearity}`
}

/** "failed (ERR_NOT_FINITE)" */
export function showState({ state, failure }: { state: RunState; failure?: string }): string {
  return failure === undefined ? state : `${state} (${failure})`
}

/** A time in UTC as ISO 8601, for people: to the minute. */
export function showTime(time: string): string {
  return time.slice(0, 16).replace('T', ' ')
}

/** A share in percent, empty where there is none. */
export function showShare(share: number | null | undefined): string {
  return share === undefined || share === null ? '' : `${toPercent(share)} %`
}

/** A loss, empty where there is none. */
export function showLoss(loss: number | null | undefined): string {
  return loss === undefined || loss === null ? '' : loss.toFixed(4)
}

/** The value of an option. A text from a file may hold anything. */
export function showValue(value: unknown): string {
  return value === null || value === undefined ? '' : showPath(String(value))
}
