// Who has which role in which project, or in one environment of it.
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { type Tx, tell, transaction } from '../../prisma/record'
import { asPage, onePage, type PageAsk } from '../paging'
import { actorOf } from './accounts'
import type { GRANTED, Viewer } from './permit'
import { ringEnded } from './session'

/** Memberships of one account: each of its requests carries them all. */
const MOST_EACH = 500

const COLUMNS = {
  id: true,
  environment: true,
  role: true,
  grantedBy: true,
  createdAt: true,
  account: { select: { id: true, name: true, disabledAt: true } },
  project: { select: { id: true, path: true } },
} as const

/** Newest first, of one account or of one project. Throws input.invalid for a cursor that is none. */
export async function listMemberships(
  record: RecordHandle,
  of: { accountId: number } | { projectId: number },
  ask: PageAsk = {},
) {
  const page = onePage(ask)
  const rows = await record.db.membership.findMany({
    where: { ...of, ...page.before },
    select: COLUMNS,
    orderBy: page.orderBy,
    take: page.take,
  })
  return asPage(rows, page.limit, ({ account, environment, createdAt, ...row }) => ({
    ...row,
    account: { id: account.id, name: account.name, disabled: account.disabledAt !== null },
    environment: environment === '' ? null : environment,
    createdAt: createdAt.toISOString(),
  }))
}

export interface WantedGrant {
  account: number
  project: number
  /** Name; null: the whole project. */
  environment: string | null
  role: (typeof GRANTED)[number]
}

/** The roles that an account has at one place by membership, in words for the trail. */
async function rolesThere(tx: Tx, accountId: number, projectId: number, environment: string): Promise<string> {
  const { rows } = await tx.query(
    'SELECT role FROM "Membership" WHERE "accountId" = $1 AND "projectId" = $2 AND environment = $3 ORDER BY role',
    [accountId, projectId, environment],
  )
  return (rows as { role: string }[]).map((row) => row.role).join(', ')
}

/**
 * Grants a role. @returns the membership's number; granting what is there already changes nothing
 * Throws not.found, and conflict where an account has too many.
 */
export const grantMembership = (record: RecordHandle, wanted: WantedGrant, viewer: Viewer): Promise<number> =>
  transaction(record, async (tx) => {
    const { account, project, role } = wanted
    const environment = wanted.environment ?? ''
    await mustBeThere(tx, wanted)
    const before = await rolesThere(tx, account, project, environment)
    const { rows } = await tx.query(
      `INSERT INTO "Membership" ("accountId", "projectId", environment, role, "grantedBy") VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT ("accountId", "projectId", environment, role) DO NOTHING RETURNING id`,
      [account, project, environment, role, viewer.name],
    )
    const made = rows[0] as { id: number } | undefined
    if (!made) return theSame(tx, account, project, environment, role)
    await tell(tx, {
      kind: 'membership.grant',
      subject: 'account',
      subjectId: account,
      projectId: project,
      by: actorOf(viewer),
      before,
      after: await rolesThere(tx, account, project, environment),
      data: { membership: made.id, environment: wanted.environment, role },
    })
    await ringEnded(tx, account)
    return made.id
  })

async function mustBeThere(tx: Tx, wanted: WantedGrant) {
  // The account's row is the lock that makes the count hold.
  const found = await tx.query('SELECT 1 FROM "Account" WHERE id = $1 FOR UPDATE', [wanted.account])
  if (found.rows.length === 0) throw new Fault('not.found', `there is no account #${wanted.account}`)
  const project = await tx.query('SELECT 1 FROM "Project" WHERE id = $1', [wanted.project])
  if (project.rows.length === 0) throw new Fault('not.found', `there is no project #${wanted.project}`)
  if (wanted.environment !== null) {
    const there = await tx.query(
      'SELECT 1 FROM "Environment" WHERE "projectId" = $1 AND name = $2 AND "removedAt" IS NULL',
      [wanted.project, wanted.environment],
    )
    if (there.rows.length === 0)
      throw new Fault('not.found', `project #${wanted.project} has no environment ${wanted.environment}`)
  }
  const { rows } = await tx.query('SELECT count(*)::int AS n FROM "Membership" WHERE "accountId" = $1', [
    wanted.account,
  ])
  if ((rows[0] as { n: number }).n >= MOST_EACH)
    throw new Fault('conflict', `this account has ${MOST_EACH} memberships already: revoke some, or change its role`)
}

async function theSame(tx: Tx, account: number, project: number, environment: string, role: string): Promise<number> {
  const { rows } = await tx.query(
    'SELECT id FROM "Membership" WHERE "accountId" = $1 AND "projectId" = $2 AND environment = $3 AND role = $4',
    [account, project, environment, role],
  )
  return (rows[0] as { id: number }).id
}

/** It counts from the account's next request on. Throws not.found. */
export async function revokeMembership(record: RecordHandle, id: number, viewer: Viewer): Promise<void> {
  await transaction(record, async (tx) => {
    const { rows } = await tx.query(
      `SELECT m."accountId", m."projectId", m.environment, m.role FROM "Membership" m JOIN "Account" a ON a.id = m."accountId"
       WHERE m.id = $1 FOR UPDATE`,
      [id],
    )
    const row = rows[0] as { accountId: number; projectId: number; environment: string; role: string } | undefined
    if (!row) throw new Fault('not.found', `there is no membership #${id}`)
    const before = await rolesThere(tx, row.accountId, row.projectId, row.environment)
    await tx.query('DELETE FROM "Membership" WHERE id = $1', [id])
    await tell(tx, {
      kind: 'membership.revoke',
      subject: 'account',
      subjectId: row.accountId,
      projectId: row.projectId,
      by: actorOf(viewer),
      before,
      after: await rolesThere(tx, row.accountId, row.projectId, row.environment),
      data: { membership: id, environment: row.environment === '' ? null : row.environment, role: row.role },
    })
    await ringEnded(tx, row.accountId)
  })
}
