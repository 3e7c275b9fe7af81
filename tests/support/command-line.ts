/** Runs the command line as users do: as a program, in a folder of its own. */
import { join } from 'node:path'
import type { BuildEvent } from '../../lib/cli/commands/build'
import type { CheckEvent } from '../../lib/cli/commands/doctor'
import type { EvaluationBatchEvent } from '../../lib/cli/commands/evaluate'
import type { ExploreEvent } from '../../lib/cli/commands/explore'
import type { ExportEvent } from '../../lib/cli/commands/export'
import type { LogitsEvent } from '../../lib/cli/commands/forward'
import type { FeaturesEvent } from '../../lib/cli/commands/hook'
import type { LearningRateEvent, LearningRateStepEvent } from '../../lib/cli/commands/lr-find'
import type { PictureEvent } from '../../lib/cli/commands/plot'
import type { NoDigitEvent, PictureFailureEvent } from '../../lib/cli/commands/predict'
import type { ComparisonEvent } from '../../lib/cli/commands/runs-compare'
import type { RunExportEvent } from '../../lib/cli/commands/runs-export'
import type { RunsEvent } from '../../lib/cli/commands/runs-list'
import type { RunEvent as ShownRunEvent } from '../../lib/cli/commands/runs-show'
import type { SummaryEvent } from '../../lib/cli/commands/summary'
import type { DoneEvent, ErrorEvent, EvaluationEvent, ModelEvent, ReportEvent, StartEvent, WarningEvent } from '../../lib/cli/events'
import type { DataEvent, ReadingEvent } from '../../lib/cli/load-data'
import type { PredictionEvent } from '../../lib/cli/prediction/predict-picture'
import type { RankingEvent } from '../../lib/cli/search/search-texts'
import type { TrainingEndEvent, TrainingStartEvent } from '../../lib/cli/serving/live-reporter'
import type { SearchEvent } from '../../lib/search/search-events'
import type { BatchEvent, CheckpointEvent, EpochEvent } from '../../lib/training/events'
import { type Outcome, type ProgramSettings, REPOSITORY, type RunningProgram, startNode } from './run-program'
import { useTemporaryFolder } from './temporary-folder'
import { TINY_NETWORK, writeTinyMnist } from './tiny-mnist'

/** Every event that is a line of `--json`. */
type RunEvent =
  | (StartEvent | CheckpointEvent | ModelEvent | EvaluationEvent | WarningEvent | ErrorEvent | DoneEvent)
  | (BatchEvent | EpochEvent | DataEvent | ReadingEvent)
  | (Exclude<SearchEvent, { type: 'searchStart' }> | RankingEvent)
  | (PictureEvent | ReportEvent)
  | (ComparisonEvent | RunExportEvent | RunsEvent | ShownRunEvent)
  | (PredictionEvent | NoDigitEvent | PictureFailureEvent)
  | (LearningRateEvent | LearningRateStepEvent)
  | (TrainingStartEvent | TrainingEndEvent)
  | (BuildEvent | CheckEvent | EvaluationBatchEvent | ExploreEvent | ExportEvent | FeaturesEvent | LogitsEvent | SummaryEvent)

/** The file that the package installs as `rnn-mnist-train`. */
export const MAIN = join(REPOSITORY, 'dist', 'cli', 'main.js')

/** The tiny data set is in the folder `data` of each test. */
export const TINY_DATA = ['--data', 'data']
/** A training that takes a moment. Without a command, it is for `train`. */
export const TINY_RUN = [...TINY_DATA, ...TINY_NETWORK]

export interface CommandLine {
  /** The path of something in the folder of this test. */
  path(...names: string[]): string
  start(args: readonly string[], settings?: ProgramSettings): RunningProgram
  run(args: readonly string[], settings?: ProgramSettings): Promise<Outcome>
  /** Runs it, checks that it succeeds and prints only progress on stderr, and returns stdout. */
  succeed(args: readonly string[], settings?: ProgramSettings): Promise<string>
}

/** Gives every test a folder with the tiny data set, in which the command line runs. */
export function useCommandLine(): CommandLine {
  const path = useTemporaryFolder()
  beforeEach(() => {
    writeTinyMnist(path('data'))
  })
  const start = (args: readonly string[], { env, ...settings }: ProgramSettings = {}) =>
    // The same device on every machine.
    startNode([MAIN, ...args], { cwd: path(), env: { TORCH_RNN_MNIST_CUDA: '0', ...env }, ...settings })
  const run = (args: readonly string[], settings?: ProgramSettings) => start(args, settings).ended
  const succeed = async (args: readonly string[], settings?: ProgramSettings) => {
    const { stdout, stderr, ...outcome } = await run(args, settings)
    const isSilent = args.includes('--json') || args.includes('--quiet')
    // A slow machine shows lines of progress.
    expect(stderr).toMatch(isSilent ? /^$/ : /^((\d+\/\d+|Trying libtorch) .*\n)*$/)
    expect(outcome).toEqual({ code: 0, signal: null })
    return stdout
  }
  return { path, start, run, succeed }
}

/** The lines of text that ends in a newline. */
export function linesOf(text: string): string[] {
  expect(text).toMatch(/\n$/)
  return text.slice(0, -1).split('\n')
}

/** The events of `--json`; fails when any line is something else. */
export function eventsOf(stdout: string): RunEvent[] {
  return linesOf(stdout).map((line) => JSON.parse(line) as RunEvent)
}

/** The events of one type, in order. */
export function eventsOfType<Type extends RunEvent['type']>(stdout: string, type: Type): Extract<RunEvent, { type: Type }>[] {
  return eventsOf(stdout).filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type)
}

/** The last event, which must be of this type. */
export function lastEvent<Type extends RunEvent['type']>(stdout: string, type: Type): Extract<RunEvent, { type: Type }> {
  const event = eventsOf(stdout).at(-1)
  expect(event).toMatchObject({ type })
  return event as Extract<RunEvent, { type: Type }>
}

/** The event of this type, of which there must be exactly one. */
export function onlyEvent<Type extends RunEvent['type']>(stdout: string, type: Type): Extract<RunEvent, { type: Type }> {
  const events = eventsOfType(stdout, type)
  expect(events).toHaveLength(1)
  return events[0] as Extract<RunEvent, { type: Type }>
}
