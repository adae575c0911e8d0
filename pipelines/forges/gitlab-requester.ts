// How GitLab is asked. gitbeaker's own requester repeats every 429 and 502 ten times within 0.3 s, POST included, which
// doubles notes and hammers a busy forge; this one asks once and leaves the repeating to the row that owes the call.

import {
  createRequesterFn,
  type RequesterType,
  type RequestOptions,
  type ResourceOptions,
} from '@gitbeaker/requester-utils'
import { Fault, type FaultCode } from '../fault'
import { firstLine } from '../title'
import { clockOf, MAX_ANSWER, maskSecrets, readBounded, whyUnreachable } from './asking'

/** A forge may ask us to wait an hour; longer is a clock that went wrong. */
const MAX_RETRY_AFTER_MS = 3_600_000

/** A Fault that keeps what GitLab said, for the verbs that must read it. */
export class GitlabFault extends Fault {
  /** 0: there was no answer. */
  readonly status: number
  /** GitLab's own words, one line, without secrets. */
  readonly words: string
  constructor(code: FaultCode, message: string, answer: { status: number; words: string; retryAfterMs?: number }) {
    super(code, message, answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs })
    this.status = answer.status
    this.words = answer.words
  }
}

/** Milliseconds, from Retry-After (seconds or a date) or, with 429 alone, GitLab's RateLimit-Reset (Unix seconds). */
function retryAfterMs({ headers, status }: Response, now: number): number | undefined {
  const after = headers.get('retry-after')
  // GitLab sends it with every answer: only with 429 does it say when to come back.
  const reset = status === 429 ? headers.get('ratelimit-reset') : null
  let ms = Number.NaN
  if (after !== null) ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now
  else if (reset !== null && /^\d+$/.test(reset)) ms = Number(reset) * 1000 - now
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined
}

function codeOf(status: number, words: string): FaultCode {
  if (status === 429) return 'forge.busy'
  // Only the lock on commit statuses is worth waiting for; other 409s are an answer.
  if (status === 409 && /in progress|locked|try again/i.test(words)) return 'forge.busy'
  if (status === 401 || status === 403) return 'forge.denied'
  if (status === 404) return 'forge.missing'
  return status === 408 || status >= 500 ? 'forge.unreachable' : 'forge.refused'
}

/** `{"message": "…"}`, `{"message": {"field": ["…"]}}`, `{"error": "…", "error_description": "…"}`, or plain text. */
function wordsOf(body: string, contentType: string): string {
  if (/html/i.test(contentType)) return 'a web page, not an answer of the API'
  let said: unknown = body
  try {
    said = JSON.parse(body)
  } catch {
    return firstLine(body, 300) // 429 and errors of proxies come as plain text
  }
  if (typeof said !== 'object' || said === null) return firstLine(String(said), 300)
  const { error_description, message, error, scope } = said as Record<string, unknown>
  const parts = [message, error, error_description, scope && `scope: ${String(scope)}`].filter(Boolean)
  return firstLine(parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part))).join('; '), 300)
}

/** One call: its name for messages, and the address without the query. */
function callOf(endpoint: string, options: RequestOptions) {
  const url = new URL(`${options.prefixUrl?.replace(/\/+$/, '')}/${endpoint}`)
  // "." and ".." survive percent-encoding as they are, and would climb to another call.
  if (endpoint.split('/').some((segment) => segment === '.' || segment === '..')) {
    throw new Fault('input.invalid', `no call can be made of ${JSON.stringify(endpoint)}: a name in it is "." or ".."`)
  }
  const name = `${options.method ?? 'GET'} ${url.origin}${url.pathname}`
  url.search = options.searchParams ?? ''
  return { url, name }
}

type Blame = (
  code: FaultCode,
  what: string,
  answer?: { status: number; words?: string; retryAfterMs?: number },
) => GitlabFault

/** Makes the Faults of one call: they begin with its name, and no header's secret is in them. */
function blameOf(name: string, options: RequestOptions): Blame {
  const secrets = Object.entries(options.headers ?? {}).flatMap(([key, value]) =>
    /token|authorization/i.test(key) ? [value] : [],
  )
  return (code, what, { status = 0, words = '', retryAfterMs: wait } = { status: 0 }) =>
    new GitlabFault(code, maskSecrets(`${name}: ${what}`, secrets), {
      status,
      words: maskSecrets(words, secrets),
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    })
}

async function send(url: URL, options: RequestOptions, deadlineMs: number, blame: Blame) {
  try {
    const response = await fetch(url, {
      method: options.method ?? 'GET',
      headers: { accept: 'application/json', ...options.headers },
      body: options.body ?? null,
      // A redirect would carry the token, and a POST as a GET, to an address that nobody configured.
      redirect: 'manual',
      signal: options.signal ?? AbortSignal.timeout(deadlineMs),
    })
    return { response, body: await readBounded(response) }
  } catch (error) {
    throw blame('forge.unreachable', whyUnreachable(error, deadlineMs))
  }
}

/** The origin alone: the rest of a redirect's address may hold what a sign-in page wants to know. */
function whereTo(response: Response, url: URL): string {
  const location = response.headers.get('location') ?? ''
  return URL.canParse(location, url.href) ? new URL(location, url.href).origin : 'nowhere'
}

async function ask(endpoint: string, options: RequestOptions, deadlineMs: number) {
  const { url, name } = callOf(endpoint, options)
  const blame = blameOf(name, options)
  const { response, body } = await send(url, options, deadlineMs, blame)
  const { status } = response
  if (body === null) throw blame('forge.refused', `the answer is larger than ${MAX_ANSWER / 1024 ** 2} MiB`, { status })
  if (status >= 300 && status < 400) {
    const what = `${status}, a redirect to ${whereTo(response, url)}: set the forge's address to its final one`
    throw blame('forge.refused', what, { status })
  }
  const type = response.headers.get('content-type') ?? ''
  if (!response.ok) {
    const words = wordsOf(body, type)
    const wait = retryAfterMs(response, clockOf(response.headers))
    throw blame(codeOf(status, words), `${status} ${words}`, {
      status,
      words,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
    })
  }
  try {
    return { status, headers: Object.fromEntries(response.headers), body: body === '' ? null : JSON.parse(body) }
  } catch {
    // A proxy's or a sign-in page's 200.
    const what = `${status}, but no JSON (${firstLine(type, 60) || 'no content type'})`
    throw blame('forge.unreachable', `${what}: is this address GitLab, and is no sign-in page before it?`, { status })
  }
}

/** For gitbeaker's `requesterFn`: one request per call, a deadline, no redirect, a bounded answer, and Faults for errors. */
export function gitlabRequester(deadlineMs: number): (resource: ResourceOptions) => RequesterType {
  return createRequesterFn(
    async (_resource, options) => options,
    async (endpoint, options) => (await ask(endpoint, options ?? {}, deadlineMs)) as never,
  )
}
