import { z } from 'zod'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { whoIsAlive } from '../_server/alive'
import { type Facts, whyPromotionWaits } from '../runs/waiting'
import { type EnvironmentShape, PromotionShape } from '../shapes'

/** The columns of a promotion that leave the record. */
export const PROMOTION_COLUMNS = {
  id: true,
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
  finishedAt: true,
  dueAt: true,
  attempts: true,
  environment: { select: { name: true } },
  release: { select: { id: true, service: true, tag: true, digest: true, version: true, commit: true } },
} as const satisfies Prisma.PromotionSelect
export type PromotionRow = Prisma.PromotionGetPayload<{ select: typeof PROMOTION_COLUMNS }>

const Verdicts = PromotionShape.shape.verdicts
// Written by another version, perhaps: what cannot be read is shown as no verdict, never as an error page.
const asVerdicts = (json: unknown) => Verdicts.catch([]).parse(json)

export function asPromotion(row: PromotionRow, facts: Facts): PromotionShape {
  const verdicts = asVerdicts(row.verdicts)
  const { id, tag, digest, version, commit } = row.release
  return {
    id: row.id,
    environment: row.environment.name,
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
    waiting: whyPromotionWaits({ ...row, environment: row.environment.name }, verdicts, facts),
  }
}

/** Environments on one board, of all projects together. */
const MAX_ENVIRONMENTS = 500
/** Promotions on their way that one environment shows: the oldest ones. */
const MAX_OPEN = 20
/** The deployment observed last is among the newest: a retry may come after a younger one, yet not long after. */
const LOOK_BACK = 20

interface Place {
  name: string
  start: string | null
  projectId: number
  path: string
  running: number | null
  open: number[]
  lastFailed: number | null
}

// One statement for the whole board. Each lateral part walks an index of Promotion from its end and stops early, so it
// costs the same however long the history is.
const BOARD = `
SELECT e.name, e.policy->>'start' AS start, p.id AS "projectId", p.path,
       running.id AS running, COALESCE(open.ids, '{}') AS open, failed.id AS "lastFailed"
FROM "Environment" e
JOIN "Project" p ON p.id = e."projectId"
LEFT JOIN LATERAL (
  SELECT id FROM (
    SELECT id, "deployedAt" FROM "Promotion" WHERE "environmentId" = e.id AND "deployedAt" IS NOT NULL ORDER BY id DESC LIMIT ${LOOK_BACK}
  ) latest ORDER BY "deployedAt" DESC, id DESC LIMIT 1
) running ON true
LEFT JOIN LATERAL (
  SELECT array_agg(id ORDER BY id) AS ids FROM (
    SELECT id FROM "Promotion" WHERE "environmentId" = e.id AND status IN ('waiting', 'queued', 'deploying', 'errored')
    ORDER BY id LIMIT ${MAX_OPEN}
  ) o
) open ON true
LEFT JOIN LATERAL (
  SELECT id FROM (
    SELECT id, status FROM "Promotion" WHERE "environmentId" = e.id AND status IN ('failed', 'errored') ORDER BY id DESC LIMIT 1
  ) f WHERE f.id >= COALESCE(running.id, 0)
) failed ON true
WHERE ($1::text IS NULL OR e.name = $1) AND ($2::int IS NULL OR e."projectId" = $2)
ORDER BY e.position, p.path, e.id LIMIT ${MAX_ENVIRONMENTS}`

async function readPlaces(
  record: RecordHandle,
  name: string | null,
  project: number | null,
): Promise<EnvironmentShape[]> {
  const [{ rows: places }, facts] = await Promise.all([
    record.pool.query<Place>(BOARD, [name, project]),
    whoIsAlive(record),
  ])
  const ids = places.flatMap((p) => [p.running, ...p.open, p.lastFailed]).filter((id) => id !== null)
  const rows = await record.db.promotion.findMany({
    where: { id: { in: [...new Set(ids)] } },
    select: { ...PROMOTION_COLUMNS, run: { select: { branch: true, title: true, pusherName: true } } },
  })
  const byId = new Map(rows.map((row) => [row.id, row]))
  const found = (id: number | null) => (id === null ? undefined : byId.get(id))
  return places.map((place) => {
    const running = found(place.running)
    const open = place.open.map(found).filter((row) => row !== undefined)
    const failed = found(place.lastFailed)
    return {
      name: place.name,
      project: { id: place.projectId, path: place.path },
      service: running?.release.service ?? open.at(-1)?.release.service ?? failed?.release.service ?? null,
      start: Start.catch('by-hand').parse(place.start),
      running: running
        ? {
            ...asPromotion(running, facts),
            by: running.run.pusherName,
            branch: running.run.branch,
            title: running.run.title,
          }
        : null,
      open: open.map((row) => asPromotion(row, facts)),
      lastFailed: failed ? asPromotion(failed, facts) : null,
    }
  })
}

const Start = z.enum(['automatic', 'on-signoff', 'by-hand'])

/** What runs where: the environments of all projects, in their order. Three queries, however many there are (500 at most). */
export const readBoard = (record: RecordHandle): Promise<EnvironmentShape[]> => readPlaces(record, null, null)

/** The environments of this name, of one project or of all. Empty where there is none. */
export const readEnvironment = (record: RecordHandle, name: string, project?: number): Promise<EnvironmentShape[]> =>
  readPlaces(record, name, project ?? null)
