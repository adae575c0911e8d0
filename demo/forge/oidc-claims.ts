// What the demo forge says of a person, as GitLab does, and the key that it signs with.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { User } from './people'

/** Seconds that an ID token holds; GitLab's do so for two minutes. */
const ID_TOKEN_S = 120

/** Lies that the provider tells by order, so that tests can see who believes them. */
export interface OidcLies {
  /** Claims of the ID token that are not what they should be. */
  claims?: Record<string, unknown>
  /** What the answer at the redirect says of who answers (RFC 9207). */
  iss?: string
  /** The ID token is signed by a key that the provider does not publish. */
  foreignKey?: boolean
  /** The token endpoint answers with this status. */
  tokenStatus?: 500 | 503
  /** Every address of the provider is cut off without an answer. */
  down?: boolean
}

export interface SigningKey {
  kid: string
  privateKey: KeyObject
  jwk: Record<string, unknown>
}

export function makeKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256')
    .update(JSON.stringify({ e: jwk.e, kty: jwk.kty, n: jwk.n }))
    .digest('base64url')
  return { kid, privateKey, jwk: { ...jwk, kid, alg: 'RS256', use: 'sig' } }
}

function jwt(key: SigningKey, claims: Record<string, unknown>): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ typ: 'JWT', kid: key.kid, alg: 'RS256' })}.${part(claims)}`
  return `${text}.${sign('sha256', Buffer.from(text), key.privateKey).toString('base64url')}`
}

/** As GitLab has it: the ID token says who, and userinfo what they are called. */
export function idToken(
  key: SigningKey,
  of: { issuer: string; clientId: string; user: User; email: string; nonce: string | null },
  lies: OidcLies,
  now = Date.now(),
): string {
  const iat = Math.floor(now / 1000)
  return jwt(lies.foreignKey ? { ...makeKey(), kid: key.kid } : key, {
    iss: of.issuer,
    sub: String(of.user.id),
    aud: of.clientId,
    exp: iat + ID_TOKEN_S,
    iat,
    auth_time: iat,
    ...(of.nonce === null ? {} : { nonce: of.nonce }),
    email: of.email,
    email_verified: true,
    groups_direct: [],
    ...lies.claims,
  })
}

export const userInfo = (user: User, email: string, url: string) => ({
  sub: String(user.id),
  name: user.name,
  nickname: user.username,
  preferred_username: user.username,
  email,
  email_verified: true,
  profile: `${url}/${user.username}`,
  groups: [],
})
