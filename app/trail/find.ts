// Which entries are asked for, as SQL that reads one page's worth of rows from an index, however long the trail is.
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Viewer } from '../_server/permit'
import { visibleProjects } from '../_server/permit'
import { onePage, type PageAsk } from '../paging'
import type { Visible } from '../visible'

/** Whose entries may be shown. What concerns no project is for administrators and auditors of the installation. */
export interface TrailScope {
  projects: Visible
  installation: boolean
}
export const trailScope = (viewer: Viewer): TrailScope => ({
  projects: visibleProjects(viewer),
  installation: viewer.role === 'admin' || viewer.role === 'auditor',
})

export interface TrailFilter extends PageAsk {
  /** An actor: account:3 */
  person?: string | undefined
  /** A project's id */
  project?: number | undefined
  /** An environment's name */
  environment?: string | undefined
  /** A release's id: its entries and those of its runs, the oldest first */
  release?: number | undefined
  kind?: string | undefined
  /** ISO 8601, a day or a moment; UTC where it names no zone */
  from?: string | undefined
  /** Likewise; a day counts whole */
  to?: string | undefined
}

const DAY = /^\d{4}-\d{2}-\d{2}$/
const DAY_MS = 86_400_000
/** An id is taken a moment before its time is: entries of one moment may have them the other way round, by a few. */
const SLACK = 1_000

/** Throws input.invalid. */
function moment(name: 'from' | 'to', text: string): Date {
  const zoned = DAY.test(text) || /(Z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`
  const at = new Date(zoned)
  if (Number.isNaN(at.getTime()))
    throw new Fault(
      'input.invalid',
      `${name}: ${JSON.stringify(text.slice(0, 40))} is no day and no moment: write 2026-11-21`,
    )
  return name === 'to' && DAY.test(text) ? new Date(at.getTime() + DAY_MS) : at
}

class Conditions {
  readonly values: unknown[] = []
  readonly #all: string[] = []
  param(value: unknown) {
    return `$${this.values.push(value)}`
  }
  add(condition: string) {
    this.#all.push(condition)
  }
  and() {
    return this.#all.length === 0 ? '' : `WHERE ${this.#all.join(' AND ')}`
  }
}

/** Ids of environments of this name, in what may be shown. One in each project: as many as there are projects. */
async function environmentsOf(record: RecordHandle, projects: Visible, name: string): Promise<number[]> {
  const rows = await record.db.environment.findMany({
    where: { name, ...(projects === 'all' ? {} : { projectId: { in: [...projects] } }) },
    select: { id: true },
    orderBy: { id: 'desc' },
    take: 1_000,
  })
  return rows.map((row) => row.id)
}

/** What it takes to find one page. */
export interface Found {
  /** Gives `id`, of one row more than a page has, in its order. */
  sql: string
  values: unknown[]
  limit: number
  order: 'ASC' | 'DESC'
}

/** Throws input.invalid for a cursor or a time that is none. */
export async function findEntries(record: RecordHandle, scope: TrailScope, ask: TrailFilter): Promise<Found> {
  const page = onePage(ask)
  const order = ask.release === undefined ? 'DESC' : 'ASC'
  const where = new Conditions()
  const projects = narrowed(scope.projects, ask.project)
  if (page.before.id !== undefined) where.add(`e.id ${order === 'DESC' ? '<' : '>'} ${where.param(page.before.id.lt)}`)
  if (ask.person !== undefined) where.add(`e.actor = ${where.param(ask.person)}`)
  if (ask.kind !== undefined) where.add(`e.kind = ${where.param(ask.kind)}`)
  if (ask.from !== undefined) addFrom(where, moment('from', ask.from))
  if (ask.to !== undefined) addTo(where, moment('to', ask.to))
  if (projects === 'all' && !scope.installation) where.add('e."projectId" IS NOT NULL')
  const end = `ORDER BY id ${order} LIMIT ${page.take}`
  const among = async (): Promise<[column: string, ids: readonly number[]] | null> => {
    if (ask.environment !== undefined) return ['environmentId', await environmentsOf(record, projects, ask.environment)]
    return projects === 'all' ? null : ['projectId', projects]
  }
  const lanes = await among()
  const sql =
    ask.release !== undefined
      ? ofRelease(where, ask.release, lanes, end)
      : lanes === null || lanes[1].length === 1
        ? inOrder(where, lanes, end)
        : inLanes(where, lanes, page.take)
  return { sql, values: where.values, limit: page.limit, order }
}

type Lanes = readonly [column: string, ids: readonly number[]]

/** At most one project or environment: a plain condition, which the planner weighs against the others. */
function inOrder(where: Conditions, lanes: Lanes | null, end: string): string {
  if (lanes !== null) where.add(`e."${lanes[0]}" = ${where.param(lanes[1][0])}`)
  return `SELECT e.id FROM "AuditEntry" e ${where.and()} ${end}`
}

/**
 * Several projects or environments: the newest of each by its own index, and of these the newest. Written as a range, so that the
 * order by id alone is no way to them: it would lead through the whole trail to those where little happened.
 */
function inLanes(where: Conditions, [column, ids]: Lanes, take: number): string {
  where.add(`e."${column}" >= lane.of AND e."${column}" <= lane.of`)
  return `SELECT x.id FROM unnest(${where.param(ids)}::int[]) AS lane(of)
    CROSS JOIN LATERAL (SELECT e.id FROM "AuditEntry" e ${where.and()} ORDER BY e."${column}" DESC, e.id DESC LIMIT ${take}) x
    ORDER BY id DESC LIMIT ${take}`
}

/** What a release has is found first, and is little. */
function ofRelease(where: Conditions, id: number, lanes: Lanes | null, end: string): string {
  const release = where.param(id)
  if (lanes !== null) where.add(`e."${lanes[0]}" = ANY(${where.param(lanes[1])}::int[])`)
  return `SELECT e.id FROM (SELECT id FROM "AuditEntry" WHERE "releaseId" = ${release}
      UNION SELECT id FROM "AuditEntry" WHERE "runId" = ANY(ARRAY(SELECT id FROM "Run" WHERE "releaseId" = ${release}))) o
    JOIN "AuditEntry" e ON e.id = o.id ${where.and()} ${end}`
}

const narrowed = (projects: Visible, project: number | undefined): Visible =>
  project === undefined ? projects : projects === 'all' || projects.includes(project) ? [project] : []

/** By time, and by the ids of that time: an order by id must not lead through everything that is newer. */
function addFrom(where: Conditions, at: Date) {
  const from = where.param(at)
  where.add(`e.at >= ${from}`)
  where.add(
    `e.id >= COALESCE((SELECT id - ${SLACK} FROM "AuditEntry" WHERE at >= ${from} ORDER BY at LIMIT 1), 9223372036854775807)`,
  )
}
function addTo(where: Conditions, at: Date) {
  const to = where.param(at)
  where.add(`e.at < ${to}`)
  where.add(`e.id <= COALESCE((SELECT id + ${SLACK} FROM "AuditEntry" WHERE at < ${to} ORDER BY at DESC LIMIT 1), 0)`)
}
