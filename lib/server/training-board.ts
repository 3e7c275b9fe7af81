/** What is known about the training of the page: the state that all its clients are shown. */
import type { Evaluation } from '../model/evaluation'
import type { BatchEvent, EpochEvent } from '../training/events'
import type { ChangeSignal } from './change-signal'
import { Curve } from './curve'
import type { CurvePoint, MistakesView, TrainingView } from './messages'
import type { TrainingSettings } from './training-settings'

/** Epochs whose values are kept one by one. */
const MAX_EPOCHS = 1000

/** How far somebody knows the curve and the mistakes. */
export interface BoardCursor {
  generation: number
  points: number
  mistakes: number
}

/** What is new since a {@link BoardCursor}. */
export interface BoardNews {
  readonly from: number
  readonly points: readonly CurvePoint[]
  readonly mistakes?: MistakesView | null
}

export class TrainingBoard {
  readonly #changes: ChangeSignal
  readonly #curve = new Curve()
  #view: TrainingView
  #mistakes: MistakesView | null = null
  #mistakesCount = 0

  constructor(changes: ChangeSignal, settings: TrainingSettings) {
    this.#changes = changes
    this.#view = { state: 'idle', number: 0, progress: 0, finished: [], ...settings }
  }

  get view(): Readonly<TrainingView> {
    return this.#view
  }

  /** Whether a training is under way, so that no other one can begin. */
  get isBusy(): boolean {
    return ['starting', 'running', 'stopping'].includes(this.#view.state)
  }

  /** What somebody with this cursor does not have yet; moves the cursor on. */
  newsFor(cursor: BoardCursor): BoardNews {
    const { points, generation } = this.#curve
    const from = cursor.generation === generation ? cursor.points : 0
    const hasMistakes = cursor.mistakes !== this.#mistakesCount
    Object.assign(cursor, { generation, points: points.length, mistakes: this.#mistakesCount })
    return { from, points: points.slice(from), ...(hasMistakes ? { mistakes: this.#mistakes } : {}) }
  }

  begin(settings: TrainingSettings): void {
    this.#curve.clear()
    this.#setMistakes(null)
    this.#set({ state: 'starting', number: this.#view.number + 1, progress: 0, finished: [], ...settings })
  }

  started(run: string): void {
    this.#set({ ...this.#view, state: this.#view.state === 'starting' ? 'running' : this.#view.state, run })
  }

  addBatch(event: BatchEvent): void {
    this.#curve.add(event)
    const { epoch, epochs, batch, batches, samples, trainLoss, trainAccuracy, samplesPerSecond } = event
    const progress = epoch - 1 + batch / batches
    const secondsLeft = ((samples * batches) / batch / samplesPerSecond) * (epochs - progress)
    const known = Number.isFinite(secondsLeft) ? { secondsLeft } : {}
    this.#set({ ...this.#view, progress, loss: trainLoss, accuracy: trainAccuracy, ...known })
  }

  addEpoch({ epoch, trainLoss, trainAccuracy, seconds }: EpochEvent): void {
    const finished = [...this.#view.finished, { epoch, trainLoss, trainAccuracy, seconds }].slice(-MAX_EPOCHS)
    this.#set({ ...this.#view, progress: epoch, loss: trainLoss, accuracy: trainAccuracy, finished })
  }

  addMistakes(mistakes: MistakesView): void {
    this.#setMistakes(mistakes)
    this.#changes.change()
  }

  addEvaluation({ accuracy, loss }: Evaluation, samples: number): void {
    this.#set({ ...this.#view, test: { accuracy, loss, samples } })
  }

  tell(message: string): void {
    this.#set({ ...this.#view, message })
  }

  stopping(): void {
    if (this.isBusy) this.#set({ ...this.#view, state: 'stopping' })
  }

  end(state: 'done' | 'stopped' | 'failed', message?: string): void {
    const { secondsLeft, ...rest } = this.#view
    this.#set({ ...rest, state, ...(message === undefined ? {} : { message }) })
  }

  #set(view: TrainingView): void {
    this.#view = view
    this.#changes.change()
  }

  #setMistakes(mistakes: MistakesView | null): void {
    this.#mistakes = mistakes
    this.#mistakesCount += 1
  }
}
