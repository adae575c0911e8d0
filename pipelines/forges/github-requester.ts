// How GitHub is asked: Octokit names the calls, this sends them. Once each, with a deadline, no redirect, a bounded answer,
// and Faults for errors; the repeating is left to the row that owes the call.

import { Octokit } from '@octokit/rest'
import { z } from 'zod'
import { Fault, type FaultCode } from '../fault'
import { firstLine } from '../title'
import { clockOf, MAX_ANSWER, maskSecrets, readBounded, whyUnreachable } from './asking'

/** A forge may ask us to wait an hour; longer is a clock that went wrong. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** What GitHub asks for where a secondary limit names no time. */
const SECONDARY_LIMIT_MS = 60_000
/** The shapes of answers are promised by version. */
const API_VERSION = '2022-11-28'

/** A Fault that keeps what GitHub said, for the verbs that must read it. */
export class GithubFault extends Fault {
  /** 0: there was no answer. */
  readonly status: number
  /** GitHub's own words, one line, without secrets. */
  readonly words: string
  constructor(code: FaultCode, message: string, answer: { status: number; words?: string; retryAfterMs?: number }) {
    super(code, message, answer.retryAfterMs === undefined ? {} : { retryAfterMs: answer.retryAfterMs })
    this.status = answer.status
    this.words = answer.words ?? ''
  }
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} } // a Fault says it all

/** Octokit for one forge and one token. It rejects with GithubFault alone, except for bugs. @param api without a slash at the end */
export function githubClient(api: string, token: string, deadlineMs: number): Octokit {
  const octokit = new Octokit({
    auth: token,
    baseUrl: api,
    userAgent: 'shiplock',
    log: silent,
    request: { fetch: asking(api, token, deadlineMs), log: silent },
  })
  // Octokit wraps whatever fetch throws, and keeps the request's headers in it.
  octokit.hook.error('request', (error) => {
    throw error.cause instanceof Fault ? error.cause : error
  })
  return octokit
}

type Blame = (
  code: FaultCode,
  what: string,
  answer?: { status: number; words?: string; retryAfterMs?: number },
) => GithubFault

function blameOf(name: string, token: string): Blame {
  return (code, what, { status, words = '', retryAfterMs } = { status: 0 }) =>
    new GithubFault(code, maskSecrets(`${name}: ${what}`, [token]), {
      status,
      words: maskSecrets(words, [token]),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    })
}

/** The `fetch` that Octokit is given. What it resolves to is an answer of 2xx, read to its end. */
function asking(api: string, token: string, deadlineMs: number) {
  return async (address: string, options: RequestInit): Promise<Response> => {
    const url = new URL(address)
    const blame = blameOf(`${options.method ?? 'GET'} ${url.origin}${url.pathname}`, token)
    // "." and ".." in a name climb to another call, which the resolved address shows.
    if (url.href !== address || !address.startsWith(`${api}/`))
      throw new Fault('input.invalid', `no call can be made of ${JSON.stringify(firstLine(address))}`)
    const { response, body } = await send(url, options, deadlineMs, blame)
    if (response.ok) return answerOf(response, body, blame)
    throw refusalOf(response, body, blame)
  }
}

async function send(url: URL, options: RequestInit, deadlineMs: number, blame: Blame) {
  try {
    const response = await fetch(url, {
      ...options,
      headers: { ...(options.headers as Record<string, string>), 'x-github-api-version': API_VERSION },
      // A redirect would carry the token, and a POST as a GET, to an address that nobody configured.
      redirect: 'manual',
      signal: AbortSignal.timeout(deadlineMs),
    })
    return { response, body: await readBounded(response) }
  } catch (error) {
    throw blame('forge.unreachable', whyUnreachable(error, deadlineMs))
  }
}

const sizeOf = MAX_ANSWER / 1024 ** 2

function answerOf(response: Response, body: string | null, blame: Blame): Response {
  const { status, headers } = response
  if (body === null) throw blame('forge.refused', `the answer is larger than ${sizeOf} MiB`, { status })
  if (status === 204 || status === 205) return new Response(null, { status, headers })
  try {
    JSON.parse(body)
  } catch {
    // A proxy's or a sign-in page's 200.
    const type = firstLine(headers.get('content-type') ?? '', 60) || 'no content type'
    const what = `${status}, but no JSON (${type}): is this address GitHub, and is no sign-in page before it?`
    throw blame('forge.unreachable', what, { status })
  }
  return new Response(body, { status, headers })
}

function refusalOf(response: Response, body: string | null, blame: Blame): GithubFault {
  const { status, headers } = response
  if (status >= 300 && status < 400) {
    const words = wordsOf(body ?? '', headers.get('content-type') ?? '')
    const what = `${status}, a redirect to ${whereTo(response)}: the repository was renamed or moved, or the forge's address is not its final one`
    return blame('forge.refused', what, { status, words })
  }
  if (body === null) return blame('forge.refused', `the answer is larger than ${sizeOf} MiB`, { status })
  const words = wordsOf(body, headers.get('content-type') ?? '')
  const retryAfterMs = retryAfter(response, words, clockOf(headers))
  return blame(codeOf(response, words), `${status} ${words}`, {
    status,
    words,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

/** The origin alone: the rest of a redirect's address may hold what a sign-in page wants to know. */
function whereTo(response: Response): string {
  const location = response.headers.get('location') ?? ''
  return URL.canParse(location, response.url) ? new URL(location, response.url).origin : 'nowhere'
}

/** GitHub refuses with 403 as well as with 429 whoever asks too much: the hourly limit, or one of the secondary ones. */
function isBusy({ status, headers }: Response, words: string): boolean {
  if (status === 429) return true
  if (status !== 403) return false
  return headers.get('x-ratelimit-remaining') === '0' || headers.has('retry-after') || /rate limit|abuse/i.test(words)
}

function codeOf(response: Response, words: string): FaultCode {
  const { status } = response
  if (isBusy(response, words)) return 'forge.busy'
  if (status === 401 || status === 403) return 'forge.denied'
  if (status === 404) return 'forge.missing'
  // The commit of a status, or of a deployment.
  if (status === 422 && /^No commit found|No ref found/i.test(words)) return 'forge.missing'
  return status === 408 || status >= 500 ? 'forge.unreachable' : 'forge.refused'
}

/** Milliseconds, from Retry-After (seconds or a date) or from the hour's end where the hourly limit is used up. */
function retryAfter(response: Response, words: string, now: number): number | undefined {
  const after = response.headers.get('retry-after')
  const isSpent = response.headers.get('x-ratelimit-remaining') === '0'
  const reset = isSpent ? response.headers.get('x-ratelimit-reset') : null
  let ms = Number.NaN
  if (after !== null) ms = /^\d+$/.test(after) ? Number(after) * 1000 : Date.parse(after) - now
  else if (!isBusy(response, words)) return undefined
  else if (reset !== null && /^\d+$/.test(reset)) ms = Number(reset) * 1000 - now
  else if (/secondary|abuse/i.test(words)) ms = SECONDARY_LIMIT_MS
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS) : undefined
}

const Refusal = z.object({ message: z.string().catch(''), errors: z.unknown().optional() })
const Problem = z.object({
  message: z.string().catch(''),
  resource: z.string().catch(''),
  field: z.string().catch(''),
  code: z.string().catch(''),
})

/** One of `errors`: a text, a message, or resource, field and code. */
function problemOf(error: unknown): string {
  if (typeof error === 'string') return error
  const { message = '', resource, field, code } = Problem.safeParse(error).data ?? {}
  return message || [resource, field, code].filter(Boolean).join(' ')
}

/** `{"message": "…", "errors": [{"resource", "field", "code", "message"} or "…"], "documentation_url": "…"}`, or plain text. */
function wordsOf(body: string, contentType: string): string {
  if (/html/i.test(contentType)) return 'a web page, not an answer of the API'
  let said: unknown = body
  try {
    said = JSON.parse(body)
  } catch {
    return firstLine(body, 300) // errors of proxies come as plain text
  }
  const refusal = Refusal.safeParse(said).data
  if (refusal === undefined) return firstLine(String(said), 300)
  const errors = Array.isArray(refusal.errors) ? refusal.errors.slice(0, 10) : [refusal.errors]
  return firstLine([refusal.message, ...errors.map(problemOf)].filter(Boolean).join('; '), 300)
}
