// Why signing in at a provider came to nothing: a verdict with words, each with a sentence of its own on /login.

/** The addresses carry them: /login?problem=oidc-denied. */
export const OIDC_PROBLEMS = {
  denied: 'the person, or the provider, said no',
  expired: 'it took too long, or it was used already',
  elsewhere: 'it did not come back to the browser that began it',
  untrusted: 'what came back does not fit what was asked for, or is not signed by the provider',
  clock: 'the clocks of Shiplock and of the provider differ too much',
  down: 'the provider does not answer',
  refused: 'the provider does not accept how Shiplock is registered there',
  disabled: 'the account is disabled',
  taken: 'an account that is there already has the same number on the forge',
  linked: 'the identity is linked to another account',
  another: 'the account is somebody else on the forge',
  second: 'the account has an identity of this provider already',
} as const
export type OidcWhy = keyof typeof OIDC_PROBLEMS

export interface OidcProblem {
  problem: OidcWhy
  /** For the log and the trail; it holds no token, no code and no name. */
  because: string
}

export const isProblem = (value: object): value is OidcProblem => 'problem' in value

type Client = typeof import('openid-client')

const MAX_BYTES = 1024 * 1024

/** The provider was not reached at all. */
class Unreached extends Error {}

/** fetch, with a bound on what is read. Throws Unreached. */
export async function boundedFetch(url: string, options: object): Promise<Response> {
  const response = await fetch(url, options).catch((error: Error) => {
    if (error.name === 'TimeoutError' || error.name === 'AbortError') throw error
    throw new Unreached(`${new URL(url).origin} cannot be reached`, { cause: error })
  })
  if (response.body === null) return response
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of response.body) {
    bytes += part.byteLength
    if (bytes > MAX_BYTES) throw new Unreached(`${new URL(url).origin} answered with more than ${MAX_BYTES} bytes`)
    parts.push(part)
  }
  const { status, statusText, headers } = response
  return new Response(Buffer.concat(parts), { status, statusText, headers })
}

/** What an exception of openid-client means. What is no answer of a provider is a fault of ours, and thrown on. */
export function problemOf(client: Client, error: unknown): OidcProblem {
  if (error instanceof client.AuthorizationResponseError) return ofAuthorization(error.error)
  if (error instanceof client.ResponseBodyError) return ofTokenEndpoint(error.error, error.status)
  if (error instanceof client.WWWAuthenticateChallengeError)
    return { problem: 'refused', because: `userinfo answered ${error.status}` }
  if (!(error instanceof client.ClientError)) throw error
  const { cause, code } = error
  if (cause instanceof Unreached) return { problem: 'down', because: cause.message }
  if (code === 'OAUTH_TIMEOUT' || code === 'OAUTH_ABORT') return { problem: 'down', because: 'it took too long' }
  if (cause instanceof Response)
    return { problem: cause.status >= 500 ? 'down' : 'refused', because: `${error.message}: ${cause.status}` }
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED') return { problem: 'clock', because: error.message }
  return { problem: 'untrusted', because: `${error.message} (${code ?? 'no code'})` }
}

const words = (text: string) => text.replaceAll(/[^\w .:-]/g, '').slice(0, 60)

function ofAuthorization(error: string): OidcProblem {
  const because = `the provider answered ${words(error)}`
  if (error === 'access_denied') return { problem: 'denied', because }
  if (error === 'server_error' || error === 'temporarily_unavailable') return { problem: 'down', because }
  return { problem: 'refused', because }
}

function ofTokenEndpoint(error: string, status: number): OidcProblem {
  const because = `the token endpoint answered ${status} ${words(error)}`
  if (status >= 500) return { problem: 'down', because }
  // The code is too old or was used: to begin again helps.
  return { problem: error === 'invalid_grant' ? 'expired' : 'refused', because }
}
