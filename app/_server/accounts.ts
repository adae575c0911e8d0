import { randomBytes } from 'node:crypto'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { type Actor, type Person, SHIPLOCK, type Tx, tell, transaction } from '../../prisma/record'
import { asPage, onePage, type PageAsk } from '../paging'
import { hashPassword, passwordMatches } from './password'
import type { Role, Viewer } from './permit'

/** Who did it, as the trail names them: a token's deeds are its account's, and the name says which token. */
export const actorOf = (viewer: Viewer): Actor => ({
  actor: `account:${viewer.accountId}`,
  actorName: viewer.name,
})

/** The same, where it counts who a person is and what they may: signing, and asking for a promotion. */
export const personOf = (viewer: Viewer): Person => ({
  ...actorOf(viewer),
  accountId: viewer.accountId,
  role: viewer.role,
})

/** SQL: the memberships of account `a`, as an array of grants. */
export const GRANTS_OF = `COALESCE((SELECT json_agg(json_build_object('projectId', m."projectId", 'environment', m.environment, 'role', m.role))
  FROM "Membership" m WHERE m."accountId" = a.id), '[]'::json)`

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@-]{0,63}$/u
export const MIN_PASSWORD = 10
const MAX_PASSWORD = 512
/** A number on the forge, never a name: names are given away and taken over. */
const FORGE_USER = /^[1-9]\d{0,18}$/

/** Throws input.invalid. */
export function checkPassword(password: string) {
  if (password.length < MIN_PASSWORD || password.length > MAX_PASSWORD)
    throw new Fault('input.invalid', `the password must have ${MIN_PASSWORD} to ${MAX_PASSWORD} characters`)
}

/** Makes an account and its audit entry. Throws input.invalid, or conflict where the name is taken. */
export async function createAccount(
  record: RecordHandle,
  wanted: { name: string; password: string; role: Role; forgeUserId?: string | null },
  by: Actor = SHIPLOCK,
): Promise<{ id: number }> {
  if (!NAME.test(wanted.name))
    throw new Fault(
      'input.invalid',
      `${JSON.stringify(wanted.name)} cannot be an account's name: 1 to 64 letters, digits and . _ @ -`,
    )
  checkPassword(wanted.password)
  const forgeUserId = wanted.forgeUserId ?? null
  if (forgeUserId !== null && !FORGE_USER.test(forgeUserId))
    throw new Fault('input.invalid', "forgeUserId: the forge's number of the person is needed, such as 1742")
  const passwordHash = await hashPassword(wanted.password)
  return transaction(record, async (tx) => {
    const made = await insertAccount(tx, { name: wanted.name, passwordHash, role: wanted.role, forgeUserId }, by)
    if (!made) throw new Fault('conflict', `there is already an account named ${wanted.name}`)
    return made
  })
}

/**
 * One account and its audit entry, in the caller's transaction. The trail is for ever, so it holds no name beside the actor's.
 * @param by null: the person themselves, who has this account from now on
 * @returns null where the name is taken
 */
export async function insertAccount(
  tx: Tx,
  wanted: { name: string; passwordHash: string | null; role: Role; forgeUserId: string | null },
  by: Actor | null,
): Promise<{ id: number } | null> {
  const { rows } = await tx.query(
    'INSERT INTO "Account" (name, "passwordHash", role, "forgeUserId") VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO NOTHING RETURNING id',
    [wanted.name, wanted.passwordHash, wanted.role, wanted.forgeUserId],
  )
  const row = rows[0] as { id: number } | undefined
  if (!row) return null
  await tell(tx, {
    kind: 'account.create',
    subject: 'account',
    subjectId: row.id,
    by: by ?? { actor: `account:${row.id}`, actorName: wanted.name },
    data: { role: wanted.role, forgeUserId: wanted.forgeUserId },
  })
  return row
}

/** A name that an account can have, as near as it can be to what somebody is called elsewhere. */
export function asAccountName(text: string): string {
  const plain = text
    .normalize('NFKC')
    .replaceAll(/[^\p{L}\p{N}._@-]+/gu, '-')
    .replace(/^[^\p{L}\p{N}]+/u, '')
    .slice(0, 56)
  return NAME.test(plain) ? plain : 'somebody'
}

/** Twenty characters that nobody has to invent. To be shown once. */
export const generatedPassword = () => randomBytes(15).toString('base64url')

const COLUMNS = { id: true, name: true, role: true, forgeUserId: true, createdAt: true, disabledAt: true } as const

/** Who has an account, newest first; what a password is made of never leaves. Throws input.invalid for a cursor that is none. */
export async function listAccounts(record: RecordHandle, ask: PageAsk = {}) {
  const page = onePage(ask)
  const rows = await record.db.account.findMany({
    where: page.before,
    select: COLUMNS,
    orderBy: page.orderBy,
    take: page.take,
  })
  return asPage(rows, page.limit, (row) => ({
    ...row,
    createdAt: row.createdAt.toISOString(),
    disabledAt: row.disabledAt?.toISOString() ?? null,
  }))
}

/**
 * Where there is no account at all, makes `admin`, with the given password or a random one. Safe to repeat with the same
 * `random`: a lost connection leaves open whether it was made, and the password tells.
 * @returns the password, to be shown once by the caller; null where accounts exist already, or the password was given
 */
export async function ensureFirstAdmin(
  record: RecordHandle,
  given?: string,
  random = generatedPassword(),
): Promise<{ name: string; password: string } | null> {
  const mine = given === undefined ? { name: 'admin', password: random } : null
  const first = await record.db.account.findFirst({
    orderBy: { id: 'asc' },
    select: { name: true, passwordHash: true },
  })
  if (first !== null) {
    const { name, passwordHash } = first
    return mine !== null && name === mine.name && passwordHash !== null && (await passwordMatches(random, passwordHash))
      ? mine
      : null
  }
  try {
    await createAccount(record, { name: 'admin', password: given ?? random, role: 'admin' })
  } catch (error) {
    // Another web process was faster: its password is the right one, ours must not be shown.
    if (error instanceof Fault && error.code === 'conflict') return null
    throw error
  }
  return mine
}
