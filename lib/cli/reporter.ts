/** Tells the user what a command does, in one of three ways: as JSON lines, as text with progress, or only the result. */
import type { BatchEvent, DoneEvent, EpochEvent, EvaluationEvent, RunEvent, StartEvent } from '../events'
import { createProgress, formatDuration, type Progress } from './progress'

export interface Reporter {
  report(event: RunEvent): void
}

/** The reporter that the flags ask for. */
export function createReporter(flags: { json: boolean; quiet: boolean }): Reporter {
  if (flags.json) return new JsonReporter()
  return new TextReporter(flags.quiet ? undefined : createProgress())
}

class JsonReporter implements Reporter {
  report(event: RunEvent): void {
    process.stdout.write(`${JSON.stringify(event)}\n`)
  }
}

class TextReporter implements Reporter {
  /** Absent when the user wants quiet. */
  readonly #progress: Progress | undefined

  constructor(progress: Progress | undefined) {
    this.#progress = progress
  }

  report(event: RunEvent): void {
    if (event.type === 'batch') {
      this.#showProgress(event)
      return
    }
    this.#progress?.clear()
    if (event.type === 'warning') process.stderr.write(`Warning: ${event.message}\n`)
    else if (event.type === 'error') process.stderr.write(`Error: ${event.message}\n`)
    else process.stdout.write(this.#describe(event))
  }

  #showProgress(event: BatchEvent): void {
    this.#progress?.show(event)
    if (event.batch === event.batches) this.#progress?.clear()
  }

  #describe(event: Exclude<RunEvent, { type: 'batch' | 'warning' | 'error' }>): string {
    if (event.type === 'evaluation') return describeEvaluation(event)
    if (this.#progress === undefined) return ''
    switch (event.type) {
      case 'start':
        return describeStart(event)
      case 'epoch':
        return describeEpoch(event)
      case 'checkpoint':
        return ''
      case 'done':
        return describeDone(event)
    }
  }
}

function describeStart(event: StartEvent): string {
  const { numLayers, hiddenSize, nonlinearity } = event.options
  const network = `${numLayers} x ${hiddenSize} ${nonlinearity} neurons, ${event.parameters} parameters`
  const place = `${event.device}, ${event.threads} ${event.threads === 1 ? 'thread' : 'threads'}, engine ${event.engine}`
  const data =
    event.trainSamples === undefined
      ? `${event.testSamples} test images`
      : `${event.trainSamples} training and ${event.testSamples} test images`
  const file = event.run === undefined ? `Model: ${event.model}\n` : `Run: ${event.run}\n`
  return `Network: ${network}\nDevice: ${place}\nData: ${data}\n${file}`
}

/** The tutorial's line: it counts epochs from 0. */
function describeEpoch({ epoch, trainLoss, trainAccuracy }: EpochEvent): string {
  return `Epoch : ${String(epoch - 1).padStart(2, '0')} | Loss : ${trainLoss.toFixed(4)} | Train Accuracy : ${toPercent(trainAccuracy)} %\n`
}

function describeEvaluation({ loss, accuracy }: EvaluationEvent): string {
  return `Test Loss : ${loss.toFixed(4)} | Test Accuracy : ${toPercent(accuracy)} %\n`
}

function describeDone({ seconds, run }: DoneEvent): string {
  return `Done in ${formatDuration(seconds)}.${run === undefined ? '' : ` The model and its metrics are in ${run}`}\n`
}

function toPercent(share: number): string {
  return (share * 100).toFixed(2)
}
