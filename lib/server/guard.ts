/**
 * Keeps other web pages and other machines' tricks away. Any page that a browser shows may send requests to this machine; and a name that its
 * owner lets point to 127.0.0.1 (DNS rebinding) makes such a page look like ours. So the address that the browser used has to be one that
 * nobody else can own, and whoever wants to change something has to be our own page.
 */
import { isIP } from 'node:net'
import type { MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { RequestRefusal } from './request-refusal'

const NONE = ["'none'"]
const SELF = ["'self'"]

/** Nothing is loaded but the page's own files, and nothing runs or is styled from within its HTML. */
const CONTENT_SECURITY_POLICY = {
  defaultSrc: NONE,
  scriptSrc: SELF,
  styleSrc: SELF,
  imgSrc: SELF,
  connectSrc: SELF,
  baseUri: NONE,
  formAction: NONE,
  frameAncestors: NONE,
}

/** The headers of every answer. */
export function protectiveHeaders(): MiddlewareHandler {
  return secureHeaders({
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
    xFrameOptions: 'DENY',
    // The page is not served over TLS, and other servers on this machine are not this one's business.
    strictTransportSecurity: false,
  })
}

/**
 * Refuses requests under a name that somebody else may own, and requests of other pages.
 *
 * @param ownHost - The name or address that the server was told to listen on.
 * @param port - The port that it listens on.
 */
export function guard(ownHost: string, port: () => number): MiddlewareHandler {
  return async (context, next) => {
    const host = context.req.header('host') ?? ''
    if (!isOwnHost(host, ownHost, port())) {
      throw new RequestRefusal('ERR_HOST', 'This server is not known by that name. Use the address that it printed when it started.')
    }
    const site = context.req.header('sec-fetch-site')
    const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
    const isSafe = context.req.method === 'GET' || context.req.method === 'HEAD'
    // A link on another page may lead to this one; nothing else of another page may.
    const isLink = context.req.header('sec-fetch-mode') === 'navigate' && context.req.path === '/'
    const origin = context.req.header('origin')
    const isOwn = origin === `http://${host}` || (isSafe && origin === undefined)
    if (!isOwn || (isForeign && !(isSafe && isLink))) {
      throw new RequestRefusal('ERR_ORIGIN', 'Only the page of this server itself may ask for this.')
    }
    await next()
  }
}

/** Whether nobody can have given the name to this machine from outside: it is an address, this machine's own name for itself, or ours. */
function isOwnHost(host: string, ownHost: string, port: number): boolean {
  const [, bracketed, plain, givenPort = '80'] = /^(?:\[([\da-f:.]+)\]|([^:[\]@/\\?#\s]+))(?::(\d{1,5}))?$/i.exec(host) ?? []
  const name = (bracketed ?? plain)?.toLowerCase()
  if (name === undefined || Number(givenPort) !== port) return false
  return isIP(name) !== 0 || name === 'localhost' || name === ownHost.toLowerCase()
}
