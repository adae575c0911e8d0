import { Fault } from '../pipelines/fault'
import type { RecordHandle } from '../prisma/client'
import { type Actor, NOW, type Person, PLUS_ONE, type Tx, transaction } from '../prisma/record'
import { cancelVerification } from './cancel-verification'
import { movePromotion } from './move-promotion'
import { ringEnvironment, takePlaceOf } from './place'

const CANCELABLE = ['waiting', 'queued', 'deploying', 'deployed', 'verifying', 'errored'] as const
type Cancelable = (typeof CANCELABLE)[number]
const isCancelable = (status: string): status is Cancelable => (CANCELABLE as readonly string[]).includes(status)

async function statusOf(tx: Tx, id: number): Promise<{ status: string; environmentId: number }> {
  const environmentId = await takePlaceOf(tx, id)
  const { rows } = await tx.query<{ status: string }>('SELECT status FROM "Promotion" WHERE id = $1 FOR UPDATE', [id])
  const row = rows[0]
  if (row === undefined || environmentId === null) throw new Fault('not.found', `there is no promotion #${id}`)
  return { status: row.status, environmentId }
}

/**
 * Ends a promotion: final the moment this returns, whatever still has to be stopped. What is half-made is taken away, and
 * what ran before still runs; what was already observed running stays, and counts as verified by nobody.
 * @throws Fault not.found; conflict where it has ended already
 */
export async function cancelPromotion(handle: RecordHandle, id: number, by: Actor, because: string): Promise<void> {
  await transaction(handle, async (tx) => {
    const { status, environmentId } = await statusOf(tx, id)
    if (!isCancelable(status)) throw new Fault('conflict', `promotion #${id} has ended already: it is ${status}`)
    await cancelOne(tx, { id, status }, by, because)
    await ringEnvironment(tx, environmentId)
  })
}

export async function cancelOne(tx: Tx, promotion: { id: number; status: Cancelable }, by: Actor, because: string) {
  const { id, status } = promotion
  await cancelVerification(tx, id, by, because)
  const begun = status !== 'waiting' && status !== 'queued'
  await movePromotion(tx, {
    id,
    from: status,
    event: 'cancel',
    because,
    set: { finishedAt: NOW, leaseUntil: null, ...(begun ? { forgeDueAt: NOW } : {}) },
    by,
  })
}

/**
 * Has a promotion that failed or errored tried again: the same digest, through every gate again, and signed anew.
 * @throws Fault not.found; conflict where it neither failed nor errored
 */
export async function retryByHand(handle: RecordHandle, id: number, by: Person): Promise<void> {
  await transaction(handle, async (tx) => {
    const { status } = await statusOf(tx, id)
    if (status !== 'failed' && status !== 'errored')
      throw new Fault('conflict', `promotion #${id} is ${status}; only one that failed or errored can be tried again`)
    await movePromotion(tx, {
      id,
      from: status,
      event: 'retry',
      because: `asked for by ${by.actorName}`,
      set: { attempts: 0, dueAt: NOW, finishedAt: null, ask: PLUS_ONE, retriedById: by.accountId },
      by,
    })
  })
}
