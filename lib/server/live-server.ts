/** The server of the live page. */
import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { TorchRnnError } from '../errors'
import { ChangeSignal } from './change-signal'
import { DigitReader, type NamedModel } from './digit-reader'
import { readPageFiles } from './page-files'
import { createRoutes } from './routes'
import { TrainingBoard } from './training-board'
import { type Train, TrainingDesk } from './training-desk'
import { checkSettings } from './training-settings'
import { Updates } from './updates'

/** Connections at once: a browser makes some six for a page. */
const MAX_CONNECTIONS = 512
/** A request that is not complete after this time is ended, so that nobody holds connections open by being slow. */
const REQUEST_LIMIT_MS = 20_000
/** Bytes of a request's headers. */
const MAX_HEADER_BYTES = 16_384

export interface LiveServerOptions {
  readonly host: string
  /** 0 for any free one. Undefined: {@link USUAL_PORT}, or any free one where that is taken. */
  readonly port: number | undefined
  /** The network that reads until another one is trained. It is disposed of at the end. */
  readonly first: NamedModel
  readonly train: Train
  /** The folder with the page's files. Default: that of this package. */
  readonly pageFolder?: string
  /** Milliseconds after which a page that takes none of its updates is given up. Default: 30 seconds. */
  readonly writeLimit?: number
  /** Tells whoever runs the server of a mistake in this package. */
  readonly report: (error: unknown) => void
}

/** The same address as yesterday, so that a bookmark works. */
const USUAL_PORT = 8028

export class LiveServer {
  /** Where the page is: "http://127.0.0.1:8028/". */
  readonly url: string
  readonly reader: DigitReader
  readonly desk: TrainingDesk
  readonly #server: Server
  readonly #updates: Updates
  readonly #closing: AbortController

  private constructor(parts: {
    server: Server
    url: string
    reader: DigitReader
    desk: TrainingDesk
    updates: Updates
    closing: AbortController
  }) {
    this.#server = parts.server
    this.url = parts.url
    this.reader = parts.reader
    this.desk = parts.desk
    this.#updates = parts.updates
    this.#closing = parts.closing
  }

  /** @throws TorchRnnError `ERR_FILE_SYSTEM` where it cannot listen, or the page's files are missing. */
  static async start({ host, port, first, train, pageFolder, writeLimit, report }: LiveServerOptions): Promise<LiveServer> {
    const files = await readPageFiles(pageFolder)
    const changes = new ChangeSignal()
    const reader = new DigitReader(changes, first)
    const board = new TrainingBoard(changes, checkSettings({}))
    const desk = new TrainingDesk(board, train)
    const closing = new AbortController()
    const updates = new Updates({ changes, board, reader }, closing.signal, writeLimit)
    const portOf = () => (server.address() as AddressInfo).port
    const { fetch } = createRoutes({ host, port: portOf, files, reader, desk, updates, report })
    const limits = { requestTimeout: REQUEST_LIMIT_MS, headersTimeout: REQUEST_LIMIT_MS, maxHeaderSize: MAX_HEADER_BYTES }
    const server = createAdaptorServer({ fetch, overrideGlobalObjects: false, serverOptions: limits }) as Server
    server.maxConnections = MAX_CONNECTIONS
    await listen(server, host, port)
    return new LiveServer({ server, url: urlOf(host, portOf()), reader, desk, updates, closing })
  }

  /** Pages that are open. */
  get clients(): number {
    return this.#updates.clients
  }

  /** Stops and saves a running training, then ends all connections. The model of the start is disposed of. */
  async close(): Promise<void> {
    await this.desk.close()
    this.#closing.abort()
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
    await this.reader.close()
  }
}

async function listen(server: Server, host: string, port: number | undefined): Promise<void> {
  try {
    await listenOnce(server, host, port ?? USUAL_PORT)
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE' && port === undefined
    if (!isTaken) throw cannotListen(host, port ?? USUAL_PORT, error)
    await listenOnce(server, host, 0)
  }
}

async function listenOnce(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host)
  await once(server, 'listening')
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there. Choose another --port, or leave it out',
  EACCES: 'this user may not. Choose a --port above 1023',
  EADDRNOTAVAIL: 'this machine does not have that address. Choose another --host',
  ENOTFOUND: 'there is no machine of that name. Choose another --host',
}

function cannotListen(host: string, port: number, cause: unknown): unknown {
  const { code = '' } = cause as NodeJS.ErrnoException
  const reason = REASONS[code]
  if (reason === undefined) return cause
  return new TorchRnnError('ERR_FILE_SYSTEM', `Cannot listen on ${host}, port ${port}: ${reason}.`, { actual: code, cause })
}

function urlOf(host: string, port: number): string {
  const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host
  return `http://${name}:${port}/`
}
