/** Tells the page what a training reports, and the terminal as well. */
import type { Examiner } from '../../server/examiner'
import type { TrainingBoard } from '../../server/training-board'
import type { BatchEvent, EpochEvent } from '../../training/events'
import type { ErrorEvent, EvaluationEvent, ModelEvent, StartEvent } from '../events'
import type { ProgressState } from '../progress'
import type { Reporter } from '../reporter'

/** A training that was started in the page begins. The events of `train` follow, up to a {@link TrainingEndEvent}. */
export interface TrainingStartEvent extends Omit<StartEvent, 'type' | 'command' | 'version'> {
  type: 'trainingStart'
}

/** A training that was started in the page is over, and what it came to is saved. */
export interface TrainingEndEvent {
  type: 'trainingEnd'
  state: 'done' | 'stopped' | 'failed'
  run?: string
  /** Only when the test set was measured. */
  testAccuracy?: number
  testLoss?: number
  /** Only when it failed. */
  code?: string
  message?: string
}

type ReportedEvent = StartEvent | BatchEvent | EpochEvent | ModelEvent | EvaluationEvent | { readonly type: 'checkpoint' }

export class LiveReporter implements Reporter {
  readonly #outer: Reporter
  readonly #board: TrainingBoard
  readonly #examiner: Examiner
  readonly #testSamples: number

  constructor(outer: Reporter, board: TrainingBoard, examiner: Examiner, testSamples: number) {
    this.#outer = outer
    this.#board = board
    this.#examiner = examiner
    this.#testSamples = testSamples
  }

  result<Event extends { readonly type: string }>(event: Event, describe: (event: Event) => string): void {
    this.#show(event)
    this.#outer.step(event, describe)
  }

  step<Event extends { readonly type: string }>(event: Event, describe?: (event: Event) => string): void {
    this.#show(event)
    if (event.type !== 'start') {
      this.#outer.step(event, describe)
      return
    }
    // The command itself has started long before.
    const { type, command, version, ...facts } = event as unknown as StartEvent
    this.#outer.step<TrainingStartEvent>({ type: 'trainingStart', ...facts }, () => `\n${describe?.(event) ?? ''}`)
  }

  progress<Event extends { readonly type: string }>(event: Event, describe: (event: Event) => ProgressState): void {
    this.#show(event)
    this.#outer.progress(event, describe)
  }

  failure<Event extends { readonly type: string; readonly message: string }>(event: Event): void {
    this.#show(event)
    this.#outer.failure(event)
  }

  warning(message: string): void {
    this.#board.tell(message)
    this.#outer.warning(message)
  }

  error(event: ErrorEvent): void {
    this.#outer.error(event)
  }

  #show(reported: { readonly type: string }): void {
    const event = reported as ReportedEvent
    if (event.type === 'start') this.#board.started(event.run ?? '')
    else if (event.type === 'batch') this.#board.addBatch(event)
    else if (event.type === 'epoch') this.#board.addEpoch(event)
    else if (event.type === 'model') this.#examiner.add(event)
    else if (event.type === 'evaluation') this.#board.addEvaluation(event, this.#testSamples)
  }
}
