import { z } from 'zod'
import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import type { PageOf } from '../shapes'
import { type Visible, within } from '../visible'
import type { DeliveryItem, DeliveryWhole } from './shapes'

const COLUMNS = {
  id: true,
  event: true,
  decision: true,
  because: true,
  runId: true,
  bytes: true,
  receivedAt: true,
  replayOf: true,
  mergeRequest: { select: { id: true, iid: true } },
  project: { select: { id: true, path: true } },
} as const satisfies Prisma.DeliverySelect

const asDelivery = (row: Prisma.DeliveryGetPayload<{ select: typeof COLUMNS }>): DeliveryItem => ({
  id: row.id,
  project: row.project,
  event: row.event,
  decision: row.decision,
  because: row.because,
  run: row.runId,
  bytes: row.bytes,
  receivedAt: row.receivedAt.toISOString(),
  replayOf: row.replayOf,
  mergeRequest: row.mergeRequest,
})

export interface DeliveryFilter extends PageAsk {
  /** A project's id */
  project?: number | undefined
  /** accepted | ignored | refused | duplicate */
  decision?: string | undefined
}

/** The inbox: webhook requests, newest first, with what was made of each. */
export async function listDeliveries(
  record: RecordHandle,
  visible: Visible,
  ask: DeliveryFilter = {},
): Promise<PageOf<DeliveryItem>> {
  const page = onePage(ask)
  const where = {
    ...page.before,
    ...within(visible, ask.project),
    ...(ask.decision === undefined ? {} : { decision: ask.decision }),
  }
  const rows = await record.db.delivery.findMany({ where, select: COLUMNS, orderBy: page.orderBy, take: page.take })
  return asPage(rows, page.limit, asDelivery)
}

const SHOWN_BYTES = 64 * 1024
/** Replays of one delivery that its page shows: the newest ones. */
const MOST_REPLAYS = 20

const Made = z.object({ delivery: z.number().int() }).nullable().catch(null)

/** From the trail, which is indexed by its subject, and knows who asked. */
async function readReplays(record: RecordHandle, id: number): Promise<DeliveryWhole['replays']> {
  const rows = await record.db.auditEntry.findMany({
    where: { subject: 'delivery', subjectId: id, kind: 'delivery.replay' },
    select: { at: true, actorName: true, because: true, runId: true, data: true },
    orderBy: { id: 'desc' },
    take: MOST_REPLAYS,
  })
  return rows.map((row) => ({
    delivery: Made.parse(row.data)?.delivery ?? null,
    because: row.because,
    run: row.runId,
    by: row.actorName,
    at: row.at.toISOString(),
  }))
}

/** One delivery with its body as text, of which at most 64 KiB are read. Throws not.found. */
export async function readDelivery(record: RecordHandle, id: number): Promise<DeliveryWhole> {
  if (!isId(id)) throw new Fault('not.found', `there is no delivery ${id}`)
  const [row, { rows }] = await Promise.all([
    record.db.delivery.findUnique({ where: { id }, select: COLUMNS }),
    // substring() in the database: a body may have 25 MiB, and only its head is wanted here.
    record.pool.query<{ head: Buffer; kept: number }>(
      'SELECT substring(body FOR $2) AS head, octet_length(body) AS kept FROM "Delivery" WHERE id = $1',
      [id, SHOWN_BYTES],
    ),
  ])
  const found = rows[0]
  if (!row || !found) throw new Fault('not.found', `there is no delivery ${id}`)
  const { head } = found
  const replays = await readReplays(record, id)
  const cut = found.kept > head.length
  return {
    ...asDelivery(row),
    // `stream` keeps a character that the cut halved out of the text, instead of showing it broken.
    body: new TextDecoder().decode(head, { stream: cut }),
    cut,
    kept: found.kept > 0 || row.bytes === 0,
    replays,
  }
}
