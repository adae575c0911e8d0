// What is done to an account that is there already. Each deed stands in the trail, by numbers: never with a name.
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { type Actor, type Tx, tell, transaction } from '../../prisma/record'
import { actorOf, checkPassword, generatedPassword } from './accounts'
import { Attempts } from './attempts'
import { hashPassword, passwordMatches } from './password'
import type { Role, Viewer } from './permit'
import { endSessions, ringEnded } from './session'
import { revokeTokens } from './tokens'

interface Row {
  id: number
  role: string
  disabled: boolean
}

/** All administrators are locked as well, so that two of them cannot take the role from one another at the same moment. */
async function lockAccount(tx: Tx, id: number): Promise<Row & { lastAdmin: boolean }> {
  const { rows } = await tx.query(
    `SELECT id, role, "disabledAt" IS NOT NULL AS disabled FROM "Account"
     WHERE id = $1 OR (role = 'admin' AND "disabledAt" IS NULL) ORDER BY id FOR UPDATE`,
    [id],
  )
  const found = (rows as Row[]).find((row) => row.id === id)
  if (!found) throw new Fault('not.found', `there is no account #${id}`)
  const admins = (rows as Row[]).filter((row) => row.role === 'admin' && !row.disabled)
  return { ...found, lastAdmin: admins.length === 1 && admins[0]?.id === id }
}

const LAST = 'this is the last administrator: make another one first'

/** Gives an account another role for the whole installation. It counts from its next request on. Throws not.found, conflict. */
export async function changeRole(record: RecordHandle, id: number, role: Role, by: Actor): Promise<void> {
  await transaction(record, async (tx) => {
    const account = await lockAccount(tx, id)
    if (account.role === role) return
    if (account.lastAdmin) throw new Fault('conflict', LAST)
    await tx.query('UPDATE "Account" SET role = $2 WHERE id = $1', [id, role])
    await tell(tx, { kind: 'account.role', subject: 'account', subjectId: id, by, before: account.role, after: role })
    await ringEnded(tx, id)
  })
}

/** Nobody signs in with it, and what is open ends at once: sessions and tokens. Throws not.found, conflict. */
export async function disableAccount(record: RecordHandle, id: number, by: Actor): Promise<void> {
  await transaction(record, async (tx) => {
    const account = await lockAccount(tx, id)
    if (account.disabled) throw new Fault('conflict', 'this account is disabled already')
    if (account.lastAdmin) throw new Fault('conflict', LAST)
    await tx.query('UPDATE "Account" SET "disabledAt" = clock_timestamp() WHERE id = $1', [id])
    await tell(tx, { kind: 'account.disable', subject: 'account', subjectId: id, by })
    await endSessions(tx, id, by, { because: 'the account was disabled' })
    await revokeTokens(tx, id, by, 'the account was disabled')
  })
}

/** It may sign in again; sessions and tokens do not come back. Throws not.found, conflict. */
export async function enableAccount(record: RecordHandle, id: number, by: Actor): Promise<void> {
  await transaction(record, async (tx) => {
    const account = await lockAccount(tx, id)
    if (!account.disabled) throw new Fault('conflict', 'this account is not disabled')
    await tx.query('UPDATE "Account" SET "disabledAt" = NULL WHERE id = $1', [id])
    await tell(tx, { kind: 'account.enable', subject: 'account', subjectId: id, by })
  })
}

/**
 * Gives an account a new password, because the old one is lost or known to somebody: what was open with it ends.
 * @returns the password, to be shown once
 * Throws not.found.
 */
export async function resetPassword(record: RecordHandle, id: number, by: Actor): Promise<string> {
  const password = generatedPassword()
  const hash = await hashPassword(password)
  await transaction(record, async (tx) => {
    const { rowCount } = await tx.query('UPDATE "Account" SET "passwordHash" = $2 WHERE id = $1', [id, hash])
    if (!rowCount) throw new Fault('not.found', `there is no account #${id}`)
    await tell(tx, { kind: 'account.password', subject: 'account', subjectId: id, by, data: { reset: true } })
    await endSessions(tx, id, by, { because: 'the password was reset' })
    await revokeTokens(tx, id, by, 'the password was reset')
  })
  return password
}

/** Ends all sessions of an account. Throws not.found. */
export const endAllSessions = (record: RecordHandle, id: number, by: Actor): Promise<number> =>
  transaction(record, async (tx) => {
    await lockAccount(tx, id)
    return endSessions(tx, id, by, { because: 'an administrator ended all sessions' })
  })

/** A stolen session must not be able to guess the password that it lacks. */
const oldPasswords = new Attempts({ tries: 10, windowMs: 15 * 60_000, keys: 10_000 })

/**
 * Changes one's own password; every other session of the account ends.
 * @param cookie the Cookie header, whose session stays
 * Throws input.invalid, not.permitted, too.many, and conflict where there is no password to change.
 */
export async function changePassword(
  record: RecordHandle,
  viewer: Viewer,
  wanted: { old: string; new: string },
  cookie: string | undefined,
  now = Date.now(),
): Promise<void> {
  const key = String(viewer.accountId)
  const ms = oldPasswords.blockedFor(key, now)
  if (ms > 0)
    throw new Fault('too.many', `too many wrong passwords: try again in ${Math.ceil(ms / 60_000)} minutes`, {
      retryAfterMs: ms,
    })
  checkPassword(wanted.new)
  oldPasswords.count(key, now)
  const account = await record.db.account.findUniqueOrThrow({
    where: { id: viewer.accountId },
    select: { passwordHash: true },
  })
  if (account.passwordHash === null)
    throw new Fault('conflict', 'this account has no password: an administrator can give it one')
  if (!(await passwordMatches(wanted.old, account.passwordHash)))
    throw new Fault('not.permitted', 'the old password is wrong')
  oldPasswords.forget(key)
  const hash = await hashPassword(wanted.new)
  await transaction(record, async (tx) => {
    // Changed by somebody else in between: then the old password was no longer the right one.
    const { rowCount } = await tx.query(
      'UPDATE "Account" SET "passwordHash" = $2 WHERE id = $1 AND "passwordHash" = $3',
      [viewer.accountId, hash, account.passwordHash],
    )
    if (!rowCount) throw new Fault('conflict', 'the password was changed at the same moment: sign in again')
    const by = actorOf(viewer)
    await tell(tx, { kind: 'account.password', subject: 'account', subjectId: viewer.accountId, by })
    await endSessions(tx, viewer.accountId, by, { keep: cookie, because: 'the password was changed' })
  })
}
