// What the filters of the trail's page offer: found by skipping from one value of an index to the next, not by reading rows.
import type { RecordHandle } from '../../prisma/client'
import { asIds, within } from '../visible'
import type { TrailScope } from './find'

/** Values that a filter offers. */
const MOST = 200

export interface TrailChoices {
  people: { actor: string; name: string }[]
  kinds: string[]
  projects: { id: number; path: string }[]
  environments: string[]
  releases: { id: number; tag: string; service: string }[]
}

/** Every value of a column that leads an index, one look-up each. */
const distinct = (column: 'kind' | 'actor') => `
  WITH RECURSIVE v AS (
    (SELECT ${column} AS value FROM "AuditEntry" ORDER BY ${column} LIMIT 1)
    UNION ALL
    SELECT (SELECT e.${column} FROM "AuditEntry" e WHERE e.${column} > v.value ORDER BY e.${column} LIMIT 1) FROM v WHERE v.value IS NOT NULL)
  SELECT value FROM v WHERE value IS NOT NULL LIMIT ${MOST}`

const EVERYBODY = `SELECT d.value AS actor, n."actorName" AS name FROM (${distinct('actor')}) d
  CROSS JOIN LATERAL (SELECT e."actorName" FROM "AuditEntry" e WHERE e.actor = d.value ORDER BY e.id DESC LIMIT 1) n`

/** Who sees some projects alone is not told who is at work in the others. */
const THOSE_HERE = `SELECT DISTINCT ON (x.actor) x.actor, x."actorName" AS name FROM unnest($1::int[]) AS lane(of)
  CROSS JOIN LATERAL (SELECT e.id, e.actor, e."actorName" FROM "AuditEntry" e
    WHERE e."projectId" >= lane.of AND e."projectId" <= lane.of ORDER BY e."projectId" DESC, e.id DESC LIMIT 100) x
  ORDER BY x.actor, x.id DESC LIMIT ${MOST}`

/** At most 200 of each, of what may be shown. */
export async function trailChoices(record: RecordHandle, scope: TrailScope): Promise<TrailChoices> {
  const ids = asIds(scope.projects)
  const own = ids === null ? {} : { id: { in: [...ids] } }
  const [people, kinds, projects, environments, releases] = await Promise.all([
    ids === null
      ? record.pool.query<TrailChoices['people'][number]>({ name: 'trail-everybody', text: EVERYBODY })
      : record.pool.query<TrailChoices['people'][number]>(THOSE_HERE, [ids.slice(0, MOST)]),
    record.pool.query<{ value: string }>({ name: 'trail-kinds', text: distinct('kind') }),
    record.db.project.findMany({ where: own, select: { id: true, path: true }, orderBy: { path: 'asc' }, take: MOST }),
    record.db.environment.groupBy({
      by: ['name'],
      where: within(scope.projects),
      orderBy: { name: 'asc' },
      take: MOST,
    }),
    record.db.release.findMany({
      where: within(scope.projects),
      select: { id: true, tag: true, service: true },
      orderBy: { id: 'desc' },
      take: 50,
    }),
  ])
  return {
    people: people.rows,
    kinds: kinds.rows.map((row) => row.value),
    projects,
    environments: environments.map((row) => row.name),
    releases,
  }
}
