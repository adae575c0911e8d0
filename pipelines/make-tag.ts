// The version tag on the production branch: owed where Shiplock makes it, awaited where a person does.
import { inMs, PLUS_ONE, record, SHIPLOCK, type Tx, transaction, type Value } from '../prisma/record'
import { asWorker, type Context } from './context'
import { isFault } from './fault'
import { connectedForge } from './forge-of'
import type { FlowSettings } from './gitflow'
import { insertTag, knownTags, lockTags } from './known-tags'
import { LEASE_MS, lapsedClaim } from './lease'
import { retryAfter } from './retry'
import { TAG } from './tag'

/** About ten minutes of a forge that does not answer. */
const MAX_ATTEMPTS = 15

/**
 * A run of the production branch has its release: its commit gets a version tag, or waits for one, by the project's
 * policy. One that a person has made already is taken. Once per commit, however often it is called.
 */
export async function oweTag(
  tx: Tx,
  wanted: {
    projectId: number
    runId: number
    releaseId: number
    /** What Shiplock would call it: the release's tag. */
    name: string
    commit: string
    policy: FlowSettings['tag']
  },
): Promise<void> {
  const { projectId, runId, releaseId, commit } = wanted
  await lockTags(tx, projectId)
  const known = await knownTags(tx, projectId, { commit })
  const set: Record<string, Value> = { runId, releaseId }
  const stray = known.find((t) => t.status === 'stray')
  if (stray !== undefined) {
    const because = `the version tag ${stray.name} was there before the release`
    await record(tx, 'tag', TAG, { id: stray.id, from: 'stray', event: 'take', because, set, by: SHIPLOCK })
    return
  }
  const early = known.find((t) => t.status === 'taken' && t.releaseId === null)
  if (early !== undefined) await tx.query('UPDATE "Tag" SET "releaseId" = $2 WHERE id = $1', [early.id, releaseId])
  if (known.length > 0) return
  const because = wanted.policy === 'made' ? '' : 'this project tags by hand: production waits for the tag'
  const status = wanted.policy === 'made' ? 'owed' : 'awaited'
  const name = wanted.policy === 'made' ? wanted.name : null
  const run = { id: runId, releaseId }
  await insertTag(tx, { projectId, name, commit, status, because, run, by: SHIPLOCK })
}

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
  const row = await transaction(context.record, (tx) =>
    record(tx, 'tag', TAG, {
      id,
      from: 'owed',
      event: 'claim',
      ifDue: true,
      set: { epoch: PLUS_ONE, attempts: PLUS_ONE, leaseUntil: inMs(LEASE_MS), worker: context.worker },
      by: asWorker(context),
    }),
  )
  if (row === null) return
  const making = row as unknown as Making
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
  const { again, waitMs, because, data } = retryAfter(error, making.attempts, MAX_ATTEMPTS)
  if (!isFault(error)) console.error(`a bug while making tag ${making.id}:`, error)
  if (!again) return end(context, making, 'refuse', because)
  await transaction(context.record, (tx) =>
    record(tx, 'tag', TAG, {
      id: making.id,
      from: 'making',
      event: 'lose',
      epoch: making.epoch,
      because,
      set: { leaseUntil: null, dueAt: inMs(waitMs) },
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
      set: { leaseUntil: null },
      by: asWorker(context),
    })
  })
}
