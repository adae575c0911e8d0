import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { databaseClock } from '../../prisma/clock'
import { listIdentities } from '../_server/identities'
import { listSessions } from '../_server/session'
import { isId } from '../paging'
import type { AccountDetail } from './shapes'

/** An account with all ways into it. @param cookie the Cookie header of who looks. Throws not.found. */
export async function readAccount(record: RecordHandle, id: number, cookie?: string): Promise<AccountDetail> {
  const [account, identities, sessions] = isId(id)
    ? await Promise.all([
        record.db.account.findUnique({
          where: { id },
          select: {
            id: true,
            name: true,
            role: true,
            forgeUserId: true,
            createdAt: true,
            disabledAt: true,
            passwordHash: true,
            _count: {
              select: {
                passkeys: { where: { removedAt: null } },
                tokens: { where: { expiresAt: { gt: await databaseClock(record.pool) } } },
              },
            },
          },
        }),
        listIdentities(record, id),
        listSessions(record, id, cookie),
      ])
    : [null, [], []]
  if (!account) throw new Fault('not.found', `there is no account #${id}`)
  const { passwordHash, _count, createdAt, disabledAt, ...row } = account
  return {
    ...row,
    createdAt: createdAt.toISOString(),
    disabledAt: disabledAt?.toISOString() ?? null,
    hasPassword: passwordHash !== null,
    passkeys: _count.passkeys,
    tokens: _count.tokens,
    identities,
    sessions,
  }
}

/** Projects that a role can be granted in, by path, with their environments in order; the first two hundred. */
export async function projectsToGrant(record: RecordHandle) {
  const rows = await record.db.project.findMany({
    select: {
      id: true,
      path: true,
      environments: {
        where: { removedAt: null },
        select: { name: true },
        orderBy: { position: 'asc' },
        take: 50,
      },
    },
    orderBy: { path: 'asc' },
    take: 200,
  })
  return rows.map(({ environments, ...row }) => ({ ...row, environments: environments.map((e) => e.name) }))
}

/** Accounts that a role can be granted to, by name; the first two hundred. */
export const accountsToGrant = (record: RecordHandle) =>
  record.db.account.findMany({
    where: { disabledAt: null },
    select: { id: true, name: true },
    orderBy: { name: 'asc' },
    take: 200,
  })
