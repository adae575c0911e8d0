// Signs the trail as it grows: at once where a door was opened or closed, at the latest after a minute or 256 entries.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Refusal } from '../audit/follow'
import { isRefusal } from '../audit/follow'
import { endAlarm, keepAlarm, readAlarm } from '../audit/head'
import { keepDifference, keepKnown } from '../audit/known'
import { whyNotTheSigned } from '../audit/restored'
import { Witness } from '../audit/witness'
import { asWorker, type Context } from '../pipelines/context'
import { withClient } from '../prisma/connections'
import { type Tx, tell, transaction } from '../prisma/record'

/** So that, with the sweep each second and the signing itself, no entry waits longer than a minute. */
const AT_LATEST_S = 55
const AT_MOST_UNSIGNED = 256

/** One row where the trail has grown and is to be signed: `epoch` is its size. Also where it is shorter than what was signed. */
export const CHECKPOINT_DUE = `SELECT 1 AS id, h.size::int AS epoch
  FROM (SELECT
    (SELECT seq + 1 FROM "AuditLeaf" ORDER BY seq DESC LIMIT 1) AS size,
    (SELECT size FROM "Checkpoint" ORDER BY size DESC LIMIT 1) AS signed,
    (SELECT at FROM "Checkpoint" ORDER BY size DESC LIMIT 1) AS at) h
  WHERE h.size IS NOT NULL AND h.size IS DISTINCT FROM h.signed
    AND (h.signed IS NULL OR h.size - h.signed >= ${AT_MOST_UNSIGNED} OR h.at < clock_timestamp() - interval '${AT_LATEST_S} seconds')`

/** One signer at a time, whatever the number of workers. */
const LOCK = 727073691
const TRIES = 20
const AGAIN_MS = 100
/** After a refusal it is looked at again, and said again, no sooner than this. */
const REST_MS = 30_000

interface Desk {
  witness: Witness
  busy: boolean
  /** Rung while it was busy. */
  again: boolean
  restUntil: number
  /** This process has said that the trail is not signed, and not yet that it is again. */
  told: boolean
}
const desks = new WeakMap<Context, Desk>()

function deskOf(context: Context): Desk {
  const { trail: dir, signer, trust } = context
  const desk = desks.get(context) ?? {
    witness: new Witness({
      dir,
      origin: trust.origin,
      signer,
      // Asked each time: keys are rotated while a worker runs.
      get keys() {
        return trust.keys
      },
    }),
    busy: false,
    again: false,
    restUntil: 0,
    told: false,
  }
  desks.set(context, desk)
  return desk
}

/**
 * Signs the head of the trail, if it is a continuation of the one that was signed last. The first call of a process recomputes
 * the whole trail. A refusal is told on stderr, and once in the trail.
 */
export async function checkpoint(context: Context): Promise<void> {
  const desk = deskOf(context)
  desk.again = true
  if (desk.busy || performance.now() < desk.restUntil) return
  desk.busy = true
  try {
    while (desk.again && !context.stopping.aborted) {
      desk.again = false
      const refusal = await look(context, desk)
      if (refusal === null) continue
      desk.restUntil = performance.now() + REST_MS
      await raise(context, refusal)
      return
    }
  } finally {
    desk.busy = false
  }
}

/** With the lock of the one signer, which goes with its connection. Where another worker has it, that one signs what we were rung for. */
const look = (context: Context, desk: Desk): Promise<Refusal | null> =>
  withClient(context.record.pool, async (client, spoil) => {
    if (!(await takeLock(client))) return null
    try {
      const seen = await desk.witness.look(client)
      if (seen !== null && isRefusal(seen)) return seen
      if (seen !== null) await keepKnown((text, values) => client.query(text, values), context.trail)
      const alarm = readAlarm(context.trail)
      if (alarm !== null) endAlarm(context.trail)
      // Where the database was accepted, the alarm went with what was remembered of the other one.
      if (alarm !== null || desk.told)
        console.error('The trail is signed again: the database continues what was signed.')
      desk.told = false
      return null
    } finally {
      await client.query(`SELECT pg_advisory_unlock(${LOCK})`).catch(spoil)
    }
  })

async function takeLock(client: Tx): Promise<boolean> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const { rows } = await client.query<{ mine: boolean }>(`SELECT pg_try_advisory_lock(${LOCK}) AS mine`)
    if (rows[0]?.mine) return true
    await sleep(AGAIN_MS)
  }
  return false
}

/**
 * Looks whether the database is still the one that was signed, which the signer does only when it has grown.
 * @returns why not, null where it is
 */
export async function watchTrail(context: Context): Promise<Refusal | null> {
  const { record, trail, trust } = context
  const desk = deskOf(context)
  const ask = (text: string, values: unknown[]) => record.pool.query(text, values)
  const refusal = await whyNotTheSigned(ask, trail, trust.origin)
  const alarm = readAlarm(trail)
  if (refusal !== null) {
    if (alarm === null || !desk.told) await raise(context, refusal)
    else if (alarm.what !== refusal.what) keepAlarm(trail, refusal)
    return refusal
  }
  if (alarm === null && !desk.told) return null
  // The right database is back, or this one was accepted: that is found out now, not after the rest.
  if (alarm?.what !== 'changed') desk.restUntil = 0
  await checkpoint(context)
  return readAlarm(trail)
}

/** Loud each time; in the trail once for as long as it lasts, or the alarms themselves would fill it. */
async function raise(context: Context, refusal: Refusal) {
  deskOf(context).told = true
  console.error(
    `THE TRAIL IS NOT SIGNED ANY MORE: ${refusal.because}. Nothing is deployed meanwhile. The database is not the one that was signed before: it was put back, copied ` +
      `or edited past Shiplock. Keep it and the folder ${context.trail} as they are, verify an earlier export, and put the right database back; or accept this one: npm run shiplock -- audit accept-restore.`,
  )
  // What is being deployed may be of the other database: it is ended where that is still possible, and judged again.
  context.leases?.giveUp('promotion', new Error('the database is not the one whose trail was signed'))
  if (readAlarm(context.trail) !== null) return
  await keepDifference((text, values) => context.record.pool.query(text, values), context.trail)
  await transaction(context.record, (tx) =>
    tell(tx, {
      kind: 'trail.alarm',
      subject: 'installation',
      subjectId: 1,
      by: asWorker(context),
      because: refusal.because,
      data: { what: refusal.what },
    }),
  )
  keepAlarm(context.trail, refusal)
}
