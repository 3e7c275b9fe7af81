/** Takes each model that a training saves: finds its mistakes, and lets it read what is drawn. */
import type { ImageDataset } from '../data/dataset'
import { ImageRNN } from '../model/image-rnn'
import type { DigitReader } from './digit-reader'
import { READER_PLACEMENT } from './reader-placement'
import type { TrainingBoard } from './training-board'
import { viewMistakes } from './view-mistakes'

/** A model that was saved. */
interface SavedModel {
  readonly file: string
  /** Whole epochs that it was trained for. */
  readonly epoch: number
}

export class Examiner {
  readonly #reader: DigitReader
  readonly #board: TrainingBoard
  readonly #test: ImageDataset
  readonly #report: (error: unknown) => void
  #next: SavedModel | undefined
  #work: Promise<void> | undefined

  /** @param report - Told of a model that cannot be examined. The training goes on. */
  constructor(reader: DigitReader, board: TrainingBoard, test: ImageDataset, report: (error: unknown) => void) {
    this.#reader = reader
    this.#board = board
    this.#test = test
    this.#report = report
  }

  /** Examines a model, beside the training. Where models come faster than they are examined, only the newest one is. */
  add(saved: SavedModel): void {
    this.#next = saved
    this.#work ??= this.#examineAll()
  }

  /** Resolves when the newest model is examined. */
  async idle(): Promise<void> {
    await this.#work
  }

  async #examineAll(): Promise<void> {
    for (let saved = this.#next; saved !== undefined; saved = this.#next) {
      this.#next = undefined
      await this.#examine(saved).catch(this.#report)
    }
    this.#work = undefined
  }

  async #examine({ file, epoch }: SavedModel): Promise<void> {
    const model = await ImageRNN.load(file, READER_PLACEMENT)
    try {
      this.#board.addMistakes(await viewMistakes(model, this.#test, epoch))
      this.#reader.take({ model, name: file })
    } catch (error) {
      model.dispose()
      throw error
    }
  }
}
