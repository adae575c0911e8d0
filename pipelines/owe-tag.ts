// A version tag that production is owed: Shiplock makes it, or a person does, by the project's policy.
import { record, SHIPLOCK, type Tx, type Value } from '../prisma/record'
import type { FlowSettings } from './gitflow'
import { insertTag, knownTags, lockTags } from './known-tags'
import { TAG } from './tag'

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
