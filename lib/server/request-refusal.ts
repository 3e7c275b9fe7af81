/** Why a request is refused, and what is answered then. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type ErrorCode, TorchRnnError } from '../errors'
import type { RefusalMessage, RequestCode } from './messages'

const STATUS: Readonly<Record<RequestCode, ContentfulStatusCode>> = {
  ERR_HOST: 403,
  ERR_ORIGIN: 403,
  ERR_NOT_FOUND: 404,
  ERR_METHOD: 405,
  ERR_MEDIA_TYPE: 415,
  ERR_TOO_LARGE: 413,
  ERR_TOO_MANY: 503,
  ERR_INTERNAL: 500,
}

/** The library's errors that the one who asks can do something about; all others are the server's. */
const STATUS_OF_ERRORS: Partial<Readonly<Record<ErrorCode, ContentfulStatusCode>>> = {
  ERR_INVALID_OPTION: 400,
  ERR_INVALID_ARGUMENT: 400,
  ERR_INVALID_SHAPE: 400,
  ERR_INVALID_DATA: 400,
  ERR_BUSY: 409,
  // The server is being closed.
  ERR_DISPOSED: 503,
}

/** A request that is not answered. */
export class RequestRefusal extends Error {
  override readonly name = 'RequestRefusal'
  readonly code: RequestCode

  constructor(code: RequestCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Answers with why it failed. The cause of a mistake in this package is for whoever runs the server, not for the network. */
export function answerError(error: unknown, context: Context, report: (error: unknown) => void): Response {
  if (error instanceof RequestRefusal) return refuse(context, STATUS[error.code], error)
  const status = error instanceof TorchRnnError ? STATUS_OF_ERRORS[error.code] : undefined
  if (status !== undefined) return refuse(context, status, error as TorchRnnError)
  if (error instanceof HTTPException) return refuse(context, error.status, { code: 'ERR_INVALID_ARGUMENT', message: error.message })
  report(error)
  return refuse(context, 500, { code: 'ERR_INTERNAL', message: 'The server made a mistake, and has told its terminal more.' })
}

function refuse(context: Context, status: ContentfulStatusCode, { code, message }: RefusalMessage): Response {
  return context.json({ code, message } satisfies RefusalMessage, status)
}
