// A verified webhook request on its way into the inbox, whatever it is about.
import { createHash } from 'node:crypto'
import type { Tx } from '../prisma/record'
import type { ForgeEvent } from './forges/forge'
import type { FlowSettings } from './gitflow'
import type { Accepted } from './inbox'

/** The project a webhook belongs to, as the intake needs it. */
export interface HookOwner {
  id: number
  name: string
  forgeProjectId: number | null
  flow: FlowSettings
}

export interface Delivery {
  owner: HookOwner
  /** The forge's own id of the delivery; null: the hash of the body stands in. */
  key: string | null
  event: string
  body: Buffer
  parsed: ForgeEvent
  /** The delivery that a person had judged again. */
  replayOf?: number | null
}

/** Text of a stranger as PostgreSQL can hold it: no NUL, no half of a surrogate pair. */
export const storable = (text: string) => Buffer.from(text.replaceAll('\0', '\uFFFD')).toString()

/** What a delivery is known by: it comes once, however often the forge sends it. */
export const keyOf = (delivery: Pick<Delivery, 'key' | 'body'>) =>
  delivery.key !== null ? storable(delivery.key) : `sha256:${createHash('sha256').update(delivery.body).digest('hex')}`

/** What was decided of a delivery that makes no run by itself. */
export interface Decided {
  decision: 'accepted' | 'ignored'
  because: string
  run?: number | null
  mergeRequest?: number | null
}

/**
 * Stores a delivery and what `decide` makes of it, in the caller's transaction. One of the same key is answered as a
 * duplicate, and nothing is decided again.
 */
export async function storeDelivery(tx: Tx, delivery: Delivery, decide: () => Promise<Decided>): Promise<Accepted> {
  const key = keyOf(delivery)
  const { rows } = await tx.query<{ id: number }>(
    `INSERT INTO "Delivery" ("projectId", key, event, decision, because, bytes, body, "replayOf")
     VALUES ($1, $2, $3, 'ignored', '', $4, $5, $6) ON CONFLICT ("projectId", key) DO NOTHING RETURNING id`,
    [
      delivery.owner.id,
      key,
      storable(delivery.event.slice(0, 100)),
      delivery.body.length,
      delivery.body,
      delivery.replayOf ?? null,
    ],
  )
  const id = rows[0]?.id
  if (id === undefined) return earlier(tx, delivery.owner.id, key)
  const decided = await decide()
  const because = storable(decided.because)
  await tx.query(
    `UPDATE "Delivery" SET decision = $2, because = $3, "runId" = $4, "mergeRequestId" = $5 WHERE id = $1`,
    [id, decided.decision, because, decided.run ?? null, decided.mergeRequest ?? null],
  )
  return { delivery: id, decision: decided.decision, because, run: decided.run ?? null }
}

async function earlier(tx: Tx, project: number, key: string): Promise<Accepted> {
  const { rows } = await tx.query<Accepted>(
    `SELECT id AS delivery, 'duplicate' AS decision, 'this delivery came before' AS because, "runId" AS run
     FROM "Delivery" WHERE "projectId" = $1 AND key = $2`,
    [project, key],
  )
  if (rows[0] === undefined) throw new Error('a delivery was neither stored nor found')
  return rows[0]
}
