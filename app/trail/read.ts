import { type EntryRow, readBody, whatDiffers } from '../../audit/entry'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { asPage, onePage, type PageAsk } from '../paging'
import type { PageOf } from '../shapes'
import { findEntries, type TrailFilter, type TrailScope } from './find'
import type { CheckpointShape, TrailEntry, TrailEntryWhole, TrailHead, TrailList } from './shapes'

interface Row extends EntryRow {
  id: string
  seq: string | null
  body: Buffer | null
  leaf: Buffer | null
  path: string | null
  environment: string | null
  tag: string | null
}

const COLUMNS = `e.id, e.at, e.kind, e.actor, e."actorName", e.writer, e."projectId", e."environmentId", e."releaseId", e."runId",
  e.subject, e."subjectId", e.before, e.after, e.because, e.data, l.seq, l.body, l.leaf, n.salt, p.path, v.name AS environment, r.tag`
const JOINS = `LEFT JOIN "AuditLeaf" l ON l."entryId" = e.id
  LEFT JOIN "AuditName" n ON n.actor = e.actor AND n.name = e."actorName" LEFT JOIN "Project" p ON p.id = e."projectId"
  LEFT JOIN "Environment" v ON v.id = e."environmentId" LEFT JOIN "Release" r ON r.id = e."releaseId"`

/** What the row says otherwise than its bytes do; null where they agree, and where there are none. */
function differenceOf(row: Row): string | null {
  if (row.body === null) return null
  const body = readBody(row.body)
  return body === null ? 'body' : whatDiffers(body, row)
}

function asEntry(row: Row, signed: number): TrailEntry & { id: number } {
  const seq = row.seq === null ? null : Number(row.seq)
  const name = (row.data as { name?: unknown } | null)?.name
  return {
    id: Number(row.id),
    seq,
    signed: seq !== null && seq < signed,
    differs: differenceOf(row),
    at: row.at.toISOString(),
    kind: row.kind,
    actor: row.actor,
    name: row.actorName,
    writer: row.writer,
    subject: { kind: row.subject, id: row.subjectId },
    what: typeof name === 'string' ? name : null,
    before: row.before,
    after: row.after,
    because: row.because,
    project: row.projectId === null ? null : { id: row.projectId, path: row.path ?? '' },
    environment: row.environmentId === null ? null : { id: row.environmentId, name: row.environment ?? '' },
    release: row.releaseId === null ? null : { id: row.releaseId, tag: row.tag ?? '' },
    run: row.runId,
  }
}

/** How long the trail is, how much of it is signed, and whether there is an alarm. */
export async function readHead(record: RecordHandle): Promise<TrailHead> {
  const { rows } = await record.pool.query<{
    size: string | null
    signed: string | null
    root: Buffer | null
    signedAt: Date | null
    seconds: number | null
    because: string | null
    alarmAt: Date | null
    writer: string
  }>({
    name: 'trail-head',
    text: `SELECT h.size, "trail_writer"() AS writer, c.size AS signed, c.root, c.at AS "signedAt", a.because, a.at AS "alarmAt",
        (SELECT EXTRACT(epoch FROM clock_timestamp() - e.at)::int FROM "AuditLeaf" l JOIN "AuditEntry" e ON e.id = l."entryId"
         WHERE l.seq = COALESCE(c.size, 0)) AS seconds
      FROM (SELECT (SELECT seq + 1 FROM "AuditLeaf" ORDER BY seq DESC LIMIT 1) AS size) h
      LEFT JOIN (SELECT size, root, at FROM "Checkpoint" ORDER BY size DESC LIMIT 1) c ON true
      LEFT JOIN (SELECT because, at FROM "AuditEntry" WHERE kind = 'trail.alarm' ORDER BY id DESC LIMIT 1) a
        ON c.at IS NULL OR a.at > c.at`,
  })
  const [row] = rows
  const size = Number(row?.size ?? 0)
  const signed = Number(row?.signed ?? 0)
  return {
    size,
    checkpoint:
      row?.root && row.signedAt
        ? { size: signed, root: row.root.toString('hex'), at: row.signedAt.toISOString() }
        : null,
    unsigned: { entries: Math.max(0, size - signed), seconds: size > signed ? (row?.seconds ?? null) : null },
    separated: row?.writer !== 'owner',
    alarm: row?.alarmAt ? { because: row.because ?? '', at: row.alarmAt.toISOString() } : null,
  }
}

/** Entries, the newest first, those of a release the oldest first; every filter must hold. Throws input.invalid. */
export async function listEntries(record: RecordHandle, scope: TrailScope, ask: TrailFilter = {}): Promise<TrailList> {
  const found = await findEntries(record, scope, ask)
  const [{ rows }, head] = await Promise.all([
    record.pool.query<Row>(
      `WITH picked AS MATERIALIZED (${found.sql})
       SELECT ${COLUMNS} FROM picked k JOIN "AuditEntry" e ON e.id = k.id ${JOINS} ORDER BY e.id ${found.order}`,
      found.values,
    ),
    readHead(record),
  ])
  const items = rows.map((row) => asEntry(row, head.checkpoint?.size ?? 0))
  return { ...asPage(items, found.limit, (item) => item), head }
}

/** Of entries that concern no project, and of those of projects: which may be shown? */
const shows = (scope: TrailScope, projectId: number | null) =>
  projectId === null ? scope.installation : scope.projects === 'all' || scope.projects.includes(projectId)

/** One entry with its exact bytes. Throws not.found, also for what may not be shown. */
export async function readEntry(record: RecordHandle, scope: TrailScope, seq: number): Promise<TrailEntryWhole> {
  const [{ rows }, { rows: covering }, head] = await Promise.all([
    record.pool.query<Row & { body: Buffer; leaf: Buffer }>(
      `SELECT ${COLUMNS} FROM (SELECT "entryId" AS id FROM "AuditLeaf" WHERE seq = $1) k JOIN "AuditEntry" e ON e.id = k.id ${JOINS}`,
      [seq],
    ),
    record.pool.query<{ size: string; note: string; at: Date }>(
      'SELECT size, note, at FROM "Checkpoint" WHERE size > $1 ORDER BY size LIMIT 1',
      [seq],
    ),
    readHead(record),
  ])
  const [row] = rows
  if (row === undefined || !shows(scope, row.projectId))
    throw new Fault('not.found', `there is no entry ${seq} of the trail`)
  const [checkpoint] = covering
  return {
    ...asEntry(row, head.checkpoint?.size ?? 0),
    body: row.body.toString('utf8'),
    leaf: row.leaf.toString('hex'),
    prev: readBody(row.body)?.prev ?? '',
    checkpoint: checkpoint
      ? { size: Number(checkpoint.size), note: checkpoint.note, at: checkpoint.at.toISOString() }
      : null,
  }
}

/** The exact bytes of an entry. Throws not.found, also for what may not be shown. */
export async function readBytes(record: RecordHandle, scope: TrailScope, seq: number): Promise<Buffer> {
  const { rows } = await record.pool.query<{ body: Buffer; projectId: number | null }>(
    'SELECT l.body, e."projectId" FROM "AuditLeaf" l JOIN "AuditEntry" e ON e.id = l."entryId" WHERE l.seq = $1',
    [seq],
  )
  const [row] = rows
  if (row === undefined || !shows(scope, row.projectId))
    throw new Fault('not.found', `there is no entry ${seq} of the trail`)
  return row.body
}

/** Signed heads, the newest first; the cursor is a size. Throws input.invalid. */
export async function listCheckpoints(record: RecordHandle, ask: PageAsk = {}): Promise<PageOf<CheckpointShape>> {
  const page = onePage(ask)
  const { rows } = await record.pool.query<{ size: string; root: Buffer; note: string; at: Date }>(
    `SELECT size, root, note, at FROM "Checkpoint" WHERE size < COALESCE($1::bigint, 9223372036854775807) ORDER BY size DESC LIMIT ${page.take}`,
    [page.before.id?.lt ?? null],
  )
  const shaped = rows.map((r) => ({ ...r, id: Number(r.size) }))
  return asPage(shaped, page.limit, ({ id, root, note, at }) => ({
    size: id,
    root: root.toString('hex'),
    note,
    at: at.toISOString(),
  }))
}
