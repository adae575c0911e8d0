// A version tag that production is owed: Shiplock makes it, or a person does, by the project's policy.
import { databaseClock } from '../prisma/clock'
import { record, SHIPLOCK, type Tx, tell, type Value } from '../prisma/record'
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
    /** Where that names another commit: a release is adopted again by a commit of the same tree, such as a revert. */
    anew: (at: Date, ordinal: number) => string
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
  const run = { id: runId, releaseId }
  const tag = { projectId, commit, run, by: SHIPLOCK }
  if (wanted.policy === 'awaited') {
    const because = 'this project tags by hand: production waits for the tag'
    await insertTag(tx, { ...tag, name: null, status: 'awaited', because })
    return
  }
  if ((await insertTag(tx, { ...tag, name: wanted.name, status: 'owed', because: '' })) !== null) return
  await oweAnew(tx, wanted, tag)
}

type NewTag = Omit<Parameters<typeof insertTag>[1], 'name' | 'status' | 'because'>

const MOST_IN_A_MINUTE = 100

/** The release's own tag is on another commit, and stays there: this commit gets one of this minute. */
async function oweAnew(tx: Tx, { name, anew }: Parameters<typeof oweTag>[1], tag: NewTag) {
  const [other] = await knownTags(tx, tag.projectId, { name })
  const because = `${name} is on ${other?.commit.slice(0, 12) ?? 'another commit'}, of the same tree: this commit gets a tag of its own`
  const at = await databaseClock(tx)
  for (let ordinal = 1; ordinal <= MOST_IN_A_MINUTE; ordinal++) {
    if ((await insertTag(tx, { ...tag, name: anew(at, ordinal), status: 'owed', because })) !== null) return
  }
  await tell(tx, {
    kind: 'tag.impossible',
    subject: 'run',
    subjectId: tag.run?.id ?? 0,
    runId: tag.run?.id ?? null,
    projectId: tag.projectId,
    by: SHIPLOCK,
    because: `no version tag was made: ${name} is on another commit, and so are ${MOST_IN_A_MINUTE} names of this minute`,
  })
}
