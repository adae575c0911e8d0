// The version tag on the production branch, made on the forge where Shiplock owes it.
import { inMs, PLUS_ONE, record, SHIPLOCK, transaction, type Value } from '../prisma/record'
import { asWorker, type Context } from './context'
import { mayBeMade } from './explained-tag'
import { isBug } from './fault'
import { connectedForge } from './forge-of'
import { LEASE_MS, lapsedClaim } from './lease'
import { retryAfter } from './retry'
import { TAG } from './tag'

/** About ten minutes of a forge that does not answer. */
const MAX_ATTEMPTS = 15

interface Making {
  id: number
  projectId: number
  name: string
  commit: string
  runId: number | null
  releaseId: number | null
  epoch: number
  attempts: number
}

/** Makes an owed tag on the forge. That it may not be made, or is somewhere else, is an answer and stays as the reason. */
export async function makeTag(context: Context, id: number): Promise<void> {
  const making = await transaction(context.record, async (tx) => {
    const row = await record(tx, 'tag', TAG, {
      id,
      from: 'owed',
      event: 'claim',
      ifDue: true,
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker },
      by: asWorker(context),
    })
    const claimed = row as unknown as Making | null
    return claimed !== null && (await mayBeMade(tx, claimed, asWorker(context))) ? claimed : null
  })
  if (making === null) return
  await context.leases.hold('tag', id, making.epoch, async (lost) => {
    try {
      const { forge, project } = await connectedForge(context, making.projectId)
      const message = await messageOf(context, making)
      const done = await forge.createTag(project.forgeProjectId, { name: making.name, commit: making.commit, message })
      if (!lost.aborted) await end(context, making, done.ok ? 'make' : 'refuse', done.because)
    } catch (error) {
      if (!lost.aborted) await errored(context, making, error)
    }
  })
}

async function messageOf(context: Context, making: Making): Promise<string> {
  const { rows } = await context.record.pool.query<{ version: string; digest: string }>(
    'SELECT version, digest FROM "Release" WHERE id = $1',
    [making.releaseId],
  )
  const release = rows[0]
  if (release === undefined) return `Tagged by Shiplock, run ${making.runId ?? 'unknown'}`
  return `Version ${release.version}, run #${making.runId}, digest ${release.digest}`
}

async function end(context: Context, making: Making, event: 'make' | 'refuse', because: string) {
  const set: Record<string, Value> = { leaseUntil: null, ...(event === 'make' ? { by: SHIPLOCK.actorName } : {}) }
  const change = {
    id: making.id,
    from: 'making',
    event,
    epoch: making.epoch,
    because,
    set,
    by: asWorker(context),
  } as const
  await transaction(context.record, (tx) => record(tx, 'tag', TAG, change))
}

async function errored(context: Context, making: Making, error: unknown) {
  const { again, attempts, waitMs, because, data } = retryAfter(error, making.attempts, MAX_ATTEMPTS)
  if (isBug(error)) console.error(`a bug while making tag ${making.id}:`, error)
  if (!again) return end(context, making, 'refuse', because)
  await transaction(context.record, (tx) =>
    record(tx, 'tag', TAG, {
      id: making.id,
      from: 'making',
      event: 'lose',
      epoch: making.epoch,
      because,
      set: { leaseUntil: null, dueAt: inMs(waitMs), attempts },
      by: asWorker(context),
      data,
    }),
  )
}

/** Takes a lapsed tag away from a worker that gave no sign of life; the next looks at the forge first. */
export async function loseTag(context: Context, id: number): Promise<void> {
  await transaction(context.record, async (tx) => {
    const lapsed = await lapsedClaim(tx, 'tag', id)
    if (lapsed === null) return
    await record(tx, 'tag', TAG, {
      id,
      from: 'making',
      event: 'lose',
      epoch: lapsed.epoch,
      because: 'its worker gave no sign of life',
      set: { leaseUntil: null, attempts: lapsed.attempts },
      by: asWorker(context),
    })
  })
}
