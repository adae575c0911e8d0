import { Fault } from '../../pipelines/fault'
import type { RecordHandle } from '../../prisma/client'
import type { Prisma } from '../../prisma/generated/client'
import { asPage, isId, onePage, type PageAsk } from '../paging'
import type { DeliveryDetail, DeliveryShape, PageOf } from '../shapes'

const COLUMNS = {
  id: true,
  event: true,
  decision: true,
  because: true,
  runId: true,
  bytes: true,
  receivedAt: true,
  project: { select: { id: true, path: true } },
} as const satisfies Prisma.DeliverySelect

const asDelivery = (row: Prisma.DeliveryGetPayload<{ select: typeof COLUMNS }>): DeliveryShape => ({
  id: row.id,
  project: row.project,
  event: row.event,
  decision: row.decision,
  because: row.because,
  run: row.runId,
  bytes: row.bytes,
  receivedAt: row.receivedAt.toISOString(),
})

export interface DeliveryFilter extends PageAsk {
  /** A project's id */
  project?: number | undefined
  /** accepted | ignored | refused | duplicate */
  decision?: string | undefined
}

/** The inbox: webhook requests, newest first, with what was made of each. */
export async function listDeliveries(record: RecordHandle, ask: DeliveryFilter = {}): Promise<PageOf<DeliveryShape>> {
  const page = onePage(ask)
  const where = {
    ...page.before,
    ...(ask.project === undefined ? {} : { projectId: ask.project }),
    ...(ask.decision === undefined ? {} : { decision: ask.decision }),
  }
  const rows = await record.db.delivery.findMany({ where, select: COLUMNS, orderBy: page.orderBy, take: page.take })
  return asPage(rows, page.limit, asDelivery)
}

const SHOWN_BYTES = 64 * 1024

/** One delivery with its body as text, of which at most 64 KiB are read. Throws not.found. */
export async function readDelivery(record: RecordHandle, id: number): Promise<DeliveryDetail> {
  if (!isId(id)) throw new Fault('not.found', `there is no delivery ${id}`)
  const [row, { rows }] = await Promise.all([
    record.db.delivery.findUnique({ where: { id }, select: COLUMNS }),
    // substring() in the database: a body may have 25 MiB, and only its head is wanted here.
    record.pool.query<{ head: Buffer }>('SELECT substring(body FOR $2) AS head FROM "Delivery" WHERE id = $1', [
      id,
      SHOWN_BYTES,
    ]),
  ])
  const head = rows[0]?.head
  if (!row || !head) throw new Fault('not.found', `there is no delivery ${id}`)
  const cut = row.bytes > head.length
  // `stream` keeps a character that the cut halved out of the text, instead of showing it broken.
  return { ...asDelivery(row), body: new TextDecoder().decode(head, { stream: cut }), cut }
}
