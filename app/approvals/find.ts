// What waits for somebody's answer, and what was answered: which rows, newest first. Everything else about them is read for one
// page only (read.ts).
import { handsOf } from '../../environments/hands'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import { type Viewer, visibleProjects } from '../_server/permit'

/** One line of the inbox, before it is read. */
export interface Found {
  subject: 'promotion' | 'policyChange'
  id: number
  needs: 'answer' | 'review'
  at: Date
  /** Of a review: the approval that broke the glass. */
  approval: number | null
}

export interface FoundPage {
  found: Found[]
  next: string | null
}

/** Rows that are looked at for one answer, at most: what waits is short unless something is very wrong. */
const MOST = 2_000
/** Of those, how many are asked who had a hand in them before the list says "more". */
const MOST_JUDGED = 100
/** Environments that the list of everything looks into. */
const MOST_PLACES = 1_000

const scope = (viewer: Viewer): number[] | null => {
  const visible = visibleProjects(viewer)
  return visible === 'all' ? null : visible
}

/** A rule of this environment that asks for a role of the account's, and lacks answers. `of`: which answers count for it. */
const lacking = (of: string) => `EXISTS (
  SELECT 1 FROM (
    SELECT r->>'role' AS role, sum(COALESCE((r->>'count')::int, 1)) AS count
    FROM jsonb_array_elements(CASE jsonb_typeof(e.policy->'approvals') WHEN 'array' THEN e.policy->'approvals' ELSE '[]' END) r GROUP BY 1) rule
  WHERE rule.role = ANY (roles_of($1, e."projectId", e.name)) AND rule.count > (
    SELECT count(*) FROM "Approval" a WHERE ${of} AND a.role = rule.role AND a.decision = 'approve' AND a.status = 'given'
      AND a."expiresAt" > clock_timestamp()))`

const notAnswered = (of: string) => `NOT EXISTS (
  SELECT 1 FROM "Approval" a WHERE ${of} AND a."accountId" = $1 AND a.decision IN ('approve', 'reject') AND a.status IN ('given', 'used'))`

// Each begins at a small index of what is open (Promotion_waiting, PolicyChange_due, Approval_to_review), never at a table.
export const NEEDS_ME = `
WITH waiting AS MATERIALIZED (
  SELECT p.id, p."environmentId", p.ask, p."createdAt", p.verdicts FROM "Promotion" p WHERE p.status = 'waiting' ORDER BY p."dueAt" LIMIT ${MOST}),
proposed AS MATERIALIZED (
  SELECT c.id, c."environmentId", c."authorId", c."createdAt" FROM "PolicyChange" c WHERE c.status = 'proposed' ORDER BY c."dueAt" LIMIT ${MOST}),
glass AS MATERIALIZED (
  SELECT a.id, a."promotionId", a."accountId", a.at FROM "Approval" a
  WHERE a.decision = 'break-glass' AND a."reviewedAt" IS NULL AND a.status IN ('given', 'used') ORDER BY a."promotionId" LIMIT ${MOST}),
asked AS (
  SELECT 'promotion' AS subject, w.id, 'answer' AS needs, w."createdAt" AS at, NULL::int AS approval
  FROM waiting w JOIN "Environment" e ON e.id = w."environmentId"
  WHERE NOT w.verdicts @> '[{"gate": "approvals", "state": "open"}]'
    AND ($2::int[] IS NULL OR e."projectId" = ANY ($2))
    AND NOT EXISTS (SELECT 1 FROM "Approval" a WHERE a."promotionId" = w.id AND a.ask = w.ask AND a.decision = 'break-glass' AND a.status IN ('given', 'used'))
    AND ${notAnswered('a."promotionId" = w.id AND a.ask = w.ask')} AND ${lacking('a."promotionId" = w.id AND a.ask = w.ask')}
  UNION ALL
  SELECT 'policyChange', c.id, 'answer', c."createdAt", NULL
  FROM proposed c JOIN "Environment" e ON e.id = c."environmentId"
  WHERE c."authorId" <> $1 AND ($2::int[] IS NULL OR e."projectId" = ANY ($2))
    AND ${notAnswered('a."policyChangeId" = c.id')} AND ${lacking('a."policyChangeId" = c.id')}
  UNION ALL
  SELECT 'promotion', g."promotionId", 'review', g.at, g.id
  FROM glass g JOIN "Promotion" p ON p.id = g."promotionId" JOIN "Environment" e ON e.id = p."environmentId"
  WHERE g."accountId" <> $1 AND ($2::int[] IS NULL OR e."projectId" = ANY ($2))
    AND roles_of($1, e."projectId", e.name) && '{owner,ops}')
SELECT * FROM asked
WHERE $3::timestamptz IS NULL OR (at, id) < ($3::timestamptz, $4::int)
ORDER BY at DESC, id DESC LIMIT $5`

/**
 * What this person can answer now, newest first: a rule asks for a role of theirs, is not satisfied yet, and they had no hand
 * in it. Looks at a hundred lines at most; `next` goes on from there. Throws input.invalid for a cursor that is none.
 */
export async function findNeedsMe(
  record: RecordHandle,
  viewer: Viewer,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<FoundPage> {
  const from = after === undefined ? null : momentOf(after)
  const { rows } = await record.pool.query<Found>(NEEDS_ME, [
    viewer.accountId,
    scope(viewer),
    from?.at ?? null,
    from?.id ?? null,
    MOST_JUDGED + 1,
  ])
  const found: Found[] = []
  for (const [at, row] of rows.slice(0, MOST_JUDGED).entries()) {
    if (await hadHand(record, viewer, row)) continue
    found.push(row)
    if (found.length === limit) return { found, next: at + 1 < rows.length ? cursorOf(row) : null }
  }
  const last = rows[MOST_JUDGED - 1]
  return { found, next: rows.length > MOST_JUDGED && last ? cursorOf(last) : null }
}

async function hadHand(record: RecordHandle, viewer: Viewer, row: Found): Promise<boolean> {
  if (row.subject !== 'promotion' || row.needs !== 'answer') return false
  return (await handsOf(record.pool, row.id)).accounts.includes(viewer.accountId)
}

const cursorOf = ({ at, id }: Found) => `${at.getTime()}-${id}`

function pairOf(cursor: string): [number, number] {
  const pair = /^(\d{1,15})-(\d{1,10})$/.exec(cursor)
  if (pair === null)
    throw new Fault(
      'input.invalid',
      `after: ${JSON.stringify(cursor.slice(0, 40))} is no cursor: pass the \`next\` of the page before`,
    )
  return [Number(pair[1]), Number(pair[2])]
}

function momentOf(cursor: string) {
  const [ms, id] = pairOf(cursor)
  return { at: new Date(ms), id: Math.min(id, MAX_ID) }
}

const MAX_ID = 2 ** 31 - 1

export const DONE = `
SELECT CASE WHEN a."promotionId" IS NULL THEN 'policyChange' ELSE 'promotion' END AS subject,
  COALESCE(a."promotionId", a."policyChangeId") AS id, 'answer' AS needs, a.at, a.id AS approval
FROM "Approval" a
WHERE a."accountId" = $1 AND a.id < $2
  AND NOT EXISTS (SELECT 1 FROM "Approval" b WHERE b."promotionId" = a."promotionId" AND b."accountId" = $1 AND b.id > a.id)
  AND NOT EXISTS (SELECT 1 FROM "Approval" b WHERE b."policyChangeId" = a."policyChangeId" AND b."accountId" = $1 AND b.id > a.id)
ORDER BY a.id DESC LIMIT $3`

/** What this person has answered, each thing once, the last answer first. */
export async function findDone(
  record: RecordHandle,
  viewer: Viewer,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<FoundPage> {
  const before = after === undefined ? MAX_ID : Math.min(pairOf(after)[1], MAX_ID)
  const { rows } = await record.pool.query<Found>(DONE, [viewer.accountId, before, limit + 1])
  const found = rows.slice(0, limit)
  const last = found.at(-1)
  return { found, next: rows.length > limit && last ? `0-${last.approval}` : null }
}

const PLACES = `
WITH places AS MATERIALIZED (
  SELECT e.id FROM "Environment" e
  WHERE ($1::int[] IS NULL OR e."projectId" = ANY ($1)) ORDER BY e.id LIMIT ${MOST_PLACES}),
signed AS MATERIALIZED (
  SELECT e.id FROM places JOIN "Environment" e USING (id)
  WHERE jsonb_typeof(e.policy->'approvals') = 'array' AND e.policy->'approvals' <> '[]')`

/** One index scan for each environment, of one page: a million promotions elsewhere are not looked at. */
export const ALL_PROMOTIONS = `${PLACES}
SELECT 'promotion' AS subject, p.id, 'answer' AS needs, p."createdAt" AS at, NULL::int AS approval
FROM signed s CROSS JOIN LATERAL (
  SELECT p.id, p."createdAt" FROM "Promotion" p WHERE p."environmentId" = s.id AND p.id < $2 ORDER BY p.id DESC LIMIT $3) p
ORDER BY p.id DESC LIMIT $3`

export const ALL_CHANGES = `${PLACES}
SELECT 'policyChange' AS subject, c.id, 'answer' AS needs, c."createdAt" AS at, NULL::int AS approval
FROM places s CROSS JOIN LATERAL (
  SELECT c.id, c."createdAt" FROM "PolicyChange" c WHERE c."environmentId" = s.id AND c.id < $2 ORDER BY c.id DESC LIMIT $3) c
ORDER BY c.id DESC LIMIT $3`

/** Everything that asks for answers, whoever is asked, waiting or over. The cursor is a pair: how far either kind has come. */
export async function findAll(
  record: RecordHandle,
  viewer: Viewer,
  { after, limit }: { after?: string | undefined; limit: number },
): Promise<FoundPage> {
  const [p, c] = after === undefined ? [MAX_ID, MAX_ID] : pairOf(after)
  const read = async (sql: string, before: number) =>
    (await record.pool.query<Found>(sql, [scope(viewer), Math.min(before, MAX_ID), limit + 1])).rows
  const [promotions, changes] = await Promise.all([read(ALL_PROMOTIONS, p), read(ALL_CHANGES, c)])
  const found: Found[] = []
  const seen = { promotion: p, policyChange: c }
  while (found.length < limit) {
    const [a, b] = [promotions[0], changes[0]]
    const row = b === undefined || (a !== undefined && a.at >= b.at) ? promotions.shift() : changes.shift()
    if (row === undefined) break
    seen[row.subject] = row.id
    found.push(row)
  }
  const more = promotions.length + changes.length > 0
  return { found, next: more ? `${seen.promotion}-${seen.policyChange}` : null }
}
