/** `GET /api/events`: a stream of what changes, for each page that is open. */
import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { PACKAGE_VERSION } from '../version'
import type { ChangeSignal } from './change-signal'
import type { DigitReader } from './digit-reader'
import type { UpdateMessage } from './messages'
import { RequestRefusal } from './request-refusal'
import type { BoardCursor, TrainingBoard } from './training-board'
import { RECIPE_VIEWS } from './training-settings'

/** Pages that may be open at once. */
const MAX_CLIENTS = 64
/** Without news, a line is sent so often, which finds out who has vanished. */
const HEARTBEAT_MS = 15_000
/** Who takes nothing for so long has vanished. */
export const WRITE_LIMIT_MS = 30_000
/** The shortest time between two updates: more often, no eye sees them. */
const PACE_MS = 80

export interface UpdateSources {
  readonly changes: ChangeSignal
  readonly board: TrainingBoard
  readonly reader: DigitReader
}

/**
 * Sends each client what it does not have yet, whenever it is ready for more. Nothing waits in a queue for one that is slow: it gets all that has
 * happened meanwhile at once.
 */
export class Updates {
  readonly #sources: UpdateSources
  readonly #closing: AbortSignal
  readonly #writeLimit: number
  #clients = 0

  /**
   * @param closing - Ends all streams.
   * @param writeLimit - Milliseconds after which a client that takes nothing is given up.
   */
  constructor(sources: UpdateSources, closing: AbortSignal, writeLimit = WRITE_LIMIT_MS) {
    this.#sources = sources
    this.#closing = closing
    this.#writeLimit = writeLimit
  }

  get clients(): number {
    return this.#clients
  }

  /** @throws RequestRefusal `ERR_TOO_MANY`. */
  open(context: Context<{ Bindings: HttpBindings }>): Response {
    if (this.#clients >= MAX_CLIENTS) throw new RequestRefusal('ERR_TOO_MANY', `${MAX_CLIENTS} pages are open already. Close one.`)
    this.#clients += 1
    const { outgoing } = context.env
    const gone = new AbortController()
    const end = AbortSignal.any([gone.signal, this.#closing])
    outgoing.on('close', () => gone.abort())
    return streamSSE(context, async (stream) => {
      stream.onAbort(() => gone.abort())
      const ended = aborted(end)
      try {
        await this.#send(end, async (text) => {
          const late = setTimeout(() => outgoing.destroy(), this.#writeLimit)
          // A write to somebody who has gone, or who asked by HEAD, never ends.
          await Promise.race([stream.write(text), ended])
          clearTimeout(late)
        })
      } finally {
        this.#clients -= 1
      }
    })
  }

  async #send(end: AbortSignal, write: (text: string) => Promise<void>): Promise<void> {
    const { changes, board, reader } = this.#sources
    const cursor: BoardCursor = { generation: -1, points: 0, mistakes: -1 }
    await write('retry: 1000\n\n')
    for (let known = -1; !end.aborted; ) {
      if (known === changes.count) {
        await write(': nothing new\n\n')
      } else {
        known = changes.count
        const news = board.newsFor(cursor)
        const message = { version: PACKAGE_VERSION, model: reader.view, training: board.view, recipes: RECIPE_VIEWS, ...news }
        await write(`event: update\ndata: ${JSON.stringify(message satisfies Readonly<Record<keyof UpdateMessage, unknown>> | object)}\n\n`)
      }
      await pause(PACE_MS, end)
      await changes.changed(known, HEARTBEAT_MS, end)
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function pause(milliseconds: number, end: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer)
      end.removeEventListener('abort', wake)
      resolve()
    }
    const timer = setTimeout(wake, milliseconds)
    end.addEventListener('abort', wake)
    if (end.aborted) wake()
  })
}
