/** Starts and stops the one training that the page may have at a time. How a training is done is somebody else's business. */
import { TorchRnnError } from '../errors'
import type { TrainingView } from './messages'
import type { TrainingBoard } from './training-board'
import { checkSettings, type TrainingSettings } from './training-settings'

/**
 * Trains, and tells the board. Resolves when all is saved, also after a stop or a failure, of which it has told the board.
 *
 * @param stop - Aborted by the page or by the end of the server.
 */
export type Train = (settings: TrainingSettings, board: TrainingBoard, stop: AbortSignal) => Promise<void>

export class TrainingDesk {
  readonly #board: TrainingBoard
  readonly #train: Train
  #running: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined
  #isClosed = false

  constructor(board: TrainingBoard, train: Train) {
    this.#board = board
    this.#train = train
  }

  /**
   * @param asked - What came from the page: anything.
   * @throws TorchRnnError `ERR_INVALID_OPTION`; `ERR_BUSY` while another training runs.
   */
  start(asked: unknown): Readonly<TrainingView> {
    const settings = checkSettings(asked)
    if (this.#running !== undefined || this.#isClosed) {
      throw new TorchRnnError('ERR_BUSY', 'A training is running already. Stop it, or wait until it ends.')
    }
    const stop = new AbortController()
    this.#board.begin(settings)
    const ended = this.#train(settings, this.#board, stop.signal).finally(() => {
      this.#running = undefined
    })
    this.#running = { stop, ended }
    return this.#board.view
  }

  /** Asks the training to stop after its batch. @throws TorchRnnError `ERR_BUSY` where none runs. */
  stop(): Readonly<TrainingView> {
    if (this.#running === undefined) throw new TorchRnnError('ERR_BUSY', 'Expected a training that runs, but there is none to stop.')
    this.#board.stopping()
    this.#running.stop.abort()
    return this.#board.view
  }

  /** Stops the training, if there is one, and waits until it is saved. No other one starts. */
  async close(): Promise<void> {
    this.#isClosed = true
    const running = this.#running
    if (running === undefined) return
    this.#board.stopping()
    running.stop.abort()
    await running.ended
  }
}
