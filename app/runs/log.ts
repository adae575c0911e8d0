import { gunzipSync } from 'node:zlib'
import { Fault } from '../../pipelines/fault'
import { isFinal } from '../../pipelines/machine'
import { STAGE } from '../../pipelines/run'
import type { RecordHandle } from '../../prisma/client'
import type { LogPage } from '../shapes'

/** Most bytes of output that one page holds. */
export const MAX_PAGE_BYTES = 1024 * 1024
const DEFAULT_PAGE_BYTES = 256 * 1024
/** Pieces looked at for one page; a page of smaller pieces is shorter and says `more`. */
const MAX_PIECES = 512
/** What one piece may unpack to; a larger one is broken, or a bomb. */
const MAX_PIECE_BYTES = 16 * 1024 * 1024

/** `<epoch>.<seq>.<offset>`: the attempt, the first piece that may hold something new, the place in the whole output. */
interface Cursor {
  epoch: number
  seq: number
  offset: number
}

function parseCursor(after: string | undefined): Cursor | null {
  if (after === undefined || after === '') return null
  const parts = /^(\d{1,9})\.(\d{1,9})\.(\d{1,15})$/.exec(after)
  if (!parts) throw new Fault('input.invalid', 'after: this is no cursor of a log: pass the `next` of the page before')
  return { epoch: Number(parts[1]), seq: Number(parts[2]), offset: Number(parts[3]) }
}

/** One piece of output: where it stands in the whole, and its bytes; null where they cannot be unpacked. */
export interface Piece {
  seq: number
  offset: number
  bytes: number
  data: Buffer | null
}

export interface Joined {
  text: string
  gaps: LogPage['gaps']
  seq: number
  /** Up to here it was given, gaps included. */
  offset: number
  /** The page was filled before the pieces ended. */
  full: boolean
}

/** How many bytes at the end are the beginning of a character whose rest is still to come (0 to 3). */
export function halfCharacter(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0b1100_0000) === 0b1000_0000) continue // a middle byte: look for its first
    const length = byte >= 0xf5 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

/**
 * Joins pieces to text, from `from` on. A jump between offsets, and a piece that cannot be unpacked, are gaps. Pure.
 * @param last true: nothing follows, so a halved character at the end is given as it is
 */
export function joinPieces(
  pieces: readonly Piece[],
  from: { seq: number; offset: number },
  maxBytes: number,
  last: boolean,
): Joined {
  const gaps: LogPage['gaps'] = []
  let text = ''
  let { seq, offset } = from
  let room = maxBytes
  /** Bytes since the last gap: characters may be split over pieces, and never over a gap. */
  let open: Buffer[] = []
  const flush = () => {
    text += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Buffer.concat(open))
    open = []
  }
  const gap = (bytes: number) => {
    flush()
    gaps.push({ at: text.length, bytes })
    offset += bytes
  }
  for (const piece of pieces) {
    if (room <= 0) break
    seq = piece.seq
    if (piece.offset > offset) gap(piece.offset - offset)
    const skip = offset - piece.offset
    if (skip >= piece.bytes) continue
    if (piece.data === null) {
      gap(piece.bytes - skip)
      continue
    }
    const taken = piece.data.subarray(skip, skip + room)
    open.push(taken)
    offset += taken.length
    room -= taken.length
  }
  const rest = Buffer.concat(open)
  const half = last && room > 0 ? 0 : halfCharacter(rest)
  open = [rest.subarray(0, rest.length - half)]
  flush()
  return {
    text,
    gaps,
    seq: half > 0 ? seqHolding(pieces, offset - half, seq) : seq,
    offset: offset - half,
    full: room <= 0,
  }
}

const seqHolding = (pieces: readonly Piece[], offset: number, otherwise: number) =>
  pieces.find((p) => offset >= p.offset && offset < p.offset + p.bytes)?.seq ?? otherwise

function unpack(data: Uint8Array, bytes: number): Buffer | null {
  try {
    const out = gunzipSync(data, { maxOutputLength: MAX_PIECE_BYTES })
    return out.length === bytes ? out : null
  } catch {
    return null // one broken piece is shown as a gap; the rest of the log stays readable
  }
}

interface PieceRow {
  seq: number
  offset: string
  bytes: number
  data: Buffer
  /** The newest piece there is */
  top: number
}

// `before` counts the new bytes that stand before each piece, so that no more is unpacked than the page can hold.
const PIECES = `
SELECT seq, "offset", bytes, data, top FROM (
  SELECT c.*, sum(fresh) OVER (ORDER BY seq) - fresh AS before FROM (
    SELECT seq, "offset", bytes, data, least(bytes, "offset" + bytes - $4) AS fresh,
           (SELECT max(seq) FROM "LogChunk" WHERE "stageId" = $1 AND epoch = $2) AS top
    FROM "LogChunk" WHERE "stageId" = $1 AND epoch = $2 AND seq >= $3 AND "offset" + bytes > $4 ORDER BY seq LIMIT ${MAX_PIECES}
  ) c
) p WHERE before < $5 ORDER BY seq`

// The status is read before the pieces: what says "over" is followed by all there will be.
const STAGE_NOW = `
SELECT s.status, (SELECT max(epoch) FROM "LogChunk" WHERE "stageId" = s.id) AS epoch FROM "Stage" s WHERE s.id = $1`

/**
 * A page of a stage's output: that of its latest attempt that wrote any.
 * @param stageId see `stageId` of stage-of.ts
 * @param ask.after `next` of the page before; a cursor of an earlier attempt starts again at the beginning
 * @param ask.maxBytes of output: 256 KiB where it is absent, 1 MiB at most
 * Throws not.found, or input.invalid for a cursor that is none.
 */
export async function readLog(
  record: RecordHandle,
  stageId: number,
  ask: { after?: string | undefined; maxBytes?: number } = {},
): Promise<LogPage> {
  const asked = parseCursor(ask.after)
  const maxBytes = Math.min(Math.max(ask.maxBytes ?? DEFAULT_PAGE_BYTES, 4), MAX_PAGE_BYTES)
  const { rows } = await record.pool.query<{ status: string; epoch: number | null }>(STAGE_NOW, [stageId])
  const row = rows[0]
  if (!row) throw new Fault('not.found', 'there is no such stage any more')
  const head = { status: row.status, attempt: row.epoch ?? 0 }
  if (row.epoch === null) return { ...head, text: '', next: '0.0.0', more: false, gaps: [] }
  const from = asked?.epoch === row.epoch ? asked : { seq: 0, offset: 0 }
  const found = await record.pool.query<PieceRow>(PIECES, [stageId, row.epoch, from.seq, from.offset, maxBytes])
  const pieces = found.rows.map((p) => ({
    seq: p.seq,
    offset: Number(p.offset),
    bytes: p.bytes,
    data: unpack(p.data, p.bytes),
  }))
  const last = found.rows.at(-1)
  const further = last !== undefined && last.seq < last.top
  const joined = joinPieces(pieces, from, maxBytes, isFinal(STAGE, row.status) && !further)
  const end = pieces.at(-1)
  return {
    ...head,
    text: joined.text,
    next: `${row.epoch}.${joined.seq}.${joined.offset}`,
    more: further || (joined.full && end !== undefined && joined.offset < end.offset + end.bytes),
    gaps: joined.gaps,
  }
}
