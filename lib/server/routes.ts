/** What the server answers. Every address is written here: none is made from what a request says. */
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { unexpected } from '../errors'
import type { DigitReader } from './digit-reader'
import { guard, protectiveHeaders } from './guard'
import type { ModelChoice } from './messages'
import type { PageFile } from './page-files'
import type { Drawing } from './prepare-drawing'
import { answerError, RequestRefusal } from './request-refusal'
import type { TrainingDesk } from './training-desk'
import type { Updates } from './updates'

/** Pixels of a side of a drawing. */
const MIN_SIDE = 28
export const MAX_SIDE = 512
/** Bytes of a request in JSON, which says a few words. */
const MAX_JSON_BYTES = 4096

/** What the routes use. */
export interface RouteParts {
  readonly host: string
  readonly port: () => number
  readonly files: readonly PageFile[]
  readonly reader: DigitReader
  readonly desk: TrainingDesk
  readonly updates: Updates
  /** Tells whoever runs the server of a mistake in this package. */
  readonly report: (error: unknown) => void
}

type App = Hono<{ Bindings: HttpBindings }>

export function createRoutes(parts: RouteParts): App {
  const app: App = new Hono()
  app.onError((error, context) => answerError(error, context, parts.report))
  app.notFound((context) => answerError(new RequestRefusal('ERR_NOT_FOUND', 'There is nothing at this address.'), context, parts.report))
  app.use(protectiveHeaders(), guard(parts.host, parts.port))
  for (const file of parts.files) app.get(file.address, (context) => sendFile(file, context))
  app.use('/api/*', async ({ header }, next) => {
    await next()
    header('Cache-Control', 'no-store')
  })
  app.get('/api/events', (context) => parts.updates.open(context))
  app.post('/api/reading', limit(MAX_SIDE ** 2), async (context) => context.json(await parts.reader.read(await drawingOf(context))))
  app.post('/api/model', limit(MAX_JSON_BYTES), async (context) => {
    parts.reader.choose(choiceOf(await jsonOf(context)))
    return context.json(parts.reader.view)
  })
  app.post('/api/training', limit(MAX_JSON_BYTES), async (context) => context.json(parts.desk.start(await jsonOf(context)), 202))
  app.post('/api/training/stop', limit(0), (context) => context.json(parts.desk.stop(), 202))
  for (const { path } of [...app.routes]) {
    if (path.includes('*')) continue
    app.all(path, () => {
      throw new RequestRefusal('ERR_METHOD', 'This address does not take requests of this method.')
    })
  }
  return app
}

function sendFile({ content, type, tag }: PageFile, context: Context): Response {
  context.header('Cache-Control', 'no-cache')
  context.header('ETag', tag)
  if (context.req.header('if-none-match') === tag) return context.body(null, 304)
  return context.body(content, 200, { 'Content-Type': type, 'Content-Length': String(content.length) })
}

/** Refuses a body before it is read. Node itself takes no more of it than its length says. */
function limit(maxBytes: number): MiddlewareHandler {
  return async ({ req }, next) => {
    // A browser knows the length of what it sends; whoever does not might never end.
    if (req.header('transfer-encoding') !== undefined)
      throw new RequestRefusal('ERR_TOO_LARGE', 'Expected a request that tells its length.')
    if (Number(req.header('content-length') ?? 0) > maxBytes) {
      throw new RequestRefusal('ERR_TOO_LARGE', `Expected a request of at most ${maxBytes} bytes.`)
    }
    await next()
  }
}

/** A drawing: its size in the address, its pixels in the body. @throws TorchRnnError `ERR_INVALID_OPTION`, `ERR_INVALID_SHAPE`. */
async function drawingOf(context: Context): Promise<Drawing> {
  checkType(context, 'application/octet-stream')
  const [width, height] = [sideOf(context, 'width'), sideOf(context, 'height')]
  const ink = new Uint8Array(await context.req.arrayBuffer())
  if (ink.length === width * height) return { width, height, ink }
  throw unexpected('ERR_INVALID_SHAPE', 'the pixels of the drawing', `${width} x ${height} bytes`, ink)
}

function sideOf(context: Context, name: string): number {
  const text = context.req.query(name) ?? ''
  const side = /^\d{1,4}$/.test(text) ? Number(text) : Number.NaN
  if (side >= MIN_SIDE && side <= MAX_SIDE) return side
  throw unexpected('ERR_INVALID_OPTION', name, `an integer from ${MIN_SIDE} to ${MAX_SIDE}`, text)
}

async function jsonOf(context: Context): Promise<unknown> {
  checkType(context, 'application/json')
  const text = await context.req.text()
  try {
    return JSON.parse(text)
  } catch {
    throw unexpected('ERR_INVALID_DATA', 'the request', 'JSON', text)
  }
}

/** Other pages cannot send these types without asking first, which is refused: a second lock beside the guard. */
function checkType(context: Context, expected: string): void {
  const [type = ''] = (context.req.header('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() === expected) return
  throw new RequestRefusal('ERR_MEDIA_TYPE', `Expected a request of the type ${expected}.`)
}

function choiceOf(asked: unknown): ModelChoice {
  const { choice } = (asked ?? {}) as { choice?: unknown }
  if (choice === 'first' || choice === 'trained') return choice
  throw unexpected('ERR_INVALID_OPTION', 'choice', 'first or trained', choice)
}
