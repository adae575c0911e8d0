// Whom an OpenID provider says somebody is. No database: see oidc-sign-in.ts.
import type { Configuration } from 'openid-client'
import type { OidcConfig } from './config'
import { boundedFetch, type OidcProblem, problemOf } from './oidc-problem'

const DISCOVERY_S = 5
const REQUEST_S = 10
/** Clocks of two machines may differ this much. */
const SKEW_S = 30
/** What the provider says of itself is asked for again after this long; what it said before counts while it is away. */
const FRESH_MS = 60 * 60_000
const AGAIN_MS = 60_000
/** GitLab without the right to read anything of it; no e-mail address is asked for, so none can be relied on. */
const SCOPE = 'openid profile'

/** One sign-in under way: what must come back, and what proves that it was us who asked. */
export interface Pending {
  redirectUri: string
  state: string
  nonce: string
  verifier: string
}

export interface Identified {
  issuer: string
  /** `sub`: for ever the same person. */
  subject: string
  /** What they are called there at the moment. */
  name: string
  /** The provider is a GitLab, so `subject` is the number that it calls the person by everywhere. */
  gitlab: boolean
}

export class Oidc {
  #found: { configuration: Configuration; until: number } | undefined
  #asking: Promise<Configuration> | undefined

  constructor(readonly settings: OidcConfig) {}

  /** Never at the start: the provider may be away, and people with a password must not wait for it. */
  async #configuration(): Promise<Configuration> {
    if (this.#found && this.#found.until > performance.now()) return this.#found.configuration
    this.#asking ??= this.#discover().finally(() => {
      this.#asking = undefined
    })
    try {
      return await this.#asking
    } catch (error) {
      if (!this.#found) throw error
      this.#found.until = performance.now() + AGAIN_MS
      return this.#found.configuration
    }
  }

  async #discover(): Promise<Configuration> {
    const client = await import('openid-client')
    const { issuer, clientId, clientSecret } = this.settings
    const configuration = await client.discovery(
      new URL(issuer),
      clientId,
      { [client.clockTolerance]: SKEW_S },
      clientSecret === undefined ? client.None() : client.ClientSecretBasic(clientSecret),
      {
        timeout: DISCOVERY_S,
        [client.customFetch]: boundedFetch,
        execute: [
          // The ID token's signature is checked too, though it comes from the provider itself.
          client.enableNonRepudiationChecks,
          // For a provider on this machine; the configuration lets no other be without https.
          ...(issuer.startsWith('http:') ? [client.allowInsecureRequests] : []),
        ],
      },
    )
    configuration.timeout = REQUEST_S
    this.#found = { configuration, until: performance.now() + FRESH_MS }
    return configuration
  }

  /** Where the browser is sent. */
  async address(pending: Pending): Promise<URL | OidcProblem> {
    const client = await import('openid-client')
    try {
      return client.buildAuthorizationUrl(await this.#configuration(), {
        redirect_uri: pending.redirectUri,
        scope: SCOPE,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: 'S256',
      })
    } catch (error) {
      return problemOf(client, error)
    }
  }

  /** Who came back. @param search the query of the redirect */
  async identify(search: string, pending: Pending): Promise<Identified | OidcProblem> {
    const client = await import('openid-client')
    try {
      const configuration = await this.#configuration()
      const tokens = await client.authorizationCodeGrant(configuration, new URL(`${pending.redirectUri}${search}`), {
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.verifier,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (!claims) return { problem: 'untrusted', because: 'the answer held no ID token' }
      const { issuer, userinfo_endpoint, jwks_uri } = configuration.serverMetadata()
      const info =
        userinfo_endpoint === undefined
          ? undefined
          : await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)
      const names = [info?.preferred_username, claims.preferred_username, info?.nickname, info?.name, claims.name]
      return {
        issuer,
        subject: claims.sub,
        name: String(names.find((name) => typeof name === 'string' && name !== '') ?? '').slice(0, 200),
        gitlab: jwks_uri === `${issuer.replace(/\/$/, '')}/oauth/discovery/keys`,
      }
    } catch (error) {
      return problemOf(client, error)
    }
  }
}
