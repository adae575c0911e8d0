// Attempts that were refused are in the trail too: the same one once a minute, however often it is tried.

import type { RecordHandle } from '../../../prisma/client'
import { type Actor, tell, transaction } from '../../../prisma/record'
import { actorOf } from '../accounts'
import { Attempts } from '../attempts'
import type { Action, Viewer, Where } from '../permit'

export interface Refused {
  viewer: Viewer
  action: Action
  /** POST /api/v1/runs/{id}/cancel */
  route: string
  /** As refusals name it; empty where it was refused before anybody looked what it is about. */
  what: string
  /** Null: it is not known, or there is no such thing. */
  where: Where | null
  because: string
}

/** Bounded: under more different attempts than this some are told twice. */
const told = new Attempts({ tries: 1, windowMs: 60_000, keys: 10_000 })

/** Tells it, unless the same was told within the last minute. Throws where the database is away. */
export async function tellRefused(record: RecordHandle, refused: Refused, now = Date.now()): Promise<void> {
  const { viewer, action, route, what, where, because } = refused
  const key = `${viewer.kind}:${viewer.id} ${action} ${what}`
  if (told.blockedFor(key, now) > 0) return
  told.count(key, now)
  const by: Actor = actorOf(viewer)
  await transaction(record, (tx) =>
    tell(tx, {
      kind: 'permit.refuse',
      subject: 'account',
      subjectId: viewer.accountId,
      projectId: where?.projectId ?? null,
      by,
      because,
      data: { action, route, what, environment: where?.environment ?? null },
    }),
  )
}
