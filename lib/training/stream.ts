/** Turns a training that tells listeners into one that a reader takes event by event. */
import type { ModelSession } from '../model/session'
import type { TrainingEvent } from './events'
import type { History } from './train-options'
import type { Listeners } from './training'

/** Trains and tells the listeners, until the signal is aborted: the reader has left. */
export type ListenedTraining = (listeners: Listeners, left: AbortSignal) => Promise<History>

/**
 * Yields the events of a training. It begins with the first request of the reader, and waits for a slow one: after an epoch it goes on when
 * the next event is asked for, and it gets no further than to the next batch event while one is not yet done. A reader that leaves waits
 * until the running batch is finished.
 *
 * While another call of the model waits for its turn, no batch event is waited for: the reader may be waiting for that call.
 */
export async function* streamEvents(session: ModelSession, start: ListenedTraining): AsyncGenerator<TrainingEvent, History, undefined> {
  const queue = new EventQueue(session)
  const leaving = new AbortController()
  const onBatch = (event: TrainingEvent) => queue.put(event, 'unless others wait')
  const onEvent = (event: TrainingEvent) => queue.put(event, 'always')
  const training = start({ onBatch, onEvent }, leaving.signal)
  training.then(
    () => queue.end(),
    () => queue.end(),
  )
  try {
    for (let event = await queue.take(); event !== undefined; event = await queue.take()) yield event
    return await training
  } finally {
    leaving.abort()
    queue.leave()
    await training.catch((error) => {
      if (error !== leaving.signal.reason) throw error
    })
  }
}

interface Entry {
  readonly event: TrainingEvent
  /** Lets the training go on. */
  readonly done: () => void
}

/** Events on their way to one reader. Who puts one in waits until the reader comes back for the next. */
class EventQueue {
  readonly #session: ModelSession
  readonly #entries: Entry[] = []
  /** The event that the reader has. */
  #taken: Entry | undefined
  #isOver = false
  #hasReader = true
  #wake: () => void = () => {}

  constructor(session: ModelSession) {
    this.#session = session
  }

  async put(event: TrainingEvent, wait: 'always' | 'unless others wait'): Promise<void> {
    if (!this.#hasReader) return
    await new Promise<void>((resolve) => {
      const forget = wait === 'always' ? () => {} : this.#session.whenOthersWait(resolve)
      const done = () => {
        forget()
        resolve()
      }
      this.#entries.push({ event, done })
      this.#wake()
    })
  }

  /** The next event, once there is one; undefined after the last one. */
  async take(): Promise<TrainingEvent | undefined> {
    this.#taken?.done()
    while (this.#entries.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#taken = this.#entries.shift()
    return this.#taken?.event
  }

  /** No event will come any more. */
  end(): void {
    this.#isOver = true
    this.#wake()
  }

  /** No event will be taken any more. */
  leave(): void {
    this.#hasReader = false
    this.#taken?.done()
    for (const { done } of this.#entries.splice(0)) done()
  }
}
