// What asking any forge over HTTP takes: an answer of bounded size, words without secrets, and addresses that can be trusted.
import { Fault } from '../fault'

/** Bytes of one answer. A page of 100 hooks is about 100 KB. */
export const MAX_ANSWER = 10 * 1024 * 1024

/** Replaces every secret in a text. Short ones are left: masking "a" would mask the message. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((masked, secret) => (secret.length < 4 ? masked : masked.replaceAll(secret, '***')), text)
}

/** Reads at most MAX_ANSWER bytes; null: there was more. */
export async function readBounded(response: Response): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  if (response.body === null) return ''
  for await (const chunk of response.body) {
    size += chunk.byteLength
    if (size > MAX_ANSWER) return null // leaving the loop cancels the stream and closes the connection
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** What node's fetch hides in `cause`: ECONNREFUSED, ENOTFOUND, a certificate's fault. Addresses and codes, no headers. */
export function whyUnreachable(error: unknown, deadlineMs: number): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return `no answer within ${deadlineMs / 1000} s`
  const cause = error.cause instanceof AggregateError ? error.cause.errors[0] : error.cause
  if (cause instanceof Error) return 'code' in cause ? `${String(cause.code)}: ${cause.message}` : cause.message
  return error.message
}

/** The address that a driver is made for: http or https, no credentials, a subpath kept, no slash at the end. */
export function forgeUrlOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null
  if (parsed === null || !/^https?:$/.test(parsed.protocol) || parsed.username !== '' || parsed.password !== '') {
    throw new Fault(
      'input.invalid',
      "the forge's address must start with http:// or https:// and hold no user or password",
    )
  }
  return `${parsed.origin}${parsed.pathname}`.replace(/\/+$/, '')
}

/**
 * Where to clone from. The forge's own answer counts only where it stays on the forge's origin: the token goes along with
 * git, and an instance behind a proxy often names an address of its own, sometimes in clear text.
 */
export function cloneUrlOf(forgeUrl: string, told: string, path: string): string {
  const theirs = URL.canParse(told) ? new URL(told) : null
  if (theirs !== null && theirs.origin === new URL(forgeUrl).origin && !theirs.username && !theirs.password)
    return theirs.href
  return `${forgeUrl}/${path.split('/').map(encodeURIComponent).join('/')}.git`
}

/** What time it was at the forge as it answered, in ms: until when it wants to be left alone is said by its clock, not by ours. */
export function clockOf(headers: Headers): number {
  const said = Date.parse(headers.get('date') ?? '')
  return Number.isFinite(said) ? said : Date.now()
}
