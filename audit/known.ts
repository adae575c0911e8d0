// What the record held when its head was signed, kept outside it: enough to say what a database that was put back has lost.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { notesOf, readNote } from './checkpoint'
import { DIFFERENCE, NOTES } from './head'
import type { Asks } from './trust'

export const KNOWN = 'known.json'
/** Environments that are remembered, and that a difference shows. */
const MOST_KEPT = 2_000
const MOST_SHOWN = 50
/** Notes that are compared with the database, from the newest back: about three thousand. */
const TAIL_BYTES = 1024 * 1024

interface Running {
  id: number
  project: string
  name: string
  /** Of the promotion that was deployed there last; null: none was. */
  promotion: number | null
  tag: string | null
  policyVersion: number
}

export interface KnownRecord {
  /** ISO 8601, by the database's clock. */
  at: string
  /** The newest number of each. */
  newest: { runs: number; releases: number; promotions: number; approvals: number }
  environments: Running[]
}

const NOW = `SELECT clock_timestamp() AS at,
  COALESCE((SELECT max(id) FROM "Run"), 0) AS runs, COALESCE((SELECT max(id) FROM "Release"), 0) AS releases,
  COALESCE((SELECT max(id) FROM "Promotion"), 0) AS promotions, COALESCE((SELECT max(id) FROM "Approval"), 0) AS approvals`

const ENVIRONMENTS = `SELECT e.id, j.path AS project, e.name, e."policyVersion", p.id AS promotion, p.tag
  FROM "Environment" e JOIN "Project" j ON j.id = e."projectId" LEFT JOIN LATERAL (
    SELECT q.id, l.tag FROM "Promotion" q JOIN "Release" l ON l.id = q."releaseId"
    WHERE q."environmentId" = e.id AND q."deployedAt" IS NOT NULL ORDER BY q.id DESC LIMIT 1) p ON true
  WHERE e."removedAt" IS NULL ORDER BY e.id LIMIT ${MOST_KEPT}`

async function readNow(ask: Asks): Promise<KnownRecord> {
  const [{ rows }, environments] = [await ask(NOW, []), await ask(ENVIRONMENTS, [])]
  const { at, ...newest } = rows[0] as { at: Date } & KnownRecord['newest']
  return { at: at.toISOString(), newest, environments: environments.rows as Running[] }
}

/** Kept with each head that is signed. */
export async function keepKnown(ask: Asks, dir: string): Promise<void> {
  const part = join(dir, `${KNOWN}.part`)
  writeFileSync(part, `${JSON.stringify(await readNow(ask))}\n`, { mode: 0o600 })
  renameSync(part, join(dir, KNOWN))
}

/** Null where nothing was kept, or not by this version. */
function readKnown(dir: string): KnownRecord | null {
  const file = join(dir, KNOWN)
  if (!existsSync(file)) return null
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as KnownRecord
  } catch {
    return null // cut off by a crash: then less is known, and the rest of the difference is still shown
  }
}

export interface Difference {
  /** Entries of the trail that were signed; 0: nothing is remembered. */
  signed: number
  /** Entries that the database had when the difference was seen. */
  has: number
  /** Entries that it has now: it goes on to grow. Absent: an older worker wrote this. */
  hasNow?: number
  /** The newest signed head that both have; null: none of those that are remembered. */
  common: { size: number; at: string } | null
  /** When what was lost was last looked at; null: nothing was kept. */
  knownAt: string | null
  /** The newest number of each, as known and as the database has it; only what differs. */
  newest: { what: keyof KnownRecord['newest']; known: number; now: number }[]
  /** Environments in which another release ran last, or another version of the policy is in force. */
  environments: { project: string; name: string; known: Side; now: Side | null }[]
  /** Environments that differ and are not listed. */
  more: number
}
type Side = Pick<Running, 'promotion' | 'tag' | 'policyVersion'>

/** Keeps what differed when it was first seen: the database that is there goes on to grow, and numbers are given again. */
export async function keepDifference(ask: Asks, dir: string): Promise<void> {
  const part = join(dir, `${DIFFERENCE}.part`)
  writeFileSync(part, `${JSON.stringify(await readDifference(ask, dir))}\n`, { mode: 0o600 })
  renameSync(part, join(dir, DIFFERENCE))
}

/** What differed when it was first seen; where nothing has been seen yet, what differs now. */
export async function differenceOf(ask: Asks, dir: string): Promise<Difference> {
  const file = join(dir, DIFFERENCE)
  const seen = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Difference)
    : await readDifference(ask, dir)
  return { ...seen, hasNow: await sizeOf(ask) }
}

async function sizeOf(ask: Asks): Promise<number> {
  const { rows } = await ask(
    'SELECT COALESCE((SELECT seq + 1 FROM "AuditLeaf" ORDER BY seq DESC LIMIT 1), 0)::float8 AS has',
    [],
  )
  return (rows[0] as { has: number }).has
}

/** What differs between the record as it was signed and as it is, as far as it was kept. */
async function readDifference(ask: Asks, dir: string): Promise<Difference> {
  const known = readKnown(dir)
  const now = await readNow(ask)
  const notes = recentNotes(dir)
  const byId = new Map(now.environments.map((e) => [`${e.project} ${e.name}`, e]))
  const differing = (known?.environments ?? []).flatMap((before) => {
    const after = byId.get(`${before.project} ${before.name}`)
    const same =
      after?.promotion === before.promotion && after.tag === before.tag && after.policyVersion === before.policyVersion
    return same
      ? []
      : [{ project: before.project, name: before.name, known: sideOf(before), now: after ? sideOf(after) : null }]
  })
  const names = known === null ? [] : (Object.keys(known.newest) as (keyof KnownRecord['newest'])[])
  return {
    signed: Math.max(0, ...notes.map((n) => n.size)),
    has: await sizeOf(ask),
    common: await commonHead(ask, notes),
    knownAt: known?.at ?? null,
    newest: names.flatMap((what) => {
      const pair = { what, known: known?.newest[what] ?? 0, now: now.newest[what] }
      return pair.known === pair.now ? [] : [pair]
    }),
    environments: differing.slice(0, MOST_SHOWN),
    more: Math.max(0, differing.length - MOST_SHOWN),
  }
}

const sideOf = ({ promotion, tag, policyVersion }: Running): Side => ({ promotion, tag, policyVersion })

function recentNotes(dir: string) {
  const file = join(dir, NOTES)
  if (!existsSync(file)) return []
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(fd, bytes, 0, bytes.length, size - bytes.length)
    return notesOf(bytes.toString('utf8')).flatMap((note) => readNote(note) ?? [])
  } finally {
    closeSync(fd)
  }
}

async function commonHead(ask: Asks, notes: readonly { size: number; root: Buffer }[]): Promise<Difference['common']> {
  const { rows } = await ask(
    `SELECT c.size::float8 AS size, c.at FROM "Checkpoint" c JOIN unnest($1::bigint[], $2::bytea[]) AS n(size, root)
       ON n.size = c.size AND n.root = c.root ORDER BY c.size DESC LIMIT 1`,
    [notes.map((n) => n.size), notes.map((n) => n.root)],
  )
  const [row] = rows as { size: number; at: Date }[]
  return row === undefined ? null : { size: row.size, at: row.at.toISOString() }
}
