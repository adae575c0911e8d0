import type { IncomingMessage } from 'node:http'
import type { FastifyReply } from 'fastify'

// What steers Next from inside must never come from outside: six ways past its middleware were made of such headers.
const INSIDE =
  /^(x-middleware-|x-nextjs-|x-next-|x-invoke-|x-matched-path$|x-action-|next-action$|x-nonce$|content-security-policy)/

export function stripInside(request: IncomingMessage) {
  for (const name of Object.keys(request.headers)) if (INSIDE.test(name)) delete request.headers[name]
}

/** For REST, webhooks and everything that is no page. */
const NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

export function guard(reply: FastifyReply, https: boolean) {
  reply.headers({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    // Not no-referrer: with that, browsers send `Origin: null` with our own forms.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cache-control': 'private, no-store',
    'content-security-policy': NO_PAGE,
    ...(https ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  })
}

/**
 * For pages. Next reads the nonce from this very header of the request, and gives it to the scripts it writes; a script that
 * somebody smuggled into a page has none. In development Next needs eval and its socket.
 */
export function pagePolicy(nonce: string, dev: boolean): string {
  const script = dev ? "'self' 'unsafe-inline' 'unsafe-eval'" : `'self' 'nonce-${nonce}' 'strict-dynamic'`
  return [
    "default-src 'self'",
    `script-src ${script}`,
    "style-src 'self' 'unsafe-inline'", // positions and widths that React writes into style attributes
    "img-src 'self' data:",
    `connect-src 'self'${dev ? ' ws:' : ''}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}
