// What a sign-off of a promotion covers, with names: what the statement binds by hashes is shown here as what it is.
import { z } from 'zod'
import type { RecordHandle } from '../../prisma/client'

export interface Seen {
  mergeRequests: { id: number; iid: number; title: string; author: string; merger: string; approvers: string[] }[]
  configuration: { name: string; value: string | null; secret: boolean }[]
  replicas: number | null
}

const Plan = z
  .object({
    deploy: z.object({ replicas: z.number().optional().catch(undefined) }).catch({}),
    config: z
      .record(
        z.string(),
        z.object({ default: z.unknown().optional(), secret: z.boolean().catch(false).default(false) }),
      )
      .catch({}),
  })
  .catch({ deploy: {}, config: {} })
const Approvers = z.array(z.object({ name: z.string() })).catch([])
const Policy = z.object({ replicas: z.number().optional().catch(undefined) }).catch({})

const MOST_REQUESTS = 20

/** Null: there is no such promotion. */
export async function readSeen(record: RecordHandle, promotionId: number): Promise<Seen | null> {
  const row = await record.db.promotion.findUnique({
    where: { id: promotionId },
    select: {
      runId: true,
      releaseId: true,
      release: { select: { plan: true } },
      environment: { select: { policy: true, projectId: true } },
    },
  })
  if (row === null) return null
  // As environments/bound.ts binds them: of the runs up to the promotion's own.
  const runs = await record.db.run.findMany({
    where: { releaseId: row.releaseId, id: { lte: row.runId } },
    select: { commit: true },
    orderBy: { id: 'desc' },
    take: 100,
  })
  const requests = await record.db.mergeRequest.findMany({
    where: { projectId: row.environment.projectId, mergeCommit: { in: runs.map((r) => r.commit) } },
    select: { id: true, iid: true, title: true, authorName: true, mergerName: true, approvals: true },
    orderBy: { iid: 'asc' },
    take: MOST_REQUESTS,
  })
  const plan = Plan.parse(row.release.plan)
  return {
    mergeRequests: requests.map((m) => ({
      id: m.id,
      iid: m.iid,
      title: m.title,
      author: m.authorName,
      merger: m.mergerName,
      approvers: Approvers.parse(m.approvals).map((a) => a.name),
    })),
    configuration: Object.entries(plan.config)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { default: value, secret }]) => ({
        name,
        secret,
        value: secret || value === undefined ? null : String(value).slice(0, 200),
      })),
    replicas: Policy.parse(row.environment.policy).replicas ?? plan.deploy.replicas ?? null,
  }
}
