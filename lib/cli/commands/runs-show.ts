import type { Command } from 'commander'
import { showPath } from '../../files/regular-file'
import type { ClassMetrics } from '../../model/evaluation'
import { changedOptions } from '../../options/flag-words'
import { openRun } from '../../runs/find-runs'
import type { EpochRecord } from '../../runs/log-records'
import { BUNDLED_DATA, KNOWN_OPTIONS, type RunRecord } from '../../runs/run-record'
import { type RunSummary, summarizeRun } from '../../runs/run-summary'
import { drawColumns } from '../../text/table'
import { drawClasses } from '../class-table'
import { defineCommand } from '../define-command'
import { describePlace, doneSince, startOf } from '../events'
import { formatDuration } from '../numbers'
import { RUN_ARGUMENT, RUNS_OPTIONS, type RunsFlags, showLoss, showShare, showState, showTime, showValue } from '../open-runs'
import type { Reporter } from '../reporter'

/** Everything about a run. */
export interface RunEvent extends RunSummary {
  type: 'run'
  /** The options as resolved. */
  options: Readonly<Record<string, unknown>>
  /** The folder with the images, or "bundled MNIST". */
  data: string
  /** The model that the training began from; null for a fresh network. */
  model: string | null
  /** Samples of the training set; null where the run does not tell. */
  trainSamples: number | null
  testSamples: number | null
  device: string
  engine: string
  /** What the engine used on the processor; null where the run does not tell. */
  instructionSet: string | null
  threads: number | null
  versions: Readonly<Record<string, string>>
  /** Each epoch as logged. */
  history: readonly EpochRecord[]
  /** By class; only when the test set was measured. */
  perClass?: readonly ClassMetrics[]
  /** `[C][C]`: row = the label, column = the answer; only when the test set was measured. */
  confusionMatrix?: readonly (readonly number[])[]
}

const EXAMPLES = `
Examples:
  rnn-mnist-train runs show                           the newest run in runs/
  rnn-mnist-train runs show 2026-11-24T21-25-08Z
  rnn-mnist-train runs show elsewhere/run --json | tail -n 2 | head -n 1    for another program`

/** `runs show`: one run. */
export function runsShowCommand(): Command {
  const command: Command = defineCommand({
    name: 'show',
    parent: 'runs',
    summary: 'show all about one run',
    description: 'Shows all about a run: what was trained, how, each epoch, and the result.',
    options: RUNS_OPTIONS,
    details: EXAMPLES,
    work: (flags, reporter) => showRun(flags, command.args[0], reporter),
  })
  return command.argument('[run]', `${RUN_ARGUMENT} (default: the newest)`)
}

async function showRun(flags: RunsFlags, given: string | undefined, reporter: Reporter): Promise<void> {
  const started = performance.now()
  const run = await openRun(flags.runs, given)
  reporter.step(startOf('runs show', { options: { runs: flags.runs }, run: run.path }))
  reporter.result(toEvent(run), (event) => describeRun(event, run.network))
  reporter.step(doneSince(started))
}

function toEvent(run: RunRecord): RunEvent {
  const { options, data, model, trainSamples, testSamples, device, engine, instructionSet, threads, versions, epochs, evaluation } = run
  return {
    type: 'run',
    ...summarizeRun(run),
    options,
    data: data ?? BUNDLED_DATA,
    model: model ?? null,
    trainSamples: trainSamples ?? null,
    testSamples: testSamples ?? null,
    device,
    engine,
    instructionSet: instructionSet ?? null,
    threads: threads ?? null,
    versions,
    history: epochs,
    ...(evaluation === undefined ? {} : { perClass: evaluation.perClass, confusionMatrix: evaluation.confusionMatrix }),
  }
}

function describeRun(event: RunEvent, { numLayers, hiddenSize, nonlinearity, normalization }: RunRecord['network']): string {
  const facts = [
    ['Run', showPath(event.path)],
    ['Started', `${showTime(event.created)} UTC`],
    ['State', showState(event)],
    [
      'Network',
      `${numLayers} x ${hiddenSize} ${nonlinearity} neurons, ${event.parameters} parameters${normalization === undefined ? '' : ', normalised input'}`,
    ],
    ...(event.model === null ? [] : [['Began from', showPath(event.model)]]),
    ['Data', describeData(event)],
    ['Device', describeDevice(event)],
    [
      'Versions',
      Object.entries(event.versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
    ['Epochs', `${event.epochsDone}${event.epochs === null ? '' : ` of ${event.epochs}`}`],
    ['Time', formatDuration(event.seconds)],
  ]
  const changed = changedOptions(KNOWN_OPTIONS, event.options).map(([name, value]) => [name, showValue(value)])
  const sections = [
    drawColumns(facts, { words: 2 }),
    changed.length === 0 ? ['All options have their defaults.'] : drawColumns([['Option', 'Value'], ...changed], { words: 2 }),
    ...(event.history.length === 0 ? [] : [drawEpochs(event)]),
    ...(event.perClass === undefined
      ? []
      : [[`Test Loss : ${showLoss(event.testLoss)} | Test Accuracy : ${showShare(event.testAccuracy)}`]]),
    ...(event.perClass === undefined ? [] : [drawClasses(event.perClass)]),
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function describeData({ data, trainSamples, testSamples }: RunEvent): string {
  const samples = trainSamples === null || testSamples === null ? '' : `, ${trainSamples} training and ${testSamples} test images`
  return `${showPath(data)}${samples}`
}

function describeDevice({ device, engine, instructionSet, threads }: RunEvent): string {
  return describePlace({ device, engine, ...(instructionSet !== null && { instructionSet }), ...(threads !== null && { threads }) })
}

/** The best epoch, by validation, has a star. */
function drawEpochs({ history, bestEpoch }: RunEvent): string[] {
  const isValidated = history.some(({ validationLoss }) => validationLoss !== undefined)
  const rows = history.map((record) => [
    `${record.epoch === bestEpoch ? '* ' : ''}${record.epoch}`,
    String(record.step),
    record.learningRate.toPrecision(3),
    showLoss(record.trainLoss),
    showShare(record.trainAccuracy),
    ...(isValidated ? [showLoss(record.validationLoss), showShare(record.validationAccuracy)] : []),
  ])
  const headings = ['Epoch', 'Step', 'Rate', 'Loss', 'Accuracy', ...(isValidated ? ['Val. loss', 'Val. accuracy'] : [])]
  return drawColumns([headings, ...rows])
}
