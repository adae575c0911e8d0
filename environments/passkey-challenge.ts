import { randomBytes } from 'node:crypto'
import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'

/** A challenge is answered within this, in ms, or asked for again. */
export const CHALLENGE_MS = 5 * 60_000
/** Open ones of one account and purpose; one more, and the oldest goes: somebody has many tabs. */
const MOST_OF_ACCOUNT = 10
/** Open ones of nobody: strangers may ask for them, and must not fill the disk. */
const MOST_OF_NOBODY = 10_000

type Purpose = 'enrol' | 'sign-in' | 'vouch'

/** 32 random bytes, base64url. */
export const randomChallenge = () => randomBytes(32).toString('base64url')

/** Keeps a challenge until it is answered, once, or five minutes have passed. Throws too.many. */
export async function issueChallenge(
  handle: RecordHandle,
  wanted: { challenge: string; purpose: Purpose; accountId: number | null; data?: Record<string, unknown> },
): Promise<void> {
  const { challenge, purpose, accountId, data = {} } = wanted
  await handle.pool.query('DELETE FROM "PasskeyChallenge" WHERE "expiresAt" <= clock_timestamp()')
  if (accountId !== null)
    await handle.pool.query(
      `DELETE FROM "PasskeyChallenge" WHERE challenge IN (SELECT challenge FROM "PasskeyChallenge"
         WHERE "accountId" = $1 AND purpose = $2 ORDER BY "expiresAt" DESC OFFSET $3)`,
      [accountId, purpose, MOST_OF_ACCOUNT - 1],
    )
  const { rowCount } = await handle.pool.query(
    `INSERT INTO "PasskeyChallenge" (challenge, purpose, "accountId", data, "expiresAt")
     SELECT $1, $2, $3::int, $4::jsonb, clock_timestamp() + $5 * interval '1 millisecond'
     WHERE $3::int IS NOT NULL OR (SELECT count(*) FROM "PasskeyChallenge" WHERE "accountId" IS NULL) < $6`,
    [challenge, purpose, accountId, JSON.stringify(data), CHALLENGE_MS, MOST_OF_NOBODY],
  )
  if (!rowCount)
    throw new Fault('too.many', 'too many people are signing in with passkeys: try again in a few minutes', {
      retryAfterMs: CHALLENGE_MS,
    })
}

/** Uses the challenge up, whatever comes of it. @returns what was kept with it; null: it is not open, or somebody else's */
export async function takeChallenge(
  handle: RecordHandle,
  wanted: { challenge: string; purpose: Purpose; accountId: number | null },
): Promise<Record<string, unknown> | null> {
  const { rows } = await handle.pool.query<{ data: Record<string, unknown> }>(
    `DELETE FROM "PasskeyChallenge" WHERE challenge = $1 AND purpose = $2 AND "accountId" IS NOT DISTINCT FROM $3::int
       AND "expiresAt" > clock_timestamp() RETURNING data`,
    [wanted.challenge, wanted.purpose, wanted.accountId],
  )
  return rows[0]?.data ?? null
}

/** The challenge that a browser says it answers; '' where it says none. Not checked: it is looked up by it. */
export function challengeIn(clientDataJSON: string): string {
  try {
    const said = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8')) as { challenge?: unknown } | null
    return typeof said?.challenge === 'string' ? said.challenge : ''
  } catch {
    return '' // no JSON says no challenge
  }
}
