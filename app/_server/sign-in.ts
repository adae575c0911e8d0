import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { SHIPLOCK, tell, transaction } from '../../prisma/record'
import { Attempts } from './attempts'
import { decoyHash, passwordMatches } from './password'
import type { Viewer } from './permit'
import { type Entrance, openSession } from './session'

const WINDOW_MS = 15 * 60_000
/** Per name and address: a wrong password here locks out whoever guesses, not the owner of the name elsewhere. */
const perPair = new Attempts({ tries: 10, windowMs: WINDOW_MS, keys: 10_000 })
const perName = new Attempts({ tries: 50, windowMs: WINDOW_MS, keys: 10_000 })
const perAddress = new Attempts({ tries: 100, windowMs: WINDOW_MS, keys: 10_000 })

const TOLD_MS = 60_000
/** The trail is for ever, and strangers must not be able to fill it: once a minute for who tries what from where, and so many in all. */
const toldPerPair = new Attempts({ tries: 1, windowMs: TOLD_MS, keys: 10_000 })
const toldInAll = new Attempts({ tries: 120, windowMs: TOLD_MS, keys: 1 })

export interface Refused {
  how: Entrance['how']
  /** A few words of ours; never what was typed, which may be a password. */
  why: string
  /** Whose account it would have been; null: nobody's that we know. */
  accountId: number | null
  address: string
}

/**
 * Tells the trail of a sign-in that failed.
 * @param key what tries of the same kind have in common, such as the name that was typed
 */
export async function tellRefused(record: RecordHandle, key: string, refused: Refused, now = Date.now()) {
  const pair = `${refused.how} ${key} ${refused.address}`
  if (toldPerPair.blockedFor(pair, now) > 0 || toldInAll.blockedFor('', now) > 0) return
  toldPerPair.count(pair, now)
  toldInAll.count('', now)
  const { accountId, ...data } = refused
  await transaction(record, (tx) =>
    tell(tx, {
      kind: 'session.refuse',
      subject: 'account',
      subjectId: accountId ?? 0,
      // Whoever it was has not proved to be the account's owner.
      by: SHIPLOCK,
      data,
    }),
  )
}

function waitFor(name: string, address: string, now: number): number {
  return Math.max(
    perPair.blockedFor(`${name} ${address}`, now),
    perName.blockedFor(name, now),
    perAddress.blockedFor(address, now),
  )
}

/**
 * Opens a session for a name and a password. An unknown name costs the same work, and gives the same answer, as a wrong
 * password; that an account is disabled learns only who has its password.
 * @returns the value of the cookie, of which only the hash is kept, and whose session it is
 * Throws not.signed.in, not.permitted or too.many.
 */
export async function signIn(
  record: RecordHandle,
  who: { name: string; password: string } & Omit<Entrance, 'how'>,
  now = Date.now(),
): Promise<{ value: string; viewer: Viewer; expiresAt: Date }> {
  const { name, password, ...from } = who
  const { address } = from
  const ms = waitFor(name, address, now)
  if (ms > 0) {
    // Not counted: whoever goes on guessing must not lock the owner out at other addresses.
    await tellRefused(record, name, { how: 'password', why: 'too many wrong passwords', accountId: null, address }, now)
    throw new Fault('too.many', `too many wrong passwords: try again in ${Math.ceil(ms / 60_000)} minutes`, {
      retryAfterMs: ms,
    })
  }
  // Counted before the password is looked at: a hundred guesses sent at the same moment are a hundred guesses.
  perPair.count(`${name} ${address}`, now)
  perName.count(name, now)
  perAddress.count(address, now)
  const account = await record.db.account.findUnique({
    where: { name },
    select: { id: true, passwordHash: true, disabledAt: true },
  })
  const refuse = (why: string) =>
    tellRefused(record, name, { how: 'password', why, accountId: account?.id ?? null, address }, now)
  const right = await passwordMatches(password, account?.passwordHash ?? (await decoyHash()))
  if (!account || !right) {
    await refuse(account ? 'a wrong password' : 'no such account')
    throw new Fault('not.signed.in', 'the name or the password is wrong')
  }
  if (account.disabledAt) {
    await refuse('the account is disabled')
    throw new Fault('not.permitted', 'this account is disabled: ask an administrator')
  }
  perPair.forget(`${name} ${address}`)
  perName.uncount(name)
  perAddress.uncount(address)
  return openSession(record, { id: account.id }, { how: 'password', ...from })
}
