// An entry of the trail: the exact bytes that are chained and signed, and the row that pages read. The bytes are what counts.
import { hash } from 'node:crypto'
import { canonical, type Json, Unwritable } from './canonical'

/** What the bytes say; every member is there, in this order of names. */
export interface Body {
  /** `name` is a commitment: SHA-256 of a salt and the name, hex. */
  actor: { id: string; name: string }
  after: string | null
  /** ISO 8601, milliseconds, UTC. */
  at: string
  because: string
  before: string | null
  data: Json
  environment: number | null
  kind: string
  origin: string
  /** Leaf hash of the entry before, hex; empty for the first. */
  prev: string
  project: number | null
  release: number | null
  run: number | null
  seq: number
  subject: { id: number; kind: string }
  v: number
  /** web | worker | owner: the database role that wrote it. */
  writer: string
}

/** The row of "AuditEntry" beside the bytes; `name` and `salt` are null where nobody remembers the name. */
export interface EntryRow {
  at: Date
  kind: string
  actor: string
  actorName: string
  writer: string
  projectId: number | null
  environmentId: number | null
  releaseId: number | null
  runId: number | null
  subject: string
  subjectId: number
  before: string | null
  after: string | null
  because: string
  data: unknown
  salt: Uint8Array | null
}

const RELATED = ['project', 'environment', 'release', 'run'] as const

/** Reads the bytes. Null for what is no entry; numbers of versions to come are none. */
export function readBody(bytes: Uint8Array): Body | null {
  let body: Partial<Body> | null
  try {
    body = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Partial<Body> | null
  } catch {
    return null // not JSON, or not UTF-8: no entry
  }
  const whole =
    body?.v === 1 &&
    Number.isSafeInteger(body.seq) &&
    [body.prev, body.origin, body.kind, body.at, body.writer, body.actor?.id, body.subject?.kind].every(
      (text) => typeof text === 'string',
    )
  return whole ? (body as Body) : null
}

/** SHA-256 of salt and name, hex: what stands for a name in the bytes. */
export const commitment = (salt: Uint8Array, name: string) => hash('sha256', Buffer.concat([salt, Buffer.from(name)]))

/** What the bytes say beside the row. */
export interface Link {
  seq: number
  /** Hex */
  prev: string
  origin: string
  /** The commitment that stands for the actor's name. */
  name: string
}

/** In its canonical form. Numbers that JSON holds and JavaScript does not are spelled as texts: the trail holds what the web process wrote. */
function spelled(data: Json): string {
  try {
    return canonical(data)
  } catch (error) {
    if (!(error instanceof Unwritable)) throw error
    return JSON.stringify(data, (_key, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : sorted(value),
    )
  }
}

const sorted = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    : value

const text = (value: string | null) => JSON.stringify(value)

/** The bytes that the database would have written for this row, as text; data with fractions may be written otherwise. */
export const bytesOf = (row: EntryRow, link: Link): string =>
  `{"actor":{"id":${text(row.actor)},"name":"${link.name}"},"after":${text(row.after)},"at":"${row.at.toISOString()}",` +
  `"because":${text(row.because)},"before":${text(row.before)},"data":${spelled(row.data as Json)},` +
  `"environment":${row.environmentId},"kind":${text(row.kind)},"origin":${text(link.origin)},"prev":"${link.prev}",` +
  `"project":${row.projectId},"release":${row.releaseId},"run":${row.runId},"seq":${link.seq},` +
  `"subject":{"id":${row.subjectId},"kind":${text(row.subject)}},"v":1,"writer":${text(row.writer)}}`

/** Does the row say what the bytes say? The first thing in which they differ, or null. A name that was forgotten is no difference. */
export function whatDiffers(body: Body, row: EntryRow): string | null {
  const pairs: readonly (readonly [string, unknown, unknown])[] = [
    ['kind', body.kind, row.kind],
    ['at', body.at, row.at.toISOString()],
    ['actor', body.actor.id, row.actor],
    ['writer', body.writer, row.writer],
    ['subject', `${body.subject.kind} ${body.subject.id}`, `${row.subject} ${row.subjectId}`],
    ...RELATED.map((name) => [name, body[name], row[`${name}Id`]] as const),
    ['before', body.before, row.before],
    ['after', body.after, row.after],
    ['because', body.because, row.because],
  ]
  const other = pairs.find(([, bytes, shown]) => bytes !== shown)
  if (other !== undefined) return other[0]
  if (spelled(body.data) !== spelled(row.data as Json)) return 'data'
  if (row.actorName === '') return null
  return row.salt !== null && commitment(row.salt, row.actorName) === body.actor.name ? null : 'name'
}
