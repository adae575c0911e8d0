// The set that was just recorded died, and the one before it still runs: that one serves again, and the deployment has failed.
import { asWorker, type Context } from '../pipelines/context'
import { NOW, type Tx, transaction } from '../prisma/record'
import { cancelVerification } from './cancel-verification'
import { keepReading, type Reading } from './keep-reading'
import { movePromotion } from './move-promotion'
import { ringEnvironment } from './place'
import type { Steadied } from './steady'

/**
 * Writes it down, and no more: a set that the record does not know as deployed is withdrawn by the next look, whichever worker
 * takes that. Nothing where a person or another worker came first.
 */
export async function fallBack(
  context: Context,
  row: Reading & { promotionId: number | null },
  seen: Steadied,
): Promise<void> {
  const { earlier } = seen
  const id = row.promotionId
  if (earlier === null || id === null) return
  const by = asWorker(context)
  await transaction(context.record, async (tx) => {
    await tx.query('SELECT 1 FROM "Environment" WHERE id = $1 FOR UPDATE', [row.environmentId])
    const before = await findEarlier(tx, row, id, earlier.digest)
    const status = await undecided(tx, row, id)
    if (before === null || status === null) return
    const because = `it was deployed and died before the release before it was ended, which serves again: ${seen.because}`
    if (status === 'deployed') await movePromotion(tx, { id, from: 'deployed', event: 'begin', by })
    else await cancelVerification(tx, id, by, because)
    await movePromotion(tx, { id, from: 'verifying', event: 'fail', because, set: NOT_THERE, by })
    const reading = { ...seen, digest: earlier.digest, health: 'progressing' as const, url: null, inside: null }
    const words = `promotion #${id} died as soon as it was deployed; what ran before serves again: ${seen.because}`
    const again = { set: earlier.made, promotion: before }
    await keepReading(tx, row, { ...reading, because: words, replicas: [] }, again, by)
    await ringEnvironment(tx, row.environmentId)
  })
}

/** As of a deployment that failed before it was recorded. */
const NOT_THERE = {
  observed: null,
  url: null,
  inside: { json: null },
  deployedAt: null,
  deployedEpoch: null,
  finishedAt: NOW,
  forgeDueAt: NOW,
}

/** The deployment before this one that the earlier set is of. Null: it is of another record than this one, restored perhaps. */
async function findEarlier(tx: Tx, { environmentId, service }: Reading, id: number, digest: string | null) {
  const { rows } = await tx.query<{ id: number }>(
    `SELECT q.id FROM "Promotion" q JOIN "Release" l ON l.id = q."releaseId"
     WHERE q."environmentId" = $1 AND l.service = $2 AND q.id <> $3 AND q."deployedEpoch" IS NOT NULL AND l.digest = $4
     ORDER BY q."deployedAt" DESC LIMIT 1`,
    [environmentId, service, id, digest],
  )
  return rows[0]?.id ?? null
}

/** Null: it was decided meanwhile, or another deployment was recorded. */
async function undecided(tx: Tx, row: Reading, id: number): Promise<'deployed' | 'verifying' | null> {
  const { rows } = await tx.query<{ status: string }>(
    `SELECT p.status FROM "Promotion" p JOIN "Observed" o ON o.id = $2 AND o.epoch = $3 AND o."promotionId" = p.id
     WHERE p.id = $1 FOR UPDATE`,
    [id, row.id, row.epoch],
  )
  const status = rows[0]?.status
  return status === 'deployed' || status === 'verifying' ? status : null
}
