import type { Trust } from '../../audit/trust'
import type { Assertion } from '../../environments/assertion'
import { beginSignIn, whoSignsIn } from '../../environments/passkey-use'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { Attempts } from './attempts'
import type { Viewer } from './permit'
import { type Entrance, openSession } from './session'
import { tellRefused } from './sign-in'

const WINDOW_MS = 15 * 60_000
/** A key cannot be guessed: what is bounded is the work, and what strangers may write. */
const begun = new Attempts({ tries: 100, windowMs: WINDOW_MS, keys: 10_000 })
const failed = new Attempts({ tries: 20, windowMs: WINDOW_MS, keys: 10_000 })

function refuseWhenTooMany(address: string, now: number) {
  const ms = Math.max(begun.blockedFor(address, now), failed.blockedFor(address, now))
  if (ms > 0)
    throw new Fault('too.many', `too many tries with a passkey: try again in ${Math.ceil(ms / 60_000)} minutes`, {
      retryAfterMs: ms,
    })
}

/** Asks a browser for a passkey, whosever it is. Throws too.many. */
export async function askForPasskey(record: RecordHandle, trust: Trust, address: string, now = Date.now()) {
  refuseWhenTooMany(address, now)
  begun.count(address, now)
  return beginSignIn(record, trust)
}

/**
 * Opens a session for whoever's passkey it is. What is wrong with it stands in the trail; the answer is always the same.
 * Throws not.signed.in, not.permitted where the account is disabled, or too.many.
 */
export async function signInWithPasskey(
  record: RecordHandle,
  given: { assertion: Assertion; userHandle?: string | null | undefined },
  trust: Trust,
  from: Omit<Entrance, 'how'>,
  now = Date.now(),
): Promise<{ value: string; viewer: Viewer; expiresAt: Date }> {
  const { address } = from
  refuseWhenTooMany(address, now)
  // Counted before it is looked at: a hundred tries sent at the same moment are a hundred tries.
  failed.count(address, now)
  const who = await whoSignsIn(record, { ...given.assertion, userHandle: given.userHandle }, trust)
  if ('why' in who) {
    const { why, accountId } = who
    await tellRefused(record, String(accountId ?? ''), { how: 'passkey', why, accountId, address }, now)
    throw new Fault('not.signed.in', 'this passkey opens nothing here: use another one, or your password')
  }
  failed.uncount(address)
  return openSession(record, { id: who.accountId }, { how: 'passkey', ...from })
}
