import { frozenAt, nextFreeze } from '../../environments/freeze'
import type { HeldFor } from '../../environments/holds'
import { UNPAID } from '../../pipelines/back-merge'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { whoIsAlive } from '../_server/alive'
import { isId } from '../paging'
import { type Facts, whyPromotionWaits } from '../runs/waiting'
import { type DebtShape, type EnvironmentShape, PromotionShape } from '../shapes'
import { asIds, type Visible } from '../visible'
import { OBSERVED_THERE } from './observed'
import { policyOf } from './policy'

/** The columns of a promotion that leave the record. */
export const PROMOTION_COLUMNS = {
  id: true,
  environmentId: true,
  releaseId: true,
  kind: true,
  reason: true,
  status: true,
  because: true,
  verdicts: true,
  requestedBy: true,
  runId: true,
  observed: true,
  url: true,
  createdAt: true,
  startedAt: true,
  deployedAt: true,
  verifiedAt: true,
  finishedAt: true,
  dueAt: true,
  attempts: true,
  environment: { select: { name: true } },
  release: { select: { id: true, service: true, tag: true, digest: true, version: true, commit: true } },
  approvals: {
    where: { decision: 'approve', status: { in: ['given', 'used'] } },
    select: { accountName: true, role: true, comment: true, at: true },
    orderBy: { id: 'asc' },
    take: 100,
  },
} as const satisfies Prisma.PromotionSelect
export type PromotionRow = Prisma.PromotionGetPayload<{ select: typeof PROMOTION_COLUMNS }>

const Verdicts = PromotionShape.shape.verdicts
// Written by another version, perhaps: what cannot be read is shown as no verdict, never as an error page.
const asVerdicts = (json: unknown) => Verdicts.catch([]).parse(json)

/** @param judged the verdicts of this moment, where they were judged again; else those that are stored */
export function asPromotion(row: PromotionRow, facts: Facts, judged?: PromotionShape['verdicts']): PromotionShape {
  const verdicts = judged ?? asVerdicts(row.verdicts)
  const { id, tag, digest, version, commit } = row.release
  return {
    id: row.id,
    environment: row.environment.name,
    environmentId: row.environmentId,
    kind: row.kind,
    reason: row.reason,
    status: row.status,
    because: row.because,
    verdicts,
    requestedBy: row.requestedBy,
    release: { id, tag, digest, version, commit },
    run: row.runId,
    observed: row.observed,
    url: row.url,
    createdAt: row.createdAt.toISOString(),
    startedAt: row.startedAt?.toISOString() ?? null,
    deployedAt: row.deployedAt?.toISOString() ?? null,
    verifiedAt: row.verifiedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    approvals: row.approvals.map((a) => ({
      by: a.accountName,
      role: a.role,
      comment: a.comment,
      at: a.at.toISOString(),
    })),
    waiting: whyPromotionWaits({ ...row, environment: row.environment.name }, verdicts, facts),
  }
}

/** Environments on one board, of all projects together. */
const MAX_ENVIRONMENTS = 500
/** Promotions on their way that one environment shows: the oldest ones. */
const MAX_OPEN = 20
interface Place {
  id: number
  name: string
  policy: unknown
  projectId: number
  path: string
  heldAt: Date | null
  heldBy: string
  heldBecause: string
  heldFor: HeldFor | null
  unreachableSince: Date | null
  unreachableBecause: string
  stoppedAt: Date | null
  stoppedBy: string
  stoppedBecause: string
  /** It is not this environment alone that is stopped. */
  everything: boolean
  policyVersion: number
  /** The deployment that the record says serves there. */
  deployed: number | null
  /** The same, where it is what was seen running; null: it is not. */
  running: number | null
  health: string | null
  because: string
  digest: string | null
  url: string | null
  replicas: unknown
  since: Date
  observedAt: Date | null
  unknownSince: Date | null
  unknownBecause: string
  open: number[]
  lastFailed: number | null
}

// One statement for the whole board. Each lateral part walks an index of Promotion from its end and stops early, so it
// costs the same however long the history is.
const BOARD = `
SELECT e.id, e.name, e.policy, e."heldAt", e."heldBy", e."heldBecause", e."heldFor", e."unreachableSince", e."unreachableBecause",
       COALESCE(e."stoppedAt", i."stoppedAt") AS "stoppedAt", CASE WHEN e."stoppedAt" IS NULL THEN i."stoppedBy" ELSE e."stoppedBy" END AS "stoppedBy",
       CASE WHEN e."stoppedAt" IS NULL THEN i."stoppedBecause" ELSE e."stoppedBecause" END AS "stoppedBecause",
       e."stoppedAt" IS NULL AS everything, e."policyVersion",
       p.id AS "projectId", p.path, o."promotionId" AS deployed, CASE WHEN o.runs THEN o."promotionId" END AS running,
       o.health, o.because, o.digest, o.url, o.replicas, o.since, o."observedAt", o."unknownSince", o."unknownBecause", COALESCE(open.ids, '{}') AS open, failed.id AS "lastFailed"
FROM "Environment" e
JOIN "Project" p ON p.id = e."projectId"
LEFT JOIN "Installation" i ON i.id = 1
LEFT JOIN LATERAL (${OBSERVED_THERE}) o ON true
LEFT JOIN LATERAL (
  SELECT array_agg(id ORDER BY id) AS ids FROM (
    SELECT id FROM "Promotion" WHERE "environmentId" = e.id AND status IN ('waiting', 'queued', 'deploying', 'errored')
    ORDER BY id LIMIT ${MAX_OPEN}
  ) o
) open ON true
LEFT JOIN LATERAL (
  SELECT id FROM (
    SELECT id, status FROM "Promotion" WHERE "environmentId" = e.id AND status IN ('failed', 'errored') ORDER BY id DESC LIMIT 1
  ) f WHERE f.id >= COALESCE(o."promotionId", 0)
) failed ON true
WHERE e."removedAt" IS NULL AND ($1::text IS NULL OR e.name = $1) AND ($2::int IS NULL OR e."projectId" = $2)
  AND ($3::int IS NULL OR e.id = $3) AND ($4::int[] IS NULL OR e."projectId" = ANY($4))
ORDER BY e.position, p.path, e.id LIMIT ${MAX_ENVIRONMENTS}`

interface Which {
  name?: string
  project?: number
  id?: number
  visible?: Visible
}

async function readPlaces(record: RecordHandle, which: Which): Promise<EnvironmentShape[]> {
  const [{ rows: places }, facts] = await Promise.all([
    record.pool.query<Place>(BOARD, [
      which.name ?? null,
      which.project ?? null,
      which.id ?? null,
      asIds(which.visible ?? 'all'),
    ]),
    whoIsAlive(record),
  ])
  const ids = places.flatMap((p) => [p.deployed, ...p.open, p.lastFailed]).filter((id) => id !== null)
  const [rows, debts] = await Promise.all([
    record.db.promotion.findMany({
      where: { id: { in: [...new Set(ids)] } },
      select: { ...PROMOTION_COLUMNS, run: { select: { branch: true, title: true, pusherName: true } } },
    }),
    readDebts(record, [...new Set(places.map((p) => p.projectId))]),
  ])
  const byId = new Map(rows.map((row) => [row.id, row]))
  const found = (id: number | null) => (id === null ? undefined : byId.get(id))
  return places.map((place) => {
    const running = found(place.running)
    const open = place.open.map(found).filter((row) => row !== undefined)
    const failed = found(place.lastFailed)
    const deployed = found(place.deployed)
    return {
      ...asPlace(place, facts.now),
      // What is the first of all waits for no debt: the gate says the same.
      debts: policyOf(place.policy).after === undefined ? [] : (debts.get(place.projectId) ?? []),
      service: deployed?.release.service ?? open.at(-1)?.release.service ?? failed?.release.service ?? null,
      running: running
        ? {
            ...asPromotion(running, facts),
            // Where it answers now: an engine may have given it another port since.
            url: place.url,
            hadUrl: running.url !== null,
            by: running.run.pusherName,
            branch: running.run.branch,
            title: running.run.title,
          }
        : null,
      open: open.map((row) => asPromotion(row, facts)),
      lastFailed: failed ? asPromotion(failed, facts) : null,
      observed: asObserved(place, deployed),
    }
  })
}

/** The place itself: its policy in words, and what keeps it closed. */
function asPlace(row: Place, now: Date) {
  const policy = policyOf(row.policy)
  return {
    id: row.id,
    name: row.name,
    project: { id: row.projectId, path: row.path },
    start: policy.start,
    after: policy.after ?? null,
    hold:
      row.heldAt === null
        ? null
        : { by: row.heldBy, because: row.heldBecause, since: row.heldAt.toISOString(), rollback: row.heldFor },
    stopped:
      row.stoppedAt === null
        ? null
        : {
            by: row.stoppedBy,
            because: row.stoppedBecause,
            since: row.stoppedAt.toISOString(),
            everything: row.everything,
          },
    frozen: asSpan(frozenAt(policy.freeze, now)),
    nextFreeze: asSpan(nextFreeze(policy.freeze, now)),
    policyVersion: row.policyVersion,
    unreachable:
      row.unreachableSince === null
        ? null
        : { because: row.unreachableBecause, since: row.unreachableSince.toISOString() },
  }
}

/** What the target was last seen running, and since when that is not known to be true. Null: nothing was ever deployed there. */
function asObserved(row: Place, deployed: PromotionRow | undefined): EnvironmentShape['observed'] {
  if (row.health === null) return null
  return {
    health: row.health,
    because: row.because,
    digest: row.digest,
    url: row.url,
    replicas: Array.isArray(row.replicas) ? row.replicas.length : 0,
    since: row.since.toISOString(),
    observedAt: row.observedAt?.toISOString() ?? null,
    unknown: row.unknownSince === null ? null : { because: row.unknownBecause, since: row.unknownSince.toISOString() },
    deployed: deployed
      ? {
          promotion: deployed.id,
          release: deployed.release.id,
          tag: deployed.release.tag,
          digest: deployed.release.digest,
          at: deployed.deployedAt?.toISOString() ?? null,
        }
      : null,
  }
}

const asSpan = (span: ReturnType<typeof frozenAt>) =>
  span && { reason: span.reason, since: span.since.toISOString(), until: span.until.toISOString() }

/** Debts that one project shows: the oldest ones. */
const MAX_DEBTS = 200

/** Hotfixes that have not come back to develop, by project, oldest first. */
async function readDebts(record: RecordHandle, projects: number[]): Promise<Map<number, DebtShape[]>> {
  const rows = await record.db.backMerge.findMany({
    where: { projectId: { in: projects }, hotfix: true, status: { in: [...UNPAID] } },
    select: {
      id: true,
      projectId: true,
      source: true,
      target: true,
      status: true,
      because: true,
      url: true,
      createdAt: true,
    },
    orderBy: { id: 'asc' },
    take: MAX_DEBTS,
  })
  const debts = new Map<number, DebtShape[]>()
  for (const { projectId, createdAt, ...row } of rows)
    debts.set(projectId, [...(debts.get(projectId) ?? []), { ...row, since: createdAt.toISOString() }])
  return debts
}

/** What runs where: the environments of all these projects, in their order. Four queries, however many there are (500 at most). */
export const readBoard = (record: RecordHandle, visible: Visible): Promise<EnvironmentShape[]> =>
  readPlaces(record, { visible })

/** The environments of this name, of one project or of all. Empty where there is none. */
export const readEnvironment = (
  record: RecordHandle,
  visible: Visible,
  name: string,
  project?: number,
): Promise<EnvironmentShape[]> => readPlaces(record, { visible, name, ...(project === undefined ? {} : { project }) })

/** One environment by its id. Throws not.found, also where it was removed. */
export async function readPlace(record: RecordHandle, id: number): Promise<EnvironmentShape> {
  const [place] = isId(id) ? await readPlaces(record, { id }) : []
  if (place === undefined) throw new Fault('not.found', `there is no environment #${id}`)
  return place
}
