// Who did what: entries of the trail as pages and REST show them.
import { z } from 'zod'
import type { RecordHandle } from '../prisma/client'
import type { Prisma } from '../prisma/generated/client'
import type { RunDetail } from './shapes'

/** Entries that one page shows: the newest ones. */
const TRAIL = 200

const Named = z.looseObject({ name: z.string().nullable().catch(null).default(null) }).catch({ name: null })

/** The newest entries that match, in the order they happened. */
export async function readTrail(record: RecordHandle, where: Prisma.AuditEntryWhereInput): Promise<RunDetail['trail']> {
  const rows = await record.db.auditEntry.findMany({
    where,
    select: { id: true, at: true, kind: true, actorName: true, because: true, data: true },
    orderBy: { id: 'desc' },
    take: TRAIL,
  })
  return rows.reverse().map((e) => ({
    id: String(e.id),
    at: e.at.toISOString(),
    kind: e.kind,
    name: Named.parse(e.data).name,
    actor: e.actorName,
    because: e.because,
  }))
}
