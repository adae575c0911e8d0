import { alarm } from '../pipelines/alarm'
import { asWorker, type Context } from '../pipelines/context'
import { NOW, type Tx, transaction } from '../prisma/record'
import { askForImage } from './ask-image'
import { readFacts } from './facts'
import { type Judged, judge, type Verdict } from './gate'
import { movePromotion } from './move-promotion'
import { ringEnvironmentOf } from './place'
import { lookUpRange } from './range'
import { askTarget } from './reach'
import { remindSigners } from './remind'
import { voidFallen } from './spend-answers'

/** A promotion that waits for something that passes by itself is looked at again after this, and at once when it is rung. */
const SOON_MS = 5_000
/** Waiting for people or events, which ring; this is for a ring that was lost. */
const LATER_MS = 60_000
const PASSES_BY_ITSELF: readonly Verdict['gate'][] = ['environment free', 'target', 'image', 'room', 'signed']

/** Judges every gate of a waiting promotion: queues it, ends it where it can never pass, or says why it waits. */
export async function reviewPromotion(context: Context, id: number): Promise<void> {
  await askTarget(context, id)
  await askForImage(context, id)
  await lookUpRange(context, id)
  await transaction(context.record, async (tx) => {
    const facts = await readFacts(tx, id, context.trust)
    if (facts === null) return
    const judged = judge(facts)
    const by = asWorker(context)
    // Who waits for an older one that was approved need not wait for it any more.
    if ((await voidFallen(tx, facts, by)) > 0) await ringEnvironmentOf(tx, id)
    const set = { verdicts: { json: judged.verdicts } }
    if (judged.state === 'open')
      await movePromotion(tx, { id, from: 'waiting', event: 'admit', set: { ...set, dueAt: NOW }, by })
    else if (judged.state === 'shut') {
      const change = { id, from: 'waiting', because: judged.because, set: { ...set, finishedAt: NOW }, by } as const
      await movePromotion(tx, {
        ...change,
        event: judged.worst?.gate === 'order' ? 'supersede' : 'refuse',
      })
      if (facts.unexplained !== null) await alarm(tx, { subject: 'promotion', id, because: facts.unexplained }, by)
    } else {
      await keepWaiting(tx, id, judged, facts.now)
      await remindSigners(tx, id, facts, judged, by)
    }
  })
}

/** @param read when the facts were read, by the database: what was rung since is not put off, it may be just what is waited for */
async function keepWaiting(tx: Tx, id: number, { because, verdicts, worst }: Judged, read: Date) {
  const waits = worst !== null && PASSES_BY_ITSELF.includes(worst.gate) ? SOON_MS : LATER_MS
  const opens = worst?.until === undefined ? Number.POSITIVE_INFINITY : Date.parse(worst.until) - read.getTime()
  await tx.query(
    `UPDATE "Promotion" SET verdicts = $2::jsonb, because = $3, "dueAt" = LEAST(
       clock_timestamp() + $4 * interval '1 millisecond', CASE WHEN "dueAt" > $5 THEN "dueAt" END)
     WHERE id = $1 AND status = 'waiting'`,
    [id, JSON.stringify(verdicts), because, Math.max(100, Math.min(waits, opens)), read],
  )
}
