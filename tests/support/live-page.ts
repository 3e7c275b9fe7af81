/** Talks to the server of the live page as a browser does, or as somebody hostile. */
import { type IncomingMessage, request } from 'node:http'
import type { UpdateMessage } from '../../lib/server/messages'

export interface Question {
  readonly method?: string
  /** As it is written: a browser would tidy it up first. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** Sends the body in pieces, without its length. */
  readonly isChunked?: boolean
}

export interface Reply {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** Sends a request exactly as it is given. */
export function ask(url: string, { method = 'GET', path = '/', headers = {}, body, isChunked = false }: Question = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const length = body === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const sent = request({ hostname, port, path, method, headers: { ...length, ...headers }, agent: false }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }))
      response.on('error', reject)
    })
    sent.on('error', reject)
    if (body !== undefined && isChunked) sent.write(body)
    sent.end(isChunked ? undefined : body)
  })
}

/** The headers of the page's own requests. */
export function ownHeaders(url: string, type = 'application/json'): Record<string, string> {
  const { host, origin } = new URL(url)
  return { host, origin, 'sec-fetch-site': 'same-origin', 'content-type': type }
}

/** Sends what the page sends. */
export function post(url: string, path: string, body: Uint8Array | object | undefined): Promise<Reply> {
  const isBinary = body instanceof Uint8Array
  const headers = ownHeaders(url, isBinary ? 'application/octet-stream' : 'application/json')
  const content = body === undefined ? {} : { body: isBinary ? body : JSON.stringify(body) }
  return ask(url, { method: 'POST', path, headers, ...content })
}

/** What an answer in JSON says. */
export function jsonOf({ body }: Reply): Record<string, unknown> {
  return JSON.parse(body.toString()) as Record<string, unknown>
}

/** A page that listens. */
export interface Listener {
  /** Resolves with the first update, already there or still to come, that passes. Rejects when the stream ends without it. */
  until(passes: (update: UpdateMessage) => boolean): Promise<UpdateMessage>
  /** Resolves when the server has ended the stream. */
  readonly ended: Promise<void>
  /** Goes away without a word. */
  vanish(): void
}

/** Opens the stream of updates. */
export function listen(url: string): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const sent = request({ hostname, port, path: '/api/events', agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`The stream was refused: ${response.statusCode}`))
      resolve(new StreamReader(response, () => sent.destroy()))
    })
    sent.on('error', reject)
    sent.end()
  })
}

class StreamReader implements Listener {
  readonly ended: Promise<void>
  readonly vanish: () => void
  readonly #updates: UpdateMessage[] = []
  #text = ''
  #wake: () => void = () => undefined
  #isOver = false

  constructor(response: IncomingMessage, vanish: () => void) {
    this.vanish = vanish
    response.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.ended = new Promise((resolve) => {
      response.on('error', () => undefined)
      response.on('close', () => {
        this.#isOver = true
        this.#wake()
        resolve()
      })
    })
  }

  async until(passes: (update: UpdateMessage) => boolean): Promise<UpdateMessage> {
    for (;;) {
      const found = this.#updates.find(passes)
      if (found !== undefined) return found
      if (this.#isOver) throw new Error(`The stream ended without it. The last update: ${JSON.stringify(this.#updates.at(-1))}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #take(text: string): void {
    this.#text += text
    const messages = this.#text.split('\n\n')
    this.#text = messages.pop() ?? ''
    for (const message of messages) {
      const [, data] = /^event: update\ndata: (.*)$/s.exec(message) ?? []
      if (data !== undefined) this.#updates.push(JSON.parse(data) as UpdateMessage)
    }
    this.#wake()
  }
}
