/** Tells the user what a command does, in one of three ways: as JSON lines, as text with progress, or only the result. */

import { drawSummary } from '../model/summary'
import type {
  BatchEvent,
  CheckpointEvent,
  DoneEvent,
  EpochEvent,
  EvaluationBatchEvent,
  EvaluationEvent,
  RunEvent,
  StartEvent,
} from '../training/events'
import { describeConfusions, describeEvaluationBatch, describeMean, describeResult, toPercent } from './describe-evaluation'
import { describeExploration } from './describe-exploration'
import { describeFeatures, describeLogits } from './describe-inspection'
import { describeBuild, describeCheck } from './describe-installation'
import { createProgress, formatDuration, type Progress } from './progress'
import { DEFAULT_COLUMNS, drawBox } from './table'

export interface Reporter {
  report(event: RunEvent): void
}

/** The reporter that the flags ask for. */
export function createReporter(flags: { json: boolean; quiet: boolean }): Reporter {
  if (flags.json) return new JsonReporter()
  return new TextReporter(flags.quiet ? undefined : createProgress())
}

class JsonReporter implements Reporter {
  #isOutputLost = false

  constructor() {
    process.stdout.on('error', () => {
      this.#isOutputLost = true
    })
  }

  report(event: RunEvent): void {
    // Whether the model was saved, and why the output ends, has to be told somewhere.
    if (this.#isOutputLost) showTrouble(event)
    else process.stdout.write(`${JSON.stringify(event)}\n`)
  }
}

function showTrouble(event: RunEvent): void {
  if (event.type === 'warning') process.stderr.write(`Warning: ${event.message}\n`)
  if (event.type === 'error') process.stderr.write(`Error: ${event.message}\n`)
}

class TextReporter implements Reporter {
  /** Absent when the user wants quiet. */
  readonly #progress: Progress | undefined
  #start: StartEvent | undefined
  #isByBatch = false

  constructor(progress: Progress | undefined) {
    this.#progress = progress
  }

  report(event: RunEvent): void {
    if (event.type === 'batch') {
      this.#showProgress(event)
      return
    }
    this.#progress?.clear()
    if (event.type === 'warning' || event.type === 'error') showTrouble(event)
    else process.stdout.write(this.#describe(event))
  }

  #showProgress(event: BatchEvent): void {
    this.#progress?.show(event)
    if (event.batch === event.batches) this.#progress?.clear()
  }

  #describe(event: Exclude<RunEvent, { type: 'batch' | 'warning' | 'error' }>): string {
    switch (event.type) {
      case 'evaluation':
        return this.#describeEvaluation(event)
      case 'summary':
        return `${drawSummary(event)}\n`
      case 'logits':
        return describeLogits(event)
      case 'features':
        return describeFeatures(event)
      case 'explore':
        return describeExploration(event)
      case 'check':
        return this.#progress === undefined && event.status === 'ok' ? '' : describeCheck(event)
      case 'build':
        return describeBuild(event)
      default:
        return this.#progress === undefined ? '' : this.#describeProgress(event)
    }
  }

  /** What is said besides the result. */
  #describeProgress(event: StartEvent | EpochEvent | EvaluationBatchEvent | CheckpointEvent | DoneEvent): string {
    switch (event.type) {
      case 'start':
        this.#start = event
        return describeStart(event)
      case 'epoch':
        return describeEpoch(event)
      case 'evaluationBatch':
        this.#isByBatch = true
        return describeEvaluationBatch(event)
      case 'checkpoint':
        return ''
      case 'done':
        return describeDone(event)
    }
  }

  /** Training ends with the tutorial's line; who asks for an evaluation wants to know more. */
  #describeEvaluation(event: EvaluationEvent): string {
    const mean = this.#isByBatch ? describeMean(event) : ''
    return `${mean}${describeResult(event)}${this.#start?.command === 'evaluate' ? describeConfusions(event) : ''}`
  }
}

function describeStart(event: StartEvent): string {
  const { numLayers, hiddenSize, nonlinearity } = event.options
  if (event.command === 'doctor' || event.command === 'build') return ''
  if (event.command === 'explore') return `Data: ${event.trainSamples} training and ${event.testSamples} test images\n`
  const source = `${describeSource(event)}\n`
  if (event.device === undefined) return source
  const network = `${numLayers} x ${hiddenSize} ${nonlinearity} neurons, ${event.parameters} parameters`
  const place = `${event.device}, ${event.threads} ${event.threads === 1 ? 'thread' : 'threads'}, engine ${event.engine}`
  const data =
    event.trainSamples === undefined
      ? `${event.testSamples} test images`
      : `${event.trainSamples} training and ${event.testSamples} test images`
  return `Network: ${network}\nDevice: ${place}\nData: ${data}\n${source}`
}

function describeSource({ run, model, options }: StartEvent): string {
  if (run !== undefined) return `Run: ${run}`
  if (model !== undefined) return `Model: ${model}`
  return options['seed'] === undefined
    ? 'Model: never trained'
    : `Model: never trained, fresh from seed ${options['seed']} (there is no run yet)`
}

/** The tutorial's line: it counts epochs from 0. */
function describeEpoch({ epoch, trainLoss, trainAccuracy }: EpochEvent): string {
  return `Epoch : ${String(epoch - 1).padStart(2, '0')} | Loss : ${trainLoss.toFixed(4)} | Train Accuracy : ${toPercent(trainAccuracy)} %\n`
}

function describeDone({ seconds, run, testAccuracy }: DoneEvent): string {
  if (testAccuracy === undefined) return '' // A look into a network takes a moment, and ends with what it shows.
  if (run === undefined) return `Done in ${formatDuration(seconds)}.\n`
  const entries = [
    ['Test accuracy', `${toPercent(testAccuracy)} %`],
    ['Time', formatDuration(seconds)],
    ['Model, metrics', run],
    ['Try next', 'rnn-mnist-train evaluate'],
    ['', 'rnn-mnist-train hook'],
    ['', 'rnn-mnist-train --help'],
  ] as const
  return `${drawBox(entries, process.stdout.columns ?? DEFAULT_COLUMNS).join('\n')}\n`
}
